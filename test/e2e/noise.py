#!/usr/bin/env python3
"""How far a 16-bit error is a matter of chance (README.md).

    noise.py --build-dir build --case deit-teacher --dtype f16 --count 150

A case's inputs, each number changed by about two thousandths, round elsewhere
everywhere: for each such batch the distance of a 16-bit run from the same plan's
run in fp32, on the CPU, whose own error does not count. Cases whose inputs are
real numbers. `together` is what run.py looks at: the root mean square.
"""
import argparse
import json
import math
import pathlib
import random
import statistics
import struct
import tempfile

import run

CHANGE = 2e-3


class Sampler:
    def __init__(self, args, folder):
        self.bin, self.folder = args.build_dir / "bin", folder
        cases = json.loads((run.HERE / "cases.json").read_text())["cases"]
        self.case = next(c for c in cases if c["name"] == args.case)
        self.model = run.HERE / self.case["checkpoint"]
        self.dtypes = ("f32", args.dtype)
        for dtype in self.dtypes:
            run.run([self.bin / "ftc", "compile", self.model, "-o",
                     folder / f"{dtype}.plan", "--dtype", dtype, "--target",
                     "cpu"])

    def changed(self, numbers):
        """The case's inputs as ft-run takes them, changed by `numbers`."""
        arguments = []
        for name, file in self.case["inputs"].items():
            data = (run.HERE / file).read_bytes()
            start = 10 + int.from_bytes(data[8:10], "little")
            values = [value * (1 + numbers.gauss(0, CHANGE)) for value in
                      memoryview(data[start:]).cast("f")]
            path = self.folder / f"{name}.npy"
            path.write_bytes(data[:start] +
                             struct.pack(f"<{len(values)}f", *values))
            arguments += ["--input", f"{name}=@{path}"]
        return arguments

    def errors(self, numbers):
        """Of each output, of one changed batch."""
        arguments = ["--device", "cpu", "--weights", self.model, "--json",
                     "--entry", self.case["entry"], *self.changed(numbers)]
        names = [output["name"] for output in self.case["outputs"]]
        save = [x for name in names for x in (
            "--output", f"{name}=@{self.folder / name}.npy")]
        run.run([self.bin / "ft-run", self.folder / "f32.plan", *arguments,
                 *save])
        found = []
        for name in names:
            text = run.run([self.bin / "ft-run",
                            self.folder / f"{self.dtypes[1]}.plan", *arguments,
                            "--expect", f"{name}=@{self.folder / name}.npy",
                            "--tolerance", "1e30"])
            found.append(json.loads(text.splitlines()[-1])["relative_l2"])
        return dict(zip(names, found),
                    together=math.hypot(*found) / math.sqrt(len(found)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", type=pathlib.Path, required=True)
    parser.add_argument("--case", required=True)
    parser.add_argument("--dtype", default="f16", choices=["f16", "bf16"])
    parser.add_argument("--count", type=int, default=150)
    args = parser.parse_args()
    numbers = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        sampler = Sampler(args, pathlib.Path(folder))
        rows = [sampler.errors(numbers) for _ in range(args.count)]
    for name in rows[0]:
        errors = [row[name] for row in rows]
        mean, spread = statistics.mean(errors), statistics.pstdev(errors)
        print(f"{name}: mean {mean:.3g}, deviation {spread / mean:.1%} of it, "
              f"{min(errors):.3g} to {max(errors):.3g}")


if __name__ == "__main__":
    main()
