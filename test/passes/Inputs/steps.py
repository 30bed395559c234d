"""The steps of fused IR without names: pattern, operations, types.

    steps.py < fused.mlir          prints them
    steps.py --sweep FT_OPT N      compares the spellings of spellings.py with
                                   the semantic forms, and N random mixtures
"""

import os
import random
import re
import subprocess
import sys

import spellings

HERE = os.path.dirname(os.path.abspath(__file__))


def steps(ir):
    found, inner = [], None
    for line in ir.splitlines():
        if match := re.search(r"ft\.entry @(\S+?)\(", line):
            found.append("entry " + match.group(1))
        elif match := re.search(r"= ft\.fused (\w+)|^\s*ft\.fused (\w+)", line):
            pattern, inner = match.group(1) or match.group(2), []
        elif inner is not None and "ft.yield" in line:
            types = line.split(" : ")[1] if " : " in line else ""
            found.append(f"{pattern}: {' '.join(sorted(inner))} -> {types}")
            inner = None
        elif inner is not None:
            if match := re.search(r"(?:= |^\s+)ft\.(\w+)", line):
                attrs = "".join(re.findall(r"\{[^}]*\}| tanh| interleaved",
                                           line))
                types = re.findall(r"-> (\S+)$", line)
                inner.append(match.group(1) + attrs.replace(" ", "") +
                             "".join(types))
    return found


def fuse(ft_opt, text):
    done = subprocess.run([ft_opt, "--ft-to-fuse"], input=text, text=True,
                          capture_output=True)
    if done.returncode:
        raise SystemExit(done.stderr[:2000])
    return steps(done.stdout)


def compare(ft_opt, name, choices, wanted):
    text = getattr(spellings.Model(name, choices), name)()
    found = fuse(ft_opt, text)
    if found == wanted:
        return
    print(name, " ".join(f"{k}={v}" for k, v in choices.items()))
    for a, b in zip(wanted, found):
        if a != b:
            print("  expected", a, "\n  found   ", b)
            break
    raise SystemExit(1)


def sweep(ft_opt, count):
    rng, runs = random.Random(4), 0
    for name in ("gpt2", "llama", "bert"):
        with open(os.path.join(HERE, name + ".mlir")) as file:
            wanted = fuse(ft_opt, file.read())
        singles = [{key: choice} for key, all in spellings.CHOICES.items()
                   for choice in all]
        mixtures = [{key: rng.choice(all)
                     for key, all in spellings.CHOICES.items()}
                    for _ in range(count)]
        for choices in singles + mixtures:
            compare(ft_opt, name, choices, wanted)
            runs += 1
    print("the same steps in", runs, "spellings")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--sweep"]:
        sweep(sys.argv[2], int(sys.argv[3]))
    else:
        print("\n".join(steps(sys.stdin.read())))
