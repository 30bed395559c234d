"""run_model.py MODEL.json ENTRY REFERENCE KERNELS: fails unless the model,
compiled and run on the CPU with random weights, gives what REFERENCE of
references.py computes, and unless no program of the entry has more kernels.

A causal model also continues prompts, and must choose the reference's tokens.
"""
import json
import math
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

import references

LENGTHS = (7, 12, 1)
# Of fp32: 2^-24 for each of some 50 roundings and sums in fixed order.
TOLERANCE = 50 * 2.0 ** -24
NEW_TOKENS = 4


def tensors(model):
    """Name and shape of every tensor that the params name."""
    found = {}

    def walk(recipe):
        if isinstance(recipe, dict) and "tensor" in recipe:
            found[recipe["tensor"]] = recipe["shape"]
        elif isinstance(recipe, dict):
            for part in recipe.values():
                walk(part)
        elif isinstance(recipe, list):
            for part in recipe:
                walk(part)
    walk(model["params"])
    return found


def fill(shape, rng):
    """Random numbers that bf16 holds, of a size that saturates nothing."""
    if len(shape) > 1:
        return [fill(shape[1:], rng) for _ in range(shape[0])]
    return [rng.randrange(-127, 128) / 256 for _ in range(shape[0])]


def flat(values):
    if not isinstance(values, list):
        return [values]
    return [x for part in values for x in flat(part)]


def write_weights(path, weights, shapes, dtype):
    header, data = {}, b""
    for name, shape in shapes.items():
        numbers = flat(weights[name])
        part = struct.pack(f"<{len(numbers)}f", *numbers)
        if dtype == "bf16":  # the upper halves
            part = b"".join(part[i + 2:i + 4] for i in range(0, len(part), 4))
        header[name] = {"dtype": dtype.upper(), "shape": shape,
                        "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_npy(path, rows, code):
    """An npy of nested lists: i64 ("q") or f32 ("f")."""
    shape, level = [], rows
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0]
    descr = {"q": "<i8", "f": "<f4"}[code]
    head = (f"{{'descr': '{descr}', 'fortran_order': False, "
            f"'shape': {tuple(shape)}, }}")
    head += " " * (64 - (len(head) + 11) % 64) + "\n"
    numbers = flat(rows)
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head))
                     + head.encode() + struct.pack(f"<{len(numbers)}{code}",
                                                   *numbers))


def read_floats(path):
    data = path.read_bytes()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    return struct.unpack(f"<{(len(data) - start) // 4}f", data[start:])


def run(*command):
    done = subprocess.run([str(c) for c in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}{done.stdout}")
    return done.stdout


def check_outputs(model, folder, plan, entry, reference, weights, rng):
    if model["inputs"][0]["role"] == "image":
        return check_images(model, folder, plan, entry, reference, weights,
                            rng)
    limit = model["model"]["vocabulary"]
    sequences = [[rng.randrange(limit) for _ in range(n)] for n in LENGTHS]
    longest = max(LENGTHS)
    write_npy(folder / "ids.npy",
              [s + [0] * (longest - len(s)) for s in sequences], "q")
    write_npy(folder / "mask.npy",
              [[1] * len(s) + [0] * (longest - len(s)) for s in sequences],
              "q")
    output = next(iter(model["entries"][entry]["outputs"]))
    own = model["entries"][entry].get("inputs")
    ids, mask = (next(i["name"] for i in model["inputs"] if i["role"] == role
                      and (own is None or i["name"] in own))
                 for role in ("tokens", "mask"))
    run("ft-run", plan, "--device", "cpu", "--weights", folder, "--entry",
        entry, "--input", f"{ids}=@{folder}/ids.npy", "--input",
        f"{mask}=@{folder}/mask.npy", "--output",
        f"{output}=@{folder}/out.npy")
    found = read_floats(folder / "out.npy")
    want = []
    pooled = len(reference(weights, [0, 0])) == 1
    for sequence in sequences:
        rows = reference(weights, sequence)
        if not pooled:
            rows = rows + [[0.0] * len(rows[0])] * (longest - len(rows))
        want += flat(rows)
    compare(entry, found, want)


def check_images(model, folder, plan, entry, reference, weights, rng):
    """A model that takes images and gives one row of each."""
    image = model["inputs"][0]
    images = [fill(image["shape"], rng) for _ in LENGTHS]
    write_npy(folder / "images.npy", images, "f")
    output = next(iter(model["entries"][entry]["outputs"]))
    run("ft-run", plan, "--device", "cpu", "--weights", folder, "--entry",
        entry, "--input", f"{image['name']}=@{folder}/images.npy", "--output",
        f"{output}=@{folder}/out.npy")
    compare(entry, read_floats(folder / "out.npy"),
            flat([reference(weights, pixels) for pixels in images]))


def compare(entry, found, want):
    assert len(found) == len(want), (len(found), len(want))
    error = math.sqrt(sum((a - b) ** 2 for a, b in zip(found, want)))
    error /= math.sqrt(sum(b * b for b in want))
    if not error <= TOLERANCE:
        sys.exit(f"{entry}: relative L2 {error:.3g} beyond {TOLERANCE:.3g}")


def check_generation(model, folder, plan, reference, weights, rng):
    limit = model["model"]["vocabulary"]
    for length in (5, 1):
        prompt = [rng.randrange(limit) for _ in range(length)]
        line = run("ft-run", plan, "--device", "cpu", "--weights", folder,
                   "--tokens", ",".join(map(str, prompt)), "--max-new-tokens",
                   NEW_TOKENS, "--json").splitlines()[-1]
        found, want = json.loads(line)["tokens"], list(prompt)
        for _ in range(NEW_TOKENS):
            last = reference(weights, want)[-1]
            best = sorted(range(limit), key=lambda i: last[i])[-2:]
            # A margin within the error of fp32 decides nothing.
            assert last[best[1]] - last[best[0]] > 1e-4, "choose another seed"
            want.append(best[1])
        if found != want[length:]:
            sys.exit(f"after {prompt}: {found}, expected {want[length:]}")


def main(path, entry, reference, kernels):
    model = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    rng = random.Random(f"{path}:{entry}".rpartition("/")[2])
    shapes = tensors(model)
    weights = {name: fill(shape, rng) for name, shape in shapes.items()}
    report = json.loads(run("ftc", "explain", path, "--json"))
    for program in report["programs"]:
        if program.get("entry", entry) == entry:
            count = program["all"]["kernels"]
            if count > int(kernels):
                sys.exit(f"{entry}: {count} kernels, at most {kernels} wanted")
    reference = getattr(references, reference)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_weights(folder / "model.safetensors", weights, shapes,
                      model["model"].get("dtype", "f32"))
        plan = folder / "m.plan"
        run("ftc", "compile", path, "--target", "cpu", "--dtype", "f32", "-o",
            plan)
        check_outputs(model, folder, plan, entry, reference, weights, rng)
        if entry == "step":
            check_generation(model, folder, plan, reference, weights, rng)


main(*sys.argv[1:])
