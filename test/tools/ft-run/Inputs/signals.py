"""signals.py FT_RUN PLAN: interrupted or unread, ft-run ends at once, quietly."""
import signal
import subprocess
import sys

# More sequences than finish before the signal, in batches of one.
COMMAND = sys.argv[1:] + ["--device", "cpu", "--json", "--max-sequences", "1",
                          "--max-new-tokens", "400"]
COMMAND += ["--tokens", "5,6,7"] * 200


def start():
    return subprocess.Popen(COMMAND, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


with start() as process:
    assert process.stdout.readline().startswith('{"tokens":')
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2, process.returncode
    assert errors.splitlines()[-1] == "ft-run: error: interrupted", errors

with start() as process:
    assert process.stdout.readline().startswith('{"tokens":')
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(timeout=20) == -signal.SIGPIPE, process.returncode
    assert not errors, errors
