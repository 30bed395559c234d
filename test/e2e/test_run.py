"""What run.py checks, by its options."""
import argparse
import json
import math
import pathlib
import unittest

import run


class ChecksTest(unittest.TestCase):
    def checks(self, dtypes):
        """Of all cases: (name, dtype)."""
        args = argparse.Namespace(build_dir=None, ft_run=pathlib.Path("ft-run"),
                                  emulated=False, dtypes=dtypes, tp=[1])
        runner = run.Runner(args, pathlib.Path("."))
        cases = json.loads((run.HERE / "cases.json").read_text())["cases"]
        return [(name, dtype) for case in cases
                for name, _, dtype, _ in runner.checks(case)]

    def test_needs_no_plan_of_another_dtype(self):
        for dtype in run.DTYPES:
            self.assertEqual({d for _, d in self.checks([dtype])}, {dtype})

    def test_decodes_deep_in_fp32(self):
        self.assertIn(("llama-gqa-long deep", "f32"),
                      self.checks(list(run.DTYPES)))


class ToleranceTest(unittest.TestCase):
    OUTPUTS = [{"tolerance": {"fp32": 1e-5, "fp16": limit}}
               for limit in (0.8e-3, 1.2e-3)]

    def wrong(self, dtype, *errors, nan=False):
        rows = [{"relative_l2": error, "unexpected_nan": nan}
                for error in errors]
        return run.beyond(self.OUTPUTS, rows, dtype)

    def test_fp32_holds_for_each_output(self):
        self.assertFalse(self.wrong("fp32", 0.9e-5, 0.9e-5))
        self.assertEqual(len(self.wrong("fp32", 1e-7, 1.1e-5)), 1)

    def test_16_bits_hold_for_all_outputs_together(self):
        self.assertFalse(self.wrong("fp16", 1e-3, 1e-3))
        self.assertFalse(self.wrong("fp16", 1.2e-3, 0.8e-3))
        self.assertTrue(self.wrong("fp16", 1e-3, 1.05e-3))
        self.assertTrue(self.wrong("fp16", 1.6e-3, 1e-4))

    def test_nan_is_wrong(self):
        self.assertTrue(self.wrong("fp16", math.nan, 0.0))
        self.assertTrue(self.wrong("fp32", math.nan, 0.0))
        self.assertTrue(self.wrong("fp16", 0.0, 0.0, nan=True))


if __name__ == "__main__":
    unittest.main()
