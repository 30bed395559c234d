"""Checks the JSON header of llama-gqa's plan on stdin, field by field."""
import json
import sys

plan = json.load(sys.stdin)
weights = {w["name"]: w for w in plan["weights"]}
resident = plan["weights"].index(weights["l0.q+k+v"])
views = [weights[n] for n in ("l0.q", "l0.k", "l0.v")]
rows = 0
for view in views:
    assert view["view_of"] == resident, view
    assert view.get("view_row", 0) == rows, (view, rows)
    rows += view["shape"][0]
assert weights["l0.q+k+v"]["shape"][0] == rows

(entry,) = plan["entries"]
assert entry["name"] == "step" and entry["causal"] is True
assert [i["role"] for i in entry["inputs"]] == ["tokens", "mask"]
ranges = [(p["min_tokens"], p["max_tokens"]) for p in entry["programs"]]
assert ranges == [(1, 8), (9, 64), (65, 0)], ranges
for program in entry["programs"]:
    buffers = program["buffers"]
    assert len(program["outputs"]) == len(entry["outputs"])
    for buffer in buffers:
        if buffer.get("view_of", -1) >= 0:
            root = buffers[buffer["view_of"]]
            assert buffer["row_stride"] == root["row_stride"]
            assert buffer["row_stride"] > buffer["shape"][-1]
    for step in program["steps"]:
        written = {r for op in step["meaning"] for r in op.get("out", [])}
        assert {f"b{b}" for b in step.get("writes", [])} <= written, step["name"]
        assert all(t["dtype"] in ("f32", "i32") for t in step.get("temps", []))
