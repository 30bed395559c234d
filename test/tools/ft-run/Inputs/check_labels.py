"""check_labels.py LOGITS.npy OUT.json [LABEL...]: the printed labels are the
best of each row, with their softmax as scores.
check_labels.py LOGITS.npy OUT.json --place P: the same of the words of the
first text's mask at place P."""
import json
import math
import sys

import npy

shape, values = npy.read(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as file:
    lines = [json.loads(line) for line in file]
width = shape[-1]
if sys.argv[3] == "--place":
    place = int(sys.argv[4])
    (mask,) = lines[0]["masks"]
    assert mask["place"] == place, mask
    names, rows = None, [values[place * width:(place + 1) * width]]
    found = [mask["words"]]
else:
    names = sys.argv[3:]
    rows = [values[i * width:(i + 1) * width] for i in range(shape[0])]
    found = [line["labels"] for line in lines]
assert len(found) == len(rows)
for row, choices in zip(rows, found):
    total = sum(math.exp(x) for x in row)
    order = sorted(range(width), key=lambda i: -row[i])
    assert choices and [c["index"] for c in choices] == order[:len(choices)]
    for choice in choices:
        score = math.exp(row[choice["index"]]) / total
        assert abs(choice["score"] - score) < 1e-6, (choice, score)
        assert names is None or choice["label"] == names[choice["index"]]
