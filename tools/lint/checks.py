#!/usr/bin/env python3
"""FileCheck lines that check nothing, and lit tests that never call it."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import lint

DIRECTIVE = r"(?:-NEXT|-SAME|-NOT|-DAG|-LABEL|-EMPTY|-COUNT-\d+)?"
DEFAULT = re.compile(r"\bCHECK" + DIRECTIVE + r"(?![\w:-])")
PREFIXES = re.compile(r"--?check-prefix(?:es)?[= ]([\w,-]+)")


def used_prefixes(text):
    found = set()
    for group in PREFIXES.findall(text):
        found.update(group.split(","))
    return found or {"CHECK"}


problems = []
for path in lint.files(".mlir", ".test"):
    if "Inputs" in path.parts:  # read by tests, no tests themselves
        continue
    text = lint.text(path)
    if "RUN:" not in text:
        problems.append(f"{path}: no RUN line")
        continue
    for number, line in enumerate(text.splitlines(), 1):
        comment = line.strip().startswith(("//", "#"))
        if comment and "RUN:" not in line and DEFAULT.search(line):
            problems.append(f"{path}:{number}: a CHECK without a colon checks "
                            "nothing")
    if "FileCheck" not in text:
        continue
    for prefix in used_prefixes(text):
        if not re.search(re.escape(prefix) + DIRECTIVE + ":", text):
            problems.append(f"{path}: no line uses the prefix {prefix}")
lint.finish(problems)
