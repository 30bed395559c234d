#!/usr/bin/env python3
"""The committed cases, checkpoints and goldens fit together.

Needs Python's standard library alone: python3 test/e2e/test_cases.py
"""

import ast
import json
import math
import struct
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZE_LIMIT = 16_000_000  # bytes of checkpoints and goldens together


def read_npy(path):
    """(dtype string, shape, flat list of values) of a C-ordered .npy."""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", path
    start = 10 + struct.unpack_from("<H", data, 8)[0]
    header = ast.literal_eval(data[10:start].decode("latin-1"))
    assert not header["fortran_order"], path
    letter = {"<i8": "q", "<f4": "f"}[header["descr"]]
    count = math.prod(header["shape"])
    values = struct.unpack_from(f"<{count}{letter}", data, start)
    assert len(data) == start + count * struct.calcsize(letter), path
    return header["descr"], header["shape"], values


def safetensors_size(path):
    """The size a safetensors file must have by its own header."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return 8 + length + max(t["data_offsets"][1] for t in header.values())


class CasesTest(unittest.TestCase):
    """One subtest a case."""

    def setUp(self):
        self.cases = json.loads((HERE / "cases.json").read_text())["cases"]

    def each_case(self):
        """Every case inside a subtest of its name."""
        for case in self.cases:
            with self.subTest(case["name"]):
                yield case

    def test_names_are_unique(self):
        names = [case["name"] for case in self.cases]
        self.assertEqual(len(names), len(set(names)))

    def test_every_family_and_entry_occurs(self):
        families = {case["family"] for case in self.cases}
        self.assertEqual(families, {
            "gpt2", "llama", "mistral", "qwen2", "qwen3", "bert", "roberta",
            "xlm-roberta", "camembert", "distilbert", "electra", "mpnet",
            "vit", "deit"})
        entries = {case["entry"] for case in self.cases}
        self.assertEqual(entries, {"step", "encode", "embed"})

    def test_checkpoints_are_whole(self):
        for case in self.each_case():
            if "package" in case:
                continue
            directory = HERE / case["checkpoint"]
            config = json.loads((directory / "config.json").read_text())
            self.assertEqual(config["model_type"], case["family"])
            files = list(directory.glob("*.safetensors"))
            self.assertTrue(files)
            for file in files:
                self.assertEqual(safetensors_size(file), file.stat().st_size)

    def test_padded_places_are_zero(self):
        for case in self.each_case():
            inputs = {name: read_npy(HERE / file)
                      for name, file in case["inputs"].items()}
            if "pixel_values" in inputs:
                self.check_images(case, inputs["pixel_values"])
                continue
            rows = inputs["hidden_states" if "part" in case else "input_ids"]
            for name, (descr, shape, _) in inputs.items():
                self.assertEqual(descr, "<f4" if name == "hidden_states"
                                 else "<i8")
                self.assertEqual(shape[:2], rows[1][:2])
            for output in case["outputs"]:
                self.check_output(output, inputs, rows[1][:2])

    def check_images(self, case, pixels):
        """Finite float32, no place of an output empty."""
        self.assertEqual(pixels[0], "<f4")
        self.assertEqual(len(pixels[1]), 4)
        for name in case.get("pictures", ()):
            self.assertTrue((HERE / name).is_file())
        for output in case["outputs"]:
            descr, shape, values = read_npy(HERE / output["file"])
            self.assertEqual((descr, shape[0]), ("<f4", pixels[1][0]))
            self.assertTrue(all(map(math.isfinite, values)))
            width = shape[-1]
            for place in range(0, len(values), width):
                self.assertTrue(any(values[place:place + width]))

    def check_output(self, output, inputs, places):
        """Finite float32, zero exactly where the mask is."""
        descr, shape, values = read_npy(HERE / output["file"])
        self.assertEqual(descr, "<f4")
        self.assertTrue(all(map(math.isfinite, values)))
        rows, columns = places
        if len(shape) == 1 or shape[1] != columns:  # of sequences
            self.assertEqual(shape[0], rows)
            return
        width = math.prod(shape[2:])
        self.assertEqual(shape[:2], (rows, columns))
        mask = inputs.get("attention_mask", (0, 0, [1] * rows * columns))[2]
        for place, valid in enumerate(mask):
            row = values[place * width:(place + 1) * width]
            self.assertEqual(any(row), bool(valid))

    def test_tolerances_follow_the_rule(self):
        for case in self.each_case():
            for output in case["outputs"]:
                bound = output["tolerance"]
                self.assertEqual(bound["fp32"], 1e-5)
                self.assertLess(output["hf_error_f32"], 1e-5)
                for ours, theirs in (("fp16", "f16"), ("bf16", "bf16")):
                    error = output[f"hf_error_{theirs}"]
                    self.assertAlmostEqual(bound[ours], 1.1 * error)

    def test_continuations_end_as_they_should(self):
        for case in self.each_case():
            greedy = case.get("greedy")
            if not greedy:
                continue
            ends = greedy["end_tokens"]
            self.assertGreater(greedy["min_margin"], 1e-4)
            for tokens in greedy["continuations"]:
                self.assertFalse(set(tokens[:-1]) & set(ends))
                self.assertTrue(len(tokens) == greedy["max_new_tokens"]
                                or tokens[-1] in ends)

    def test_size(self):
        size = sum(f.stat().st_size for folder in ("checkpoints", "goldens")
                   for f in (HERE / folder).rglob("*") if f.is_file())
        self.assertLess(size, SIZE_LIMIT)


if __name__ == "__main__":
    unittest.main()
