"""Checks an encoder's plan on stdin: q+k+v may run its attention, too."""
import json
import sys

# What they are for: tokens of a sequence, or tiles.
WAYS = {"joined_cluster_32": (32, 0), "joined_cluster_64": (64, 0),
        "joined_128": (0, 128)}

plan = json.load(sys.stdin)
joined = 0
for entry in plan["entries"]:
    for program in entry["programs"]:
        for step, behind in zip(program["steps"], program["steps"][1:]):
            ways = step.get("implementations", [])
            several = [way for way in ways if way.get("steps", 1) > 1]
            # In front of all others.
            assert ways[:len(several)] == several, ways
            for way in ways[len(several):]:
                assert "packed" not in way and "longest" not in way, way
            if several:
                joined += 1
                assert [way["name"] for way in several] == list(WAYS), several
            for way in several:
                tiles = way["name"] == "joined_128"
                assert way["steps"] == 2 and "rows" not in way, way
                assert WAYS[way["name"]] == (way.get("longest", 0),
                                             way.get("packed", 0)), way
                assert way["packed_ctas" if tiles else "most_sequences"] > 0, way
                assert behind["pattern"] == "attention", behind
                (launch,) = [one["kernel"] for one in way["launches"]]
                assert tiles or launch["cluster"] == 3, launch
                args = launch["args"]
                x, weight = [a for a in args if a["kind"] == "tensor_map"]
                assert x.get("ref", "b0") == f"b{step['reads'][0]}", x
                assert weight["box"]["box_rows"] == 64, weight
                fields = [a["field"] for a in args if a["kind"] == "batch"]
                assert fields == ["counts", "cu_tokens", "packs"][:2 + tiles], fields
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
