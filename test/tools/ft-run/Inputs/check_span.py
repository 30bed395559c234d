"""check_span.py START.npy END.npy OUT.json FROM TO: the printed span is the
likeliest of places FROM to TO - 1, by trying all."""
import json
import math
import sys

import npy

starts, ends = (npy.read(path)[1] for path in sys.argv[1:3])
with open(sys.argv[3], encoding="utf-8") as file:
    found = json.load(file)
first, after = map(int, sys.argv[4:])
places = range(first, after)


def softmax(values, place):
    return math.exp(values[place]) / sum(math.exp(values[i]) for i in places)


best = max(((a, b) for a in places for b in places if a <= b),
           key=lambda span: starts[span[0]] + ends[span[1]])
assert (found["start"], found["end"]) == best, (found, best)
score = softmax(starts, best[0]) * softmax(ends, best[1])
assert abs(found["score"] - score) < 1e-6, (found, score)
assert found["answer"], found
