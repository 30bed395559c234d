#!/bin/bash
# Encoders on a Hopper GPU in one go: the kernels they run are checked, then
# timed beside cuBLASLt, then whole encoders beside their peers.
#
#   test/gpu/encoders.sh --make BUILD PLANS   where the compiler is
#   test/gpu/encoders.sh PLANS RESULTS.json   on the machine with the GPU
#
# A step that fails is named and the rest is still done; exit status 1 then.
# FT_RUN: an ft-run that is built; default build-runtime/bin/ft-run, built here.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if [ "${1:-}" = --make ]; then
  build=$2 plans=$3
  mkdir -p "$plans"
  for flags in "" --preview-kernels; do
    "$build/bin/ftc" compile "$root/examples/shapes/bert-base" --dtype f16 \
      --part encoder --target sm_90a $flags -o "$plans/bert-base.f16${flags:+.preview}.plan" ||
      exit 1
  done
  exit 0
fi
[ $# = 2 ] || { sed -n '5,6s/^#   //p' "$0"; exit 2; }
plans=$1 results=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=()
step() { # name, seconds, command
  local name=$1 limit=$2
  shift 2
  echo "== $name"
  timeout "$limit" "$@" || { echo "FAILED $name"; failed+=("$name"); }
}

run=${FT_RUN:-$root/build-runtime/bin/ft-run}
if [ ! -x "$run" ]; then
  (cd "$root" && cmake --preset runtime-only && cmake --build build-runtime) \
    >"$work/runtime.log" 2>&1 &
fi
attention() {
  nvcc -std=c++20 -O1 -I"$root/codegen/cuda/kernels" -I"$here" -I"$root" \
    -gencode=arch=compute_90a,code=sm_90a -o "$work/$1" "$here/$1.cu" -ldl
}
attention attention_tiles_check & check=$!
attention attention_tiles_time & time=$!
# Builds, checks every tile shape, and times the right ones.
step gemm 220 "$here/gemm/run.sh" --type f16 --time encoders --json "$work/gemm.json"
wait $check
step attention-check 40 "$work/attention_tiles_check"
wait $time
step attention-time 40 bash -o pipefail -c \
  "$work/attention_tiles_time --narrow | tee $work/attention.txt"
wait
[ -x "$run" ] || { tail -20 "$work/runtime.log"; exit 1; }
step encoders 270 python3 "$root/tools/bench/encoders.py" --ft-run "$run" \
  --plans "$plans" -o "$results" --gemm "$work/gemm.json" \
  --attention "$work/attention.txt" --seconds 150
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
