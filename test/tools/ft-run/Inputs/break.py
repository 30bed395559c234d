"""Writes broken variants of DIR/m.plan and bad .npy files into DIR."""
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
plan = bytearray((folder / "m.plan").read_bytes())

flipped = bytearray(plan)
flipped[len(flipped) // 2] ^= 1
(folder / "flipped.plan").write_bytes(flipped)
(folder / "truncated.plan").write_bytes(plan[:-1])
(folder / "truncated").mkdir()
(folder / "truncated" / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")


def npy(name, descr, shape, data):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust((10 + len(header) + 64) // 64 * 64 - 11) + "\n"
    (folder / name).write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header))
                                + header.encode() + data)


def ids(*values):
    return struct.pack(f"<{len(values)}q", *values)


npy("ids.npy", "<i8", "(1, 3)", ids(1, 2, 3))
npy("large.npy", "<i8", "(1, 3)", ids(1, 99999, 3))
npy("flat.npy", "<i8", "(3,)", ids(1, 2, 3))
npy("short.npy", "<i8", "(1, 3)", ids(1, 2))
npy("objects.npy", "|O", "(1, 3)", b"\0" * 24)
npy("hole.npy", "<i8", "(1, 3)", ids(1, 0, 1))
npy("wide.npy", "<i8", "(1, 4)", ids(1, 1, 1, 1))
