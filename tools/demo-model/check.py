#!/usr/bin/env python3
"""Counts which sentences of the model's continuations the grammar derives.

    check.py --prompts prompts.txt --ft-run build/bin/ft-run stories.plan
    check.py --prompts prompts.txt --model examples/stories
    check.py --prompts prompts.txt < continuations.jsonl

Generates with ft-run, with transformers, or reads what ft-run --json printed
for the prompts in their order. Only the second needs more than Python. Exit
code 1 below the wanted share.
"""

import argparse
import json
import subprocess
import sys

import grammar


def read_continuations(stream):
    """(text, number of new tokens) of each JSON line."""
    records = [json.loads(line) for line in stream if line.strip()]
    return [(record["text"], len(record["tokens"])) for record in records]


def run_plan(program, plan, prompts, count):
    """The same from ft-run: one ragged batch of all prompts."""
    command = [program, plan, "--json", "--max-new-tokens", str(count)]
    for prompt in prompts:
        command += ["--prompt", prompt]
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                            check=False)
    if result.returncode:
        sys.exit(f"check.py: {program} ended with {result.returncode}")
    return read_continuations(result.stdout.splitlines())


def generate(directory, prompts, count):
    """The same from transformers, greedy, in float32."""
    import torch
    from tokenizers import Tokenizer
    from transformers import LlamaForCausalLM

    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(f"{directory}/tokenizer.json")
    model = LlamaForCausalLM.from_pretrained(directory, dtype=torch.float32)
    found = []
    for prompt in prompts:
        ids = torch.tensor([tokenizer.encode(prompt).ids])
        output = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=count,
            do_sample=False, pad_token_id=0)[0, ids.shape[1]:].tolist()
        found.append((tokenizer.decode(output), len(output)))
    return found


def continued_sentences(prompt, text, is_cut):
    """The sentences that `text` ends, the one begun in `prompt` included.

    An unfinished rest is a sentence too, unless the length limit cut it; so
    is an empty continuation, which therefore never parses.
    """
    found, rest = grammar.split_sentences(prompt + text)
    sentences = [s for s, end in found if end > len(prompt)]
    if (rest and not is_cut) or not sentences:
        sentences.append(rest)
    return sentences


def judge(prompts, continuations, limit, verbose):
    """(sentences that parse, sentences) over all prompts."""
    good = total = 0
    for prompt, (text, count) in zip(prompts, continuations, strict=True):
        for sentence in continued_sentences(prompt, text, count >= limit):
            parses = grammar.parse(sentence)
            good += parses
            total += 1
            if verbose and not parses:
                print(f"does not parse: {sentence}")
    return good, total


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", required=True, metavar="FILE",
                        help="the prompts, one a line")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--ft-run", nargs=2, metavar=("PROGRAM", "PLAN"),
                        help="generate with ft-run")
    source.add_argument("--model", metavar="DIR",
                        help="generate with transformers")
    parser.add_argument("--max-new-tokens", type=int, default=256,
                        help="the limit of the generation (default 256)")
    parser.add_argument("--share", type=float, default=0.95,
                        help="share that must parse (default 0.95)")
    parser.add_argument("--verbose", action="store_true",
                        help="print the sentences that do not parse")
    return parser.parse_args()


def main():
    """Prints the share; the exit code says whether it suffices."""
    arguments = parse_arguments()
    with open(arguments.prompts, encoding="utf-8") as file:
        prompts = file.read().splitlines()
    limit = arguments.max_new_tokens
    if arguments.ft_run:
        continuations = run_plan(*arguments.ft_run, prompts, limit)
    elif arguments.model:
        continuations = generate(arguments.model, prompts, limit)
    else:
        continuations = read_continuations(sys.stdin)
    if len(continuations) != len(prompts):
        sys.exit(f"check.py: {len(continuations)} continuations for "
                 f"{len(prompts)} prompts; give one JSON line per prompt")
    good, total = judge(prompts, continuations, limit, arguments.verbose)
    print(f"{good} of {total} sentences parse ({100 * good / total:.1f} %)")
    sys.exit(0 if good >= arguments.share * total else 1)


if __name__ == "__main__":
    main()
