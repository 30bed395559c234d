"""Small padded graphs, one a rule of raising.

    raise_cases.py NAME            prints one as IR
    raise_cases.py --run FT_OPT    raises all; prints what each became, or the
                                   error
"""

import math
import re
import subprocess
import sys

from padded import Graph

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


class Block:
    """Queries, keys and values of 4 heads of 8, and a mask."""

    def __init__(self, mask=True, causal=False, heads=4, kv=4, **options):
        self.g = g = Graph(causal, **options)
        self.x = g.input("x", "data", ("batch", "sequence", 32), "f32")
        self.mask = g.input("mask", "mask") if mask else None
        self.q = self.project("q", heads)
        self.k, self.v = self.project("k", kv), self.project("v", kv)

    def project(self, name, heads):
        y = self.x @ self.g.param(name, heads * 8, 32).transpose(1, 0)
        return y.reshape("batch", "sequence", heads, 8).transpose(0, 2, 1, 3)

    def scores(self):
        return (self.q @ self.k.transpose(0, 1, 3, 2)) * 0.5

    def padding(self):
        real = self.mask.reshape("batch", 1, 1, "sequence").cast("f32")
        return (1.0 - real) * -10000.0

    def positions(self):
        i = self.g.iota(0, "sequence", 1)
        return i, self.g.iota(1, 1, "sequence")

    def finish(self, scores, axis=-1):
        return self.g.ir(y=self.join(scores.along("softmax", axis) @ self.v))

    def join(self, y):
        y = y.transpose(0, 2, 1, 3).reshape("batch", "sequence", 32)
        return y @ self.g.param("o", 32, 32).transpose(1, 0)


def rows(mask=True, **options):
    g = Graph(**options)
    x = g.input("x", "data", ("batch", "sequence", 32), "f32")
    return g, x, g.input("mask", "mask") if mask else None


# Attention.

@case
def window():
    b = Block(causal=True)
    i, j = b.positions()
    near = (j <= i) & (i - j < b.g.constant(7, "i32"))
    return b.finish(b.g.select(near, b.scores() + b.padding(), -math.inf))


@case
def window_both_ways():
    b = Block()
    i, j = b.positions()
    near = (i - j).unary("abs") <= b.g.constant(3, "i32")
    return b.finish(b.g.select(near, b.scores() + b.padding(), -math.inf))


@case
def alibi():
    b = Block()
    i, j = b.positions()
    slopes = b.g.param("slopes", 4).reshape(4, 1, 1)
    return b.finish(b.scores() + slopes * (j - i).cast("f32") + b.padding())


@case
def softcap():
    b = Block()
    s = (b.scores() / 30.0).unary("tanh") * 30.0
    return b.finish(s + b.padding())


@case
def relative_table():
    b = Block()
    i, j = b.positions()
    d = j - i + b.g.constant(8, "i32")
    zero, top = b.g.constant(0, "i32"), b.g.constant(16, "i32")
    d = b.g.binary("minimum", b.g.binary("maximum", d, zero), top)
    bias = b.g.param("table", 17, 4).gather(d).transpose(2, 0, 1)
    return b.finish(b.scores() + bias + b.padding())


@case
def no_mask():
    b = Block(mask=False)
    return b.finish(b.scores())


@case
def single_kv_head():
    b = Block(kv=1)
    return b.finish(b.scores() + b.padding())


@case
def shared_layers():
    b = Block(causal=True)
    i, j = b.positions()
    s = b.g.select(j <= i, b.scores(), -math.inf)
    y = s.along("softmax", -1) @ b.v
    t = b.g.select(j <= i, b.project("q2", 4) @ b.k.transpose(0, 1, 3, 2),
                   -math.inf)
    return b.g.ir(y=b.join(y), z=b.join(t.along("softmax", -1) @ b.v))


@case
def literal_mask():
    b = Block(causal=True)
    n = 16
    tril = b.g.constant([float(j <= i) for i in range(n) for j in range(n)],
                        shape=(n, n))
    keep = tril.slice(0, 0, "sequence").slice(1, 0, "sequence")
    return b.finish(b.g.select(keep.eq(b.g.constant(0.0)), -math.inf,
                               b.scores()))


# Rotary embeddings.

@case
def rope_tables():
    b = Block()
    g = b.g
    s = g.iota(0, "sequence")
    cos, sin = (g.param(n, 128, 4).gather(s) for n in ("cos", "sin"))
    cos, sin = g.concat([cos, cos], 1), g.concat([sin, sin], 1)

    def rope(x):
        a, c = x.slice(3, 0, 4), x.slice(3, 4, 4)
        return x * cos + g.concat([-c, a], 3) * sin
    b.q, b.k = rope(b.q), rope(b.k)
    return b.finish(b.scores() + b.padding())


@case
def rope_partial():
    b = Block()
    g = b.g
    f = g.constant([1.0, 0.01], shape=(2,))
    a = g.iota(0, "sequence", 1).cast("f32") * f
    cos, sin = a.unary("cos"), a.unary("sin")

    def rope(x):
        l, r = x.slice(3, 0, 2), x.slice(3, 2, 2)
        return g.concat([l * cos - r * sin, r * cos + l * sin,
                         x.slice(3, 4, 4)], 3)
    b.q, b.k = rope(b.q), rope(b.k)
    return b.finish(b.scores() + b.padding())


def partly_rotated(b, size, scale):
    """Two pairs turned and made larger, the rest passed; keys scaled."""
    g = b.g
    f = g.constant([1.0, 0.01], shape=(2,))
    a = g.iota(0, "sequence", 1).cast("f32") * f
    cos, sin = a.unary("cos") * size, a.unary("sin") * size

    def rope(x):
        l, r = x.slice(3, 0, 2), x.slice(3, 2, 2)
        return g.concat([l * cos - r * sin, r * cos + l * sin,
                         x.slice(3, 4, 4)], 3)
    b.q, b.k = rope(b.q), rope(b.k) * scale
    return b.finish((b.q @ b.k.transpose(0, 1, 3, 2)) + b.padding())


@case
def rope_partial_of_scaled_keys():
    return partly_rotated(Block(), 1.0, 0.3)


@case
def rope_partial_with_attention_factor():
    """What passes through keeps its size."""
    return partly_rotated(Block(), 1.25, 1.0)


@case
def keys_scaled_for_one_reader():
    """Layers share rotated keys; one scales them and reads them several times,
    which makes no rows of their own for it."""
    b = Block(causal=True, kv=2)
    g = b.g
    i, j = b.positions()
    a = g.iota(0, "sequence", 1).cast("f32")
    a = a * g.constant([1.0, 0.1, 0.01, 0.001], shape=(4,))
    cos, sin = a.unary("cos"), a.unary("sin")
    l, r = b.k.slice(3, 0, 4, 2), b.k.slice(3, 1, 4, 2)
    pair = [t.reshape("batch", 2, "sequence", 4, 1)
            for t in (l * cos - r * sin, r * cos + l * sin)]
    b.k = g.concat(pair, 4).reshape("batch", 2, "sequence", 8)

    def attend(q, k):
        v = b.v.reshape("batch", 2, 1, "sequence", 8)
        v = v.expand("batch", 2, 2, "sequence", 8)
        v = v.reshape("batch", 4, "sequence", 8)
        s = g.select(j <= i, q @ k.transpose(0, 1, 3, 2), -math.inf)
        return b.join(s.along("softmax", -1) @ v)
    k = b.k * 0.5
    each = [k.slice(1, h // 2, 1) for h in range(4)]
    group = g.constant([0, 0, 1, 1], "i32", (4,))
    return g.ir(y=attend(b.q, g.concat(each, 1)),
                z=attend(b.project("q2", 4), b.k.gather(group, 1)))


# Rows.

@case
def gemma_norm():
    g, x, _ = rows()
    r = ((x * x).reduce("mean", -1) + 1e-6).unary("rsqrt")
    return g.ir(y=x * r * (1.0 + g.param("w", 32)))


@case
def norm_of_heads():
    g, x, _ = rows()
    y = (x @ g.param("w", 32, 32)).reshape("batch", "sequence", 4, 8)
    r = ((y * y).reduce("mean", -1) + 1e-6).unary("rsqrt")
    return g.ir(y=y * r * g.param("norm", 8))


@case
def gated_chunks():
    g, x, _ = rows()
    y = x @ g.param("gate_up", 128, 32).transpose(1, 0)
    a, b = y.slice(2, 0, 64), y.slice(2, 64, 64)
    return g.ir(y=a * a.unary("sigmoid") * b)


@case
def strided_heads():
    g, x, _ = rows()
    y = (x @ g.param("qkv", 96, 32).transpose(1, 0)) + g.param("b", 96)
    y = y.reshape("batch", "sequence", 4, 3, 8).slice(3, 1, 1)
    return g.ir(y=y.reshape("batch", "sequence", 4, 8).unary("tanh"))


@case
def unclaimed():
    g, x, _ = rows()
    return g.ir(y=(x.unary("abs") + 1.0).unary("log") / x.unary("exp"))


@case
def embedding_scaled():
    g = Graph()
    ids = g.input("ids", "tokens")
    table = g.param("table", 100, 32)
    return g.ir(y=table.gather(ids) * math.sqrt(32))


@case
def zero_segments():
    g = Graph()
    ids = g.input("ids", "tokens")
    segments = g.constant(0, "i32", ("batch", "sequence"))
    y = g.param("table", 100, 32).gather(ids)
    return g.ir(y=y + g.param("segment", 2, 32).gather(segments))


# Pooling.

@case
def mean_pooling():
    g, x, mask = rows()
    m = mask.reshape("batch", "sequence", 1).expand("batch", "sequence", 32)
    m = m.cast("f32")
    count = g.binary("maximum", m.reduce("sum", 1, keep=False),
                     g.constant(1e-9))
    return g.ir(y=(x * m).reduce("sum", 1, keep=False) / count)


@case
def mean_by_product():
    g, x, mask = rows()
    m = mask.cast("f32")
    w = m / m.reduce("sum", 1)
    return g.ir(y=(w.reshape("batch", 1, "sequence") @ x).reshape("batch", 32))


@case
def max_pooling():
    g, x, mask = rows()
    m = mask.reshape("batch", "sequence", 1).eq(g.constant(0, "i32"))
    return g.ir(y=g.select(m, -1e9, x).reduce("max", 1, keep=False))


@case
def last_token():
    g, x, mask = rows()
    last = mask.reduce("sum", 1, keep=False) - g.constant(1, "i32")
    return g.ir(y=x.gather(last, 1, 1))


@case
def last_of_full():
    g, x, _ = rows(mask=False)
    return g.ir(y=x.slice(1, -1, 1).reshape("batch", 32))


@case
def turned_rows():
    g, x, _ = rows()
    y = x.reshape("batch", "sequence", 4, 8).transpose(0, 1, 3, 2)
    return g.ir(y=y.reshape("batch", "sequence", 32).unary("tanh"))


@case
def attention_as_result():
    b = Block()
    p = (b.scores() + b.padding()).along("softmax", -1)
    y = (p @ b.v).transpose(0, 2, 1, 3)
    return b.g.ir(y=y.reshape("batch", "sequence", 32))


@case
def positions_as_numbers():
    g, x, _ = rows()
    s = g.iota(0, "sequence", 1).cast("f32")
    return g.ir(y=x + (s * 0.5).unary("sin"))


@case
def one_product_two_shapes():
    g, x, _ = rows()
    y = x @ g.param("w", 32, 32).transpose(1, 0)
    r = ((y * y).reduce("mean", -1) + 1e-6).unary("rsqrt")
    h = y.reshape("batch", "sequence", 4, 8)
    m = (h * h).reduce("mean", -1)
    return g.ir(y=y * r * g.param("n", 32), m=m)


@case
def literal_frequencies():
    b = Block()
    g = b.g
    f = g.constant([1.0, 0.1, 0.01, 0.001], shape=(4,))
    a = g.iota(0, "sequence", 1).cast("f32") * f
    cos, sin = a.unary("cos"), a.unary("sin")

    def rope(x):
        l, r = x.slice(3, 0, 8 // 2, 2), x.slice(3, 1, 4, 2)
        pair = [t.reshape("batch", 4, "sequence", 4, 1)
                for t in (l * cos - r * sin, r * cos + l * sin)]
        return g.concat(pair, 4).reshape("batch", 4, "sequence", 8)
    b.q, b.k = rope(b.q), rope(b.k)
    return b.finish(b.scores() + b.padding())


@case
def unequal_rotation():
    """Cosines and sines of different angles are no rotation: row by row."""
    b = Block()
    g = b.g
    s = g.iota(0, "sequence", 1).cast("f32")
    cos, sin = s.unary("cos"), (s * 2.0).unary("sin")
    x = b.q
    l, r = x.slice(3, 0, 4), x.slice(3, 4, 4)
    b.q = x * cos + g.concat([-r, l], 3) * sin
    return b.finish(b.scores() + b.padding())


def rotated(b, cos, sin):
    """Queries and keys turned by full-width cosines and sines, half apart."""
    def rope(x):
        a, c = x.slice(3, 0, 4), x.slice(3, 4, 4)
        return x * cos + b.g.concat([-c, a], 3) * sin
    b.q, b.k = rope(b.q), rope(b.k)
    return b.finish(b.scores() + b.padding())


@case
def rope_of_checkpoint_frequencies():
    b = Block()
    a = b.g.iota(0, "sequence", 1).cast("f32") * b.g.param("inv_freq", 4)
    a = b.g.concat([a, a], 1)
    return rotated(b, a.unary("cos"), a.unary("sin"))


@case
def rope_scaled_as_llama3():
    b = Block()
    g = b.g
    f = 1.0 / (g.constant(500.0) ** (g.iota(0, 4, type="f32") / 4.0))
    turns = f * (64 / (2 * math.pi))
    share = (turns - 1.0) / 3.0
    mixed = (1.0 - share) * (f / 8.0) + share * f
    f = g.select(turns < 1.0, f / 8.0, g.select(turns > 4.0, f, mixed))
    a = g.iota(0, "sequence", 1).cast("f32") * f
    a = g.concat([a, a], 1)
    return rotated(b, a.unary("cos") * 1.25, a.unary("sin") * 1.25)


@case
def rope_of_full_numbers():
    b = Block()
    g, waves = b.g, []
    for wave in (math.cos, math.sin):
        rows = [[wave(p * 0.1 ** j) for j in range(4)] * 2 for p in range(16)]
        numbers = g.constant([round(x, 3) for row in rows for x in row],
                             shape=(16, 8))
        waves.append(numbers.gather(g.iota(0, "sequence")))
    return rotated(b, *waves)


@case
def rope_of_full_weights():
    """Nothing says that both halves of the tables are the same."""
    b = Block()
    s = b.g.iota(0, "sequence")
    return rotated(b, *(b.g.param(n, 64, 8).gather(s) for n in ("cos", "sin")))


@case
def rope_of_positions_given():
    """Positions that the caller gives need not be those of the tokens."""
    b = Block()
    at = b.g.input("positions", "positions").cast("f32")
    f = b.g.constant([1.0, 0.1, 0.01, 0.001], shape=(4,))
    a = at.reshape("batch", 1, "sequence", 1) * f
    a = b.g.concat([a, a], 3)
    return rotated(b, a.unary("cos"), a.unary("sin"))


@case
def running_sum_of_row():
    g, x, _ = rows()
    heads = x.reshape("batch", "sequence", 4, 8)
    return g.ir(y=x.along("cumsum", -1), z=heads.along("cumsum", 2))


@case
def softmax_of_inner_axis():
    g, x, _ = rows()
    return g.ir(y=x.reshape("batch", "sequence", 4, 8).along("softmax", 2))


@case
def min_pooling():
    g, x, mask = rows()
    m = mask.reshape("batch", "sequence", 1).eq(g.constant(0, "i32"))
    return g.ir(y=g.select(m, 1e9, x).reduce("min", 1, keep=False))


@case
def shifted_ids():
    g = Graph()
    at = g.input("positions", "positions") + g.constant(2, "i32")
    return g.ir(y=g.param("table", 100, 32).gather(at))


@case
def norms_of_one_value():
    g, x, _ = rows()
    r = ((x * x).reduce("mean", -1) + 1e-6).unary("rsqrt")
    return g.ir(y=x * r * g.param("v", 32), z=x * r * g.param("w", 32))


@case
def norm_of_single_kv_head():
    b = Block(kv=1)
    r = ((b.k * b.k).reduce("mean", -1) + 1e-6).unary("rsqrt")
    b.k = b.k * r * b.g.param("norm", 8)
    return b.finish(b.scores() + b.padding())


@case
def norm_of_fused_heads():
    """A part of one product, read by three: made once."""
    b = Block()
    qkv = b.x @ b.g.param("qkv", 96, 32).transpose(1, 0)
    k = qkv.slice(2, 32, 32).reshape("batch", "sequence", 4, 8)
    k = k.transpose(0, 2, 1, 3)
    r = ((k * k).reduce("mean", -1) + 1e-6).unary("rsqrt")
    b.k = k * r * b.g.param("norm", 8)
    a = b.g.iota(0, "sequence", 1).cast("f32")
    a = a * b.g.constant([1.0, 0.1, 0.01, 0.001], shape=(4,))
    a = b.g.concat([a, a], 1)
    return rotated(b, a.unary("cos"), a.unary("sin"))


@case
def scaled_rope_of_shared_keys():
    b = Block()
    a = b.g.iota(0, "sequence", 1).cast("f32")
    a = a * b.g.constant([1.0, 0.1, 0.01, 0.001], shape=(4,))
    cos, sin = a.unary("cos"), a.unary("sin")
    k = b.k * 0.25
    l, r = k.slice(3, 0, 4), k.slice(3, 4, 4)
    k = b.g.concat([l * cos - r * sin, r * cos + l * sin], 3)
    kt = k.transpose(0, 1, 3, 2)
    y = (b.q @ kt + b.padding()).along("softmax", -1) @ b.v
    z = (b.project("q2", 4) @ kt + b.padding()).along("softmax", -1) @ b.v
    return b.g.ir(y=b.join(y), z=b.join(z))


@case
def one_part_joined():
    g, x, _ = rows()
    m = g.concat([x.reduce("mean", -1)], 2)
    return g.ir(y=x - m)


@case
def unlike_parts():
    """24 as 4 heads of 6 and as 3 of 8."""
    g, x, _ = rows()
    a = (x @ g.param("a", 32, 24)).reshape("batch", "sequence", 4, 6)
    b = (x @ g.param("b", 32, 24)).reshape("batch", "sequence", 3, 8)
    a = a.reduce("max", -1).expand("batch", "sequence", 4, 6)
    b = b.reduce("max", -1).expand("batch", "sequence", 3, 8)
    return g.ir(y=a.reshape("batch", "sequence", 24)
                + b.reshape("batch", "sequence", 24))


@case
def weight_of_parts():
    g, x, _ = rows()
    y = x.reshape("batch", "sequence", 4, 8) @ g.param("w", 8, 8)
    return g.ir(y=y)


@case
def weights_of_parts():
    g, x, _ = rows()
    y = x.reshape("batch", "sequence", 2, 16).transpose(0, 2, 1, 3)
    y = (y @ g.param("w", 2, 16, 8)).transpose(0, 2, 1, 3)
    return g.ir(y=y.reshape("batch", "sequence", 16) + g.param("b", 16))


@case
def weights_of_whole_rows():
    """A matrix for each head, side by side in one, or each transposed."""
    g, x, _ = rows()
    x = x.reshape("batch", 1, "sequence", 32)
    y = x @ g.param("nk", 2, 8, 32).transpose(0, 2, 1)
    z = x @ g.param("kn", 2, 32, 8)
    return g.ir(y=y.transpose(0, 2, 1, 3), z=z.transpose(0, 2, 1, 3))


@case
def weight_of_many_parts():
    g = Graph()
    x = g.input("x", "data", ("batch", "sequence", 130), "f32")
    return g.ir(y=x.reshape("batch", "sequence", 65, 2) @ g.param("w", 2, 3))


@case
def product_of_parts():
    """Parts of a token, each with each; not of tokens with one another."""
    g, x, _ = rows()
    y = x.reshape("batch", "sequence", 4, 8)
    return g.ir(y=y @ y.transpose(0, 1, 3, 2))


@case
def product_of_equal_parts():
    """A softmax of one is 1: the same for every token, and no weight."""
    g, x, _ = rows()
    one = x.reshape("batch", "sequence", 16, 1, 2).along("softmax", 3)
    a = one + g.param("w", 2)
    y = (a @ a.transpose(0, 1, 2, 4, 3)).reshape("batch", "sequence", 16)
    return g.ir(y=y + x.slice(2, 0, 16))


@case
def product_with_pooled():
    g, x, _ = rows()
    return g.ir(y=x @ x.slice(1, 0, 1).reshape("batch", 32, 1))


@case
def pooled_for_every_token():
    g, x, _ = rows()
    return g.ir(y=x.slice(1, 0, 1).expand("batch", "sequence", 32))


@case
def largest_of_parts():
    g, x, _ = rows()
    heads = x.reshape("batch", "sequence", 4, 8)
    return g.ir(y=heads.argmax(3), z=heads.argmax(2).cast("f32") * 0.5)


@case
def largest_of_one():
    g, x, _ = rows()
    y = x.reshape("batch", "sequence", 32, 1).argmax(3)
    return g.ir(y=x + y.cast("f32"))


@case
def largest_token():
    g, x, _ = rows()
    return g.ir(y=x.argmax(1))


@case
def rows_of_largest():
    """Ids of a token one at a time only."""
    g, x, _ = rows()
    table = g.param("table", 32, 16)
    return g.ir(y=table.gather(x.argmax(2)),
                z=table.gather(x.reshape("batch", "sequence", 4, 8).argmax(3)))


@case
def joined_heads():
    g, x, _ = rows()
    heads = x.reshape("batch", "sequence", 4, 8)
    return g.ir(y=g.concat([heads.unary("tanh"), heads.slice(2, 1, 2)], 2))


@case
def joined_weight():
    g, x, _ = rows()
    w = g.param("w", 8).expand("batch", "sequence", 8)
    return g.ir(y=g.concat([x, w], 2))


@case
def every_other_weight():
    g, x, _ = rows()
    return g.ir(y=x * g.param("w", 64).slice(0, 1, 32, 2))


@case
def each_with_each():
    """Row programs repeat along all leading extents or none."""
    g, x, _ = rows()
    a = x.reshape("batch", "sequence", 4, 1, 8)
    b = x.reshape("batch", "sequence", 1, 4, 8)
    return g.ir(y=a * b, z=b * g.param("w", 4, 1, 8))


@case
def other_parts():
    """4 of 6 are 3 of 8 only as 24."""
    g, x, _ = rows()
    y = x.slice(2, 0, 24).reshape("batch", "sequence", 4, 6)
    return g.ir(y=y.reshape("batch", "sequence", 3, 8).unary("tanh"))


@case
def input_as_result():
    g, x, _ = rows()
    return g.ir(y=x)


@case
def features_of_positions():
    """Made once for each token, of what no sequence says."""
    g, x, _ = rows()
    a = g.iota(0, "sequence", 1).cast("f32") * g.param("f", 32)
    a = a.unary("sin") @ g.param("w", 32, 32)
    a = a * ((a * a).reduce("mean", -1) + 1e-6).unary("rsqrt")
    return g.ir(y=x + a)


@case
def positions_as_result():
    g, x, _ = rows()
    a = g.iota(0, "sequence", 1).cast("f32") * g.param("f", 32)
    return g.ir(y=x, z=a.along("softmax", 1))


@case
def two_batches():
    g, x, _ = rows()
    a = x.slice(2, 0, 1).reshape("batch", 1, "sequence")
    b = x.slice(2, 1, 1).reshape(1, "batch", "sequence")
    return g.ir(y=(a * b).transpose(0, 2, 1))


# What cannot be proven.

@case
def softmax_over_batch():
    b = Block(mask=False)
    return b.finish(b.scores(), 0)


@case
def softmax_over_queries():
    b = Block(mask=False)
    return b.finish(b.scores(), 2)


@case
def padding_not_masked():
    b = Block()
    return b.finish(b.scores())


@case
def mask_of_queries():
    b = Block()
    real = b.mask.reshape("batch", 1, "sequence", 1).cast("f32")
    return b.finish(b.scores() + (1.0 - real) * -10000.0)


@case
def next_token_seen():
    b = Block(mask=False)
    i, j = b.positions()
    one = b.g.constant(1, "i32")
    return b.finish(b.g.select(j <= i + one, b.scores(), -math.inf))


@case
def strided_mask():
    b = Block(mask=False)
    i, j = b.positions()
    two = b.g.constant(2, "i32")
    even = b.g.binary("mod", i - j, two).eq(b.g.constant(0, "i32"))
    return b.finish(b.g.select(even & (j <= i), b.scores(), -math.inf))


@case
def mask_of_ids():
    b = Block()
    ids = b.g.input("ids", "tokens").reshape("batch", 1, 1, "sequence")
    pad = ids.eq(b.g.constant(0, "i32"))
    return b.finish(b.g.select(pad, -math.inf, b.scores() + b.padding()))


@case
def interleaved_sharing():
    b = Block(kv=2)
    b.k, b.v = (b.g.concat([t, t], 1) for t in (b.k, b.v))
    return b.finish(b.scores() + b.padding())


@case
def causal_entry_sees_all():
    b = Block(causal=True)
    return b.finish(b.scores() + b.padding())


@case
def mixes_sequences():
    g, x, _ = rows()
    y = x.transpose(1, 0, 2)
    s = y @ y.transpose(0, 2, 1)
    return g.ir(y=(s.along("softmax", -1) @ y).transpose(1, 0, 2))


@case
def sums_padding():
    g, x, _ = rows()
    return g.ir(y=x.reduce("sum", 1, keep=False))


@case
def mean_of_padding():
    g, x, mask = rows()
    m = mask.reshape("batch", "sequence", 1).cast("f32")
    return g.ir(y=(x * m).reduce("mean", 1, keep=False))


@case
def last_of_padded():
    g, x, _ = rows()
    return g.ir(y=x.slice(1, -1, 1).reshape("batch", 32))


@case
def second_token():
    g, x, _ = rows()
    return g.ir(y=x.slice(1, 1, 1).reshape("batch", 32))


@case
def sum_over_batch():
    g, x, _ = rows()
    return g.ir(y=x + x.reduce("sum", 0))


@case
def running_sum():
    g, x, _ = rows()
    return g.ir(y=x.along("cumsum", 1))


@case
def scores_as_result():
    b = Block()
    return b.g.ir(y=b.scores().along("softmax", -1))


@case
def sequence_joined():
    g, x, _ = rows()
    return g.ir(y=g.op("concat", [x, x], " axis 1",
                       ["batch", "2*sequence", 32], "f32"))


@case
def learned_scores():
    b = Block(mask=False)
    _, j = b.positions()
    return b.finish(b.scores() + j.cast("f32").unary("sin"))


@case
def odd_inputs():
    g = Graph()
    x = g.input("x", "data", ("sequence", "batch", 32), "f32")
    ids = g.input("ids", "tokens")
    return g.ir(y=x.unary("tanh"))


def run(ft_opt):
    for name, build in CASES.items():
        print("==", name)
        done = subprocess.run(
            [ft_opt, "--ft-to-raise", "--ft-drop-unused-symbols"],
            input=build(), text=True, capture_output=True)
        for line in (done.stdout + done.stderr).splitlines():
            line = re.sub(r"^.*?((error|warning): )", r"\1", line)
            line = re.sub(r" : (!ft|<|\().*|, #ft.plane.*", "", line)
            if re.match(r"error: |warning: |\s+(%|ft\.|\^bb)", line):
                if '= <"tensor"' not in line and "ft.entry" not in line:
                    print(line)


if __name__ == "__main__":
    if sys.argv[1] == "--run":
        run(sys.argv[2])
    else:
        print(CASES[sys.argv[1]]())
