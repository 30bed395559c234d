"""weights.py FILE NAME:DTYPE:SHAPE...: writes a safetensors file of zeros,
for example weights.py model.safetensors embed:F32:10x4."""
import json
import struct
import sys

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8}


def main(path, *tensors):
    header, offset = {}, 0
    for tensor in tensors:
        name, dtype, extents = tensor.split(":")
        shape = [int(extent) for extent in extents.split("x")]
        size = SIZES[dtype]
        for extent in shape:
            size *= extent
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + bytes(offset))


main(*sys.argv[1:])
