#!/usr/bin/env python3
"""Times a model on one GPU and on several, in turns, in one run.

    tensor_parallel.py --ft-run build-runtime/bin/ft-run --plans DIR \\
        [--tp 2] [--rounds 3] -o docs/benchmarks/tensor-parallel-h200.json
    tensor_parallel.py --table docs/benchmarks/tensor-parallel-h200.json

DIR holds NAME.DTYPE.plan and NAME.DTYPE.tpN.plan for the shapes in CASES, as
`ftc compile examples/shapes/NAME --dtype DTYPE [--tp N]` writes them; a case
without plans is left out. Each figure is the median over rounds of ft-run's
medians; weights are random. collectives_ms is the time of the exchanges on rank
0 when the steps run one by one, waits for the other ranks included: in a
captured graph they cost less.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

# name, dtype, batch, in, out
CASES = [
    ("llama-3-8b", "bf16", 1, 512, 64),
    ("llama-3-8b", "bf16", 8, 512, 64),
    ("llama-3-8b", "bf16", 1, 4096, 16),
    ("llama-3.2-1b", "bf16", 1, 512, 64),
]
KEYS = ("median_ms", "floor_ms", "share_of_floor", "collectives_ms",
        "link_bytes", "kernels")


def bench(args, case, ranks):
    name, dtype, batch, length, out = case
    stem = f"{name}.{dtype}" + (f".tp{ranks}" if ranks > 1 else "")
    command = [args.ft_run, args.plans / f"{stem}.plan", "--device", "cuda",
               "--weights", "random", "--bench", "--json", "--batch", batch,
               "--in", length, "--out", out, "--repeat", 3]
    try:
        result = subprocess.run([str(x) for x in command], text=True,
                                timeout=args.timeout, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer in {args.timeout} s"}
    if result.returncode:
        return {"error": result.stderr.strip()[-500:]}
    return json.loads(result.stdout.strip().splitlines()[-1])


def middle(reports):
    """The median report: of each phase and figure over the rounds."""
    good = [report for report in reports if "error" not in report]
    if len(good) < len(reports):
        return {"error": next(r["error"] for r in reports if "error" in r)}
    result = {"memory_bytes": good[0]["memory_bytes"]}
    for phase in ("prefill", "decode"):
        result[phase] = {
            key: statistics.median(report[phase][key] for report in good)
            for key in KEYS if key in good[0].get(phase, {})}
    return result


def measure(args, case):
    counts = (1, args.tp)
    reports = {ranks: [] for ranks in counts}
    for _ in range(args.rounds):
        for ranks in counts:
            reports[ranks].append(bench(args, case, ranks))
    name, dtype, batch, length, out = case
    row = {"model": name, "dtype": dtype, "batch": batch, "in": length,
           "out": out, "tp1": middle(reports[1]),
           f"tp{args.tp}": middle(reports[args.tp])}
    one, many = row["tp1"], row[f"tp{args.tp}"]
    if "error" not in one and "error" not in many:
        row["speed_up"] = {
            phase: one[phase]["median_ms"] / many[phase]["median_ms"]
            for phase in ("prefill", "decode")}
    return row


def machine():
    query = ["nvidia-smi", "--query-gpu=name,driver_version",
             "--format=csv,noheader"]
    gpus = subprocess.run(query, text=True, stdout=subprocess.PIPE).stdout
    links = subprocess.run(["nvidia-smi", "topo", "-m"], text=True,
                           stdout=subprocess.PIPE).stdout
    return {"gpus": gpus.strip().splitlines(), "links": links.splitlines()[:6],
            "date": time.strftime("%Y-%m-%d")}


def table(results):
    many = f"tp{results['tp']}"
    print(f"| model | batch | phase | tp 1 ms | {many} ms | speed-up | floor ms "
          "a rank | share | collectives ms, step by step |\n"
          "|---|---|---|---|---|---|---|---|---|")
    for row in results["rows"]:
        name = f"{row['model']} {row['dtype']} in {row['in']}"
        for phase in ("prefill", "decode"):
            if "speed_up" not in row:
                print(f"| {name} | {row['batch']} | {phase} | failed | failed "
                      "| | | | |")
                continue
            one, part = row["tp1"][phase], row[many][phase]
            print(f"| {name} | {row['batch']} | {phase} | "
                  f"{one['median_ms']:.3f} | {part['median_ms']:.3f} | "
                  f"{row['speed_up'][phase]:.2f} | "
                  f"{part.get('floor_ms', 0):.3f} | "
                  f"{100 * part.get('share_of_floor', 0):.0f} % | "
                  f"{part.get('collectives_ms', 0):.3f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ft-run", type=pathlib.Path)
    parser.add_argument("--plans", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    parser.add_argument("--tp", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timeout", type=int, default=120)
    parser.add_argument("--table", type=pathlib.Path,
                        help="print a results file as Markdown and stop")
    args = parser.parse_args()
    if args.table:
        return table(json.loads(args.table.read_text()))
    results = {"machine": machine(), "command": " ".join(sys.argv),
               "tp": args.tp, "rows": []}
    for case in CASES:
        if not (args.plans / f"{case[0]}.{case[1]}.tp{args.tp}.plan").exists():
            continue
        results["rows"].append(measure(args, case))
        args.output.write_text(json.dumps(results, indent=1) + "\n")
    return table(results)


if __name__ == "__main__":
    main()
