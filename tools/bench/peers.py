#!/usr/bin/env python3
"""Times torch.compile on the shapes that ft-run --bench times.

    peers.py --model DIR --batch 1 --in 512 --out 64 --dtype bf16

Random weights, random tokens; prints one JSON line like ft-run --bench --json.
Decoders: a static cache, reduce-overhead (CUDA graphs), one step at a time with
the greedy token read back, as ft-run does. Encoders: the compiled forward.
"""
import argparse
import json
import statistics
import time

import torch
import transformers


def timed(call, repeat):
    """Milliseconds of each call, the device idle before and after."""
    times = []
    for _ in range(repeat):
        torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def summary(times):
    ordered = sorted(times)
    at = lambda q: ordered[int(q * (len(ordered) - 1) + 0.5)]
    return {"median_ms": statistics.median(times), "p10_ms": at(0.1),
            "p90_ms": at(0.9)}


def build(path, dtype):
    config = transformers.AutoConfig.from_pretrained(path)
    kind = (transformers.AutoModelForCausalLM if is_decoder(config)
            else transformers.AutoModel)
    with torch.device("cuda"):
        model = kind.from_config(config, dtype=dtype)
    return model.eval(), config


def is_decoder(config):
    return "CausalLM" in config.architectures[0] or "LMHead" in config.architectures[0]


def bench_encoder(model, config, args):
    ids = torch.randint(0, config.vocab_size, (args.batch, args.length),
                        device="cuda")
    forward = torch.compile(lambda: model(ids).last_hidden_state,
                            mode="reduce-overhead")
    for _ in range(5):
        forward()
    return {"encode": summary(timed(forward, 50))}


def bench_decoder(model, config, args):
    limit = args.length + args.out + 8
    cache = transformers.StaticCache(config=config, max_cache_len=limit)
    prompt = torch.randint(0, config.vocab_size, (args.batch, args.length),
                           device="cuda")

    def forward(ids, positions):
        result = model(input_ids=ids, past_key_values=cache, use_cache=True,
                       position_ids=positions.unsqueeze(0).expand(args.batch, -1),
                       cache_position=positions, logits_to_keep=1)
        return result.logits[:, -1].argmax(-1, keepdim=True)

    prefill = torch.compile(forward)
    step = torch.compile(forward, mode="reduce-overhead", fullgraph=True)

    def run_prefill():
        cache.reset()
        token = prefill(prompt, torch.arange(args.length, device="cuda"))
        token.cpu()
        return token.clone()

    prefill_times, decode_times = [], []
    for round_ in range(args.repeat + 2):
        torch.cuda.synchronize()
        start = time.perf_counter()
        token = run_prefill()
        if round_ > 1:
            prefill_times.append(1e3 * (time.perf_counter() - start))
        for i in range(args.out):
            position = torch.tensor([args.length + i], device="cuda")
            torch.cuda.synchronize()
            start = time.perf_counter()
            token = step(token, position).clone()
            token.cpu()
            if round_ > 1:
                decode_times.append(1e3 * (time.perf_counter() - start))
    return {"prefill": summary(prefill_times), "decode": summary(decode_times)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--in", dest="length", type=int, default=512)
    parser.add_argument("--out", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--dtype", default="bf16", choices=["bf16", "f16", "f32"])
    args = parser.parse_args()
    dtype = {"bf16": torch.bfloat16, "f16": torch.float16,
             "f32": torch.float32}[args.dtype]
    torch.manual_seed(1)
    with torch.inference_mode():
        model, config = build(args.model, dtype)
        bench = bench_decoder if is_decoder(config) else bench_encoder
        result = bench(model, config, args)
    print(json.dumps({"peer": "torch.compile", "model": args.model,
                      "torch": torch.__version__,
                      "transformers": transformers.__version__,
                      "dtype": args.dtype, "batch": args.batch,
                      "in": args.length, "out": args.out, **result}))


if __name__ == "__main__":
    main()
