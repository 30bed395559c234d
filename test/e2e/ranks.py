#!/usr/bin/env python3
"""Any number of ranks computes what one computes; needs no torch.

    ranks.py --build-dir build [--device cpu] [--only llama] [--seed N]

Models with random weights: each family at 2, 3, 4 and 8 ranks, kv heads that the
ranks do not divide, hand-written model.json, and layer shapes drawn at random.
Each is compiled for one rank and for several; logits or hidden states are
compared, and greedy tokens. Prints one JSON row a test, as run.py does.

Tolerance: in fp32 each run is within 1e-5 of the exact result (run.py checks
that), so two of them are within 2e-5 of each other.
"""
import argparse
import array
import concurrent.futures
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
EMULATOR = HERE.parent / "emulator/run"
TOLERANCE = 2e-5
RANKS = (2, 3, 4, 8)
MODELS = (HERE / "models/parallel-decoder.json",
          HERE / "models/softcap-decoder.json",
          HERE.parents[1] / "docs/examples/alibi-decoder.json")


def config(family, heads, kv, head_size, hidden, features, vocabulary, layers):
    """config.json of a family; GPT-2 and BERT have heads * head_size = hidden
    and as many kv heads as heads."""
    if family == "gpt2":
        return {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"],
                "activation_function": "gelu_new", "n_embd": heads * head_size,
                "n_head": heads, "n_layer": layers, "n_positions": 96,
                "n_inner": features, "layer_norm_epsilon": 1e-5,
                "vocab_size": vocabulary, "tie_word_embeddings": True}
    common = {"model_type": family, "hidden_size": hidden,
              "intermediate_size": features, "num_attention_heads": heads,
              "num_hidden_layers": layers, "vocab_size": vocabulary,
              "max_position_embeddings": 96}
    if family == "bert":
        return common | {"architectures": ["BertModel"], "hidden_act": "gelu",
                         "hidden_size": heads * head_size,
                         "layer_norm_eps": 1e-12, "type_vocab_size": 2}
    return common | {
        "architectures": [family.capitalize() + "ForCausalLM"],
        "hidden_act": "silu", "num_key_value_heads": kv, "head_dim": head_size,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": family == "qwen2"}


def named_cases():
    """(name, config.json or a model.json's path, ranks)"""
    for family in ("gpt2", "llama", "mistral", "qwen2", "qwen3", "bert"):
        for tp in RANKS:
            # 24 heads, 6 kv heads: divided over 2 and 3, repeated over 4 and 8.
            yield (f"{family} 24 heads", config(family, 24, 6, 32, 64, 100, 131,
                                                1), tp)
    yield "llama mqa", config("llama", 8, 1, 32, 48, 77, 257, 1), 8
    yield "llama kv 3", config("llama", 6, 3, 32, 48, 77, 257, 2), 2
    yield "llama kv 3 of 12", config("llama", 12, 3, 32, 48, 77, 97, 1), 2
    yield "llama kv 3 of 12", config("llama", 12, 3, 32, 48, 77, 97, 1), 4
    yield "llama kv 2", config("llama", 6, 2, 32, 48, 77, 97, 1), 3
    # Only the first rank has a column of such a vocabulary.
    yield "llama tiny vocabulary", config("llama", 8, 8, 32, 32, 3, 5, 1), 8
    for tp in (2, 3, 4, 6):
        yield "parallel-decoder", MODELS[0], tp
    yield "softcap-decoder", MODELS[1], 2
    yield "alibi-decoder", MODELS[2], 2


def random_cases(seed, count):
    """Layer shapes drawn at random, for a number of ranks that divides them."""
    source = random.Random(seed)
    for i in range(count):
        tp = source.choice((2, 3, 4, 5, 6, 7, 8))
        kv = source.choice((1, 2, 3, 4, 6))
        heads = kv * source.randint(1, 4)
        while heads % tp:
            heads += kv
        family = source.choice(("gpt2", "llama", "qwen2", "qwen3", "bert"))
        yield (f"random {i}", config(
            family, heads, kv, source.choice((32, 40, 64)),
            8 * source.randint(2, 12), source.randint(1, 150),
            source.randint(2, 400), source.randint(1, 2)), tp)


def npy(path, rows):
    """int64 rows as .npy."""
    header = repr({"descr": "<i8", "fortran_order": False,
                   "shape": (len(rows), len(rows[0]))})
    header = header.ljust((10 + len(header) + 64) // 64 * 64 - 11) + "\n"
    data = array.array("q", [x for row in rows for x in row]).tobytes()
    path.write_bytes(b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") +
                     header.encode() + data)


def run(*command):
    result = subprocess.run([str(x) for x in command], text=True, timeout=300,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if result.returncode not in (0, 1):
        raise RuntimeError(f"exit code {result.returncode} of "
                           f"{' '.join(map(str, command))}\n{result.stderr}")
    return result.stdout


class Comparison:
    """One model at one rank and at `tp`, in a folder of its own."""

    def __init__(self, args, folder, model, tp):
        self.args, self.folder, self.tp = args, folder, tp
        self.path = model
        if isinstance(model, dict):
            self.path = folder / "model"
            self.path.mkdir()
            (self.path / "config.json").write_text(json.dumps(model))
            self.vocabulary = model["vocab_size"]
        else:
            facts = json.loads(model.read_text())["model"]
            self.vocabulary = facts["vocabulary"]
        self.causal = not isinstance(model, dict) or (
            model["model_type"] != "bert")

    def plan(self, tp):
        plan = self.folder / f"{tp}.plan"
        target = ["--target", self.args.target] if self.args.target else []
        run(self.args.build_dir / "bin/ftc", "compile", self.path, "-o", plan,
            "--dtype", "f32", "--tp", tp, *target)
        return plan

    def execute(self, plan, *arguments):
        build = self.args.build_dir
        program, slow = [build / "bin/ft-run"], []
        if self.args.emulated:
            program = [EMULATOR, "--build-dir", build, *program]
            slow = ["--rank-deadline", 250]
        return run(*program, plan, "--device", self.args.device, *slow,
                   "--weights", "random:7", "--json", *arguments)

    def wrong(self):
        one, several = self.plan(1), self.plan(self.tp)
        ids = [[(5 * i + 11 * j) % self.vocabulary for j in range(13)]
               for i in range(3)]
        npy(self.folder / "ids.npy", ids)
        npy(self.folder / "mask.npy",
            [[int(j >= 4 * i) for j in range(13)] for i in range(3)])
        name = "logits" if self.causal else "last_hidden_state"
        inputs = ["--input", f"input_ids=@{self.folder}/ids.npy",
                  "--input", f"attention_mask=@{self.folder}/mask.npy"]
        self.execute(one, *inputs, "--output", f"{name}=@{self.folder}/y.npy")
        row = json.loads(self.execute(
            several, *inputs, "--poison", "--expect",
            f"{name}=@{self.folder}/y.npy", "--tolerance", "1e30"))
        if row["unexpected_nan"] or not row["relative_l2"] <= TOLERANCE:
            return f"{row} beyond {TOLERANCE}"
        return self.wrong_tokens(one, several, ids) if self.causal else ""

    def wrong_tokens(self, one, several, ids):
        arguments = ["--max-new-tokens", 12]
        for row in ids[:2]:
            arguments += ["--tokens", ",".join(map(str, row[:7]))]
        expected = self.execute(one, *arguments)
        found = self.execute(several, *arguments)
        return "" if found == expected else f"{found}, expected {expected}"


def check(args, case):
    name, model, tp = case
    with tempfile.TemporaryDirectory() as folder:
        try:
            wrong = Comparison(args, pathlib.Path(folder), model, tp).wrong()
        except (RuntimeError, subprocess.TimeoutExpired, ValueError) as error:
            wrong = str(error)
    shape = f"\n{json.dumps(model)}" if isinstance(model, dict) else ""
    return {"name": f"ranks: {name} tp {tp} {args.device}",
            "outcome": "failed" if wrong else "passed",
            "detail": wrong + shape if wrong else ""}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", type=pathlib.Path, required=True)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--emulated", action="store_true",
                        help="--device cuda on GPUs of test/emulator/run")
    parser.add_argument("--target",
                        help="what plans are compiled for; cpu on the CPU, "
                             "else ftc's default")
    parser.add_argument("--only", action="append")
    parser.add_argument("--max-tp", type=int, default=8,
                        help="ranks that the machine has devices for")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--random", type=int, default=16,
                        help="number of random shapes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    if args.emulated:
        args.device = "cuda"
        args.target = args.target or "compute_90a"
        os.environ.setdefault("FT_EMULATED_GPUS", str(args.max_tp))
    if args.target is None and args.device == "cpu":
        args.target = "cpu"
    cases = [case for case in (*named_cases(),
                               *random_cases(args.seed, args.random))
             if case[2] <= args.max_tp and
             (not args.only or any(o in case[0] for o in args.only))]
    if not (args.build_dir / "bin/ftc").exists():
        print(json.dumps({"name": "ranks", "outcome": "skipped", "detail":
                          f"{len(cases)} cases: ftc is not built"}))
        return 0
    failed = False
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for row in pool.map(lambda case: check(args, case), cases):
            failed |= row["outcome"] == "failed"
            print(json.dumps(row), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
