//===- ScoreRegion.h - attention's row program over scores ------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CPU_SCOREREGION_H
#define FT_RUNTIME_DEVICE_CPU_SCOREREGION_H

#include "runtime/device/cpu/OpSite.h"

namespace ft {

/// Known operations, arguments that come earlier, tables that are weights.
Status checkScoreRegion(const OpSite &site);

/// Replaces scores[i], the scaled product of the query at `query` with the key
/// at keys[i], by the region's result for `head`; all arithmetic is fp32. The
/// identity where the site has no region.
void applyScoreRegion(const OpSite &site, int64_t head, int32_t query,
                      const int32_t *keys, float *scores, int64_t count);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CPU_SCOREREGION_H
