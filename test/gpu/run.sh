#!/bin/sh
# Builds and runs the kernel checks on a machine with a GPU and nvcc.
#   test/gpu/run.sh             right or wrong
#   test/gpu/run.sh --time      and how fast
#   test/gpu/run.sh --sanitize  under compute-sanitizer, where it is installed
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
kernels=$root/codegen/cuda/kernels
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader |
  head -n 1 | tr -d .)
[ "$architecture" = 90 ] && architecture=90a
status=0
build() {
  program=$1
  shift
  nvcc -std=c++20 -O1 -I"$kernels" -I"$here" -I"$root" \
    -gencode="arch=compute_$architecture,code=sm_$architecture" \
    -o "$work/$program" "$here/$program.cu" "$@" -ldl
}
names="gemv_check sampling_check attention_check"
if [ "$architecture" = 90a ]; then
  names="$names attention_tiles_check attention_decode_check skinny_check skinny_joined_check resident_check joined_check"
  [ "${1:-}" = --time ] && names="$names attention_tiles_time decode_time decode_rows_time encoder_time joined_time prefill_time heads_time ring_time attention_decode_time"
fi
pids=""
for name in $names; do
  case $name in
  sampling_check) build "$name" "$root"/runtime/sampling/*.cpp & ;;
  *) build "$name" & ;;
  esac
  pids="$pids $!"
done
for pid in $pids; do
  wait "$pid"
done
for name in $names; do
  echo "== $name"
  if [ "${1:-}" = --sanitize ]; then
    for tool in memcheck racecheck; do
      compute-sanitizer --tool "$tool" --error-exitcode 1 "$work/$name" ||
        status=1
    done
  else
    "$work/$name" "$@" || status=1
  fi
done
exit $status
