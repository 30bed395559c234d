"""What every lint shares: the files of the repository and how to report."""
import argparse
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]


def build_dir():
    """The --build-dir every lint is called with."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--build-dir", type=pathlib.Path,
                        default=ROOT / "build")
    return parser.parse_args().build_dir


def files(*suffixes):
    """Tracked and new files with one of the suffixes, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, text=True, check=True, stdout=subprocess.PIPE).stdout
    paths = [pathlib.Path(line) for line in listed.splitlines()]
    return [p for p in paths if p.name.endswith(suffixes)
            and (ROOT / p).is_file()]


def text(path):
    return (ROOT / path).read_text(errors="replace")


def finish(problems):
    """Prints the problems and ends with 1 if there are any."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
