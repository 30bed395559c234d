#!/bin/sh
# layer-variants.sh TO: builds TO/decode_layer_time with a form of the kernels
# for each line of layer-variants.txt: a name, and what switches it on.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=$1
work=$to/objects
mkdir -p "$work"
before="FT_RING_ROWS=0 FT_TILES_BY_TURNS=0 FT_SKINNY_RELEASE=0 FT_SKINNY_X=0"
compile() {
  nvcc -diag-suppress 20012 -std=c++20 -O1 -I"$here" \
    -I"$here/../../codegen/cuda/kernels" \
    -gencode=arch=compute_90a,code=sm_90a -c "$@"
}
# In a header: nvcc splits what it is passed at commas.
define() {
  echo "#define ft ft$1"
  echo "#define check check$1"
  echo "#define V_NAME \"$2\""
  for flag in $before $3; do
    echo "#undef ${flag%%=*}"
    echo "#define ${flag%%=*} ${flag#*=}"
  done
}
number=0
while IFS='|' read -r name flags; do
  [ -n "$name" ] || continue
  number=$((number + 1))
  define $number "$name" "$flags" >"$work/$number.h"
  compile -include "$work/$number.h" -o "$work/$number.o" \
    "$here/decode_layer_variant.cu" &
  [ $((number % 2)) = 1 ] || wait # two at a time
done <"$here/layer-variants.txt"
wait
compile -o "$work/main.o" "$here/decode_layer_time.cu"
nvcc -arch=sm_90a -o "$to/decode_layer_time" "$work"/*.o -ldl
rm -r "$work"
