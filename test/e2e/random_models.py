#!/usr/bin/env python3
"""Models drawn at random, of widths that models in use have, beside transformers.

    random_models.py --build-dir build --make DIR --count 40 --target sm_90a
    random_models.py --check DIR --ft-run PATH --device cuda     # maybe elsewhere
    random_models.py --build-dir build --make DIR --check DIR    # both, on the CPU

--make draws configurations and compiles a plan of each; it needs no torch.
--check fills transformers' model of each with random weights and compares a ragged
batch in float64 (README.md says how), and of a decoder the tokens that ft-run
generates for several prompts at once: the log-probability of each against
transformers', and that no other token is much likelier. It needs torch. Prints one
JSON row a model, as run.py does; a row that failed holds the seed and the number,
which draw the model again (--only).
"""
import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LONG_NAMES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}
POSITIONS = 640
NEW_TOKENS = 24
# Logits of a batch are written to a file and read again.
MOST_LOGITS = 2 << 22
# Errors of some hundred log-probabilities, those of a sequence alike, are a
# sample: their root mean square may exceed that of transformers' by so much.
CHANCE = 1.5
DECODERS = ("gpt2", "llama", "mistral", "qwen2", "qwen3")


class Draw(random.Random):
    """What configurations are made of."""

    def size(self, least, most):
        """Multiples of 64, of 8, and any number, about as often."""
        step = self.choice((64, 8, 8, 1))
        return max(1, round(math.exp(self.uniform(
            math.log(least), math.log(most))) / step)) * step

    def head_size(self):
        return self.choice((32, 34, 40, 48, 56, 64, 64, 72, 80, 96, 100, 112, 128,
                            128, 160, 192, 256))

    def activation(self):
        return self.choice(("gelu", "gelu_new", "relu", "silu",
                            "gelu_pytorch_tanh"))

    def maybe(self, chance=0.5):
        return self.random() < chance


def llama(draw, family):
    kv, group = draw.choice((1, 1, 2, 3, 4, 5, 8)), draw.choice(
        (1, 2, 3, 4, 5, 6, 7, 8, 12))
    hidden = draw.size(64, 2048)
    hidden += -hidden % (kv * group)  # transformers asks for it
    config = {
        "vocab_size": draw.size(64, 60000), "hidden_size": hidden,
        "intermediate_size": draw.size(64, 4096),
        "num_hidden_layers": draw.randint(1, 3), "num_attention_heads": kv * group,
        "num_key_value_heads": kv, "head_dim": draw.head_size(),
        "hidden_act": draw.choice(("silu", "silu", draw.activation())),
        "rms_norm_eps": 1e-5, "tie_word_embeddings": draw.maybe(),
        "rope_parameters": {"rope_type": "default",
                            "rope_theta": draw.choice((1e4, 5e5))}}
    if family == "llama":
        config |= {"attention_bias": draw.maybe(0.3), "mlp_bias": draw.maybe(0.3)}
    if family == "mistral":
        config["sliding_window"] = draw.choice((None, draw.randint(1, 300)))
    if family in ("qwen2", "qwen3") and draw.maybe():
        config |= {"use_sliding_window": True, "max_window_layers": 1,
                   "sliding_window": draw.randint(1, 300)}
    return config


def gpt2(draw, _):
    heads = draw.randint(1, 12)
    return {"vocab_size": draw.size(64, 60000), "n_embd": heads * draw.head_size(),
            "n_head": heads, "n_layer": draw.randint(1, 3),
            "n_inner": draw.size(64, 4096), "layer_norm_epsilon": 1e-5,
            "activation_function": draw.activation(),
            "scale_attn_by_inverse_layer_idx": draw.maybe(0.2)}


def text(draw, family):
    heads = draw.randint(1, 12)
    hidden = heads * draw.head_size()
    if family == "distilbert":
        return {"vocab_size": draw.size(64, 8000), "dim": hidden, "n_heads": heads,
                "n_layers": draw.randint(1, 3), "hidden_dim": draw.size(64, 4096),
                "activation": draw.activation()}
    config = {"vocab_size": draw.size(64, 8000), "hidden_size": hidden,
              "num_attention_heads": heads,
              "num_hidden_layers": draw.randint(1, 3),
              "intermediate_size": draw.size(64, 4096),
              "hidden_act": draw.activation(), "type_vocab_size": 2,
              "layer_norm_eps": draw.choice((1e-12, 1e-5))}
    if family == "electra":
        config["embedding_size"] = draw.choice((hidden, draw.size(32, 512)))
    if family == "mpnet":
        del config["type_vocab_size"]
    return config


def vision(draw, family):
    heads = draw.randint(1, 12)
    patch = [draw.randint(3, 20), draw.randint(3, 20)]
    return {"hidden_size": heads * draw.head_size(), "num_attention_heads": heads,
            "num_hidden_layers": draw.randint(1, 3),
            "intermediate_size": draw.size(64, 4096),
            "hidden_act": draw.activation(), "patch_size": patch,
            "image_size": [side * draw.randint(1, 15) + draw.randint(0, side - 1)
                           for side in patch],
            "num_channels": draw.choice((1, 3, 3)), "qkv_bias": draw.maybe(0.8),
            "layer_norm_eps": 1e-12, "num_labels": draw.randint(40, 1200)}


# family: (draws a configuration, class, output)
FAMILIES = {
    "gpt2": (gpt2, "GPT2LMHeadModel", "logits"),
    "llama": (llama, "LlamaForCausalLM", "logits"),
    "mistral": (llama, "MistralForCausalLM", "logits"),
    "qwen2": (llama, "Qwen2ForCausalLM", "logits"),
    "qwen3": (llama, "Qwen3ForCausalLM", "logits"),
    "bert": (text, "BertModel", "last_hidden_state"),
    "roberta": (text, "RobertaForMaskedLM", "logits"),
    "distilbert": (text, "DistilBertModel", "last_hidden_state"),
    "electra": (text, "ElectraForMaskedLM", "logits"),
    "mpnet": (text, "MPNetModel", "last_hidden_state"),
    "vit": (vision, "ViTForImageClassification", "logits"),
    "deit": (vision, "DeiTForImageClassification", "logits")}
# Decoders as often as all others.
CHOICES = (*FAMILIES, *DECODERS, *DECODERS)


def lengths(draw, most):
    """Of a ragged batch of at most so many tokens, with padding."""
    count = draw.choice((1, 1, 2, 3, 5, 8, 9, 16, 17, 33, 64))
    longest = draw.choice((1, 7, 16, 33, 64, 100, 129, 200, 257, 400))
    longest = max(1, min(longest, most // count))
    return [longest] + [draw.randint(1, longest) for _ in range(count - 1)]


def draw_model(seed, number):
    """A model's configuration, dtype and batch; the same for the same numbers."""
    draw = Draw(f"{seed} {number}")
    family = draw.choice(CHOICES)
    make, architecture, output = FAMILIES[family]
    config = {"model_type": family, "architectures": [architecture],
              "bos_token_id": None, "eos_token_id": None}
    if family not in ("vit", "deit"):
        key = "n_positions" if family == "gpt2" else "max_position_embeddings"
        config[key] = POSITIONS
    config |= make(draw, family)
    dtype = draw.choice(tuple(LONG_NAMES))
    config["dtype"] = LONG_NAMES[dtype]  # of the weights, which ftc does not see
    model = {"name": f"random {seed}/{number} {family}", "seed": seed,
             "number": number, "config": config, "output": output, "dtype": dtype}
    if family in ("vit", "deit"):
        return model | {"images": draw.choice((1, 2, 3, 8, 11))}
    wide = config["vocab_size"] if output == "logits" else 1
    model |= {"lengths": lengths(draw, max(64, min(4096, MOST_LOGITS // wide))),
              "padding": draw.choice(("left", "right"))}
    if family in DECODERS:
        prompts = lengths(draw, 2048)
        model["prompts"] = [min(n, POSITIONS - NEW_TOKENS) for n in prompts]
    return model


def run(*command):
    result = subprocess.run([str(x) for x in command], text=True, timeout=300,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # 1: beyond a tolerance, which the report says.
    if result.returncode not in (0, 1) or not result.stdout and result.returncode:
        raise RuntimeError(f"exit code {result.returncode} of "
                           f"{' '.join(map(str, command))}\n{result.stderr}")
    return result.stdout


def make(args, number):
    """DIR/NUMBER.json and DIR/NUMBER.plan; returns the row of a failure."""
    model = draw_model(args.seed, number)
    (args.make / f"{number}.json").write_text(json.dumps(model))
    target = ["--target", args.target] if args.target else []
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "config.json"
            path.write_text(json.dumps(model["config"]))
            run(args.build_dir / "bin/ftc", "compile", folder, "-o",
                args.make / f"{number}.plan", "--dtype", model["dtype"], *target)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return failed(model, str(error))
    return None


def failed(model, detail):
    return {"name": model["name"], "outcome": "failed",
            "detail": f"{detail}\n{json.dumps(model)}"}


class Check:
    """A model, its transformers twins and its plan."""

    def __init__(self, args, model, folder):
        import torch
        import transformers
        from golden import checkpoints, reference

        self.torch, self.reference = torch, reference
        self.args, self.model, self.folder = args, model, folder
        self.plan = args.check / f"{model['number']}.plan"
        self.device = "cuda" if args.device == "cuda" else "cpu"
        self.dtype = getattr(torch, LONG_NAMES[model["dtype"]])
        self.config = model["config"]
        (folder / "config.json").write_text(json.dumps(self.config))
        kind = getattr(transformers, self.config["architectures"][0])
        config = transformers.AutoConfig.from_pretrained(folder)
        built = kind(config)
        tied = getattr(config, "tie_word_embeddings", False) and (
            self.config["model_type"] in DECODERS)
        checkpoints.randomize(built, model["number"], tied)
        built.to(self.dtype).save_pretrained(folder)
        self.generator = torch.Generator().manual_seed(model["number"])

    def loaded(self, dtype):
        return self.reference.load(self.folder, dtype,
                                   (self.model["output"],)).to(self.device)

    def ids(self, *shape):
        """Never the padding token, which RoBERTa and its like do not count."""
        vocabulary = self.config["vocab_size"]
        ids = self.torch.randint(vocabulary, shape, generator=self.generator)
        if self.config["model_type"] in self.reference.COUNTING:
            ids[ids == 1] = 2
        return ids

    def inputs(self):
        torch = self.torch
        if "images" in self.model:
            return {"pixel_values": torch.randn(
                self.model["images"], self.config["num_channels"],
                *self.config["image_size"], generator=self.generator)}
        lengths = torch.tensor(self.model["lengths"])[:, None]
        place = torch.arange(int(lengths.max()))[None]
        mask = place < lengths
        if self.model["padding"] == "left":
            mask = mask.flip(1)
        return {"input_ids": self.ids(*mask.shape), "attention_mask": mask.long()}

    def forward(self, dtype, inputs, outputs):
        inputs = {k: v.to(self.device) for k, v in inputs.items()}
        return self.reference.forward(self.loaded(dtype), inputs, outputs)

    def exact(self, inputs, outputs):
        with self.reference.exact_float64():
            return self.forward(self.torch.float64, inputs, outputs)

    def execute(self, *arguments):
        return run(self.args.ft_run, self.plan, "--device", self.args.device,
                   "--weights", self.folder, "--json", *arguments)

    def wrong_batch(self):
        """The output of a ragged batch."""
        import numpy
        name = self.model["output"]
        inputs = self.inputs()
        expected = self.exact(inputs, (name,))[name]
        theirs = self.forward(self.dtype, inputs, (name,))[name]
        limit = 1e-5 if self.dtype == self.torch.float32 else (
            1.1 * self.reference.relative_error(theirs, expected))
        arguments = []
        for key, value in inputs.items():
            numpy.save(self.folder / f"{key}.npy", value.numpy())
            arguments += ["--input", f"{key}=@{self.folder}/{key}.npy"]
        numpy.save(self.folder / "y.npy", expected.float().cpu().numpy())
        row = json.loads(self.execute(
            *arguments, "--poison", "--expect", f"{name}=@{self.folder}/y.npy",
            "--tolerance", "1e30").splitlines()[-1])
        if row["unexpected_nan"] or not row["relative_l2"] <= limit:
            return [f"batch: {row} beyond {limit:.3g}"]
        return []

    def wrong_tokens(self):
        """What is generated, all prompts at once."""
        prompts = [self.ids(n).tolist() for n in self.model["prompts"]]
        arguments = ["--max-new-tokens", NEW_TOKENS, "--logprobs", 0]
        for prompt in prompts:
            arguments += ["--tokens", ",".join(map(str, prompt))]
        lines = [json.loads(line) for line in self.execute(*arguments).splitlines()]
        ours, exact, theirs, behind = [], [], [], []
        for prompt, line in zip(prompts, lines, strict=True):
            text = {"input_ids": self.torch.tensor([prompt + line["tokens"]])}
            logits = [found["logits"][0, len(prompt) - 1:-1].double().cpu()
                      for found in (self.exact(text, ("logits",)),
                                    self.forward(self.dtype, text, ("logits",)))]
            chosen = self.torch.tensor(line["tokens"])[:, None]
            for to, of in zip((exact, theirs), logits):
                to += of.log_softmax(-1).gather(1, chosen)[:, 0].tolist()
            ours += [of[0]["logprob"] for of in line["logprobs"]]
            behind += (logits[0].max(-1).values -
                       logits[0].gather(1, chosen)[:, 0]).tolist()
        return self.judge(ours, exact, theirs, behind)

    def judge(self, ours, exact, theirs, behind):
        def distance(values):
            return [a - b for a, b in zip(values, exact, strict=True)]

        def mean(values):
            return math.sqrt(sum(x * x for x in values) / len(values))
        limit = CHANCE * mean(distance(theirs))
        if self.dtype == self.torch.float32:
            limit = 1e-4  # 1e-5 of logits, which are some 2.5, and a few more
        wrong = []
        if not mean(distance(ours)) <= limit:
            wrong.append(f"log-probabilities: {mean(distance(ours)):.3g} beyond "
                         f"{limit:.3g}")
        # Two logits, each off by at most five of these deviations.
        if not max(behind) <= 10 * limit:
            wrong.append(f"a token {max(behind):.3g} behind the likeliest, beyond "
                         f"{10 * limit:.3g}")
        return wrong

    def wrong(self):
        found = self.wrong_batch()
        return found + self.wrong_tokens() if "prompts" in self.model else found


def check(args, number):
    model = json.loads((args.check / f"{number}.json").read_text())
    try:
        with tempfile.TemporaryDirectory() as folder:
            import torch
            with torch.no_grad():
                wrong = Check(args, model, pathlib.Path(folder)).wrong()
    except Exception as error:  # transformers' are of many kinds
        wrong = [f"{type(error).__name__}: {error}"]
    if wrong:
        return failed(model, "\n".join(wrong))
    return {"name": model["name"], "outcome": "passed", "detail": ""}


def spread(args, work, numbers):
    """Whether all of `work` passed; prints a row each. Processes, as torch is
    changed while it computes in float64."""
    good = True
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        for row in pool.map(work, [args] * len(numbers), numbers):
            if row:
                good &= row["outcome"] != "failed"
                print(json.dumps(row), flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", type=pathlib.Path)
    parser.add_argument("--make", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--check", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--ft-run", type=pathlib.Path)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--target", help="of ftc; its default where absent")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, action="append",
                        help="models of these numbers; repeatable")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    if not args.make and not args.check:
        parser.error("give --make, --check or both")
    if not args.build_dir and (args.make or not args.ft_run):
        parser.error("give --build-dir; --check takes --ft-run in its place")
    args.ft_run = args.ft_run or args.build_dir / "bin/ft-run"
    numbers = args.only or list(range(args.count))
    good = True
    if args.make:
        args.make.mkdir(parents=True, exist_ok=True)
        good = spread(args, make, numbers)
    if args.check:
        made = [n for n in numbers if (args.check / f"{n}.plan").exists()]
        good &= spread(args, check, made)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
