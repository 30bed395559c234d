//===- Collectives.h - a plan's collectives, for a communicator -*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_COLLECTIVES_H
#define FT_RUNTIME_DEVICE_COLLECTIVES_H

#include "runtime/device/Device.h"

namespace ft {

/// "all_reduce 'layers.3.out'".
std::string collectivePlace(CollectiveOp op, const plan::Step &step);

/// `call` without its addresses.
Collective describeCollective(const plan::CollectiveCall &call,
                              const plan::Step &step,
                              const plan::Program &program);

/// Bytes a caller must allocate for Binding::exchange to run `program`; 0
/// where ranks exchange nothing, INT64_MAX on overflow.
int64_t exchangeBytes(const plan::Plan &plan, const plan::Program &program,
                      const Bounds &bounds);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_COLLECTIVES_H
