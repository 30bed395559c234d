#!/usr/bin/env python3
"""Copies a model directory with its fp32 weights rounded to fp16.

    round_weights.py FROM TO

Rounds to nearest even, as torch does; tensors of other types and all other
files stay as they are. TO appears whole or not at all. Needs no numpy.
"""
import array
import json
import pathlib
import shutil
import struct
import sys

CHUNK = 1 << 16  # elements


def convert(file, offset, size, out):
    """Appends the fp32 values at `offset` of `file` to `out` as fp16."""
    file.seek(offset)
    while size:
        values = array.array("f", file.read(min(size, 4 * CHUNK)))
        if sys.byteorder == "big":
            values.byteswap()
        out.write(struct.pack(f"<{len(values)}e", *values))
        size -= 4 * len(values)


def round_file(source, target):
    with open(source, "rb") as file, open(target, "wb") as out:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
        old = {n: t for n, t in header.items() if n != "__metadata__"}
        new, end = {}, 0
        for name, tensor in old.items():
            begin, stop = tensor["data_offsets"]
            wide = tensor["dtype"] == "F32"
            size = (stop - begin) // (2 if wide else 1)
            new[name] = {"dtype": "F16" if wide else tensor["dtype"],
                         "shape": tensor["shape"],
                         "data_offsets": [end, end + size]}
            end += size
        text = json.dumps({"__metadata__": {"format": "pt"}, **new}).encode()
        text += b" " * (-len(text) % 8)
        out.write(struct.pack("<Q", len(text)) + text)
        for name, tensor in old.items():
            begin, stop = tensor["data_offsets"]
            if tensor["dtype"] == "F32":
                convert(file, 8 + length + begin, stop - begin, out)
            else:
                file.seek(8 + length + begin)
                out.write(file.read(stop - begin))


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    scratch = target.with_name(target.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(source, scratch,
                    ignore=shutil.ignore_patterns("*.safetensors"))
    for path in source.rglob("*.safetensors"):
        round_file(path, scratch / path.relative_to(source))
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)


if __name__ == "__main__":
    main()
