#!/usr/bin/env python3
"""Trains the demo model on stories that grammar.py makes.

Needs torch, transformers and tokenizers; about fifteen minutes on one CPU core.
Writes a Hugging Face directory in bf16: examples/stories/ is made this way.
"""

import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

import grammar

END = "<|end|>"
VOCABULARY = 512
WARMUP = 40
PROMPTS = 50


def train_tokenizer(stories):
    """A byte-level BPE tokenizer whose token 0 ends a story."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(stories, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[END], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def make_batches(tokenizer, stories, size, rng):
    """Batches (ids, labels) of stories of similar length, in random order."""
    encoded = [e.ids + [0] for e in tokenizer.encode_batch(stories)]
    encoded.sort(key=len)
    groups = [encoded[i:i + size] for i in range(0, len(encoded), size)]
    rng.shuffle(groups)
    for group in groups:
        length = max(map(len, group))
        ids = torch.zeros(len(group), length, dtype=torch.long)
        labels = torch.full_like(ids, -100)
        for row, story in enumerate(group):
            ids[row, :len(story)] = labels[row, :len(story)] = torch.tensor(
                story)
        yield ids, labels


def make_model(tokenizer):
    """An untrained Llama of 0.8 million parameters with grouped heads."""
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=128,
        intermediate_size=352, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512,
        tie_word_embeddings=True, rms_norm_eps=1e-5,
        bos_token_id=None, eos_token_id=0, pad_token_id=None))


def rate_factor(step, steps):
    """Linear warm-up, then a cosine down to a twentieth."""
    if step < WARMUP:
        return (step + 1) / WARMUP
    progress = (step - WARMUP) / max(1, steps - WARMUP)
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress))


def train(model, batches, steps, rate):
    """AdamW over `batches`, printing the loss now and then."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate,
                                  betas=(0.9, 0.95), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: rate_factor(step, steps))
    start = time.time()
    for step, (ids, labels) in enumerate(batches):
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 25 == 0 or step == steps - 1:
            print(f"step {step} loss {loss.item():.3f} "
                  f"{time.time() - start:.0f} s", flush=True)


def save(model, tokenizer, out):
    """Writes the model directory and the held-out prompts."""
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save(str(out / "tokenizer.json"))
    (out / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END,
        "model_max_length": model.config.max_position_embeddings,
        "clean_up_tokenization_spaces": False}, indent=2) + "\n")
    rng = random.Random("prompts")
    prompts = [grammar.make_prompt(rng) for _ in range(PROMPTS)]
    (out / "prompts.txt").write_text("\n".join(prompts) + "\n")


def parse_arguments():
    """The command line; the defaults make the model that is shipped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--stories", type=int, default=48000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main():
    """Makes the text, then the tokenizer, then the model."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    rng = random.Random(arguments.seed)
    stories = [" ".join(grammar.make_story(rng))
               for _ in range(arguments.stories)]
    tokenizer = train_tokenizer(stories[:5000])
    model = make_model(tokenizer)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} parameters, {len(stories)} stories", flush=True)
    steps = math.ceil(len(stories) / arguments.batch)
    batches = make_batches(tokenizer, stories, arguments.batch, rng)
    train(model, batches, steps, arguments.rate)
    arguments.out.mkdir(parents=True, exist_ok=True)
    save(model, tokenizer, arguments.out)


if __name__ == "__main__":
    main()
