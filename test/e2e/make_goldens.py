#!/usr/bin/env python3
"""Makes the end-to-end checkpoints, goldens and cases.json.

Needs torch, transformers, safetensors and numpy; the tests that use the
files need none of them. See README.md beside this file.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import AutoConfig

from golden import checkpoints, reference, texts, vision
from golden.specs import CASES, CHECKPOINTS

HERE = Path(__file__).resolve().parent
FP32_TOLERANCE = 1e-5
NARROW_FACTOR = 1.1  # over the error of Hugging Face in the same dtype
NEW_TOKENS = 64
STORIES = HERE / ".." / ".." / "examples" / "stories"
STORY_CASE = "stories"
STORY_COUNT, STORY_TOKENS, STORY_END = 4, 256, 0


def spec_of(case):
    """The checkpoint that `case` runs."""
    return next(s for s in CHECKPOINTS if s.name == case.checkpoint)


def make_inputs(case, directory, config):
    """The batch of `case`; padded places hold ids that must not matter."""
    if spec_of(case).family in vision.FAMILIES:
        return vision.make_inputs(case, directory, config)
    if case.texts:
        return texts.tokenize(directory, list(case.texts))
    generator = torch.Generator().manual_seed(1000 + case.seed)
    shape = (len(case.lengths), max(case.lengths))
    ids = torch.randint(config.vocab_size, shape, generator=generator)
    if config.model_type in reference.COUNTING:
        # These do not count the padding token, wherever it stands.
        ids[ids == config.pad_token_id] += 1
    inputs = {"input_ids": ids}
    if case.part == "encoder":
        inputs = {"hidden_states": torch.randn(
            *shape, config.hidden_size, generator=generator)}
    if case.padding:
        inputs["attention_mask"] = make_mask(case.lengths, case.padding)
    if case.segments:
        inputs["token_type_ids"] = torch.randint(
            config.type_vocab_size, shape, generator=generator)
    return inputs


def make_mask(lengths, padding):
    """attention_mask with `lengths` ones a row, padded left or right."""
    place = torch.arange(max(lengths))[None]
    length = torch.tensor(lengths)[:, None]
    if padding == "right":
        return (place < length).long()
    return (place >= max(lengths) - length).long()


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


def measure_errors(directory, inputs, expected):
    """Transformers' own error by output and dtype on these weights."""
    errors = {name: {} for name in expected}
    for key, dtype in checkpoints.DTYPES.items():
        model = reference.load(directory, dtype, expected)
        for name, value in reference.forward(model, inputs,
                                             expected).items():
            errors[name][key] = reference.relative_error(value,
                                                         expected[name])
    return errors


def compute(name, directory, inputs, outputs):
    """Runs and stores one batch: the `inputs` and `outputs` of a record."""
    goldens = HERE / "goldens" / name
    shutil.rmtree(goldens, ignore_errors=True)
    with reference.exact_float64():
        model = reference.load(directory, torch.float64, outputs)
        expected = reference.forward(model, inputs, outputs)
        if "attention_mask" in inputs:
            reference.check_ragged(model, inputs, expected)
    errors = measure_errors(directory, inputs, expected)
    files = save_arrays(expected, goldens)
    return {
        "inputs": save_arrays(inputs, goldens),
        "outputs": [describe_output(key, file, errors[key])
                    for key, file in files.items()],
    }


def make_greedy(case, directory):
    """Greedy generation after random prompts, and its end tokens."""
    generator = torch.Generator().manual_seed(2000 + case.seed)
    vocabulary = AutoConfig.from_pretrained(directory).vocab_size
    prompts = [torch.randint(vocabulary, (length,),
                             generator=generator).tolist()
               for length in case.prompts]
    record = run_greedy(directory, prompts, NEW_TOKENS, [])
    if case.stop_early:
        first, second = record["continuations"][:2]
        record = run_greedy(directory, prompts, NEW_TOKENS,
                            [first[20], second[50]])
    set_end_tokens(directory, record["end_tokens"])
    return record


def run_greedy(directory, prompts, count, ends):
    """The `greedy` part of a record."""
    with reference.exact_float64():
        model = reference.load(directory, torch.float64)
        found = [reference.greedy(model, prompt, count, ends)
                 for prompt in prompts]
    return {
        "max_new_tokens": count, "end_tokens": ends, "prompts": prompts,
        "continuations": [tokens for tokens, _ in found],
        "min_margin": min(margin for _, margin in found),
    }


def set_end_tokens(directory, ends):
    """Writes eos_token_id into generation_config.json."""
    path = directory / "generation_config.json"
    config = json.loads(path.read_text())
    config["eos_token_id"] = ends if ends else None
    checkpoints.write_json(path, config)


def compare(directory, inputs, outputs, record, change=None):
    """The largest error of the outputs against those stored in `record`."""
    with reference.exact_float64():
        model = reference.load(directory, torch.float64, outputs, change)
        found = reference.forward(model, inputs, outputs)
    return max(
        reference.relative_error(
            found[output["name"]],
            torch.from_numpy(np.load(HERE / output["file"])).double())
        for output in record["outputs"])


def check_case(case, spec, inputs, record):
    """Other spellings give the same; what `matters` gives something else."""
    root = HERE / "checkpoints"
    for twin in case.alias:
        error = compare(root / twin, inputs, case.outputs, record)
        if error > 1e-7:
            raise AssertionError(f"{twin} is another model: {error}")
    for change in spec.matters:
        error = compare(root / spec.name, inputs, case.outputs, record,
                        change)
        if error < 10 * FP32_TOLERANCE:
            raise AssertionError(f"{case.name} does not see {change}")


def make_case(case, spec):
    """Makes one case and its aliases; returns their JSON records."""
    directory = HERE / "checkpoints" / spec.name
    inputs = make_inputs(case, directory,
                         AutoConfig.from_pretrained(directory))
    record = {
        "name": case.name, "checkpoint": f"checkpoints/{spec.name}",
        "family": spec.family, "stored_dtype": spec.stored,
        "padding": case.padding, "entry": case.entry,
        **({"part": case.part} if case.part else {}),
        **compute(case.name, directory, inputs, case.outputs),
    }
    check_case(case, spec, inputs, record)
    if case.prompts:
        record["greedy"] = make_greedy(case, directory)
    if case.texts:
        record["texts"] = list(case.texts)
    if case.pictures:
        record["pictures"] = [
            os.path.relpath(vision.PICTURES / name, HERE)
            for name in case.pictures]
    return [record] + [
        dict(record, name=f"{case.name}@{twin}",
             checkpoint=f"checkpoints/{twin}") for twin in case.alias]


def make_stories_case():
    """The shipped demo model: logits and text for some of its prompts."""
    directory = STORIES.resolve()
    lines = (directory / "prompts.txt").read_text().splitlines()
    prompts = lines[:STORY_COUNT]
    inputs = texts.tokenize(directory, prompts)
    rows = zip(inputs["input_ids"], inputs["attention_mask"].bool())
    tokens = [ids[valid].tolist() for ids, valid in rows]
    sequel = run_greedy(directory, tokens, STORY_TOKENS, [STORY_END])
    return {
        "name": STORY_CASE, "checkpoint": str(STORIES.relative_to(HERE)),
        "family": "llama", "stored_dtype": "bf16", "padding": "right",
        "entry": "step", **compute(STORY_CASE, directory, inputs,
                                   ("logits",)),
        "texts": prompts, "greedy": sequel,
        "continuation_texts": texts.detokenize(
            directory, sequel["continuations"]),
    }


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
        "--stories", action="store_true",
        help="only make the case of the demo model in examples/stories")
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
    """Writes cases.json, one case a line: those made now and those kept."""
    merged = merge_cases(records)
    order = [n for c in CASES for n in
             [c.name] + [f"{c.name}@{a}" for a in c.alias]]
    order += texts.CASE_NAMES + [STORY_CASE]
    made_with = {"torch": torch.__version__.split("+")[0],
                 "transformers": transformers.__version__}
    lines = [json.dumps(merged[name]) for name in order if name in merged]
    (HERE / "cases.json").write_text(
        f'{{"version": 1, "made_with": {json.dumps(made_with)}, "cases": [\n'
        + ",\n".join(lines) + "\n]}\n")


def make_records(arguments):
    """The records that the command line asks for."""
    if arguments.stories:
        return [make_stories_case()]
    wanted = {s.name: s for s in CHECKPOINTS if arguments.only in s.name}
    if not arguments.keep_checkpoints:
        for spec in wanted.values():
            checkpoints.write_checkpoint(spec, HERE / "checkpoints")
    records = []
    for case in CASES:
        if case.checkpoint in wanted:
            made = make_case(case, wanted[case.checkpoint])
            report(made[0])
            records += made
    if not arguments.only:
        records.append(make_stories_case())
        if not arguments.skip_minilm:
            records += texts.make_real_cases(compute)
    return records


def main():
    """Makes what the command line asks for."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if arguments.minilm_f16:
        texts.write_f16(arguments.minilm_f16)
    else:
        write_cases(make_records(arguments))


if __name__ == "__main__":
    main()
