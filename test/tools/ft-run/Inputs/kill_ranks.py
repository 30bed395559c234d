"""kill_ranks.py FT_RUN PLAN: ended at any moment, ft-run ends, all ranks with it.

SIGINT and SIGKILL come at moments spread over the time that a whole run takes,
loading and ending included. The spread is all that depends on time, no verdict
does: every run ends, and says nothing but that it was interrupted.
"""
import signal
import subprocess
import sys
import time

ROUNDS = 12
COMMAND = sys.argv[1:] + ["--device", "cpu", "--json", "--max-new-tokens",
                          "200", "--tokens", "5,6,7"]

begin = time.monotonic()
subprocess.run(COMMAND, stdout=subprocess.DEVNULL, check=True)
whole = time.monotonic() - begin

for i in range(ROUNDS):
    number = signal.SIGKILL if i % 3 == 2 else signal.SIGINT
    with subprocess.Popen(COMMAND, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as process:
        try:
            process.wait(whole * (i + 0.5) / ROUNDS)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        # A rank that waited for ever would keep the process, and the test.
        _, errors = process.communicate(timeout=60)
    code = process.returncode
    # Before the first step Ctrl-C ends the process as it does any other.
    ended = code in (0, -number) and not errors
    told = code == 2 and errors == "ft-run: error: interrupted\n"
    if not (ended or told and number == signal.SIGINT):
        sys.exit(f"kill_ranks.py: round {i}: exit code {code}, {errors!r}")
