#!/usr/bin/env python3
"""What `ftc compile` costs: wall and CPU seconds, peak memory.

    compile_time.py --ftc build/bin/ftc -o docs/benchmarks/compile-time.json

Every case runs --repeat times with an empty kernel cache (--no-cache) and the
default targets; the fastest run counts, all are listed. The load average before
each case says whether the machine was idle: a wall time counts only if it was.
"""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

SHAPES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "shapes"

# shape, dtype, ranks
CASES = [("gpt2", "bf16", 1), ("gpt2", "f16", 1), ("gpt2", "f32", 1),
         ("bert-base", "f16", 1), ("llama-3-8b", "bf16", 1),
         ("llama-3-70b", "bf16", 1), ("llama-3-70b", "bf16", 8)]


def measure(command):
    """One run: seconds of wall and CPU, peak resident MiB."""
    start = time.monotonic()
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    message = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)}: {message.strip()}")
    return {"wall_s": round(wall, 2),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
            "peak_mib": round(usage.ru_maxrss / 1024, 1)}


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def version(command):
    """The last line that a tool says of its version."""
    try:
        text = subprocess.run(command, text=True, stdout=subprocess.PIPE).stdout
    except OSError:
        return "not found"
    return (text.strip().splitlines() or ["unknown"])[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ftc", required=True)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--nvcc", default="nvcc",
                        help="names the toolkit that NVRTC belongs to")
    args = parser.parse_args()
    results = {"machine": {"cpu": processor(),
                           "cores": len(os.sched_getaffinity(0)),
                           "date": time.strftime("%Y-%m-%d")},
               "versions": {"ftc": version([args.ftc, "--version"]),
                            "cuda": version([args.nvcc, "--version"])},
               "command": " ".join(sys.argv), "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        for shape, dtype, tp in CASES:
            command = [args.ftc, "compile", str(SHAPES / shape), "--dtype",
                       dtype, "--tp", str(tp), "--no-cache", "-o", f"{folder}/model.plan"]
            load = os.getloadavg()[0]
            runs = [measure(command) for _ in range(args.repeat)]
            row = {"model": shape, "dtype": dtype, "tp": tp, "load": round(load, 2),
                   **min(runs, key=lambda run: run["wall_s"]), "runs": runs}
            results["rows"].append(row)
            print(json.dumps(row), flush=True)
    args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
