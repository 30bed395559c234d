#!/usr/bin/env python3
"""Links between documents lead somewhere; generated pages and charts are
current."""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import lint

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")

problems = []
for path in lint.files(".md"):
    for target in LINK.findall(lint.text(path)):
        if re.match(r"[a-z]+:", target):
            continue
        if not (lint.ROOT / path.parent / target).exists():
            problems.append(f"{path}: link to {target} leads nowhere")

for generator in (["tools/gen-docs", "--build-dir", lint.build_dir()],
                  [sys.executable, "tools/bench/chart.py"]):
    result = subprocess.run([*generator, "--check"], cwd=lint.ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        problems.append(result.stdout.strip())
lint.finish(problems)
