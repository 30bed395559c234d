#!/usr/bin/env bash
# build-example.sh SOURCE PREFIX OUT: compiles against an installed libft.
set -euo pipefail
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$2" -name ft.pc)")
read -ra flags <<<"$(pkg-config --cflags --libs ft)"
cc -std=c11 -Wall -Werror "$1" "${flags[@]}" \
  "-Wl,-rpath,$(pkg-config --variable=libdir ft)" -o "$3"
