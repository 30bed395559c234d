"""Small .npy files without numpy."""
import ast
import math
import struct


def read(path):
    """(shape, values) of an array of f32."""
    with open(path, "rb") as file:
        data = file.read()
    start = 10 + struct.unpack_from("<H", data, 8)[0]
    header = ast.literal_eval(data[10:start].decode("latin-1"))
    assert header["descr"] == "<f4" and not header["fortran_order"]
    count = math.prod(header["shape"])
    return header["shape"], struct.unpack_from(f"<{count}f", data, start)


def write(path, code, letter, shape, values):
    """An array whose elements struct writes as `letter`."""
    header = str({"descr": code, "fortran_order": False, "shape": shape})
    header = header.ljust(117) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
        file.write(header.encode())
        file.write(struct.pack(f"<{len(values)}{letter}", *values))
