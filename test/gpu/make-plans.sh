#!/bin/sh
# make-plans.sh BUILD PLANS: the plans that check.sh needs, made where the
# compiler is: every checkpoint with goldens and every hand-written model in
# three types, some of them in bf16 with --preview-kernels, the widest vocabulary
# for the sampling tests, models that sm_90a's prompts run by tiles, and a layer of
# BERT-base's widths.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
plans=$2
"$root/test/e2e/run.py" --build-dir "$build" --tp 1 --make-plans "$plans"
"$root/test/e2e/run.py" --build-dir "$build" --tp 1 --dtypes bf16 \
  --preview-kernels --only bert --only vit --only gpt2 --only llama \
  --only qwen3 --only mistral --make-plans "$plans/preview"
"$build/bin/ftc" compile "$root/test/runtime/device/Inputs/wide-vocabulary" \
  -o "$plans/wide-vocabulary.plan"
mkdir -p "$plans/prompts"
for model in "$root"/test/emulator/Inputs/prompts-*; do
  "$build/bin/ftc" compile "$model" --dtype bf16 --target sm_90a \
    -o "$plans/prompts/$(basename "$model").plan"
done
mkdir -p "$plans/layers"
"$build/bin/ftc" compile "$root/test/gpu/Inputs/bert-base-layer" --dtype f16 \
  --target sm_90a -o "$plans/layers/bert-base-layer.f16.plan"
# Of the real MiniLM the weights rounded to fp16 (tools/setup --test-models).
[ ! -d "$build/packages/minilm-f16" ] ||
  cp -r "$build/packages/minilm-f16" "$plans"
du -sh "$plans"
