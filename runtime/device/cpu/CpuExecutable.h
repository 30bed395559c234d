//===- CpuExecutable.h - a program as a list of op sites --------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CPU_CPUEXECUTABLE_H
#define FT_RUNTIME_DEVICE_CPU_CPUEXECUTABLE_H

#include "runtime/device/cpu/OpSite.h"

namespace ft {

/// Resolves and checks every meaning op of `program`. The plan, the pool and
/// the library outlive the Executable; `blas` may be null.
StatusOr<std::unique_ptr<Executable>>
loadCpuExecutable(const plan::Plan &plan, const plan::Entry &entry,
                  const plan::Program &program, const Binding &binding,
                  ThreadPool &pool, const Blas *blas);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CPU_CPUEXECUTABLE_H
