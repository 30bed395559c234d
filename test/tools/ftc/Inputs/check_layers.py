"""check_layers.py LAYERS KERNELS PRIMITIVES < report.json

In every program of an `ftc explain --json` report, each of LAYERS layers holds
all steps between its first and its last, runs in at most KERNELS kernels where
the primitive graph has about PRIMITIVES, and the layers with what is before and
after them make up the whole.
"""
import json
import re
import sys

layers, most, primitives = map(int, sys.argv[1:])
report = json.load(sys.stdin)
assert report["programs"]
for program in report["programs"]:
    found = program["layer"]
    assert program["layers"] == layers, program["layers"]
    assert found["kernels"] <= most, found
    assert abs(found["primitives"] - primitives) <= primitives // 8, found
    numbers = [re.search(r"(\d+)\.", step["name"]) for step in program["steps"]]
    numbers = [int(n[1]) if n else None for n in numbers]
    inside = [i for i, n in enumerate(numbers) if n is not None]
    run = numbers[inside[0]:inside[-1] + 1]
    assert None not in run and run == sorted(run), numbers
    outside = len(numbers) - len(run)
    kernels = found["kernels"] * layers + outside
    # The first may have the embedding's norm, the last gathers wanted rows.
    assert abs(program["all"]["kernels"] - kernels) <= 2, (program["all"], found)
