"""The suite `emulated`: the CUDA device and its kernels without a GPU.

Plans with PTX for sm_90a run on the stand-ins of test/emulator/driver: compared
with the CPU (DeviceConformanceTest), with goldens (run.py), tuned, soaked, and
as several ranks.
"""
import json
import pathlib
import re
import shutil
import sys

import gtest_rows
from beside_cpu import ROOT, call, compare

RUN = ROOT / "test/emulator/run"
E2E = ROOT / "test/e2e"
CHECKPOINTS = E2E / "checkpoints"

# What is compared with goldens, in fp32 and bf16. The encoder alone is a part of
# a model whose input is both a factor and a summand of library calls.
GOLDENS = ("bert-no-pooler", "bert-sequence-encoder", "gpt2-plain",
           "qwen2-plain")
# Program by program with the CPU: (checkpoint, dtype). Between them they have
# every template: attention in fp32, 16 bits and by tensor maps; the GEMVs; the
# ring; norms, pooling, sampling.
CONFORMANCE = (("llama-head128-sharded", "bf16"), ("minilm-tiny", "f16"),
               ("gpt2-plain", "f32"))
# The same with --preview-kernels, in bf16: attention that appends (GQA, a window,
# norms of heads, sums that are stored besides), GEMMs that normalise, short
# sequences, images.
PREVIEW = ("bert-pooler", "gpt2-plain", "llama-gqa", "mistral-window",
           "qwen3-plain", "vit-classify")
TUNED = "minilm-tiny"
VERIFIED = "llama-gqa"
# What prompts have tiles for, by the least weights (passes/Capability.h): gate
# and up of a number of outputs that is a multiple of eight, and of an odd one;
# q-k-v of heads of 64, and of 128 with biases.
PROMPTS = {"prompts-whole": "l0.gate+up", "prompts-odd": "l0.gate+up",
           "prompts-heads": "l0.q+k+v", "prompts-biases": "l0.q+k+v"}
# Its norms are made by the linears around them where a batch has 9 rows or more.
DECODED = "llama-gqa"
LAYER_NORMED = "gpt2-plain"
# Two layers of a head of 64.
JOINED = "bert-no-pooler"
DRAWS = 60
SOAK_SECONDS = 4


def missing(build):
    """Why nothing can run, or None."""
    if not (build / "emulator/libcuda.so.1").exists():
        return "the emulator is not built: no CUDA toolkit headers, or no runtime"
    if not (build / "bin/ftc").exists():
        return "plans need ftc, which this build leaves out"
    return None


class Suite:
    def __init__(self, build):
        self.build = build
        self.plans = build / "emulator/plans"
        self.emulated = [RUN, "--build-dir", build]

    def compile(self, checkpoint, dtype, folder, *options):
        name = pathlib.Path(checkpoint).name
        plan = self.plans / folder / f"{name}.{dtype}.plan"
        plan.parent.mkdir(parents=True, exist_ok=True)
        call([self.build / "bin/ftc", "compile", CHECKPOINTS / checkpoint,
              "-o", plan, "--dtype", dtype, "--target", "compute_90a",
              *options])
        return plan

    def conformance(self):
        shutil.rmtree(self.plans / "conformance", ignore_errors=True)
        for checkpoint, dtype in CONFORMANCE:
            self.compile(checkpoint, dtype, "conformance")
        yield from gtest_rows.rows(
            self.build / "bin/unit/DeviceConformanceTest",
            "DeviceConformanceTest (emulated)",
            ["--gtest_filter=*cuda*", "--plans", self.plans / "conformance",
             "--draws", str(DRAWS)],
            before=["env", "FT_EMULATED_GPUS=4", *self.emulated])

    def goldens(self):
        yield from self.compare(GOLDENS, "f32,bf16", "emulated")

    def preview(self):
        yield from self.compare(PREVIEW, "bf16", "emulated preview",
                                "--preview-kernels")

    def compare(self, names, dtypes, label, *options):
        run = [sys.executable, ROOT / "test/e2e/run.py", "--build-dir",
               self.build, "--dtypes", dtypes, "--emulated", *options]
        run += [x for name in names for x in ("--only", name)]
        for name, outcome, detail in gtest_rows.printed_rows(run):
            yield f"{name} ({label})", outcome, detail

    def tuner(self):
        """Every candidate of every step runs, and equals the CPU; with what was
        chosen the plan gives its golden."""
        plan = self.compile(TUNED, "bf16", "tuned", "--preview-kernels")
        tuning = plan.with_suffix(".json")
        said = call([*self.emulated, "ft-run", plan, "--tune", "--device",
                     "cuda", "--max-tokens", "80", "-o", tuning])
        assert "passed over" not in said, said
        found = json.loads(tuning.read_text())
        assert found["machine"]["device"] == "Emulated H200", found["machine"]
        # Which is faster here says nothing; that there were two does.
        assert all(gemm["runner_up"] for gemm in found["gemms"]), found
        golden = next(case for case in json.loads(
            (E2E / "cases.json").read_text())["cases"] if case["name"] == TUNED)
        output = golden["outputs"][0]
        inputs = [x for name, file in golden["inputs"].items()
                  for x in ("--input", f"{name}=@{E2E / file}")]
        call([*self.emulated, "ft-run", plan, "--device", "cuda", "--tuning",
              tuning, "--weights", CHECKPOINTS / TUNED, "--entry",
              golden["entry"], *inputs, "--expect",
              f"{output['name']}=@{E2E / output['file']}", "--tolerance",
              output["tolerance"]["bf16"]])

    def soak(self):
        """Random requests; twice the same bits, alone the same tokens."""
        plan = self.compile("qwen2-plain", "f32", "soak")
        said = call([*self.emulated, "soak", plan, "--device", "cuda",
                     "--seconds", str(SOAK_SECONDS)])
        assert " 0 close calls" in said, said

    def verify(self):
        """The plan on the device against the imported graph in fp64."""
        said = call([*self.emulated, "ftc", "verify", CHECKPOINTS / VERIFIED,
                     "--device", "cuda", "--dtype", "bf16", "--target",
                     "compute_90a"])
        assert said.startswith("on Emulated H200"), said

    def prompts(self):
        """A step by tiles in the program of prompts, by default."""
        for model, step in PROMPTS.items():
            options = [ROOT / "test/emulator/Inputs" / model, "--dtype", "bf16",
                       "--target", "compute_90a"]
            program = call([self.build / "bin/ftc", "compile", *options,
                            "--emit", "kernels"])
            prompts = program[program.index("kind = #ft.step_kind<65,"):]
            assert re.search(rf'"{re.escape(step)}" .* name = "tiles_', prompts)
            said = call([*self.emulated, "ftc", "verify", *options, "--device",
                         "cuda", "--weights", "random"])
            assert "through 3 of 3 programs" in said, said

    def joined(self):
        """Linears of q, k and v in one launch with their attention: as the CPU
        computes ragged batches, of a few sequences by clusters and of more by
        tiles, and a kernel a layer less than without."""
        few = [63, 40, 1]
        for lengths in (few, [63, 40, 20, 63, 1] * 8):
            self.joined_batch(lengths, lengths == few)
        # Batches that fill a whole GPU, as test/gpu/check.sh runs them.
        call(["env", "FT_EMULATED_MULTIPROCESSORS=132", *self.emulated,
              ROOT / "test/gpu/joined.py", "ft-run",
              self.plans / "joined" / f"{JOINED}.f16.plan",
              CHECKPOINTS / JOINED])

    def decoded(self):
        """Steps that choose tokens in the output matrix's launch give those of
        steps that store logits; a profile tells the launches of several steps
        apart."""
        plan = self.compile(DECODED, "bf16", "decoded")
        run = [*self.emulated, "ft-run", plan, "--device", "cuda", "--json"]
        for batch in (2, 12):
            prompts = [x for i in range(batch)
                       for x in ("--tokens", f"{i + 1},{3 * i + 2}")]
            answers = [[json.loads(line)["tokens"] for line in call(
                [*run, "--weights", CHECKPOINTS / DECODED, "--max-new-tokens",
                 "4", *prompts, *more]).splitlines() if line.startswith("{")]
                for more in ([], ["--logprobs", "0"])]
            assert len(answers[0]) == batch and answers[0] == answers[1], answers
        trace = plan.with_suffix(".trace.json")
        bench = [*run, "--weights", "random", "--bench", "--repeat", "1",
                 "--in", "2", "--out", "2", "--batch", "12"]
        kernels = [json.loads(call([*bench, *more]).splitlines()[-1])["decode"]
                   ["kernels"] for more in (["--profile", trace],
                                            ["--temperature", "1"])]
        assert kernels[0] == kernels[1] - 1, kernels
        names = {event["name"] for event in
                 json.loads(trace.read_text())["traceEvents"]}
        assert {"l0.o, l0.norm2", "l0.gate+up"} <= names, names

    def layer_norms(self):
        """LayerNorms of 64 rows, which the linears around them make, are the
        CPU's."""
        plan = self.compile(LAYER_NORMED, "bf16", "layer_norms")
        run = [self.build / "bin/ft-run", plan, "--json", "--device"]
        prompts = [x for i in range(32)
                   for x in ("--tokens", f"{i + 1},{3 * i + 2}")]
        answers = [[json.loads(line) for line in call(
            [*how, "--weights", CHECKPOINTS / LAYER_NORMED, "--logprobs", "0",
             "--max-new-tokens", "1", *prompts]).splitlines()
            if line.startswith("{")]
            for how in ([*run, "cpu"], [*self.emulated, *run, "cuda"])]
        assert [len(rows) for rows in answers] == [32, 32], answers
        for want, got in zip(*answers):
            assert want["tokens"] == got["tokens"], (want, got)
            far = abs(want["logprobs"][0][0]["logprob"] -
                      got["logprobs"][0][0]["logprob"])
            # bf16's, of the likeliest logits' distance from the mean: some 3, as
            # their likelihood is a thirteenth to an eighth, of 128 tokens.
            assert far <= 8e-3 * 4, (want, got)
        trace = plan.with_suffix(".trace.json")
        call([*self.emulated, *run, "cuda", "--weights", "random", "--bench",
              "--repeat", "1", "--in", "1", "--out", "2", "--batch", "64",
              "--profile", trace])
        names = {event["name"] for event in
                 json.loads(trace.read_text())["traceEvents"]}
        assert {"l0.o, l0.norm2", "l0.up"} <= names, names

    def layers(self):
        """A layer of BERT-base's widths, whose shapes small models do not have."""
        plan = self.compile(ROOT / "test/gpu/Inputs/bert-base-layer", "f16",
                            "layers")
        call([*self.emulated, ROOT / "test/gpu/layers.py", "ft-run", plan, "1"])

    def joined_batch(self, lengths, few):
        one, many = (["env", f"FT_EMULATED_MULTIPROCESSORS={n}",
                      *self.emulated] for n in (1, 132))
        for dtype, tolerance in (("f16", 1e-3), ("bf16", 8e-3)):
            plan = self.compile(JOINED, dtype, "joined")
            compare(lengths, tolerance, [*one, "ft-run"], plan, "--weights",
                    CHECKPOINTS / JOINED)
            bench = ["ft-run", plan, "--device", "cuda", "--weights", "random",
                     "--bench", "--json", "--repeat", "1", "--in", "63",
                     "--out", "0", "--batch"]
            # 40 sequences are too many for clusters, and too few to fill a GPU.
            kernels = [json.loads(call([*how, *bench, batch]).splitlines()[-1])
                       ["encode"]["kernels"] for how, batch in
                       ((many if few else one, str(len(lengths))),
                        (many, "40"))]
            # Two layers: of so few rows o and its norm are one launch, too.
            assert kernels[0] == kernels[1] - (4 if few else 2), kernels

    def ranks(self):
        for name, outcome, detail in gtest_rows.printed_rows(
                [sys.executable, ROOT / "test/e2e/ranks.py", "--build-dir",
                 self.build, "--emulated", "--max-tp", "2", "--only",
                 "llama kv 3", "--random", "0"]):
            yield f"{name} (emulated)", outcome, detail


def row(name, check):
    """One row of a check that raises where something is wrong."""
    try:
        check()
        return name, "passed", ""
    except (RuntimeError, AssertionError, OSError, ValueError) as error:
        return name, "failed", str(error)


def run(build):
    reason = missing(build)
    if reason:
        yield "emulated", "skipped", reason
        return
    suite = Suite(build)
    try:
        suite.compile(TUNED, "bf16", "tuned")
    except RuntimeError as error:
        # Without NVRTC there is no PTX.
        outcome = "skipped" if "libnvrtc" in str(error) else "failed"
        yield "emulated", outcome, str(error).splitlines()[-1]
        return
    for part in (suite.conformance, suite.goldens, suite.preview,
                 suite.ranks):
        yield from part()
    yield row("ft-run --tune (emulated)", suite.tuner)
    yield row("ftc verify (emulated)", suite.verify)
    yield row("ftc verify, prompts by tiles (emulated)", suite.prompts)
    yield row("q, k, v and attention in one launch (emulated)", suite.joined)
    yield row("likeliest tokens, norms by linears (emulated)", suite.decoded)
    yield row("LayerNorms by linears (emulated)", suite.layer_norms)
    yield row("a layer of BERT-base's widths (emulated)", suite.layers)
    yield row("soak (emulated)", suite.soak)
