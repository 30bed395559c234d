#!/usr/bin/env python3
"""Writes transformers in primitives, as torch.export or ONNX decompose them.

    primitives.py gpt2|llama|bert [PART=WAY ...] [--layers N] [--seed N]
                  [--weights DIR] [--list] > model.json

The sizes and tensors are those of test/e2e/checkpoints gpt2-plain, llama-gqa and
bert-pooler. PART=WAY chooses a spelling of a part; other parts are spelled the
first way, or at random with --seed. --list prints the parts and ways used.
"""
import argparse
import sys

from graph import B, S, Graph
from parts import (attention, mask, positions, repeat_angles, rope,
                   rope_angles, rows, split_heads)

FILE = "model.safetensors"


def tensor(name, shape, dtype="f32"):
    return {"tensor": name, "file": FILE, "shape": shape, "dtype": dtype}


# ---- models --------------------------------------------------------------

def gpt2(args):
    h, heads, inner, vocabulary, places = 64, 2, 256, 128, 96
    g = Graph("gpt2-primitives", "step", vocabulary, places, args.weights,
              args.spelling, args.seed, causal=True)

    def conv1d(x, name, at, n, k, start=0, size=None, out=None):
        """Stored [K, N]; columns start .. start + size of it."""
        size = size or n
        weight, bias = tensor(at + ".weight", [k, n]), tensor(at + ".bias", [n])
        if size != n:
            weight, bias = rows(weight, start, size, 1), rows(bias, start, size)
        return g.linear(x, g.param(name, {"transpose": weight}),
                        g.param(name + ".bias", bias), out)

    def norm(x, name, at, out):
        return g.layer_norm(x, g.param(name, tensor(at + ".weight", [h])),
                            g.param(name + ".bias", tensor(at + ".bias", [h])),
                            1e-5, out)

    embed = g.param("embed", tensor("transformer.wte.weight", [vocabulary, h]))
    wpe = g.param("wpe", tensor("transformer.wpe.weight", [places, h]))
    place = g.embedding(positions(g), wpe)
    x = g.binary("add", g.embedding("input_ids", embed), place, "x")
    masked = mask(g)
    for i in range(args.layers):
        p, at = f"l{i}.", f"transformer.h.{i}."
        n = norm(x, p + "norm1", at + "ln_1", p + "h1")
        if g.pick("qkv", ["slices", "apart"]) == "slices":
            all3 = conv1d(n, p + "qkv", at + "attn.c_attn", 3 * h, h)
            parts = [g.slice(all3, 2, j * h, h) for j in range(3)]
        else:
            parts = [conv1d(n, p + part, at + "attn.c_attn", 3 * h, h, j * h, h)
                     for j, part in enumerate("qkv")]
        q, k, v = (split_heads(g, part, heads) for part in parts)
        a = attention(g, q, k, v, masked, p + "a")
        o = conv1d(a, p + "o", at + "attn.c_proj", h, h, out=p + "o")
        x = g.binary("add", x, o, p + "x1")
        n = norm(x, p + "norm2", at + "ln_2", p + "h2")
        up = conv1d(n, p + "up", at + "mlp.c_fc", inner, h, out=p + "up")
        act = g.gelu_tanh(up, p + "act")
        down = conv1d(act, p + "down", at + "mlp.c_proj", h, inner,
                      out=p + "down")
        x = g.binary("add", x, down, p + "x2")
    x = norm(x, "norm", "transformer.ln_f", "h")
    g.outputs["logits"] = g.linear(x, embed, name="logits")
    return g


def llama(args):
    h, heads, groups, d, inner, vocabulary = 128, 4, 2, 32, 200, 128
    g = Graph("llama-primitives", "step", vocabulary, 512, args.weights,
              args.spelling, args.seed, causal=True)
    g.head["model"]["dtype"] = "bf16"

    def weight(name, at, shape):
        return g.param(name, tensor(at + ".weight", shape, "bf16"))

    embed = weight("embed", "model.embed_tokens", [vocabulary, h])
    x = g.embedding("input_ids", embed, "x")
    interleaved = g.pick("pairs", ["half", "interleaved"]
                         if args.any_model else ["half"]) == "interleaved"
    angles = rope_angles(g, d, 10000.0, 512)
    full = repeat_angles(g, angles, interleaved)
    masked = mask(g)
    for i in range(args.layers):
        p, at = f"l{i}.", f"model.layers.{i}."
        n = g.rms_norm(x, weight(p + "norm1", at + "input_layernorm", [h]),
                       1e-5, p + "h1")
        sizes = {"q": heads * d, "k": groups * d, "v": groups * d}
        if g.pick("qkv", ["apart", "slices"]) == "slices":
            stacked = [tensor(f"{at}self_attn.{c}_proj.weight", [m, h], "bf16")
                       for c, m in sizes.items()]
            all3 = g.linear(n, g.param(p + "qkv", {"concat": stacked}))
            starts = {"q": 0, "k": heads * d, "v": (heads + groups) * d}
            parts = [g.slice(all3, 2, starts[c], m) for c, m in sizes.items()]
        else:
            parts = [g.linear(n, weight(p + c, f"{at}self_attn.{c}_proj",
                                        [m, h])) for c, m in sizes.items()]
        q, k, v = (split_heads(g, part, g.shapes[part][-1] // d)
                   for part in parts)
        q = rope(g, q, angles, full, interleaved, p + "qr")
        k = rope(g, k, angles, full, interleaved, p + "kr")
        a = attention(g, q, k, v, masked, p + "a")
        o = g.linear(a, weight(p + "o", at + "self_attn.o_proj", [h, heads * d]),
                     name=p + "o")
        x = g.binary("add", x, o, p + "x1")
        n = g.rms_norm(x, weight(p + "norm2", at + "post_attention_layernorm",
                                 [h]), 1e-5, p + "h2")
        gate, up = (g.linear(n, weight(p + c, f"{at}mlp.{c}_proj", [inner, h]),
                             name=p + c) for c in ("gate", "up"))
        m = g.binary("mul", g.silu(gate, p + "act"), up, p + "m")
        down = g.linear(m, weight(p + "down", at + "mlp.down_proj", [h, inner]),
                        name=p + "down")
        x = g.binary("add", x, down, p + "x2")
    x = g.rms_norm(x, weight("norm", "model.norm", [h]), 1e-5, "h")
    g.outputs["logits"] = g.linear(
        x, weight("lm_head", "lm_head", [vocabulary, h]), name="logits")
    return g


def bert(args):
    h, heads, inner, vocabulary, places = 64, 2, 172, 131, 64
    g = Graph("bert-primitives", "encode", vocabulary, places, args.weights,
              args.spelling, args.seed)
    g.inputs.append({"name": "token_type_ids", "role": "segments",
                     "shape": [B, S]})
    g.shapes["token_type_ids"], g.dtypes["token_type_ids"] = [B, S], "i32"

    def dense(x, name, at, n, k, out=None):
        return g.linear(x, g.param(name, tensor(at + ".weight", [n, k])),
                        g.param(name + ".bias", tensor(at + ".bias", [n])), out)

    def norm(x, name, at, out):
        at += ".LayerNorm."
        return g.layer_norm(x, g.param(name, tensor(at + "weight", [h])),
                            g.param(name + ".bias", tensor(at + "bias", [h])),
                            1e-12, out)

    def table(name, kind, count):
        return g.param(name, tensor(f"embeddings.{kind}_embeddings.weight",
                                    [count, h]))

    words = g.embedding("input_ids", table("words", "word", vocabulary))
    kinds = g.embedding("token_type_ids", table("segments", "token_type", 2))
    places_table = table("places", "position", places)
    if g.pick("places", ["gather", "slice"]) == "slice":
        place = g.slice(places_table, 0, 0, S)
    else:
        place = g.embedding(positions(g), places_table)
    x = g.binary("add", g.binary("add", words, kinds), place, "embeddings")
    x = norm(x, "norm", "embeddings", "x")
    masked = mask(g)
    for i in range(args.layers):
        p, at = f"l{i}.", f"encoder.layer.{i}."
        q, k, v = (split_heads(g, dense(x, p + c[0],
                                        f"{at}attention.self.{c}", h, h), heads)
                   for c in ("query", "key", "value"))
        a = attention(g, q, k, v, masked, p + "a")
        o = dense(a, p + "o", at + "attention.output.dense", h, h, p + "o")
        x = norm(g.binary("add", o, x, p + "x1"), p + "norm1",
                 at + "attention.output", p + "h")
        up = dense(x, p + "up", at + "intermediate.dense", inner, h, p + "up")
        down = dense(g.gelu(up, p + "act"), p + "down", at + "output.dense",
                     h, inner, p + "down")
        x = norm(g.binary("add", down, x, p + "x2"), p + "norm2",
                 at + "output", p + "x")
    first = g.slice(x, 1, 0, 1)
    way = g.pick("first", ["slice", "gather"])
    if way == "slice":
        first = g.reshape(first, [B, h])
    else:
        first = g.node("gather", [x, g.constant(0, "i32")], [B, h], axis=1)
    g.outputs["last_hidden_state"] = x
    g.outputs["pooler_output"] = g.unary(
        "tanh", dense(first, "pooler", "pooler.dense", h, h, "pooler.dense"),
        "pooler_output")
    return g


MODELS = {"gpt2": gpt2, "llama": llama, "bert": bert}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("spelling", nargs="*", metavar="PART=WAY")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--weights", default=".")
    parser.add_argument("--any-model", action="store_true",
                        help="also spellings that make another model")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    args.spelling = dict(part.split("=", 1) for part in args.spelling)
    graph = MODELS[args.model](args)
    text = graph.text()
    if args.list:
        text = "".join(f"{part}: {' '.join(sorted(ways))}\n"
                       for part, ways in sorted(graph.used.items()))
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
