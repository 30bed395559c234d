#!/bin/bash
# check.sh PLANS [LOGS]: everything that must be right on one GPU, from the plans of
# make-plans.sh: builds the runtime, then device conformance, goldens and the
# kernels alone, side by side, as times are no part of it; then a soak of the
# generation loop, which looks at the memory of the whole GPU and so runs alone.
# Logs go to LOGS (default: a temporary directory). The last line names what
# failed. BIN: a folder of programs that are built (build/bin); with ftc among
# them, which needs no library, models are verified on the GPU, too.
# SKIP_KERNELS: if set, the kernels alone are left out. SOAK_SECONDS: of the soak,
# 60 by default. JOBS: golden checks at a time, 6 by default.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
plans=$(realpath "$1")
mkdir -p "${2:-.}"
logs=$(realpath "${2:-$(mktemp -d)}")
cd "$root" || exit 2
declare -A pids
failed="" ran=()
start() { # name, seconds, command
  local name=$1 limit=$2
  shift 2
  (
    began=$SECONDS
    timeout "$limit" "$@" >"$logs/$name.log" 2>&1
    status=$?
    echo "== $name: exit $status after $((SECONDS - began)) s"
    exit $status
  ) &
  pids[$name]=$!
}
finish() { # waits for all that was started
  local name
  for name in "${!pids[@]}"; do
    wait "${pids[$name]}" || failed="$failed $name"
    ran+=("$name")
  done
  pids=()
}
[ -n "${SKIP_KERNELS:-}" ] || start kernels 500 test/gpu/run.sh
bin=${BIN:-build-runtime/bin}
if [ -z "${BIN:-}" ]; then
  cmake --preset runtime-only >"$logs/build.log" &&
    cmake --build build-runtime --target ft-run DeviceConformanceTest soak \
      -- --quiet >>"$logs/build.log" 2>&1 || { cat "$logs/build.log"; exit 1; }
fi
minilm=()
[ ! -d "$plans/minilm-f16" ] || minilm=(--minilm-f16 "$plans/minilm-f16")
goldens() { # name, plans, more
  local name=$1 from=$2
  shift 2
  start "$name" 500 test/e2e/run.py --ft-run "$bin/ft-run" --plans "$from" \
    --device cuda --jobs "${JOBS:-6}" "${minilm[@]}" "$@"
}
verify() { # every dtype of some checkpoints
  local model dtype
  for model in llama-gqa gpt2-plain bert-pooler vit-classify; do
    for dtype in f32 f16 bf16; do
      "$bin/ftc" verify "test/e2e/checkpoints/$model" --device cuda \
        --dtype "$dtype" --target sm_90a || return 1
    done
  done
}
start conformance 300 "$bin/unit/DeviceConformanceTest" --plans "$plans" \
  --gtest_brief=1
[ ! -d "$plans/prompts" ] || start prompts 300 \
  "$bin/unit/DeviceConformanceTest" --plans "$plans/prompts" \
  --gtest_filter='*PlansTest*' --gtest_brief=1
start joined 100 test/gpu/joined.py "$bin/ft-run" \
  "$plans/bert-no-pooler.f16.plan" test/e2e/checkpoints/bert-no-pooler
[ ! -d "$plans/layers" ] || start layers 200 test/gpu/layers.py "$bin/ft-run" \
  "$plans/layers/bert-base-layer.f16.plan"
goldens goldens "$plans"
export bin && export -f verify
[ ! -x "$bin/ftc" ] || start verify 200 bash -c verify
goldens preview "$plans/preview" --preview-kernels --dtypes bf16 \
  --only bert --only vit --only gpt2 --only llama --only qwen3 --only mistral
finish
start soak $((${SOAK_SECONDS:-60} + 140)) "$bin/soak" \
  "$plans/stories.bf16.plan" --device cuda --seconds "${SOAK_SECONDS:-60}"
finish
for name in "${ran[@]}"; do
  echo "-- $name"
  tail -n 12 "$logs/$name.log"
done
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
echo "all passed"
