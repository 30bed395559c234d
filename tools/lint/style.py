#!/usr/bin/env python3
"""Formatting by clang-format, and what no file of the repository may hold."""
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import lint

FORBIDDEN = {
    r"\b(TODO|FIXME|XXX)\b": "an issue, or nothing, instead of a note to self",
    r"(?<![\w.])/(work|opt/hf|root|home)/": "a path of one machine",
}
SELF = "tools/lint/style.py"

problems = []
for path in lint.files(".h", ".cpp", ".td", ".cu", ".cuh", ".py", ".md",
                       ".mlir", ".test", ".cmake", "CMakeLists.txt", ".json"):
    if str(path) == SELF or path.name in ("tokenizer.json", "vocab.json"):
        continue
    for number, line in enumerate(lint.text(path).splitlines(), 1):
        for pattern, reason in FORBIDDEN.items():
            if re.search(pattern, line):
                problems.append(f"{path}:{number}: {reason}")

formatter = shutil.which("clang-format-14")
sources = [str(p) for p in lint.files(".h", ".cpp")]
if not formatter:
    print("clang-format-14 is not installed (tools/setup installs it)")
    sys.exit(77)
result = subprocess.run([formatter, "--dry-run", "--Werror", *sources],
                        cwd=lint.ROOT, text=True, stderr=subprocess.PIPE)
if result.returncode:
    bad = sorted({line.split(":")[0] for line in result.stderr.splitlines()
                  if "error:" in line})
    problems.append("clang-format-14 -i would change: " + " ".join(bad))
lint.finish(problems)
