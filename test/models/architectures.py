"""Random transformer architectures, and the graph of one in random spellings.

    architectures.py SEED [--plain | --spelling N] [--trap]

prints a model.json. Whatever the spelling, one seed is one model; a trap is a
model that no compiler of packed sequences can take, by what its name says.
"""
import argparse
import math
import random
import sys

from graph import B, S, Graph
from parts import (attention, frequencies, mask, places, positions, real_keys,
                   repeat_angles, rope, rope_angles, split_heads)

FILE = "model.safetensors"
TRAPS = ["unmasked", "next", "strided", "tiled", "mean", "batch", "queries"]


def architecture(seed):
    """The choices that make another model, not another spelling of it."""
    r = random.Random(f"architecture {seed}")
    causal = r.random() < 0.6
    d = r.choice([8, 10, 12, 16, 20])
    kv = r.choice([1, 2, 2, 3, 4])
    a = {
        "causal": causal, "vocabulary": r.randint(30, 140),
        "positions": r.randint(20, 80), "hidden": r.choice(
            [16, 24, 28, 32, 40, 48, 64]),
        "norm": r.choice(["layer", "layer", "rms", "rms", "rms_plus_one"]),
        "norm_bias": r.random() < 0.8, "eps": r.choice([1e-5, 1e-6, 1e-3]),
        "place": r.choice(["learned", "rope", "rope", "rope", "interleaved",
                           "partial", "alibi", "buckets", "none"]),
        "scaling": r.choice([None, None, None, "linear", "llama3", "tensor"]),
        "theta": r.choice([10000.0, 500.0, 500000.0]),
        "block": r.choice(["pre", "pre", "pre", "post", "sandwich", "parallel",
                           "parallel_norms"]),
        "embed_scale": r.random() < 0.2, "embed_norm": r.random() < 0.2,
        "softcap": r.choice([None, None, None, 20.0, 50.0]),
        "logit_cap": r.choice([None, None, None, 30.0]),
        "query_norm": r.random() < 0.25, "scale": r.choice(
            [None, None, None, 0.3]),
        "bias": r.random() < 0.5, "tied": r.random() < 0.5,
        "shared_layers": r.random() < 0.15, "segments": r.random() < 0.2,
        "multiplier": r.choice([None, None, None, 0.5]),
        "pool": r.choice(["none", "none", "first", "mean", "max", "last",
                          "unit_mean"]),
        "data": not causal and r.random() < 0.15,
        "mask": causal and r.random() < 0.2, "layers": []}
    if a["place"] == "partial" and d < 8:
        a["place"] = "rope"
    for i in range(r.choice([1, 1, 2, 2, 3])):
        again = a["shared_layers"] and i > 0
        layer = dict(a["layers"][0]) if again else {
            "d": d, "kv": kv, "heads": kv * r.choice([1, 1, 2, 3]),
            "window": r.choice([0, 0, 0, r.randint(1, 20)]),
            "mlp": r.choice(["gelu", "gelu_tanh", "relu", "relu2", "silu",
                             "gated_silu", "gated_silu", "gated_gelu",
                             "none"]),
            "inner": r.choice([32, 40, 64, 100])}
        layer["shares"] = i > 0 and not again and r.random() < 0.2
        a["layers"].append(layer)
        if r.random() < 0.3:  # head counts of its own
            kv = r.choice([1, 2, 4])
    return a


class Model:
    """One architecture as a graph."""

    def __init__(self, a, seed, spelling, trap):
        self.a, self.trap = a, trap
        self.g = Graph("random", "step" if a["causal"] else "encode",
                       a["vocabulary"], a["positions"], ".", {}, spelling,
                       causal=a["causal"])
        self.h = a["hidden"]
        # A row of padding that sees no key is 0 to softmax; written out, -inf
        # less itself is no number, and would reach real tokens in the source.
        if any(layer["window"] for layer in a["layers"]):
            self.g.spelling["softmax"] = "softmax"
        self.masks = {}

    def weight(self, name, *shape):
        if "@" + name in self.g.shapes:
            return "@" + name
        return self.g.param(name, {"tensor": name, "file": FILE,
                                   "shape": list(shape), "dtype": "f32"})

    def linear(self, x, name, n):
        k = self.g.shapes[x][-1]
        bias = self.weight(name + ".bias", n) if self.a["bias"] else None
        return self.g.linear(x, self.weight(name, n, k), bias)

    def norm(self, x, name):
        g, kind, n = self.g, self.a["norm"], self.g.shapes[x][-1]
        weight = self.weight(name, n)
        if kind == "layer":
            bias = self.a["norm_bias"] and self.weight(name + ".bias", n)
            return g.layer_norm(x, weight, bias, self.a["eps"])
        if kind == "rms_plus_one":
            grown = g.binary("add", weight, g.constant(1))
            return g.binary("mul", g.normed(x, self.a["eps"]), grown)
        return g.rms_norm(x, weight, self.a["eps"])

    # ---- attention -------------------------------------------------------

    def masked(self, window):
        g, trap = self.g, self.trap
        if trap == "unmasked":
            return lambda x: x
        if trap == "queries":  # rows that are padding, not keys
            real = g.transpose(real_keys(g), [0, 1, 3, 2])
            return lambda x: g.node("select", [real, x, g.constant("-inf")],
                                    g.shapes[x])
        if trap in ("next", "strided"):
            key, query = places(g)
            apart = g.node("sub", [query, key], [S, S])
            low = g.node("ge", [apart, g.constant(-1, "i32")], [S, S])
            if trap == "strided":
                odd = g.node("mod", [apart, g.constant(2, "i32")], [S, S])
                low = g.node("eq", [odd, g.constant(0, "i32")], [S, S])
            seen = g.node("and", [low, real_keys(g)], [B, 1, S, S])
            return lambda x: g.node("select", [seen, x, g.constant("-inf")],
                                    g.shapes[x])
        if window not in self.masks:
            self.masks[window] = mask(g, window)
        return self.masks[window]

    def bend(self, heads):
        """What is done to scores beside masking; null for nothing."""
        g, a = self.g, self.a

        def bent(x):
            shape = g.shapes[x]
            if a["softcap"]:
                cap = g.constant(a["softcap"])
                x = g.binary("mul", g.unary("tanh", g.binary("div", x, cap)),
                             cap)
            if a["place"] not in ("alibi", "buckets"):
                return x
            key, query = places(g)
            if a["place"] == "alibi":
                slopes = g.reshape(g.param(
                    f"slopes{heads}", {"generator": "alibi",
                                       "shape": [heads]}), [heads, 1, 1])
                back = g.node("sub", [key, query], [S, S])
                back = g.node("cast", [back], [S, S], dtype="f32")
                bias = g.node("mul", [slopes, back], [heads, S, S])
            else:
                apart = g.node("sub", [key, query], [S, S])
                apart = g.node("maximum", [apart, g.constant(-6, "i32")],
                               [S, S])
                apart = g.node("minimum", [apart, g.constant(6, "i32")],
                               [S, S])
                at = g.node("add", [apart, g.constant(6, "i32")], [S, S])
                found = g.node("gather", [self.weight(f"buckets{heads}", 13,
                                                      heads), at],
                               [S, S, heads], axis=0)
                bias = g.transpose(found, [2, 0, 1])
            return g.node("add", [x, bias], shape)
        if a["softcap"] or a["place"] in ("alibi", "buckets"):
            return bent
        return None

    def turn(self, x):
        """The rotary embedding of heads."""
        a, g = self.a, self.g
        d = g.shapes[x][-1]
        if a["place"] not in ("rope", "interleaved", "partial"):
            return x
        rotated = d // 4 * 2 if a["place"] == "partial" else d
        key = ("angles", rotated)
        apart = a["place"] == "interleaved"
        if key not in self.masks:
            angles = rope_angles(g, rotated, a["theta"], a["positions"],
                                 a["scaling"])
            self.masks[key] = angles, repeat_angles(g, angles, apart)
        angles, full = self.masks[key]
        if rotated == d:
            return rope(g, x, angles, full, apart, None)
        head = g.slice(x, 3, 0, rotated)
        head = rope(g, head, angles, full, apart, None)
        rest = g.slice(x, 3, rotated, d - rotated)
        return g.node("concat", [head, rest], g.shapes[x], axis=3)

    def projected(self, x, p, layer):
        """Queries, keys and values as heads."""
        g, d = self.g, layer["d"]
        counts = [layer["heads"], layer["kv"], layer["kv"]]
        sizes = [n * d for n in counts]
        fused = not self.a["bias"] and g.pick(
            "qkv", ["apart", "slices", "split"]) != "apart"
        if fused:
            stacked = {"concat": [
                {"tensor": p + c, "file": FILE, "shape": [n, self.h],
                 "dtype": "f32"} for c, n in zip("qkv", sizes)]}
            every = g.linear(x, g.param(p + "qkv", stacked)
                             if "@" + p + "qkv" not in g.shapes
                             else "@" + p + "qkv")
            starts = [0, sizes[0], sizes[0] + sizes[1]]
            parts = [g.slice(every, 2, start, n)
                     for start, n in zip(starts, sizes)]
        else:
            parts = [self.linear(x, p + c, n) for c, n in zip("qkv", sizes)]
        q, k, v = (split_heads(g, part, n) for part, n in zip(parts, counts))
        if self.a["query_norm"]:
            q, k = (g.rms_norm(t, self.weight(p + c + "_norm", d),
                               self.a["eps"]) for t, c in ((q, "q"), (k, "k")))
        return self.turn(q), self.turn(k), v

    def attend(self, x, p, layer):
        g = self.g
        q, k, v = self.projected(x, p, layer)
        last = getattr(self, "last", None)
        if layer["shares"] and last and layer["heads"] % g.shapes[
                last[0]][1] == 0 and g.shapes[last[0]][3] == layer["d"]:
            k, v = last
        self.last = k, v
        if self.trap == "tiled" and layer["kv"] > 1:
            wide = list(g.shapes[k])
            wide[1] *= 2
            k, v = (g.node("concat", [t, t], wide, axis=1) for t in (k, v))
            q = g.node("concat", [q] * 2, [B, 2 * layer["heads"], S,
                                           layer["d"]], axis=1)
        out = attention(g, q, k, v, self.masked(layer["window"]), None,
                        self.a["scale"], self.bend(g.shapes[q][1]))
        return self.linear(out, p + "o", self.h)

    # ---- blocks ----------------------------------------------------------

    def mlp(self, x, p, layer):
        g, kind, n = self.g, layer["mlp"], layer["inner"]
        up = self.linear(x, p + "up", n)
        function = kind.removeprefix("gated_")
        if function == "relu2":
            active = g.squared(g.unary("relu", up))
        elif function == "relu":
            active = g.unary("relu", up)
        else:
            active = getattr(g, function)(up)
        if kind.startswith("gated"):
            active = g.binary("mul", active, self.linear(x, p + "gate", n))
        return self.linear(active, p + "down", self.h)

    def join(self, x, y):
        if self.a["multiplier"]:
            y = self.g.binary("mul", y, self.g.constant(self.a["multiplier"]))
        return self.g.binary("add", x, y)

    def block(self, x, p, layer):
        kind, mlp = self.a["block"], layer["mlp"] != "none"
        if kind.startswith("parallel"):
            n = self.norm(x, p + "norm1")
            m = n if kind == "parallel" else self.norm(x, p + "norm2")
            y = self.attend(n, p, layer)
            if mlp:
                y = self.g.binary("add", y, self.mlp(m, p, layer))
            return self.join(x, y)
        parts = [(lambda t: self.attend(t, p, layer), "1")]
        if mlp:
            parts.append((lambda t: self.mlp(t, p, layer), "2"))
        for part, name in parts:
            if kind == "post":
                x = self.norm(self.join(x, part(x)), p + "norm" + name)
                continue
            y = part(self.norm(x, p + "norm" + name))
            if kind == "sandwich":
                y = self.norm(y, p + "after" + name)
            x = self.join(x, y)
        return x

    def embedded(self):
        g, a = self.g, self.a
        if a["data"]:
            g.inputs[0] = {"name": "x", "role": "data",
                           "shape": [B, S, self.h], "dtype": "f32"}
            g.shapes["x"], g.dtypes["x"] = [B, S, self.h], "f32"
            x = "x"
        else:
            x = g.embedding("input_ids", self.weight(
                "embed", a["vocabulary"], self.h))
        if a["embed_scale"]:
            x = g.binary("mul", x, g.constant(math.sqrt(self.h)))
        if a["place"] == "learned":
            table = self.weight("places", a["positions"], self.h)
            x = g.binary("add", x, g.embedding(positions(g), table))
        if a["segments"] and not a["causal"]:
            g.inputs.append({"name": "token_type_ids", "role": "segments",
                             "shape": [B, S]})
            g.shapes["token_type_ids"] = [B, S]
            g.dtypes["token_type_ids"] = "i32"
            x = g.binary("add", x, g.embedding(
                "token_type_ids", self.weight("segments", 2, self.h)))
        return self.norm(x, "embed_norm") if a["embed_norm"] else x

    def pooled(self, x):
        g, kind = self.g, self.a["pool"]
        if self.trap == "mean":
            return g.node("reduce_mean", [x], [B, self.h], axes=[1],
                          keepdims=False)
        if self.trap == "batch":
            mean = g.node("reduce_mean", [x], [1, S, self.h], axes=[0])
            return g.node("sub", [x, mean], g.shapes[x])
        real = g.reshape("attention_mask", [B, S, 1])
        if kind == "first":
            return g.reshape(g.slice(x, 1, 0, 1), [B, self.h])
        if kind in ("mean", "unit_mean"):
            number = g.node("cast", [real], [B, S, 1], dtype="f32")
            total = g.node("reduce_sum", [g.binary("mul", x, number)],
                           [B, self.h], axes=[1], keepdims=False)
            count = g.node("reduce_sum", [number], [B, 1], axes=[1],
                           keepdims=False)
            mean = g.binary("div", total, count)
            if kind == "mean":
                return mean
            size = g.unary("sqrt", g.node("reduce_sum", [g.squared(mean)],
                                          [B, 1], axes=[-1]))
            return g.binary("div", mean, g.binary("maximum", size,
                                                  g.constant(1e-12)))
        if kind == "max":
            pad = g.node("eq", [real, g.constant(0, "i32")], [B, S, 1])
            low = g.node("select", [pad, g.constant(-1e9), x], g.shapes[x])
            return g.node("reduce_max", [low], [B, self.h], axes=[1],
                          keepdims=False)
        count = g.node("reduce_sum", ["attention_mask"], [B], axes=[1],
                       keepdims=False)
        at = g.node("sub", [count, g.constant(1, "i32")], [B])
        return g.node("gather", [x, at], [B, self.h], axis=1, batch=1)

    def build(self):
        g, a = self.g, self.a
        x = self.embedded()
        for i, layer in enumerate(a["layers"]):
            p = "l0." if a["shared_layers"] else f"l{i}."
            x = self.block(x, p, layer)
        if a["block"] != "post":
            x = self.norm(x, "last_norm")
        if a["causal"]:
            n = a["vocabulary"]
            table = self.weight("embed" if a["tied"] else "head", n, self.h)
            y = g.linear(x, table)
            if self.trap in ("mean", "batch"):
                y = self.pooled(x)
            if a["logit_cap"]:
                cap = g.constant(a["logit_cap"])
                y = g.binary("mul", g.unary("tanh", g.binary("div", y, cap)),
                             cap)
            g.outputs["logits"] = y
        else:
            g.outputs["last_hidden_state"] = x
            if a["pool"] != "none" or self.trap in ("mean", "batch"):
                g.outputs["pooled"] = self.pooled(x)
        return g.text()


def write(seed, spelling=None, trap=None):
    """The model.json of `seed`; plain, or spelled at random by `spelling`."""
    if spelling is not None:
        spelling = f"spelling {seed} {spelling}"
    a = architecture(seed)
    if trap == "tiled" and a["layers"][0]["kv"] == 1:
        trap = "queries"
    return Model(a, seed, spelling, trap).build()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seed", type=int)
    parser.add_argument("--spelling", type=int)
    parser.add_argument("--trap", choices=TRAPS)
    parser.add_argument("--show", action="store_true",
                        help="the architecture instead")
    args = parser.parse_args()
    if args.show:
        print(architecture(args.seed))
    else:
        sys.stdout.write(write(args.seed, args.spelling, args.trap))


if __name__ == "__main__":
    main()
