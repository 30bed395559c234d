"""Random transformers in primitives: each compiles and verifies, or is refused.

    random_graphs.py [--count 100] [--first 1] [--jobs N] [--keep DIR]

Graph N is architecture N (architectures.py) in a random spelling: it must verify,
and end in the same fused steps as its plain spelling. Every eighth one is a trap,
which must be refused by an error that names the node, or verify. Exit code 1, and
a line for each graph that did something else. 2000 is the nightly size.
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import architectures

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "passes/Inputs"))
import steps  # noqa: E402

# An error of a graph: its node, or the entry, and what failed.
REFUSED = re.compile(r"^ftc: error: (/entries/\S+ \(.+?\): '\w+'|/entries/\S+ "
                     r"\(.+?\): the result '.*?') cannot be raised: .+", re.M)


def run(*command):
    done = subprocess.run(command, text=True, capture_output=True)
    return done.returncode, done.stdout, done.stderr.strip()


def fused(path, dtype):
    code, out, error = run("ftc", "compile", path, "--dtype", dtype,
                           "--emit=fuse")
    # A scale that is split over queries and keys is another one in fp64.
    out = re.sub(r"= (-?[0-9.]+(e[-+][0-9]+)?) : f64",
                 lambda m: f"= {float(m[1]):.9g} : f64", out)
    return steps.steps(out) if code == 0 else error


def judge(number, folder):
    """What graph `number` did: (outcome, detail)."""
    r = random.Random(f"graph {number}")
    dtype = r.choice(["f32"] * 6 + ["f16", "bf16"])
    trap = r.choice(architectures.TRAPS) if number % 8 == 0 else None
    path = folder / f"{number}.json"
    path.write_text(architectures.write(number, 1, trap), encoding="utf-8")
    level = "-O0" if r.random() < 0.1 else "-O1"
    code, out, error = run("ftc", "verify", str(path), "--weights", "random",
                           "--seed", str(number), "--dtype", dtype, level)
    if code == 1 and REFUSED.search(error):
        if trap:
            return "refused", error
        return "refused without a trap", error
    if code or "the plan computes what the source says" not in out:
        return "differs or fails", error or f"exit code {code}"
    if "row operations" in error:
        return "slower than its plain form", error
    plain = folder / f"{number}-plain.json"
    plain.write_text(architectures.write(number, None, trap), encoding="utf-8")
    found, wanted = fused(path, dtype), fused(plain, dtype)
    plain.unlink()
    if found != wanted or not isinstance(found, list):
        return "another program than its plain form", difference(found, wanted)
    path.unlink()
    return "verified", error


def difference(found, wanted):
    if isinstance(found, str) or isinstance(wanted, str):
        return str(found if isinstance(found, str) else wanted)
    pairs = [f"{b}\n    plain: {a}" for a, b in zip(wanted, found) if a != b]
    return f"{len(found)} steps, plain {len(wanted)}; " + "; ".join(pairs[:2])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=pathlib.Path,
                        help="a folder for the graphs that failed")
    args = parser.parse_args()
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as name, \
            concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        folder = args.keep or pathlib.Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        numbers = range(args.first, args.first + args.count)
        outcomes = pool.map(lambda n: judge(n, folder), numbers)
        for number, (outcome, detail) in zip(numbers, outcomes):
            counts[outcome] += 1
            if outcome not in ("verified", "refused"):
                print(f"graph {number}: {outcome}: {detail}", flush=True)
    print(f"{args.count} graphs: " + ", ".join(
        f"{n} {what}" for what, n in sorted(counts.items())))
    return 0 if counts.keys() <= {"verified", "refused"} else 1


if __name__ == "__main__":
    sys.exit(main())
