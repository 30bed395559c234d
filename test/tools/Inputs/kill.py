"""kill.py DIR COMMAND...: COMMAND -o DIR/m.plan, killed at many moments.

The command runs with an empty kernel cache, is killed (SIGKILL) after growing
shares of the time one whole run takes, and runs again to its end over the cache
that the killed ones left. After each kill the plan must be absent or equal to
the whole run's; the last run must give that plan too. The spread of the moments
is all that depends on time, no verdict does.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROUNDS = 6
folder, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
plan, cache = folder / "m.plan", folder / "cache"
environment = dict(os.environ, XDG_CACHE_HOME=str(cache))
command += ["-o", str(plan)]


def fresh():
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


fresh()
begin = time.monotonic()
subprocess.run(command, env=environment, check=True)
whole_time = time.monotonic() - begin
whole = plan.read_bytes()

fresh()
killed = 0
for i in range(ROUNDS):
    process = subprocess.Popen(command, env=environment)
    try:
        process.wait(whole_time * (i + 0.5) / ROUNDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        killed += 1
    if plan.exists() and plan.read_bytes() != whole:
        sys.exit(f"kill.py: round {i}: a partial plan of "
                 f"{plan.stat().st_size} bytes under its final name")
if not killed:
    sys.exit("kill.py: no run was killed")

# What a lost write or a bad disk would leave.
entries = sorted(p for p in cache.rglob("*") if p.is_file())
for entry in entries[::2]:
    entry.write_bytes(entry.read_bytes()[:-7])
for entry in entries[1::2]:  # a flipped bit in the machine code
    data = bytearray(entry.read_bytes())
    data[-len(data) // 3] ^= 1
    entry.write_bytes(data)
for entry in entries[:1]:
    entry.with_name(entry.name + ".a1b2c3").write_bytes(b"ftkernel2 ")
plan.unlink(missing_ok=True)
subprocess.run(command, env=environment, check=True)
if plan.read_bytes() != whole:
    sys.exit("kill.py: the plan made over the left cache differs")
print(f"whole after kills, {'with' if entries else 'without'} cache entries")
