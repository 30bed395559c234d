#!/bin/bash
# Builds the GEMM check with nvcc and checks every tile shape against sums in
# double; with --time the right ones are timed beside cuBLASLt. Needs a Hopper
# GPU.
#
#   test/gpu/gemm/run.sh [--type bf16|f16] [--only CONFIG] [--no-check]
#                        [--time all|quick|encoders|decoders] [--json FILE]
#
# BUILD=DIR: where objects go (default /tmp/ft-gemm). FT_BUILD_ONLY=1: no run.
# EACH_LANE=1: for racecheck, each lane arrives (async.cuh), no wait is too long.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
build=${BUILD:-/tmp/ft-gemm}
cuda=${CUDA_HOME:-/usr/local/cuda}
[ -x "$cuda/bin/nvcc" ] || cuda=$(dirname "$(dirname "$(command -v nvcc)")")
type=bf16
if [ "${1:-}" = --type ]; then
  type=$2
  shift 2
fi
waits=FT_SPIN_LIMIT=262144
[ -z "${EACH_LANE:-}" ] || waits=FT_EACH_LANE_ARRIVES
mkdir -p "$build"

# cuBLASLt's header comes with the toolkit or with Python's CUDA packages; the
# library itself is opened when it runs.
blas=$cuda
if [ ! -f "$cuda/include/cublasLt.h" ]; then
  blas=$(python3 -c 'import nvidia.cu13 as m; print(list(m.__path__)[0])')
fi
flags=(-std=c++20 -O2 -I "$here" -I "$root/test/gpu" -I "$root/codegen/cuda/kernels"
  -gencode=arch=compute_90a,code=sm_90a)
started=$(date +%s)
groups=$(sed -nE 's/^(CONFIG|SWAPPED|NORM)\(([0-9]+),.*/\2/p' "$here/Configs.inc" | sort -un)
{
  for source in Harness.cu Correct.cu Time.cpp Main.cpp; do
    echo "$source -I $blas/include -o $build/${source%.*}.o"
  done
  for group in $groups; do
    echo "Kernels.cu -Xptxas -v -D$waits -DFT_GROUP=$group" \
      "-DFT_TYPE=$type -o $build/Kernels-$type-$group.o"
  done
} | sed "s#^#$here/#" |
  xargs -P "$(nproc)" -I{} sh -c "$cuda/bin/nvcc ${flags[*]} -c {}" \
    >"$build/log" 2>&1 || { cat "$build/log"; exit 1; }
# Spilled registers and serialised wgmma make a kernel slow: both are errors,
# but its results still tell something.
complaints=0
if grep -B2 -E '[1-9][0-9]* bytes spill|C75[0-9][0-9]|serializ' \
    "$build/log"; then
  echo "ptxas complains (above)"
  complaints=1
fi
kernels=$(for group in $groups; do echo "$build/Kernels-$type-$group.o"; done)
# shellcheck disable=SC2086
"$cuda/bin/nvcc" -o "$build/gemm_${type}_check" \
  "$build"/{Harness,Correct,Time,Main}.o $kernels -ldl
echo "built in $(($(date +%s) - started)) s"
[ -z "${FT_BUILD_ONLY:-}" ] || exit 0
status=0
"$build/gemm_${type}_check" "$@" || status=$?
exit $((status > complaints ? status : complaints))
