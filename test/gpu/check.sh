#!/bin/sh
# check.sh PLANS: everything that must be right on one GPU, from the plans of
# make-plans.sh: builds the runtime, then device conformance, goldens, a soak of
# the generation loop and the kernels alone. The last line names what failed.
# Times are no part of it.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
plans=$(realpath "$1")
cd "$root" || exit 2
cmake --preset runtime-only >/dev/null &&
  cmake --build build-runtime --target ft-run DeviceConformanceTest soak \
    -- --quiet || exit 1
bin=build-runtime/bin
failed=""
check() {
  name=$1
  shift
  echo "== $name"
  "$@" || failed="$failed $name"
}
check conformance "$bin/unit/DeviceConformanceTest" --plans "$plans" \
  --gtest_brief=1
check goldens test/e2e/run.py --ft-run "$bin/ft-run" --plans "$plans" \
  --device cuda --jobs 8
check preview test/e2e/run.py --ft-run "$bin/ft-run" --plans "$plans/preview" \
  --device cuda --jobs 8 --dtypes bf16 --only bert --only vit --only gpt2 \
  --only llama --only qwen3 --only mistral
check soak "$bin/soak" "$plans/stories.bf16.plan" --device cuda --seconds 30
check kernels test/gpu/run.sh
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
echo "all passed"
