#!/bin/bash
# pack.sh BUILD ARCHIVE.tar.xz: all that whole.sh needs on a machine with a GPU,
# made where the compiler is, in one file of some 30 MB: the plans of
# make-plans.sh and make-rank-plans.sh, plans of shapes to time (by default and
# with --preview-kernels), the programs, stripped, and, where nvcc is, the
# kernels' checks. On two cores make-plans.sh alone takes ten minutes.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "$1")
archive=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"
test/gpu/make-plans.sh "$build" "$work/plans"
if [ -d "$work/plans/minilm-f16" ]; then
  test/gpu/few_words.py "$work/plans/minilm-f16"
fi
test/gpu/make-rank-plans.sh "$build" "$work/ranks"
mkdir -p "$work/shapes" "$work/preview" "$work/bin/unit"
for shape in llama-3-8b llama-3.2-1b gpt2 llama-3.1-8b; do
  "$build/bin/ftc" compile "examples/shapes/$shape" --dtype bf16 \
    --target sm_90a -o "$work/shapes/$shape.bf16.plan"
done
for shape in bert-base vit-base; do
  part=""
  [ $shape != bert-base ] || part="--part encoder" # as compare.py times it
  for flags in "" --preview-kernels; do
    "$build/bin/ftc" compile "examples/shapes/$shape" --dtype f16 \
      --target sm_90a $part $flags \
      -o "$work/$([ -z "$flags" ] && echo shapes || echo preview)/$shape.f16.plan"
  done
done
for program in ft-run soak ftc unit/DeviceConformanceTest; do
  strip -o "$work/bin/$program" "$build/bin/$program"
done
if command -v nvcc >/dev/null; then
  for name in gemv_check attention_check attention_decode_check skinny_check \
    skinny_joined_check resident_check joined_check attention_tiles_check \
    sampling_check; do
    sources=""
    [ "$name" != sampling_check ] || sources=$(echo runtime/sampling/*.cpp)
    nvcc -std=c++20 -O1 -Icodegen/cuda/kernels -Itest/gpu -I. \
      -gencode=arch=compute_90a,code=sm_90a -o "$work/bin/$name" \
      "test/gpu/$name.cu" $sources -ldl
  done
  for type in bf16 f16; do
    FT_BUILD_ONLY=1 BUILD=$work/gemm test/gpu/gemm/run.sh --type $type
    mv "$work/gemm/gemm_${type}_check" "$work/bin/"
  done
  # racecheck's own: each lane arrives (async.cuh).
  mkdir "$work/bin/each-lane"
  for name in gemv_check skinny_joined_check attention_tiles_check; do
    nvcc -std=c++20 -O1 -Icodegen/cuda/kernels -Itest/gpu -I. \
      -DFT_EACH_LANE_ARRIVES -gencode=arch=compute_90a,code=sm_90a \
      -o "$work/bin/each-lane/$name" "test/gpu/$name.cu" -ldl
  done
  EACH_LANE=1 FT_BUILD_ONLY=1 BUILD=$work/gemm test/gpu/gemm/run.sh --type f16
  mv "$work/gemm/gemm_f16_check" "$work/bin/each-lane/"
  rm -r "$work/gemm"
  strip "$work/bin"/*_check "$work/bin/each-lane"/*
fi
# Plans are much alike: a dictionary that spans many of them.
tar -C "$work" -cf - . | xz -T1 --lzma2=preset=6,dict=128MiB >"$archive"
ls -l "$archive"
