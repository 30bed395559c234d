"""Rows (name, outcome, detail) of programs that tests are."""
import json
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def rows(program, name, arguments=(), before=()):
    """A GoogleTest program, run by the command `before`."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        result = subprocess.run(
            [*before, program, f"--gtest_output=json:{report.name}",
             *arguments],
            cwd=ROOT, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            cases = json.load(open(report.name))["testsuites"]
        except (ValueError, KeyError):
            yield name, "failed", result.stdout[-4000:]
            return
    reasons = skip_reasons(result.stdout)
    for suite in cases:
        for case in suite["testsuite"]:
            yield unit_row(name, suite, case, reasons, result.stdout)
    if result.returncode and "failures" not in json.dumps(cases):
        yield name, "failed", result.stdout[-4000:]


def skip_reasons(output):
    """Reasons by test name; GoogleTest before 1.13 has none in its JSON."""
    blocks = re.findall(r"^\[ RUN +\] (\S+)\n(.*?)^\[  SKIPPED \] \1",
                        output, re.DOTALL | re.MULTILINE)
    return {name: re.sub(r"^\S+:\d+: Skipped$", "", text, flags=re.MULTILINE)
            for name, text in blocks}


def unit_row(program, suite, case, reasons, output):
    name = f"{suite['name']}.{case['name']}"
    if case.get("result") == "SKIPPED":
        reason = reasons.get(name, "").strip() or "the test gives no reason"
        return f"{program}: {name}", "skipped", reason
    if "failures" in case:
        text = "\n".join(f["failure"] for f in case["failures"])
        # What an emulated GPU says of a fault.
        said = re.findall(r"^emulated GPU: .*", output, re.MULTILINE)
        return f"{program}: {name}", "failed", "\n".join([text, *said[:5]])
    return f"{program}: {name}", "passed", ""


def printed_rows(command):
    """A program that prints one JSON row a test: name, outcome, detail."""
    process = subprocess.Popen(command, cwd=ROOT, text=True,
                               stdout=subprocess.PIPE)
    for line in process.stdout:
        row = json.loads(line)
        yield row["name"], row["outcome"], row.get("detail", "")
    if process.wait() not in (0, 1):
        yield str(command[1]), "failed", f"exit code {process.returncode}"
