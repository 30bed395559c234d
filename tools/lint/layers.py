#!/usr/bin/env python3
"""Includes follow the layers: ir <- passes <- codegen, frontends -> ir, and the
runtime knows nothing of the compiler or of MLIR."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import lint

PLAN = ("runtime/base/", "runtime/plan/")
ALLOWED = {
    "ir": ("ir/",),
    "passes": ("ir/", "passes/"),
    "frontends": ("ir/", "frontends/") + PLAN,
    "codegen": ("ir/", "passes/", "codegen/") + PLAN,
    "runtime": ("runtime/",),
}
LAYERED = ("ir/", "passes/", "frontends/", "codegen/", "runtime/", "tools/")
INCLUDE = re.compile(r'^\s*#include\s+["<]([^">]+)[">]', re.MULTILINE)


def allowed(path, include):
    if include.startswith(PLAN) and str(path).startswith(PLAN):
        return True
    if str(path).startswith(PLAN) and include.startswith("runtime/"):
        return False
    if path.parts[0] == "runtime" and include.startswith(("mlir/", "llvm/")):
        return False
    return not include.startswith(LAYERED) or include.startswith(
        ALLOWED[path.parts[0]])


problems = []
for path in lint.files(".h", ".cpp", ".cu", ".cuh"):
    if path.parts[0] not in ALLOWED:
        continue
    for include in INCLUDE.findall(lint.text(path)):
        if not allowed(path, include):
            problems.append(f"{path}: may not include {include} "
                            "(docs/architecture.md, layers)")
lint.finish(problems)
