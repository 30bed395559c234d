#!/usr/bin/env python3
"""What `ftc verify` costs with random weights: wall and CPU seconds, peak memory.

    verify_time.py --ftc build/bin/ftc -o docs/benchmarks/verify-time.json

Every case runs --repeat times; the fastest run counts, all are listed. The load
average before each case says whether the machine was idle: a wall time counts only
if it was, CPU seconds over the cores are what it can come to.
"""
import argparse
import json
import os
import pathlib
import sys
import time

from compile_time import SHAPES, measure, processor, version

# shape, dtype
CASES = [("gpt2", "f32"), ("gpt2", "bf16"), ("bert-base", "f16")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ftc", required=True)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--repeat", type=int, default=2)
    args = parser.parse_args()
    results = {"machine": {"cpu": processor(),
                           "cores": len(os.sched_getaffinity(0)),
                           "date": time.strftime("%Y-%m-%d")},
               "versions": {"ftc": version([args.ftc, "--version"])},
               "command": " ".join(sys.argv), "rows": []}
    for shape, dtype in CASES:
        command = [args.ftc, "verify", str(SHAPES / shape), "--dtype", dtype,
                   "--weights", "random"]
        load = os.getloadavg()[0]
        runs = [measure(command) for _ in range(args.repeat)]
        row = {"model": shape, "dtype": dtype, "load": round(load, 2),
               **min(runs, key=lambda run: run["wall_s"]), "runs": runs}
        results["rows"].append(row)
        print(json.dumps(row), flush=True)
    args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
