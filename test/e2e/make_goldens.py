#!/usr/bin/env python3
"""Makes the end-to-end checkpoints, goldens and cases.json.

Needs torch, transformers, safetensors and numpy; the tests that use the
files need none of them. See README.md beside this file.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch
import transformers

from golden import checkpoints, minilm, reference
from golden.specs import CASES, CHECKPOINTS

HERE = Path(__file__).resolve().parent
FP32_TOLERANCE = 1e-5
NARROW_FACTOR = 1.1  # over the error of Hugging Face in the same dtype
NEW_TOKENS = 64


def make_inputs(case, config):
    """The batch of `case`; padded places hold ids that must not matter."""
    generator = torch.Generator().manual_seed(1000 + case.seed)
    shape = (len(case.lengths), max(case.lengths))
    inputs = {"input_ids": torch.randint(config.vocab_size, shape,
                                         generator=generator)}
    if case.padding:
        place = torch.arange(shape[1])[None]
        length = torch.tensor(case.lengths)[:, None]
        valid = (place < length if case.padding == "right"
                 else place >= shape[1] - length)
        inputs["attention_mask"] = valid.long()
    if case.segments:
        inputs["token_type_ids"] = torch.randint(
            config.type_vocab_size, shape, generator=generator)
    return inputs


def save_arrays(arrays, directory):
    """Writes one .npy each; returns {name: path relative to this folder}."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, tensor in arrays.items():
        array = tensor.numpy()
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        path = directory / f"{name}.npy"
        np.save(path, array)
        paths[name] = str(path.relative_to(HERE))
    return paths


def describe_output(name, file, errors):
    """One output of a case with its tolerance for each run dtype."""
    tolerance = {"fp32": FP32_TOLERANCE}
    for dtype in ("fp16", "bf16"):
        tolerance[dtype] = NARROW_FACTOR * errors[dtype]
    return {
        "name": name, "file": file, "tolerance": tolerance,
        "hf_error_f32": errors["fp32"], "hf_error_f16": errors["fp16"],
        "hf_error_bf16": errors["bf16"],
    }


def measure_errors(directory, inputs, expected, has_pooler):
    """Transformers' own error by output and dtype on these weights."""
    errors = {name: {} for name in expected}
    for key, dtype in checkpoints.DTYPES.items():
        model = reference.load(directory, dtype, has_pooler)
        for name, value in reference.forward(model, inputs,
                                             expected).items():
            errors[name][key] = reference.relative_error(value,
                                                         expected[name])
    return errors


def make_greedy(case, model, directory):
    """Prompts and continuations; sets the end tokens where asked for."""
    generator = torch.Generator().manual_seed(2000 + case.seed)
    prompts = [torch.randint(model.config.vocab_size, (length,),
                             generator=generator).tolist()
               for length in case.prompts]
    found = [reference.greedy(model, p, NEW_TOKENS) for p in prompts]
    continuations = [tokens for tokens, _ in found]
    ends = []
    if case.stop_early:
        ends = [continuations[0][20], continuations[1][50]]
        continuations = [cut_at(tokens, ends) for tokens in continuations]
    set_end_tokens(directory, ends)
    return {
        "max_new_tokens": NEW_TOKENS, "end_tokens": ends,
        "prompts": prompts, "continuations": continuations,
        "min_margin": min(margin for _, margin in found),
    }


def cut_at(tokens, ends):
    """`tokens` up to and including the first end token."""
    for place, token in enumerate(tokens):
        if token in ends:
            return tokens[:place + 1]
    return tokens


def set_end_tokens(directory, ends):
    """Writes eos_token_id into generation_config.json."""
    path = directory / "generation_config.json"
    config = json.loads(path.read_text())
    config["eos_token_id"] = ends if ends else None
    checkpoints.write_json(path, config)


def check_twins(case, inputs, expected, has_pooler):
    """The other spellings of a checkpoint must load as the same model."""
    for name in case.alias:
        model = reference.load(HERE / "checkpoints" / name, torch.float64,
                               has_pooler)
        for key, value in reference.forward(model, inputs,
                                            expected).items():
            if not torch.equal(value, expected[key]):
                raise AssertionError(f"{name}: {key} differs")


def make_case(case, specs):
    """Computes one case, writes its arrays; returns its JSON records."""
    directory = HERE / "checkpoints" / case.checkpoint
    goldens = HERE / "goldens" / case.name
    shutil.rmtree(goldens, ignore_errors=True)
    has_pooler = "pooler_output" in case.outputs
    with reference.exact_float64():
        model = reference.load(directory, torch.float64, has_pooler)
        inputs = make_inputs(case, model.config)
        expected = reference.forward(model, inputs, case.outputs)
        if case.padding:
            reference.check_ragged(model, inputs, expected)
        check_twins(case, inputs, expected, has_pooler)
        sequel = (make_greedy(case, model, directory) if case.prompts
                  else None)
    errors = measure_errors(directory, inputs, expected, has_pooler)
    files = save_arrays(expected, goldens)
    spec = specs[case.checkpoint]
    record = {
        "name": case.name, "checkpoint": f"checkpoints/{case.checkpoint}",
        "family": spec.family, "entry": case.entry,
        "stored_dtype": spec.stored, "padding": case.padding,
        "inputs": save_arrays(inputs, goldens),
        "outputs": [describe_output(n, f, errors[n])
                    for n, f in files.items()],
    }
    if sequel:
        record["greedy"] = sequel
    return [record] + [
        dict(record, name=f"{case.name}@{name}",
             checkpoint=f"checkpoints/{name}") for name in case.alias]


def report(record):
    """One line about a case, for choosing seeds."""
    parts = [f"{o['name']} f32 {o['hf_error_f32']:.1e} "
             f"f16 {o['hf_error_f16']:.1e} bf16 {o['hf_error_bf16']:.1e}"
             for o in record["outputs"]]
    if "greedy" in record:
        distinct = [len(set(c)) for c in record["greedy"]["continuations"]]
        parts.append(f"distinct {distinct} "
                     f"margin {record['greedy']['min_margin']:.1e}")
    print(f"{record['name']}: {'; '.join(parts)}", flush=True)


def parse_arguments():
    """The command line; every option has a default that makes everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", metavar="TEXT", default="",
        help="make the checkpoints and cases whose checkpoint's name "
             "contains TEXT, and keep the other records")
    parser.add_argument(
        "--keep-checkpoints", action="store_true",
        help="compute goldens from the checkpoints as they are")
    parser.add_argument(
        "--skip-minilm", action="store_true",
        help="leave the real all-MiniLM-L6-v2 cases alone")
    parser.add_argument(
        "--minilm-f16", metavar="DIR", type=Path,
        help="only write all-MiniLM-L6-v2 rounded to fp16 into DIR")
    return parser.parse_args()


def merge_cases(records):
    """Replaces records of the same name in cases.json, in table order."""
    path = HERE / "cases.json"
    old = json.loads(path.read_text())["cases"] if path.exists() else []
    merged = {record["name"]: record for record in old}
    merged.update({record["name"]: record for record in records})
    return merged


def write_cases(records):
    """Writes cases.json: the records made now and those kept."""
    merged = merge_cases(records)
    order = [n for c in CASES for n in
             [c.name] + [f"{c.name}@{a}" for a in c.alias]]
    order += minilm.CASE_NAMES
    value = {"version": 1, "made_with": {
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__},
        "cases": [merged[n] for n in order if n in merged]}
    (HERE / "cases.json").write_text(json.dumps(value, indent=1) + "\n")


def main():
    """Makes what the command line asks for."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if arguments.minilm_f16:
        minilm.write_f16(arguments.minilm_f16)
        return
    specs = {spec.name: spec for spec in CHECKPOINTS}
    wanted = [s for s in CHECKPOINTS if arguments.only in s.name]
    if not arguments.keep_checkpoints:
        for spec in wanted:
            checkpoints.write_checkpoint(spec, HERE / "checkpoints")
    names = {spec.name for spec in wanted}
    records = []
    for case in CASES:
        if case.checkpoint in names:
            made = make_case(case, specs)
            report(made[0])
            records += made
    if not arguments.skip_minilm:
        records += minilm.make_cases(HERE, describe_output, save_arrays)
    write_cases(records)


if __name__ == "__main__":
    main()
