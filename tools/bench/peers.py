#!/usr/bin/env python3
"""Times torch.compile on the shapes that ft-run --bench times.

    peers.py --model DIR --batch 1 --in 512 --out 64 --dtype bf16

Random weights, random tokens; prints one JSON line like ft-run --bench --json.
Decoders: a static cache; the compiled step captured in a CUDA graph by hand and
replayed; the greedy token is read back each step, as ft-run does. Encoders: the
compiled forward, captured likewise, and the eager one; with --part encoder the
encoder stack alone, hidden states in and out, and XLA's where JAX is installed.
Vision transformers: images on the device to logits; beside Hugging Face's model
timm's of the same shape, eager, where it is installed: the faster peer.
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
            else transformers.AutoModelForImageClassification
            if sees_images(config) else transformers.AutoModel)
    with torch.device("cuda"):
        model = kind.from_config(config, dtype=dtype)
    return model.eval(), config


def is_decoder(config):
    return "CausalLM" in config.architectures[0] or "LMHead" in config.architectures[0]


def sees_images(config):
    return "ForImageClassification" in config.architectures[0]


def captured(call, warmup=4):
    """A CUDA graph of `call`, after warming up on a side stream."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(warmup):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph


def timm_twin(config, images):
    """The forward pass of timm's model of this shape, or nothing."""
    try:
        import timm
    except ImportError:
        return None
    twin = timm.models.VisionTransformer(
        img_size=config.image_size, patch_size=config.patch_size,
        in_chans=config.num_channels, num_classes=config.num_labels,
        embed_dim=config.hidden_size, depth=config.num_hidden_layers,
        num_heads=config.num_attention_heads,
        mlp_ratio=config.intermediate_size / config.hidden_size)
    twin = twin.to("cuda", images.dtype).eval()
    return lambda: twin(images)


def bench_encoder(model, config, args):
    forwards = {}
    if sees_images(config):
        images = torch.randn(args.batch, config.num_channels, config.image_size,
                             config.image_size, device="cuda",
                             dtype=model.dtype)
        call = lambda: model(images).logits
        twin = timm_twin(config, images)
        forwards = {"timm": twin} if twin else {}
    elif args.part == "encoder":
        hidden = torch.randn(args.batch, args.length, config.hidden_size,
                             device="cuda", dtype=model.dtype)
        call = lambda: model.encoder(hidden)[0]
    else:
        ids = torch.randint(0, config.vocab_size, (args.batch, args.length),
                            device="cuda")
        call = lambda: model(ids).last_hidden_state
    result = {}
    forwards |= {"eager": call, "encode": torch.compile(call)}
    for name, forward in forwards.items():
        graph = captured(forward)
        timed(graph.replay, 20)
        result[name] = summary(timed(graph.replay, 50))
    xla = bench_xla(config, args)
    return {**result, "xla": xla} if xla else result


def bench_xla(config, args):
    """A BERT encoder stack under jax.jit, or nothing where JAX is missing."""
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None
    if config.model_type != "bert":
        return None
    hidden, heads = config.hidden_size, config.num_attention_heads
    dtype = {"bf16": jnp.bfloat16, "f16": jnp.float16,
             "f32": jnp.float32}[args.dtype]
    keys = iter(jax.random.split(jax.random.PRNGKey(0), 1000))
    weight = lambda k, n: 0.02 * jax.random.normal(next(keys), (k, n), dtype)
    wide = config.intermediate_size
    layers = [(weight(hidden, 3 * hidden), weight(hidden, hidden),
               weight(hidden, wide), weight(wide, hidden))
              for _ in range(config.num_hidden_layers)]
    zeros, one = (lambda n: jnp.zeros(n, dtype)), jnp.ones(hidden, dtype)

    def norm(x):
        x = x.astype(jnp.float32)
        x = x - x.mean(-1, keepdims=True)
        y = x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-12)
        return y.astype(dtype) * one + zeros(hidden)

    def layer(x, weights):
        qkv, out, up, down = weights
        q, k, v = jnp.split(x @ qkv + zeros(3 * hidden), 3, -1)
        split = lambda y: y.reshape(args.batch, args.length, heads, -1)
        mixed = jax.nn.dot_product_attention(split(q), split(k), split(v))
        x = norm(x + mixed.reshape(x.shape) @ out + zeros(hidden))
        y = jax.nn.gelu(x @ up + zeros(wide), approximate=False)
        return norm(x + y @ down + zeros(hidden))

    def stack(x, layers):
        for weights in layers:
            x = layer(x, weights)
        return x

    x = jax.random.normal(next(keys), (args.batch, args.length, hidden), dtype)
    forward = jax.jit(stack)
    times = []
    for i in range(70):
        forward(x, layers).block_until_ready()
        start = time.perf_counter()
        forward(x, layers).block_until_ready()
        if i >= 20:
            times.append(1e3 * (time.perf_counter() - start))
    return summary(times)


def bench_decoder(model, config, args):
    limit = args.length + args.out + 16
    cache = transformers.StaticCache(config=config, max_cache_len=limit)
    prompt = torch.randint(0, config.vocab_size, (args.batch, args.length),
                           device="cuda")
    places = torch.arange(args.length, device="cuda").expand(args.batch, -1)
    token = torch.zeros((args.batch, 1), dtype=torch.long, device="cuda")
    place = torch.zeros((args.batch, 1), dtype=torch.long, device="cuda")

    def forward(ids, positions):
        result = model(input_ids=ids, past_key_values=cache, use_cache=True,
                       position_ids=positions, logits_to_keep=1)
        return result.logits[:, -1].argmax(-1, keepdim=True)

    prefill = forward if args.decode_only else torch.compile(forward)
    decode = torch.compile(forward)

    def run_prefill():
        cache.reset()
        token.copy_(prefill(prompt, places))
        place.fill_(args.length)
        token.cpu()

    def step():
        token.copy_(decode(token, place))
        place.add_(1)

    run_prefill()
    prefill_times = timed(run_prefill, args.repeat + 2)[2:]
    graph = captured(step)
    decode_times = []
    for round_ in range(args.repeat + 1):
        run_prefill()
        times = timed(lambda: (graph.replay(), token.cpu()), args.out)
        decode_times += times if round_ else []  # the first warms up
    if args.decode_only:
        return {"decode": summary(decode_times)}
    return {"prefill": summary(prefill_times), "decode": summary(decode_times)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--in", dest="length", type=int, default=512)
    parser.add_argument("--out", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--dtype", default="bf16", choices=["bf16", "f16", "f32"])
    parser.add_argument("--part", choices=["encoder"],
                        help="of an encoder: its stack, without embeddings")
    parser.add_argument("--decode-only", action="store_true",
                        help="compile no prefill: it takes minutes")
    parser.add_argument("--coordinate-descent", action="store_true",
                        help="inductor's tuning: faster steps, slower compile")
    args = parser.parse_args()
    dtype = {"bf16": torch.bfloat16, "f16": torch.float16,
             "f32": torch.float32}[args.dtype]
    torch.manual_seed(1)
    torch._inductor.config.coordinate_descent_tuning = args.coordinate_descent
    with torch.no_grad():
        model, config = build(args.model, dtype)
        bench = bench_decoder if is_decoder(config) else bench_encoder
        result = bench(model, config, args)
    print(json.dumps({"peer": "torch.compile", "model": args.model,
                      "torch": torch.__version__,
                      "transformers": transformers.__version__,
                      "dtype": args.dtype, "batch": args.batch,
                      "in": args.length, "out": args.out,
                      "coordinate_descent": args.coordinate_descent,
                      **result}))


if __name__ == "__main__":
    main()
