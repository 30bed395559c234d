"""Transformer arithmetic on lists of numbers, for references without numpy.

A value is one list of numbers a token. Double precision throughout.
"""
import math


def linear(x, w, b=None):
    """x by w of [N, K]."""
    return [[sum(p * q for p, q in zip(row, line, strict=True))
             + (b[n] if b else 0) for n, line in enumerate(w)] for row in x]


def add(x, y):
    return [[p + q for p, q in zip(a, b, strict=True)]
            for a, b in zip(x, y, strict=True)]


def mul(x, y):
    return [[p * q for p, q in zip(a, b, strict=True)]
            for a, b in zip(x, y, strict=True)]


def each(f, x):
    return [[f(p) for p in row] for row in x]


def rms_norm(x, w, eps):
    out = []
    for row in x:
        root = math.sqrt(sum(p * p for p in row) / len(row) + eps)
        out.append([p / root * q for p, q in zip(row, w, strict=True)])
    return out


def layer_norm(x, w, b, eps):
    out = []
    for row in x:
        mean = sum(row) / len(row)
        normed = rms_norm([[p - mean for p in row]], w, eps)[0]
        out.append([p + q for p, q in zip(normed, b or [0] * len(row),
                                          strict=True)])
    return out


def gelu(x):
    return each(lambda p: p / 2 * (1 + math.erf(p / math.sqrt(2))), x)


def gelu_tanh(x):
    return each(lambda p: p / 2 * (1 + math.tanh(
        math.sqrt(2 / math.pi) * (p + 0.044715 * p ** 3))), x)


def silu(x):
    return each(lambda p: p / (1 + math.exp(-p)), x)


def relu(x):
    return each(lambda p: max(p, 0.0), x)


def heads(x, size):
    """Each row cut into heads of `size` elements."""
    return [[row[i:i + size] for i in range(0, len(row), size)] for row in x]


def rope(x, dims, interleaved=False, theta=10000.0):
    """Rotates the first `dims` elements of every head by its row's position."""
    out = []
    for at, row in enumerate(x):
        turned = []
        for head in row:
            head = list(head)
            for j in range(dims // 2):
                a, b = (2 * j, 2 * j + 1) if interleaved else (j, j + dims // 2)
                angle = at * theta ** (-2 * j / dims)
                cos, sin = math.cos(angle), math.sin(angle)
                head[a], head[b] = (head[a] * cos - head[b] * sin,
                                    head[b] * cos + head[a] * sin)
            turned.append(head)
        out.append(turned)
    return out


def attention(q, k, v, scale, causal=False, window=0, score=None):
    """Flat rows; q, k and v are rows of heads; score(s, head, query, key)."""
    out = []
    for i, row in enumerate(q):
        flat = []
        for h, query in enumerate(row):
            group = h * len(k[0]) // len(row)
            seen = [j for j in range(len(k))
                    if not (causal and j > i)
                    and not (window and abs(i - j) >= window)]
            scores = [scale * sum(a * b for a, b in zip(query, k[j][group],
                                                        strict=True))
                      for j in seen]
            if score:
                scores = [score(s, h, i, j)
                          for s, j in zip(scores, seen, strict=True)]
            top = max(scores)
            weights = [math.exp(s - top) for s in scores]
            total = sum(weights)
            flat += [sum(w / total * v[j][group][d]
                         for w, j in zip(weights, seen, strict=True))
                     for d in range(len(v[0][0]))]
        out.append(flat)
    return out
