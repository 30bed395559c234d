#!/usr/bin/env python3
"""joined.py FT_RUN PLAN WEIGHTS: an encoder's q, k, v and attention in one
launch, in batches that fill a whole GPU and in batches of a few sequences,
beside the CPU; and twice the same.

The plan is of a small model with heads of 64 in f16 (bert-no-pooler), its
batches are full and ragged ones of sequences of up to 63 tokens.
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] /
                       "tools/testing"))
from beside_cpu import call, compare

LONGEST = 63
BATCHES = {"full": [LONGEST] * 132, "ragged": [48 + 7 * i % 16 for i in range(140)],
           "short": [1 + 5 * i % 9 for i in range(1700)],
           "few": [LONGEST, 1, 40], "one": [17]}


def main():
    run, plan, weights = sys.argv[1:4]
    kernels = [json.loads(call([run, plan, "--device", "cuda", "--weights",
                                "random", "--bench", "--json", "--repeat", 1,
                                "--out", 0, "--in", LONGEST, "--batch", batch])
                          .splitlines()[-1])["encode"]["kernels"]
               for batch in (132, 2, 40)]
    assert max(kernels[:2]) < kernels[2], f"not joined: {kernels} kernels"
    for name, lengths in BATCHES.items():
        # fp16's roundings of two layers, as of the emulated check.
        compare(lengths, 1e-3, [run], plan, "--weights", weights)
        print(f"{name}: {len(lengths)} sequences, {sum(lengths)} tokens", flush=True)


if __name__ == "__main__":
    main()
