#!/bin/sh
# The generation loop on a GPU: random requests checked for a while, then whole
# steps timed. Plans are compiled for the GPU; weights are random.
#   test/gpu/loop.sh [--bin build/bin] [--seconds 60] PLAN...
set -eu
bin=build/bin seconds=60
while [ $# -gt 0 ]; do
  case "$1" in
    --bin) bin=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || { echo "loop.sh: give at least one plan" >&2; exit 2; }
status=0
for plan in "$@"; do
  echo "== $plan"
  "$bin/soak" "$plan" --device cuda --weights random --seconds "$seconds" ||
    status=1
  for shape in "1 128 128" "1 512 64" "8 512 64" "32 512 64"; do
    set -- $shape
    "$bin/ft-run" "$plan" --device cuda --weights random --bench \
      --batch "$1" --in "$2" --out "$3" || status=1
  done
  "$bin/ft-run" "$plan" --device cuda --weights random --bench --batch 1 \
    --in 512 --out 64 --profile "${OUT:-.}/$(basename "$plan").trace.json" \
    --chart "${OUT:-.}/$(basename "$plan").svg" || status=1
done
exit $status
