#!/usr/bin/env python3
"""layers.py FT_RUN PLAN [COUNT ...]: a layer of BERT-base's widths in f16
(Inputs/bert-base-layer), random weights, beside the CPU; and twice the same.

Small models have the tile shapes of few columns. These batches have those of
BERT's and ViT's: from 17 tokens to 32 images of 197, and ragged ones. COUNT: of
images, those batches alone.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] /
                       "tools/testing"))
from beside_cpu import compare

BATCHES = {"few": [17], "short": [32] * 4, "ragged": [3 + 37 * i % 194 for i in range(21)],
           "eight": [128] * 8, "many": [128] * 32}
IMAGES = [1, 2, 8, 16, 32]


def main():
    run, plan, *counts = sys.argv[1:]
    batches = {} if counts else BATCHES
    batches |= {f"{n} images": [197] * n for n in map(int, counts or IMAGES)}
    for name, lengths in batches.items():
        # As of two layers of a small model (joined.py).
        compare(lengths, 1e-3, [run], plan, "--weights", "random:1",
                "--max-tokens", 8192)
        print(f"{name}: {len(lengths)} sequences, {sum(lengths)} tokens", flush=True)


if __name__ == "__main__":
    main()
