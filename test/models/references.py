"""What the models of this folder compute for one sequence, by hand.

reference(name, entry)(w, ids) gives the rows of the entry's first output; `w`
maps tensor names to nested lists.
"""
import itertools
import math

from math_lists import (add, attention, each, gelu, gelu_tanh, heads,
                        layer_norm, linear, mul, relu, rms_norm, rope, silu)


def look_up(table, ids):
    return [list(table[i]) for i in ids]


def sandwich(w, ids):
    x = look_up(w["embed"], ids)
    h = rms_norm(x, w["before"], 1e-6)
    q, k, v = (heads(linear(h, w[c]), 16) for c in "qkv")
    a = attention(rope(q, 16), rope(k, 16), v, 0.25, causal=True,
                  score=lambda s, *_: 5 * math.tanh(s / 5))
    x = add(x, rms_norm(linear(a, w["o"]), w["after"], 1e-6))
    h = rms_norm(x, w["mlp_before"], 1e-6)
    m = mul(gelu_tanh(linear(h, w["gate"])), linear(h, w["up"]))
    x = add(x, rms_norm(linear(m, w["down"]), w["mlp_after"], 1e-6))
    logits = linear(rms_norm(x, w["norm"], 1e-6), w["embed"])
    return each(lambda s: 10 * math.tanh(s / 10), logits)


def windows_and_heads(w, ids):
    x = look_up(w["embed"], ids)
    for p, size, window in (("l0.", 16, 4), ("l1.", 8, 0)):
        h = layer_norm(x, w[p + "norm1"], None, 1e-5)
        q, k, v = (heads(linear(h, w[p + c]), size) for c in "qkv")
        a = attention(rope(q, size), rope(k, size), v, size ** -0.5,
                      causal=True, window=window)
        x = add(x, linear(a, w[p + "o"]))
        h = layer_norm(x, w[p + "norm2"], None, 1e-5)
        x = add(x, linear(relu(linear(h, w[p + "up"])), w[p + "down"]))
    return linear(x, w["embed"])


def shared_kv(w, ids):
    x = look_up(w["embed"], ids)
    for p in ("l0.", "l1."):
        h = rms_norm(x, w[p + "norm1"], 1e-6)
        if p == "l0.":
            k = rope(heads(linear(h, w["k"]), 16), 16)
            v = heads(linear(h, w["v"]), 16)
        q = rope(heads(linear(h, w[p + "q"]), 16), 16)
        a = attention(q, k, v, 0.25, causal=True)
        x = add(x, linear(a, w[p + "o"]))
        h = rms_norm(x, w[p + "norm2"], 1e-6)
        m = mul(silu(linear(h, w[p + "gate"])), linear(h, w[p + "up"]))
        x = add(x, linear(m, w[p + "down"]))
    return linear(x, w["embed"])


def parallel(w, ids):
    x = look_up(w["embed"], ids)
    h = layer_norm(x, w["norm1"], w["norm1.bias"], 1e-5)
    q, k, v = (heads(linear(h, w[c], w[c + ".bias"]), 16) for c in "qkv")
    a = attention(rope(q, 8, True), rope(k, 8, True), v, 0.25, causal=True)
    o = linear(a, w["o"], w["o.bias"])
    m = gelu(linear(h, w["up"], w["up.bias"]))
    y = add(add(x, o), linear(m, w["down"], w["down.bias"]))
    return linear(y, w["embed"])


def shared_layers(w, ids):
    x = linear(look_up(w["embed"], ids), w["project"], w["project.bias"])
    for _ in range(2):
        q, k, v = (heads(linear(x, w[c], w[c + ".bias"]), 16) for c in "qkv")
        o = linear(attention(q, k, v, 0.25), w["o"], w["o.bias"])
        h = layer_norm(add(o, x), w["norm1"], w["norm1.bias"], 1e-12)
        m = gelu(linear(h, w["up"], w["up.bias"]))
        d = linear(m, w["down"], w["down.bias"])
        x = layer_norm(add(d, h), w["norm2"], w["norm2.bias"], 1e-12)
    return x


def mlp_of_norms(w, ids):
    h = rms_norm(look_up(w["embed"], ids), w["norm1"], 1e-6)
    m = gelu_tanh(linear(h, w["up"], w["up.bias"]))
    return rms_norm(linear(m, w["down"], w["down.bias"]), w["norm2"], 1e-6)


def tower(w, ids, name):
    x = look_up(w[name + ".embed"], ids)
    if name == "query":
        q, k, v = (heads(linear(x, w[f"query.{c}"]), 16) for c in "qkv")
        a = attention(q, k, v, 0.25, window=5)
        x = add(x, linear(a, w["query.o"]))
    h = rms_norm(x, w[name + ".norm"], 1e-6)
    m = silu(linear(h, w[name + ".up"]))
    x = add(x, linear(m, w[name + ".down"]))
    columns = list(zip(*x, strict=True))
    pooled = ([sum(c) / len(c) for c in columns] if name == "query"
              else [max(c) for c in columns])
    out = linear([pooled], w["head"])[0]
    norm = math.sqrt(sum(p * p for p in out))
    return [[p / norm for p in out]]


def query(w, ids):
    return tower(w, ids, "query")


def document(w, ids):
    return tower(w, ids, "document")


def alibi_decoder(w, ids):
    """docs/examples/alibi-decoder.json"""
    slopes = [2 ** (-8 * (h + 1) / 2) for h in range(2)]
    x = look_up(w["wte"], ids)
    h = layer_norm(x, w["ln.weight"], None, 1e-5)
    qkv = linear(h, w["qkv"])
    q, k, v = (heads([row[i:i + 64] for row in qkv], 32)
               for i in (0, 64, 128))
    a = attention(q, k, v, 32 ** -0.5, causal=True,
                  score=lambda s, head, i, j: s + slopes[head] * (j - i))
    m = each(lambda p: max(p, 0.0) ** 2, linear(h, w["up"]))
    down = [list(c) for c in zip(*w["down"], strict=True)]  # stored [in, out]
    y = add(x, add(linear(a, w["out"]), linear(m, down)))
    return linear(y, w["wte"])


def patch_classifier(w, image):
    """docs/examples/patch-classifier.json"""
    rows = [[image[c][8 * row + y][8 * column + x]
             for c in range(3) for y in range(8) for x in range(8)]
            for row in range(3) for column in range(4)]
    weight = [[x for plane in kernel for line in plane for x in line]
              for kernel in w["patch.weight"]]
    x = add(linear(rows, weight, w["patch.bias"]), w["places"])
    h = layer_norm(x, w["ln.weight"], None, 1e-6)
    q, k, v = (heads(linear(h, w[c]), 32) for c in "qkv")
    y = add(x, linear(attention(q, k, v, 32 ** -0.5), w["out"]))
    mean = [sum(column) / len(y) for column in zip(*y, strict=True)]
    return linear([mean], w["head"])


def row_ops(w, ids):
    """Every row-wise operation that no family uses."""
    out = []
    for at, row in enumerate(look_up(w["embed"], ids)):
        abc, sines = [], []
        for x in row:
            wide, sin, cos = 9 * x, math.sin(x * at), math.cos(x * at)
            floor, trunc = math.floor(wide), math.trunc(wide)
            a = wide % 0.75 if sin < cos else abs(wide) ** 0.75
            b = sin if floor == trunc else cos
            abc.append(a + b + (floor <= trunc))
            sines.append(sin)
        joined = abc[1::2] + abc[::2] + sines
        best = []
        for i in range(4):
            e = [math.exp(p) for p in joined[i:i + 64:8]]
            best += itertools.accumulate(p / sum(e) for p in e)
        out.append(best)
    return linear(out, w["down"])
