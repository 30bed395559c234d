"""check_program.py PROGRAM MEGABYTES WORD...: size stripped; no library of WORD.

The libraries are those that the program needs at start.
"""
import os
import shutil
import subprocess
import sys
import tempfile

program = shutil.which(sys.argv[1])
with tempfile.NamedTemporaryFile() as stripped:
    subprocess.run(["strip", "-o", stripped.name, program], check=True)
    size = os.path.getsize(stripped.name)
assert size <= float(sys.argv[2]) * 1e6, f"{size} bytes stripped"
libraries = subprocess.run(["ldd", program], check=True, text=True,
                           stdout=subprocess.PIPE).stdout
assert "libc.so" in libraries, libraries
for word in sys.argv[3:]:
    assert word.lower() not in libraries.lower(), libraries
