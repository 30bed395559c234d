#!/usr/bin/env python3
"""ft-run --bench beside torch.compile, same machine, same run.

    compare.py --ft-run build-runtime/bin/ft-run --plans DIR -o results.json \
        [--only llama-3.2-1b] [--only "bert-base 8x128"] [--no-peers]
        [--encoder-dtypes f16 bf16]

DIR holds NAME.DTYPE.plan for the shapes in CASES, as `ftc compile
examples/shapes/NAME` writes them, of PARTS with that --part. All of ours run first, then the peers, which take
minutes to compile. The results, losses included, go to one JSON file with the machine
and commands, written anew after each; --table prints them as Markdown.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SHAPES = HERE.parents[1] / "examples" / "shapes"

# What of a model is timed, ours and the peers', where not all of it.
PARTS = {"bert-base": "encoder"}

# name, dtype, batch, in, out; where time is short the first count most. In: all
# prompts' tokens, or the shortest one's and the longest one's, which has no peer.
CASES = [
    ("bert-base", "f16", 8, 128, 0),
    ("llama-3-8b", "bf16", 1, 512, 64),
    ("llama-3.2-1b", "bf16", 1, 512, 64),
    ("gpt2", "bf16", 1, 512, 64),
    ("bert-base", "f16", 32, 128, 0),
    ("llama-3-8b", "bf16", 8, 512, 64),
    ("llama-3.2-1b", "bf16", 8, 512, 64),
    ("gpt2", "bf16", 8, 512, 64),
    ("bert-base", "f16", 1, 32, 0),
    ("bert-base", "f16", 32, 32, 0),
    ("bert-base", "f16", 32, 384, 0),
    ("bert-base", "f16", 1, 128, 0),
    ("bert-base", "f16", 32, (1, 127), 0),
    ("bert-base", "f16", 32, (1, 383), 0),
    ("vit-base", "f16", 8, 197, 0),
    ("vit-base", "f16", 1, 197, 0),
    ("vit-base", "f16", 16, 197, 0),
    ("vit-base", "f16", 32, 197, 0),
    ("llama-3-8b", "bf16", 32, 512, 64),
    ("llama-3-8b", "bf16", 1, 128, 128),
    ("llama-3.1-8b", "bf16", 1, 32704, 64),
    ("llama-3-8b", "bf16", 16, 512, 64),
    ("llama-3-8b", "bf16", 64, 512, 64),
    ("llama-3.2-1b", "bf16", 32, 512, 64),
    ("gpt2", "bf16", 32, 512, 64),
]


def run(command, timeout):
    try:
        result = subprocess.run([str(x) for x in command], text=True,
                                timeout=timeout, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer in {timeout} s"}
    if result.returncode:
        return {"error": result.stderr.strip()[-500:]}
    return json.loads(result.stdout.strip().splitlines()[-1])


def lengths(length):
    """Tokens of the shortest and of the longest prompt."""
    return length if isinstance(length, tuple) else (length, length)


def ours(args, case):
    name, dtype, batch, length, out = case
    least, length = lengths(length)
    return run([args.ft_run, args.plans / f"{name}.{dtype}.plan",
                "--weights", "random", "--bench", "--json", "--batch", batch,
                "--in", length, "--in-least", least, "--out", out,
                # An encoder runs once a round, a decoder --out steps.
                "--repeat", 3 if out else 20], args.timeout)


def peer(args, case):
    name, dtype, batch, length, out = case
    if isinstance(length, tuple):
        return {}
    return run([sys.executable, HERE / "peers.py", "--model", SHAPES / name,
                "--dtype", dtype, "--batch", batch, "--in", length, "--out",
                out, *part(name), *args.peer_flags.split()], args.timeout)


def part(name):
    return ["--part", PARTS[name]] if name in PARTS else []


def label(case):
    name, _, batch, length, _ = case
    least, length = lengths(length)
    return f"{name} {batch}x{length if least == length else f'{least}-{length}'}"


def machine():
    query = "name,driver_version,clocks.sm,temperature.gpu"
    text = subprocess.run(
        ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"],
        text=True, stdout=subprocess.PIPE).stdout.strip()
    return {"gpu": text, "date": time.strftime("%Y-%m-%d")}


def keep(args, results, row):
    print(json.dumps(row), flush=True)
    args.output.write_text(json.dumps(results, indent=1) + "\n")


def table(results):
    print("| model | batch | phase | ftc ms | floor ms | share | torch.compile "
          "ms | speed-up |\n|---|---|---|---|---|---|---|---|")
    for row in results["rows"]:
        for phase in ("encode", "prefill", "decode"):
            mine = row["ftc"].get(phase)
            if not mine:
                continue
            theirs = row.get("peer", {}).get(phase, {}).get("median_ms")
            shown = f"{theirs:.3f}" if theirs else "–"
            gain = f"{theirs / mine['median_ms']:.2f}" if theirs else "–"
            least = row.get("in_least", row["in"])
            tokens = row["in"] if least == row["in"] else f"{least} to {row['in']}"
            print(f"| {row['model']} {row['dtype']} in {tokens} | "
                  f"{row['batch']} | {phase} | {mine['median_ms']:.3f} | "
                  f"{mine.get('floor_ms', 0):.3f} | "
                  f"{100 * mine.get('share_of_floor', 0):.0f} % | {shown} | "
                  f"{gain} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ft-run", type=pathlib.Path)
    parser.add_argument("--plans", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    parser.add_argument("--only", action="append",
                        help="cases whose 'NAME BATCHxIN' holds this; repeatable")
    parser.add_argument("--encoder-dtypes", nargs="+", metavar="DTYPE",
                        help="each encoder in these types, one behind the other "
                             "(default: f16)")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--peer-flags", default="--coordinate-descent",
                        help="more flags for peers.py")
    parser.add_argument("--most-peers", type=int, default=len(CASES),
                        help="peers of the first cases only")
    parser.add_argument("--timeout", type=int, default=300)
    parser.add_argument("--table", type=pathlib.Path,
                        help="print a results file as Markdown and stop")
    args = parser.parse_args()
    if args.table:
        return table(json.loads(args.table.read_text()))
    args.ft_run = args.ft_run.resolve()  # "./ft-run" is no name on the PATH
    results = {"machine": machine(), "command": " ".join(sys.argv), "rows": []}
    cases = [c for c in CASES
             if not args.only or any(o in label(c) for o in args.only)]
    if args.encoder_dtypes:
        cases = [(name, dtype, batch, length, out)
                 for name, own, batch, length, out in cases
                 for dtype in ([own] if out else args.encoder_dtypes)]
    for case in cases:
        name, dtype, batch, length, out = case
        least, length = lengths(length)
        results["rows"].append({"model": name, "dtype": dtype, "batch": batch,
                                "in": length, "in_least": least, "out": out,
                                **({"part": PARTS[name]} if name in PARTS else {}),
                                "ftc": ours(args, case)})
        keep(args, results, results["rows"][-1])
    peers = [] if args.no_peers else cases[:args.most_peers]
    for row, case in zip(results["rows"], peers):
        row["peer"] = peer(args, case)
        keep(args, results, row)
    table(results)


if __name__ == "__main__":
    main()
