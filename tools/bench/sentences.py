#!/usr/bin/env python3
"""Sentence embeddings a second, by ft-run and by Hugging Face, on the same texts.

    sentences.py --ft-run build/bin/ft-run --plan minilm.plan --model DIR \\
        -o sentences.json [--batch 64] [--count 4096] [--device cuda]

DIR: the model directory that the plan was made of. Texts are drawn from its
vocabulary, 3 to 60 words. Both tokenize, sort by length, and embed --batch at once:
ft-run packed, Hugging Face (half precision on a GPU, its fast tokenizer) padded to the
longest of a batch. One JSON file; losses included.
"""
import argparse
import json
import pathlib
import random
import statistics
import sys
import tempfile
import time

from compare import machine, run


def make_texts(directory, count):
    """Sentences of whole words of the tokenizer's vocabulary."""
    tokenizer = json.loads((directory / "tokenizer.json").read_text())
    words = [w for w in tokenizer["model"]["vocab"]
             if w.isascii() and w.isalpha() and len(w) > 2]
    draw = random.Random(1)
    return [" ".join(draw.choice(words) for _ in range(draw.randint(3, 60)))
            for _ in range(count)]


def ours(args, path):
    return run([args.ft_run, args.plan, "--weights", args.model, "--device",
                args.device, "--embed", "--prompt-lines", path, "--bench",
                "--batch", args.batch, "--repeat", 5, "--json"], 300)


def hugging_face(args, texts):
    import torch
    import transformers
    dtype = torch.float16 if args.device == "cuda" else torch.float32
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
    model = transformers.AutoModel.from_pretrained(args.model, dtype=dtype)
    model = model.to(args.device).eval()

    def embed():
        order = sorted(texts, key=len, reverse=True)
        results = []
        for at in range(0, len(order), args.batch):
            inputs = tokenizer(order[at:at + args.batch], padding=True,
                               truncation=True, return_tensors="pt")
            inputs = inputs.to(args.device)
            states = model(**inputs).last_hidden_state
            mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
            mean = (states * mask).sum(1) / mask.sum(1)
            results.append(torch.nn.functional.normalize(mean).float().cpu())
        return torch.cat(results)

    times = []
    with torch.no_grad():
        for _ in range(6):
            begin = time.perf_counter()
            embed()
            times.append(time.perf_counter() - begin)
    return {"sentences_per_second": len(texts) / statistics.median(times[1:]),
            "versions": f"PyTorch {torch.__version__}, "
                        f"transformers {transformers.__version__}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ft-run", type=pathlib.Path, required=True)
    parser.add_argument("--plan", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--count", type=int, default=4096)
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    texts = make_texts(args.model, args.count)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(texts) + "\n")
        file.flush()
        results = {"command": " ".join(sys.argv), "ftc": ours(args, file.name)}
    results["hugging_face"] = hugging_face(args, texts)
    if args.device == "cuda":
        results["machine"] = machine()
    args.output.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
