#!/bin/sh
# make-rank-plans.sh BUILD PLANS [TP]: the plans that ranks.sh needs, made where
# the compiler is: shapes to time, small models with goldens to compare.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
plans=$2
tp=${3:-2}
mkdir -p "$plans/e2e"
for shape in llama-3-8b llama-3.2-1b; do
  "$build/bin/ftc" compile "$root/examples/shapes/$shape" --dtype bf16 \
    -o "$plans/$shape.bf16.plan"
  "$build/bin/ftc" compile "$root/examples/shapes/$shape" --dtype bf16 \
    --tp "$tp" -o "$plans/$shape.bf16.tp$tp.plan"
done
"$root/test/e2e/run.py" --build-dir "$build" --tp "$tp" --only llama-gqa \
  --only llama3-rope --only gpt2 --only qwen3 --only bert \
  --make-plans "$plans/e2e"
