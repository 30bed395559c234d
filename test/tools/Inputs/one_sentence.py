"""one_sentence.py [--keeps DIR] COMMAND...: the command must fail with one sentence.

Exit code 1 or 2, nothing on stdout, one line "TOOL: error: ..." on stderr, and
no file in DIR added, removed or changed. Prints the line for FileCheck.
"""
import pathlib
import subprocess
import sys

arguments = sys.argv[1:]
folder = None
if arguments[0] == "--keeps":
    folder, arguments = pathlib.Path(arguments[1]), arguments[2:]


def contents():
    if not folder:
        return {}
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


before = contents()
result = subprocess.run(arguments, text=True, errors="replace",
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
tool = pathlib.Path(arguments[0]).name
lines = result.stderr.splitlines()
wrong = []
if result.returncode not in (1, 2):
    wrong.append(f"exit code {result.returncode}, expected 1 or 2")
if result.stdout:
    wrong.append(f"found output {result.stdout[:200]!r}, expected none")
if len(lines) != 1 or not lines[0].startswith(f"{tool}: error: "):
    wrong.append(f"expected one line '{tool}: error: ...'")
if contents() != before:
    wrong.append(f"the files of {folder} are not what they were")
print(result.stderr, end="")
if wrong:
    sys.exit("one_sentence.py: " + "; ".join(wrong))
