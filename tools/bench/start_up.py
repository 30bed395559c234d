#!/usr/bin/env python3
"""Start-up: from the start of ft-run to its first token, weights in the page cache.

    start_up.py --ftc build/bin/ftc --ft-run build/bin/ft-run -o start-up.json \\
        [--shape llama-3-8b] [--dtype bf16] [--device cuda] [--scratch DIR]

Writes random weights as safetensors under the names that the plan asks for (8B: 16 GB,
removed again), reads them once, and times whole processes: median of --rounds. Beside
the wall time stand the bytes of the weights and, on a GPU with PyTorch, the rate at
which pinned memory is copied to it: what is left without that copy is start-up.
"""
import argparse
import json
import math
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from compare import SHAPES, machine

BYTES = {"f32": 4, "f16": 2, "bf16": 2}
TYPES = {"f32": "F32", "f16": "F16", "bf16": "BF16"}
# Sign and mantissa are drawn; the exponent is that of 2^-7 .. 2^-6.
DRAWN = {"f32": 0x807FFFFF, "f16": 0x83FF, "bf16": 0x807F}
FIXED = {"f32": 0x3C000000, "f16": 0x2000, "bf16": 0x3C00}


def tensors(recipe, found):
    """The stored tensors of a recipe: name to (shape, dtype)."""
    if recipe["op"] == "tensor":
        found[recipe["text"]] = (recipe["shape"], recipe.get("stored", "f32"))
    for part in recipe.get("of", []):
        tensors(part, found)
    return found


def noise(dtype, size, generator):
    """About `size` bytes of random numbers."""
    count = max(size // BYTES[dtype], 1)
    def repeated(word):
        return int.from_bytes(word.to_bytes(BYTES[dtype], "little") * count,
                              "little")
    drawn = int.from_bytes(generator.randbytes(count * BYTES[dtype]), "little")
    value = drawn & repeated(DRAWN[dtype]) | repeated(FIXED[dtype])
    return value.to_bytes(count * BYTES[dtype], "little")


def write_weights(path, wanted):
    """A safetensors file; its tensors repeat one random block."""
    header, at = {}, 0
    for name, (shape, dtype) in wanted.items():
        size = math.prod(shape) * BYTES[dtype]
        header[name] = {"dtype": TYPES[dtype], "shape": shape,
                        "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    blocks, generator = {}, random.Random(1)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for shape, dtype in wanted.values():
            size = math.prod(shape) * BYTES[dtype]
            if dtype not in blocks:
                blocks[dtype] = noise(dtype, 1 << 24, generator)
            while size:
                size -= file.write(blocks[dtype][:size])
    return at


def copy_rate():
    """Bytes a second from pinned memory to the GPU, or None."""
    script = ("import torch, time\n"
              "a = torch.empty(1 << 30, dtype=torch.uint8, pin_memory=True)\n"
              "b = torch.empty_like(a, device='cuda'); best = 0\n"
              "for _ in range(5):\n"
              "  torch.cuda.synchronize(); t = time.perf_counter()\n"
              "  b.copy_(a, non_blocking=True); torch.cuda.synchronize()\n"
              "  best = max(best, (1 << 30) / (time.perf_counter() - t))\n"
              "print(best)")
    result = subprocess.run([sys.executable, "-c", script], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return float(result.stdout) if result.returncode == 0 else None


def measure(args, folder):
    shape = SHAPES / args.shape
    compiler = [args.ftc, "compile", shape, "--dtype", args.dtype]
    plan = folder / "model.plan"
    subprocess.run([*compiler, "-o", plan], check=True)
    header = json.loads(subprocess.run(
        [*compiler, "--emit=plan"], check=True, text=True,
        stdout=subprocess.PIPE).stdout)
    wanted = {}
    for weight in header["weights"]:
        if "recipe" in weight:  # no view of another
            tensors(weight["recipe"], wanted)
    size = write_weights(folder / "model.safetensors", wanted)
    with open(folder / "model.safetensors", "rb") as file:
        while file.read(1 << 24):
            pass
    times = []
    for _ in range(args.rounds):
        start = time.perf_counter()
        subprocess.run([args.ft_run, plan, "--weights", folder, "--device",
                        args.device, "--tokens", "1,2,3", "--max-new-tokens",
                        "1", "--json"], check=True, stdout=subprocess.PIPE)
        times.append(time.perf_counter() - start)
    wall = statistics.median(times)
    rate = copy_rate() if args.device == "cuda" else None
    return {"model": args.shape, "dtype": args.dtype, "device": args.device,
            "weight_bytes": size, "wall_s": wall, "all_s": times,
            "copy_bytes_per_s": rate,
            "start_up_s": wall - size / rate if rate else None}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ftc", type=pathlib.Path, required=True)
    parser.add_argument("--ft-run", type=pathlib.Path, required=True)
    parser.add_argument("--shape", default="llama-3-8b")
    parser.add_argument("--dtype", default="bf16", choices=BYTES)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scratch", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(dir=args.scratch))
    try:
        row = measure(args, folder)
    finally:
        shutil.rmtree(folder)
    about = machine() if args.device == "cuda" else {}
    result = {"machine": about, "command": " ".join(sys.argv), "rows": [row]}
    args.output.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(row))


if __name__ == "__main__":
    main()
