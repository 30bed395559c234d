#!/bin/sh
# ranks.sh PLANS RESULTS.json [TP]: on a machine with TP GPUs and libnccl.so.2,
# from the plans of make-rank-plans.sh: builds the runtime, then the collectives
# on the GPUs, small models of TP ranks against their goldens, and the times of
# one GPU beside TP. Exit code 1 if something is wrong; times are no verdict.
# BIN: a folder of programs that are built (build/bin). ROUNDS: of the times, 3.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
plans=$1
results=$2
tp=${3:-2}
cd "$root"
# PyTorch brings an NCCL that the linker does not look for.
if folder=$(python3 -c 'import nvidia.nccl as n; print(n.__path__[0])' \
  2>/dev/null); then
  export LD_LIBRARY_PATH="$folder/lib:${LD_LIBRARY_PATH:-}"
fi
bin=${BIN:-build-runtime/bin}
if [ -z "${BIN:-}" ]; then
  cmake --preset runtime-only
  cmake --build build-runtime --target ft-run DeviceConformanceTest
fi
status=0
"$bin/unit/DeviceConformanceTest" \
  --gtest_filter="*CollectivesTest*cuda$tp:OpenDevicesTest*" || status=1
test/e2e/run.py --ft-run "$bin/ft-run" --plans "$plans/e2e" \
  --device cuda --tp "$tp" --jobs 8 --only llama-gqa --only llama3-rope \
  --only gpt2 --only qwen3 --only bert || status=1
tools/bench/tensor_parallel.py --ft-run "$bin/ft-run" \
  --plans "$plans" --tp "$tp" --rounds "${ROUNDS:-3}" -o "$results"
exit $status
