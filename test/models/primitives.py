#!/usr/bin/env python3
"""Writes transformers in primitives, as torch.export or ONNX decompose them.

    primitives.py gpt2|llama|bert [PART=WAY ...] [--layers N] [--seed N]
                  [--weights DIR] [--list] > model.json

The sizes and tensors are those of test/e2e/checkpoints gpt2-plain, llama-gqa and
bert-pooler. PART=WAY chooses a spelling of a part; other parts are spelled the
first way, or at random with --seed. --list prints the parts and ways used.
"""
import argparse
import math
import sys

from graph import B, LOWEST, S, Graph

FILE = "model.safetensors"


def tensor(name, shape, dtype="f32"):
    return {"tensor": name, "file": FILE, "shape": shape, "dtype": dtype}


def rows(recipe, start, size, axis=0):
    return {"slice": recipe, "axis": axis, "start": start, "size": size}


# ---- positions and masks -------------------------------------------------

def positions(g):
    """The position of every token: i32 [sequence] or [batch, sequence]."""
    way = g.pick("positions", ["iota", "cumsum"])
    if way == "iota":
        return g.node("iota", [], [S])
    count = g.node("cumsum", ["attention_mask"], [B, S], axis=1)
    from_zero = g.binary("sub", count, g.constant(1, "i32"))
    return g.binary("maximum", from_zero, g.constant(0, "i32"))


def visible(g):
    """Where a query sees a key, as truth values [..., 1 or S, S]; `causal`."""
    keys = g.reshape("attention_mask", [B, 1, 1, S])
    way = g.pick("padding", ["cast", "ne", "gt"])
    if way == "cast":
        real = g.node("cast", [keys], [B, 1, 1, S], dtype="bool")
    else:
        real = g.node(way, [keys, g.constant(0, "i32")], [B, 1, 1, S])
    if not g.causal:
        return real
    key = g.node("iota", [], [S])
    query = g.reshape(key, [S, 1])
    way = g.pick("causal", ["le", "ge", "difference"])
    if way == "le":
        below = g.node("le", [key, query], [S, S])
    elif way == "ge":
        below = g.node("ge", [query, key], [S, S])
    else:
        apart = g.node("sub", [query, key], [S, S])
        below = g.node("ge", [apart, g.constant(0, "i32")], [S, S])
    return g.node("and", [below, real], [B, 1, S, S])


def lowest(g):
    ways = {"min": LOWEST, "inf": "-inf", "1e9": -1e9}
    return g.constant(ways[g.pick("lowest", list(ways))])


def mask(g):
    """A function from scores to masked scores, by one mask for all layers."""
    way = g.pick("mask", ["add", "select", "select_not", "add_product"])
    seen = visible(g)
    shape = g.shapes[seen]
    if way == "select":
        low = lowest(g)
        return lambda x: g.node("select", [seen, x, low], g.shapes[x])
    if way == "select_not":
        low, hidden = lowest(g), g.node("not", [seen], shape)
        return lambda x: g.node("select", [hidden, low, x], g.shapes[x])
    if way == "add":
        bias = g.node("select", [seen, g.constant(0), lowest(g)], shape)
    else:  # (1 - seen) * lowest
        number = g.node("cast", [seen], shape, dtype="f32")
        hidden = g.node("sub", [g.constant(1), number], shape)
        bias = g.binary("mul", hidden, g.constant(LOWEST))
    return lambda x: g.binary("add", x, bias)


# ---- attention -----------------------------------------------------------

def split_heads(g, x, heads):
    """[B, S, heads * d] to [B, heads, S, d]."""
    size = g.shapes[x][-1] // heads
    return g.transpose(g.reshape(x, [B, S, heads, size]), [0, 2, 1, 3])


def repeat_heads(g, x, times):
    """[B, G, S, d] to [B, G * times, S, d], each head `times` in a row."""
    if times == 1:
        return x
    _, groups, _, d = g.shapes[x]
    wide = [B, groups, times, S, d]
    apart = g.reshape(x, [B, groups, 1, S, d])
    way = g.pick("repeat", ["expand", "concat", "gather"])
    if way == "gather":
        index = g.node("iota", [], [groups * times])
        group = g.node("div", [index, g.constant(times, "i32")],
                       [groups * times])
        return g.node("gather", [x, group], [B, groups * times, S, d], axis=1)
    if way == "expand":
        apart = g.node("expand", [apart], wide)
    else:
        apart = g.node("concat", [apart] * times, wide, axis=2)
    return g.reshape(apart, [B, groups * times, S, d])


def product(g, x, y):
    """A matmul of [B, H, ...] values, also with batch and heads as one axis."""
    if g.pick("bmm", ["axes", "flat"]) == "axes":
        return g.matmul(x, y)
    flat = [g.reshape(v, [f"{g.shapes[v][1]}*{B}", *g.shapes[v][2:]])
            for v in (x, y)]
    z = g.matmul(*flat)
    return g.reshape(z, [B, g.shapes[x][1], *g.shapes[z][1:]])


def scaled(g, x, scale, part):
    """x * scale where `part` is where the scale goes."""
    where = g.scale_at
    if where == part:
        return g.binary("mul", x, g.constant(scale))
    if where == "both" and part in ("q", "k"):
        return g.binary("mul", x, g.constant(math.sqrt(scale)))
    if where == "div" and part == "scores":
        return g.binary("div", x, g.constant(1 / scale))
    return x


def attention(g, q, k, v, masked, name):
    """Softmax attention of [B, H, S, d] and [B, G, S, d]; back to [B, S, H*d]."""
    heads, d = g.shapes[q][1], g.shapes[q][3]
    scale = 1 / math.sqrt(d)
    g.scale_at = g.pick("scale", ["scores", "q", "k", "both", "div"])
    k = repeat_heads(g, scaled(g, k, scale, "k"), heads // g.shapes[k][1])
    v = repeat_heads(g, v, heads // g.shapes[v][1])
    q = scaled(g, q, scale, "q")
    scores = product(g, q, g.transpose(k, [0, 1, 3, 2]))
    p = g.softmax(masked(scaled(g, scores, scale, "scores")))
    turned = g.transpose(product(g, p, v), [0, 2, 1, 3])
    return g.reshape(turned, [B, S, heads * d], name)


# ---- rope ----------------------------------------------------------------

def rope_angles(g, d, theta, count):
    """cos and sin, [B or 1, 1, S, d/2] as params or from frequencies."""
    at = positions(g)
    lead = g.shapes[at][:-1]
    if g.pick("angles", ["frequencies", "table"]) == "table":
        full = {"generator": "rope", "shape": [count, d], "theta": theta}
        tables = [g.param(name, rows(full, start, d // 2, 1))
                  for name, start in (("cos", 0), ("sin", d // 2))]
        found = [g.node("gather", [t, at], lead + [S, d // 2], axis=0)
                 for t in tables]
    else:
        frequencies = [theta ** (-2 * i / d) for i in range(d // 2)]
        inverse = g.param("inverse_frequencies",
                          {"literal": frequencies, "shape": [d // 2]})
        number = g.node("cast", [at], g.shapes[at], dtype="f32")
        number = g.reshape(number, lead + [S, 1])
        angle = g.binary("mul", number, inverse)
        found = [g.unary("cos", angle), g.unary("sin", angle)]
    if lead:
        return [g.reshape(x, [B, 1, S, d // 2]) for x in found]
    return found


def repeat_angles(g, angles, interleaved):
    """cos and sin for all d elements, as the pairs need them."""
    out = []
    for x in angles:
        shape = g.shapes[x]
        if not interleaved:
            out.append(g.node("concat", [x, x], shape[:-1] + [2 * shape[-1]],
                              axis=-1))
            continue
        pair = g.reshape(x, shape + [1])
        both = g.node("concat", [pair, pair], shape + [2], axis=-1)
        out.append(g.reshape(both, shape[:-1] + [2 * shape[-1]]))
    return out


def rope(g, x, angles, full, interleaved, name):
    """Rotates the pairs of [B, H, S, d]."""
    shape = g.shapes[x]
    d = shape[-1]
    if interleaved:
        first, second = (g.slice(x, 3, i, d // 2, 2) for i in (0, 1))
    else:
        first, second = (g.slice(x, 3, i, d // 2) for i in (0, d // 2))

    def join(a, b, label=None):
        if not interleaved:
            return g.node("concat", [a, b], shape, label, axis=3)
        pairs = [g.reshape(v, shape[:-1] + [d // 2, 1]) for v in (a, b)]
        both = g.node("concat", pairs, shape[:-1] + [d // 2, 2], axis=4)
        return g.reshape(both, shape, label)

    if g.pick("rotation", ["rotate", "halves"]) == "rotate":
        turned = join(g.unary("neg", second), first)
        return g.binary("add", g.binary("mul", x, full[0]),
                        g.binary("mul", turned, full[1]), name)
    cos, sin = angles
    return join(g.binary("sub", g.binary("mul", first, cos),
                         g.binary("mul", second, sin)),
                g.binary("add", g.binary("mul", second, cos),
                         g.binary("mul", first, sin)), name)


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
