"""rows.py FOLDER: the same rows of 32 numbers as f16, f32, f64 and i64."""
import sys

import npy

values = [(i * 7 % 31 - 15) / 8 for i in range(2 * 3 * 32)]
for name, code, letter in (("f16", "<f2", "e"), ("f32", "<f4", "f"),
                           ("f64", "<f8", "d"), ("i64", "<i8", "q")):
    npy.write(f"{sys.argv[1]}/{name}.npy", code, letter, (2, 3, 32),
              [int(v) for v in values] if letter == "q" else values)
