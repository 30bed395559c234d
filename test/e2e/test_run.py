"""What run.py checks, by its options."""
import argparse
import json
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


if __name__ == "__main__":
    unittest.main()
