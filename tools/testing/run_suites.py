#!/usr/bin/env python3
"""Runs the test suites of a build tree and counts them in one last line.

Every suite yields (name, outcome, detail) rows; outcomes are passed, failed and
skipped. Exit code 1 if anything failed or nothing ran.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback
import unittest

import emulated
import gtest_rows

FILECHECK = ("FileCheck", "FileCheck-22", "/usr/lib/llvm-22/bin/FileCheck")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def run_unit(build):
    """The GoogleTest programs in build/bin/unit."""
    for program in sorted((build / "bin" / "unit").glob("*")):
        yield from gtest_rows.rows(program, program.name)


class Rows(unittest.TestResult):
    """A unittest result that keeps one row a test."""

    def __init__(self):
        super().__init__()
        self.rows = {}

    def startTest(self, test):
        super().startTest(test)
        self.rows[test.id()] = "passed", ""

    def fail(self, test, error):
        text = "".join(traceback.format_exception(*error))
        self.rows[getattr(test, "test_case", test).id()] = "failed", text

    def addError(self, test, error):
        self.fail(test, error)

    def addFailure(self, test, error):
        self.fail(test, error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.rows[test.id()] = "skipped", reason

    def addSubTest(self, test, subtest, error):
        if error:
            self.fail(subtest, error)


def run_python(build):
    """test_*.py below test/, by unittest."""
    for path in sorted((ROOT / "test").rglob("test_*.py")):
        sys.path.insert(0, str(path.parent))
        result = Rows()
        unittest.defaultTestLoader.loadTestsFromName(path.stem).run(result)
        sys.path.pop(0)
        for name, (outcome, detail) in result.rows.items():
            yield f"{path.parent.name}: {name}", outcome, detail


def lit_program():
    """lit as Debian's llvm-22-tools or a Python package installs it."""
    for name in ("lit-22", "lit"):
        if shutil.which(name):
            return [name]
    return None


def run_lit(build):
    """lit over test/, as configured in build/test."""
    lit = lit_program()
    reason = None
    if not (build / "bin" / "ftc").exists():
        reason = "they need ftc, which this build leaves out"
    elif not lit or not any(map(shutil.which, FILECHECK)):
        reason = "lit and FileCheck (llvm-22-tools) are not installed"
    if reason:
        count = sum(1 for suffix in ("*.mlir", "*.test")
                    for path in (ROOT / "test").rglob(suffix)
                    if "Inputs" not in path.parts)
        yield "lit", "skipped", f"{count} files: {reason}"
        return
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        jobs = str(os.cpu_count() or 1)
        result = subprocess.run(
            lit + ["-q", "-j", jobs, "--show-unsupported", "-o", report.name,
                   build / "test"],
            cwd=ROOT, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            tests = json.load(open(report.name))["tests"]
        except (ValueError, KeyError):
            yield "lit", "failed", result.stdout[-4000:]
            return
    outcomes = {"PASS": "passed", "XFAIL": "passed", "UNSUPPORTED": "skipped"}
    for test in tests:
        outcome = outcomes.get(test["code"], "failed")
        yield f"lit: {test['name']}", outcome, test.get("output", "")


def run_e2e(build):
    """Checkpoints against Hugging Face goldens, through ftc and ft-run; several
    ranks against one."""
    for script in ("run.py", "ranks.py"):
        yield from gtest_rows.printed_rows(
            [sys.executable, ROOT / "test/e2e" / script, "--build-dir", build])


def run_lint(build):
    """Every script in tools/lint; each prints what is wrong and exits 1."""
    for script in sorted((ROOT / "tools" / "lint").glob("*.py")):
        result = subprocess.run(
            [sys.executable, script, "--build-dir", build], cwd=ROOT,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        outcome = {0: "passed", 77: "skipped"}.get(result.returncode, "failed")
        yield f"lint: {script.stem}", outcome, result.stdout.strip()


SUITES = {"lint": run_lint, "unit": run_unit, "python": run_python,
          "lit": run_lit, "e2e": run_e2e, "emulated": emulated.run}


def progress(text):
    """One line that rewrites itself, on a terminal only."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", type=pathlib.Path, required=True)
    parser.add_argument("suites", nargs="*", choices=SUITES)
    args = parser.parse_args()
    build = args.build_dir.resolve()
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    skipped = []
    for suite in args.suites:
        before = dict(counts)
        progress(f"{suite}: running")
        for name, outcome, detail in SUITES[suite](build):
            counts[outcome] += 1
            progress(f"{suite}: {sum(counts.values()) - sum(before.values())}")
            if outcome == "failed":
                progress("")
                print(f"FAILED {name}\n{detail}", flush=True)
            if outcome == "skipped":
                skipped.append(f"skipped {name}: {' '.join(detail.split())[:300]}")
        progress("")
        print(f"{suite}: " + ", ".join(
            f"{counts[k] - before[k]} {k}" for k in counts), flush=True)
    for line in skipped:
        print(line)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
