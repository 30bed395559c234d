#!/usr/bin/env python3
"""Encoders by ft-run --bench, tuned and untuned, beside their peers.

    encoders.py --ft-run build-runtime/bin/ft-run --plans DIR -o encoders.json \
        [--gemm gemm.json] [--attention times.txt] [--seconds 240]

DIR holds bert-base.f16.plan (as it is) and bert-base.f16.preview.plan (with
--preview-kernels) of the encoder stack alone, made by test/gpu/encoders.sh --make.
Medians; peers, of that stack, too, are torch.compile and eager, each in a CUDA graph, and XLA where JAX is installed, in the same run. One
JSON file with the machine, the command, and what could not be measured.
"""
import argparse
import json
import pathlib
import sys
import time

from compare import SHAPES, HERE, machine, run

# batch, length, the bar of an H200 in milliseconds (None: no bar)
CASES = [(1, 32, 0.16), (1, 128, 0.18), (32, 32, 0.45), (8, 128, 0.45),
         (32, 128, 1.27), (32, 384, 4.1)]


def bench(args, plan, batch, length, extra=()):
    return run([args.ft_run, plan, "--weights", "random", "--bench", "--json",
                "--batch", batch, "--in", length, "--repeat", 3, *extra], 120)


def tune(args, plan, out):
    """The tuning of the plan's products, or what went wrong."""
    return run(["sh", "-c", f"{args.ft_run} {plan} --tune --device cuda "
                f"--max-tokens 16384 -o {out} >&2 && echo '{{}}'"], 200)


def peers(batch, length):
    return run([sys.executable, HERE / "peers.py", "--model",
                SHAPES / "bert-base", "--dtype", "f16", "--batch", batch,
                "--in", length, "--part", "encoder"], 200)


def measure(args, results):
    """Ours first: peers compile for minutes and may not finish."""
    plain = args.plans / "bert-base.f16.plan"
    preview = args.plans / "bert-base.f16.preview.plan"
    tuning = args.output.with_suffix(".tuning.json")
    results["tune"] = tune(args, preview, tuning)
    rows = results["rows"]
    for batch, length, bar in CASES:
        row = {"batch": batch, "in": length, "bar_ms": bar,
               "default": bench(args, plain, batch, length),
               "preview": bench(args, preview, batch, length)}
        if tuning.exists():
            row["tuned"] = bench(args, preview, batch, length,
                                 ["--tuning", tuning])
        rows.append(row)
        write(args, results)
    for row in rows:
        if time.monotonic() > args.deadline:
            row["peer"] = {"error": "no time left"}
            continue
        row["peer"] = peers(row["batch"], row["in"])
        write(args, results)


def write(args, results):
    args.output.write_text(json.dumps(results, indent=1) + "\n")


def median(part):
    return part.get("encode", part).get("median_ms") if part else None


def table(results):
    names = ("default", "preview", "tuned")
    print("| BERT-base | " + " | ".join(names) + " | torch.compile | eager | XLA"
          " | bar |\n|" + "---|" * 8)
    show = lambda ms: f"{ms:.3f}" if ms else "–"
    for row in results["rows"]:
        peer = row.get("peer", {})
        cells = [median(row.get(name)) for name in names]
        cells += [median({"encode": peer[key]}) if key in peer else None
                  for key in ("encode", "eager", "xla")]
        print(f"| b{row['batch']} s{row['in']} | "
              + " | ".join(map(show, cells + [row["bar_ms"]])) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ft-run", type=pathlib.Path)
    parser.add_argument("--plans", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    parser.add_argument("--gemm", type=pathlib.Path,
                        help="results of gemm_check --time encoders to put along")
    parser.add_argument("--attention", type=pathlib.Path,
                        help="output of attention_tiles_time to put along")
    parser.add_argument("--seconds", type=int, default=240,
                        help="start no peer after so many")
    parser.add_argument("--table", type=pathlib.Path,
                        help="print a results file as Markdown and stop")
    args = parser.parse_args()
    if args.table:
        return table(json.loads(args.table.read_text()))
    args.deadline = time.monotonic() + args.seconds
    results = {"machine": machine(), "command": " ".join(sys.argv), "rows": []}
    if args.gemm and args.gemm.exists():
        results["gemm"] = json.loads(args.gemm.read_text())
    if args.attention and args.attention.exists():
        results["attention"] = args.attention.read_text().splitlines()
    measure(args, results)
    table(results)


if __name__ == "__main__":
    main()
