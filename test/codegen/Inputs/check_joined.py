"""Checks an encoder's plan on stdin: q+k+v may run its attention, too."""
import json
import sys

plan = json.load(sys.stdin)
joined = 0
for entry in plan["entries"]:
    for program in entry["programs"]:
        for step, behind in zip(program["steps"], program["steps"][1:]):
            for number, way in enumerate(step.get("implementations", [])):
                if way.get("steps", 1) == 1:
                    assert way.get("packed", 0) == 0, way
                    continue
                joined += 1
                assert number == 0 and way["name"] == "joined_128", way
                assert (way["steps"], way["packed"]) == (2, 128), way
                assert way["packed_ctas"] > 0 and "rows" not in way, way
                assert behind["pattern"] == "attention", behind
                (launch,) = [one["kernel"] for one in way["launches"]]
                args = launch["args"]
                x, weight = [a for a in args if a["kind"] == "tensor_map"]
                assert x.get("ref", "b0") == f"b{step['reads'][0]}", x
                assert weight["box"]["box_rows"] == 64, weight
                fields = [a["field"] for a in args if a["kind"] == "batch"]
                assert fields == ["counts", "cu_tokens", "packs"], fields
                out = [a for a in args if a["kind"] == "pointer"][-1]
                # A reference to buffer 0 is left out.
                assert out.get("ref", "b0") == f"b{behind['writes'][0]}", out
                # What is read stays until the second step has run.
                read, written = (program["buffers"][step["reads"][0]],
                                 program["buffers"][behind["writes"][0]])
                begin = read["offset"][1]
                assert written["offset"][1] >= begin + 128 or \
                    written["offset"][1] + 128 <= begin, (read, written)
assert joined == 2, joined
