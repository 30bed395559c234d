"""Transformer layers in primitives, each part in several spellings.

    spellings.py MODEL [key=choice ...]

writes one model as padded IR. Every choice means the same model, so every one
must raise to the same program.
"""

import math
import sys

from padded import Graph

LOW = -3.4028234663852886e38
CHOICES = {
    "norm": ["mean_mul", "pow_div", "sum", "swapped"],
    "gelu": ["tanh", "pow", "expanded"],
    "silu": ["sigmoid", "exp", "reciprocal"],
    "scale": ["scores", "query", "both", "divide", "key"],
    "mask": ["additive", "select", "multiply", "bool", "tril", "cumsum",
             "filled"],
    "softmax": ["op", "spelled", "safe"],
    "heads": ["split", "late"],
    "repeat": ["expand", "concat", "gather", "grouped"],
    "qkv": ["separate", "fused", "fused_params"],
    "rope": ["half", "halves", "select"],
    "table": ["computed", "literal", "product"],
    "weights": ["plain", "left"],
    "residual": ["left", "right"],
}


class Model:
    def __init__(self, kind, choices):
        self.kind, self.c = kind, dict.fromkeys(CHOICES)
        for key, all in CHOICES.items():
            self.c[key] = choices.get(key, all[0])
            assert self.c[key] in all, (key, self.c[key])
        causal = kind != "bert"
        self.g = Graph(causal, "step" if causal else "encode", 128)
        self.h, self.n, self.kv, self.d, self.i = 64, 4, 4, 16, 256
        if kind == "llama":
            self.kv, self.i = 2, 192

    def linear(self, x, name, n, bias=True):
        k = x.shape[-1]
        w = self.g.param(name, n, k)
        if self.c["weights"] == "left":
            y = (w @ x.transpose(0, 2, 1)).transpose(0, 2, 1)
        else:
            y = x @ w.transpose(1, 0)
        return y + self.g.param(name + ".bias", n) if bias else y

    def rms(self, x, name, eps=1e-5):
        how, w = self.c["norm"], self.g.param(name, x.shape[-1])
        if how == "mean_mul":
            return w * (x * ((x * x).reduce("mean", -1) + eps).unary("rsqrt"))
        if how == "pow_div":
            return x / ((x ** 2.0).reduce("mean", -1) + eps).unary("sqrt") * w
        if how == "sum":
            s = (x * x).reduce("sum", -1) / float(x.shape[-1])
            return x * (1.0 / (s + eps).unary("sqrt")) * w
        return (x * w) * ((x.cast("f32") ** 2.0).reduce("mean", -1)
                          + eps).unary("rsqrt")

    def layer_norm(self, x, name, eps=1e-5):
        g = self.g
        w, b = g.param(name, x.shape[-1]), g.param(name + ".bias", x.shape[-1])
        how = self.c["norm"]
        mean = x.reduce("mean", -1)
        if how == "mean_mul":
            y = x - mean
            r = ((y * y).reduce("mean", -1) + eps).unary("rsqrt")
            return y * r * w + b
        if how == "pow_div":
            y = x - mean
            return y / ((y ** 2.0).reduce("mean", -1) + eps).unary("sqrt") * w + b
        if how == "sum":
            n = float(x.shape[-1])
            y = x - x.reduce("sum", -1) / n
            var = ((x - mean) ** 2.0).reduce("sum", -1) / n
            return b + w * (y * (1.0 / (var + eps).unary("sqrt")))
        y = x - mean
        r = ((y * y).reduce("mean", -1) + eps).unary("rsqrt")
        return (r * w) * y + b

    def gelu(self, x):
        k, how = math.sqrt(2 / math.pi), self.c["gelu"]
        if how == "tanh":
            t = ((x + 0.044715 * (x * x * x)) * k).unary("tanh")
            return x * 0.5 * (1.0 + t)
        if how == "pow":
            t = (k * (x + (x ** 3.0) * 0.044715)).unary("tanh")
            return 0.5 * x * (t + 1.0)
        t = (x * k * (1.0 + (x * x) * 0.044715)).unary("tanh")
        return x * (0.5 * t + 0.5)

    def silu(self, x):
        how = self.c["silu"]
        if how == "sigmoid":
            return x * x.unary("sigmoid")
        if how == "exp":
            return x / (1.0 + (-x).unary("exp"))
        return (1.0 / ((x * -1.0).unary("exp") + 1.0)) * x

    def erf_gelu(self, x):
        how = self.c["gelu"]
        if how == "tanh":
            return x * 0.5 * ((x / math.sqrt(2)).unary("erf") + 1.0)
        if how == "pow":
            return 0.5 * (x * (1.0 + (x * math.sqrt(0.5)).unary("erf")))
        return x * (0.5 * (x * math.sqrt(0.5)).unary("erf") + 0.5)

    def split_heads(self, x, n):
        return x.reshape("batch", "sequence", n, self.d).transpose(0, 2, 1, 3)

    def project(self, x, p, bias):
        g, (n, kv, d, h) = self.g, (self.n, self.kv, self.d, self.h)
        sizes = [n * d, kv * d, kv * d]
        if self.c["qkv"] == "separate":
            return [self.split_heads(self.linear(x, p + s, size, bias), heads)
                    for s, size, heads in zip("qkv", sizes, (n, kv, kv))]
        total = sum(sizes)
        if self.c["qkv"] == "fused":
            y, parts, at = self.linear(x, p + "qkv", total, bias), [], 0
            for size, heads in zip(sizes, (n, kv, kv)):
                parts.append(self.split_heads(y.slice(2, at, size), heads))
                at += size
            return parts
        parts, at = [], 0
        w, b = g.param(p + "qkv", total, h), g.param(p + "qkv.bias", total)
        for size, heads in zip(sizes, (n, kv, kv)):
            y = x @ w.slice(0, at, size).transpose(1, 0)
            y = y + b.slice(0, at, size) if bias else y
            parts.append(self.split_heads(y, heads))
            at += size
        return parts

    def angles(self):
        g, half = self.g, self.d // 2
        if self.c["table"] == "literal":
            f = g.constant([10000.0 ** (-2 * j / self.d) for j in range(half)],
                           shape=(half,))
        else:
            j = g.iota(0, half, type="f32") * 2.0 / float(self.d)
            f = 1.0 / (g.constant(10000.0) ** j)
        s = g.iota(0, "sequence").cast("f32")
        if self.c["table"] == "product":  # [1, half, 1] by [1, 1, sequence]
            f = f.reshape(1, half, 1).expand(1, half, 1)
            y = f @ s.reshape(1, 1, "sequence")
            return y.transpose(0, 2, 1).reshape("sequence", half)
        return s.reshape("sequence", 1) * f.reshape(1, half)

    def rope(self, x):
        g, d, half, how = self.g, self.d, self.d // 2, self.c["rope"]
        angles = self.angles()
        a, b = x.slice(3, 0, half), x.slice(3, half, half)
        if how == "halves":
            cos, sin = angles.unary("cos"), angles.unary("sin")
            return g.concat([a * cos - b * sin, b * cos + a * sin], 3)
        both = g.concat([angles, angles], 1)
        cos, sin = both.unary("cos"), both.unary("sin")
        if how == "select":
            cos, sin = (t.reshape(1, 1, "sequence", d) for t in (cos, sin))
        return x * cos + g.concat([-b, a], 3) * sin

    def interleaved(self, x):
        g, half = self.g, self.d // 2
        angles = self.angles()
        cos, sin = angles.unary("cos"), angles.unary("sin")
        n = x.shape[1]
        a, b = x.slice(3, 0, half, 2), x.slice(3, 1, half, 2)
        pairs = [a * cos - b * sin, a * sin + b * cos]
        pairs = [p.reshape("batch", n, "sequence", half, 1) for p in pairs]
        return g.concat(pairs, 4).reshape("batch", n, "sequence", self.d)

    def repeat(self, x):
        g, n, kv, d, r = self.g, self.n, self.kv, self.d, self.n // self.kv
        how = self.c["repeat"]
        if r == 1:
            return x
        if how == "concat":
            parts = [x.slice(1, i // r, 1) for i in range(n)]
            return g.concat(parts, 1)
        if how == "gather":
            ids = g.constant([i // r for i in range(n)], "i32", (n,))
            return x.gather(ids, 1)
        x = x.reshape("batch", kv, 1, "sequence", d)
        x = x.expand("batch", kv, r, "sequence", d)
        return x.reshape("batch", n, "sequence", d)

    def masked(self, s):
        g, how, c = self.g, self.c["mask"], self.g.causal
        real = self.mask.reshape("batch", 1, 1, "sequence")
        i, j = g.iota(0, "sequence", "sequence"), g.iota(1, "sequence", "sequence")
        if how == "additive":
            m = (1.0 - real.cast("f32")) * LOW
            if c:
                m = m + (j > i).cast("f32") * -1e9
            return s + m
        if how == "select":
            s = g.select(real.eq(g.constant(0, "i32")), -math.inf, s)
            return g.select(i < j, LOW, s) if c else s
        if how == "multiply":
            keep = real.cast("f32")
            if c:
                keep = (j <= i).cast("f32") * keep
            return s * 1.0 + (1.0 - keep) * -10000.0
        if how == "bool":
            keep = real.cast("i1")
            if c:
                keep = keep & (i >= j)
            return g.select(keep, s, LOW)
        if how == "tril":
            keep = real.cast("i1")
            if c:
                tril = (i - j >= g.constant(0, "i32")).cast("f32")
                keep = tril.ne(g.constant(0.0)) & keep
            return g.select(keep.unary("not"), LOW, s)
        if how == "filled":  # as transformers fills a triangle
            m = g.constant(LOW, shape=("sequence", "sequence"))
            m = m * (j > i if c else i.ne(i)).cast("f32")
            m = m.reshape(1, 1, "sequence", "sequence")
            m = m.expand("batch", 1, "sequence", "sequence")
            pad = (m + real.cast("f32")).eq(g.constant(0.0))
            return s + g.select(pad, LOW, m)
        p = g.constant(1, "i32", ("sequence",)).along("cumsum", 0)
        keep = real > g.constant(0, "i32")
        if c:
            keep = keep & (p.reshape(1, "sequence") <= p.reshape("sequence", 1))
        return g.select(keep, s, -math.inf)

    def attend(self, q, k, v):
        g, n, kv, d, r = self.g, self.n, self.kv, self.d, self.n // self.kv
        scale, how = 1 / math.sqrt(d), self.c["scale"]
        grouped = self.c["repeat"] == "grouped" and r > 1
        if grouped:
            q = q.reshape("batch", kv, r, "sequence", d)
            k = k.reshape("batch", kv, 1, "sequence", d)
            v = v.reshape("batch", kv, 1, "sequence", d)
        else:
            k, v = self.repeat(k), self.repeat(v)
        if how == "query":
            q = q * scale
        if how == "key":
            k = k * scale
        if how == "both":
            q, k = q * math.sqrt(scale), k * math.sqrt(scale)
        rank = len(k.shape)
        perm = list(range(rank - 2)) + [rank - 1, rank - 2]
        s = q @ k.transpose(*perm)
        if grouped:
            s = s.reshape("batch", n, "sequence", "sequence")
        if how == "scores":
            s = s * scale
        if how == "divide":
            s = s / math.sqrt(d)
        s = self.masked(s)
        if self.c["softmax"] == "op":
            p = s.along("softmax", -1)
        elif self.c["softmax"] == "safe":  # 0 for a query without a key
            some = s.eq(g.constant(-math.inf)).unary("not").cast("i32")
            none = some.reduce("max", -1).cast("i1").unary("not")
            p = g.select(none, 0.0, s.along("softmax", -1))
        else:
            e = (s - s.reduce("max", -1)).unary("exp")
            p = e / e.reduce("sum", -1)
        if grouped:
            p = p.reshape("batch", kv, r, "sequence", "sequence")
        o = p @ v
        if grouped:
            o = o.reshape("batch", n, "sequence", d)
        return o.transpose(0, 2, 1, 3).reshape("batch", "sequence", n * d)

    def add(self, x, y):
        return x + y if self.c["residual"] == "left" else y + x

    def inputs(self):
        self.ids = self.g.input("input_ids", "tokens")
        self.mask = self.g.input("attention_mask", "mask")

    def gpt2(self):
        g = self.g
        self.inputs()
        x = g.param("wte", 320, self.h).gather(self.ids)
        x = x + g.param("wpe", 128, self.h).gather(g.iota(0, "sequence"))
        for l in ("l0.", "l1."):
            q, k, v = self.project(self.layer_norm(x, l + "ln1"), l, True)
            x = self.add(x, self.linear(self.attend(q, k, v), l + "o", self.h))
            m = self.linear(self.layer_norm(x, l + "ln2"), l + "fc", self.i)
            x = self.add(x, self.linear(self.gelu(m), l + "proj", self.h))
        x = self.layer_norm(x, "ln")
        return g.ir(logits=x @ g.param("wte", 320, self.h).transpose(1, 0))

    def llama(self, rope=None):
        g, rope = self.g, rope or self.rope
        self.inputs()
        x = g.param("embed", 320, self.h).gather(self.ids)
        for l in ("l0.", "l1."):
            q, k, v = self.project(self.rms(x, l + "norm1"), l, False)
            a = self.attend(rope(q), rope(k), v)
            x = self.add(x, self.linear(a, l + "o", self.h, False))
            m = self.rms(x, l + "norm2")
            gate = self.silu(self.linear(m, l + "gate", self.i, False))
            up = self.linear(m, l + "up", self.i, False)
            x = self.add(x, self.linear(gate * up, l + "down", self.h, False))
        return g.ir(logits=self.linear(self.rms(x, "norm"), "head", 320, False))

    def neox(self):
        return self.llama(self.interleaved)

    def bert(self):
        g = self.g
        self.inputs()
        segments = g.input("token_type_ids", "segments")
        x = g.param("word", 320, self.h).gather(self.ids)
        x = x + g.param("position", 128, self.h).gather(g.iota(0, "sequence"))
        x = x + g.param("segment", 2, self.h).gather(segments)
        x = self.layer_norm(x, "ln", 1e-12)
        for l in ("l0.", "l1."):
            q, k, v = self.project(x, l, True)
            a = self.linear(self.attend(q, k, v), l + "o", self.h)
            x = self.layer_norm(self.add(x, a), l + "ln1", 1e-12)
            m = self.erf_gelu(self.linear(x, l + "fc", self.i))
            y = self.linear(m, l + "proj", self.h)
            x = self.layer_norm(self.add(x, y), l + "ln2", 1e-12)
        first = x.slice(1, 0, 1).reshape("batch", self.h)
        w = g.param("pool", self.h, self.h).transpose(1, 0)
        pooled = (first @ w + g.param("pool.bias", self.h)).unary("tanh")
        return g.ir(last_hidden_state=x, pooler_output=pooled)


def main():
    kind = sys.argv[1]
    choices = dict(arg.split("=") for arg in sys.argv[2:])
    print(getattr(Model(kind, choices), kind)())


if __name__ == "__main__":
    main()
