"""Parts of transformers in primitives, each in several spellings.

Values are [batch, heads, sequence, size] between split_heads and attention.
"""
import math

from graph import B, LOWEST, S

# ---- positions and masks -------------------------------------------------

def positions(g):
    """The position of every token: i32 [sequence] or [batch, sequence]."""
    way = g.pick("positions", ["iota", "cumsum"])
    if way == "iota":
        return g.node("iota", [], [S])
    count = g.node("cumsum", ["attention_mask"], [B, S], axis=1)
    from_zero = g.binary("sub", count, g.constant(1, "i32"))
    return g.binary("maximum", from_zero, g.constant(0, "i32"))


def real_keys(g):
    """Where a key is no padding, [B, 1, 1, S]."""
    keys = g.reshape("attention_mask", [B, 1, 1, S])
    way = g.pick("padding", ["cast", "ne", "gt"])
    if way == "cast":
        return g.node("cast", [keys], [B, 1, 1, S], dtype="bool")
    return g.node(way, [keys, g.constant(0, "i32")], [B, 1, 1, S])


def places(g):
    """Positions of keys [S] and queries [S, 1]."""
    key = g.node("iota", [], [S])
    return key, g.reshape(key, [S, 1])


def before(g):
    """Where a key is not after the query, [S, S]."""
    key, query = places(g)
    way = g.pick("causal", ["le", "ge", "difference"] +
                 (["not_gt", "triangle", "cumsum"] if g.random else []))
    if way == "le":
        return g.node("le", [key, query], [S, S])
    if way == "ge":
        return g.node("ge", [query, key], [S, S])
    if way == "not_gt":
        after = g.node("gt", [key, query], [S, S])
        return g.node("not", [after], [S, S])
    if way == "triangle":  # as numbers, of tril
        low = g.node("cast", [g.node("le", [key, query], [S, S])], [S, S],
                     dtype="f32")
        return g.node("ne", [low, g.constant(0)], [S, S])
    if way == "cumsum":
        ones = g.node("expand", [g.constant(1, "i32")], [S])
        count = g.node("cumsum", [ones], [S], axis=0)
        return g.node("le", [count, g.reshape(count, [S, 1])], [S, S])
    apart = g.node("sub", [query, key], [S, S])
    return g.node("ge", [apart, g.constant(0, "i32")], [S, S])


def near(g, window):
    """Where a key is less than `window` before, or also after, the query."""
    key, query = places(g)
    apart = g.node("sub", [query, key], [S, S])
    if not g.causal:
        apart = g.node("abs", [apart], [S, S])
    way = g.pick("window", ["lt", "le", "keys"])
    if way == "lt" or (way == "keys" and not g.causal):
        return g.node("lt", [apart, g.constant(window, "i32")], [S, S])
    if way == "le":
        return g.node("le", [apart, g.constant(window - 1, "i32")], [S, S])
    first = g.node("sub", [query, g.constant(window, "i32")], [S, 1])
    return g.node("gt", [key, first], [S, S])


def visible(g, window=0):
    """Where a query sees a key, as truth values [..., 1 or S, S]; `causal`."""
    real = real_keys(g)
    rest = []
    if g.causal:
        rest.append(before(g))
    if window:
        rest.append(near(g, window))
    seen = real
    for part in rest:
        seen = g.node("and", [part, seen], [B, 1, S, S])
    return seen


def lowest(g):
    ways = {"min": LOWEST, "inf": "-inf", "1e9": -1e9}
    return g.constant(ways[g.pick("lowest", list(ways))])


def mask(g, window=0):
    """A function from scores to masked scores, by one mask for all layers."""
    way = g.pick("mask", ["add", "select", "select_not", "add_product"])
    seen = visible(g, window)
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
    way = g.pick("repeat", ["expand", "concat", "gather"] +
                 (["heads"] if g.random else []))
    if way == "heads":  # one by one
        each = [g.slice(x, 1, i // times, 1) for i in range(groups * times)]
        return g.node("concat", each, [B, groups * times, S, d], axis=1)
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


def grouped(g, q, k, v, scale, shaped):
    """Attention of [B, H, S, d] and [B, G, S, d] by H / G queries a key."""
    (_, heads, _, d), groups = g.shapes[q], g.shapes[k][1]
    apart = [B, groups, heads // groups, S]
    q = g.reshape(scaled(g, q, scale, "q"), apart + [d])
    k = g.reshape(scaled(g, k, scale, "k"), [B, groups, 1, S, d])
    v = g.reshape(v, [B, groups, 1, S, d])
    scores = g.matmul(q, g.transpose(k, [0, 1, 2, 4, 3]))
    scores = g.reshape(scaled(g, scores, scale, "scores"), [B, heads, S, S])
    p = g.reshape(g.softmax(shaped(scores)), apart + [S])
    return g.reshape(g.matmul(p, v), [B, heads, S, d])


def attention(g, q, k, v, masked, name, scale=None, bend=None):
    """Softmax attention of [B, H, S, d] and [B, G, S, d]; back to [B, S, H*d].
    `bend` is done to scores before the mask."""
    heads, d = g.shapes[q][1], g.shapes[q][3]
    scale = scale or 1 / math.sqrt(d)
    bent = (lambda x: masked(bend(x))) if bend else masked
    g.scale_at = g.pick("scale", ["scores", "q", "k", "both", "div"])
    if g.random and heads != g.shapes[k][1] and \
            g.pick("grouped", ["repeated", "grouped"]) == "grouped":
        turned = g.transpose(grouped(g, q, k, v, scale, bent), [0, 2, 1, 3])
        return g.reshape(turned, [B, S, heads * d], name)
    k = repeat_heads(g, scaled(g, k, scale, "k"), heads // g.shapes[k][1])
    v = repeat_heads(g, v, heads // g.shapes[v][1])
    q = scaled(g, q, scale, "q")
    scores = product(g, q, g.transpose(k, [0, 1, 3, 2]))
    p = g.softmax(bent(scaled(g, scores, scale, "scores")))
    turned = g.transpose(product(g, p, v), [0, 2, 1, 3])
    return g.reshape(turned, [B, S, heads * d], name)


# ---- rope ----------------------------------------------------------------

def rows(recipe, start, size, axis=0):
    return {"slice": recipe, "axis": axis, "start": start, "size": size}


def llama3(frequency, low=1.0, high=4.0, length=64, factor=8.0):
    """A frequency as Llama 3 scales it."""
    turns = length * frequency / (2 * math.pi)
    share = min(1.0, max(0.0, (turns - low) / (high - low)))
    return frequency * (share + (1 - share) / factor)


def llama3_written(g, x, low=1.0, high=4.0, length=64, factor=8.0):
    """The same in primitives, of all frequencies."""
    n = g.shapes[x]
    turns = g.binary("mul", x, g.constant(length / (2 * math.pi)))
    share = g.binary("sub", turns, g.constant(low))
    share = g.binary("div", share, g.constant(high - low))
    slow = g.binary("div", x, g.constant(factor))
    rest = g.node("sub", [g.constant(1), share], n)
    mixed = g.binary("add", g.binary("mul", rest, slow),
                     g.binary("mul", share, x))
    fast = g.node("ge", [turns, g.constant(high)], n)
    idle = g.node("le", [turns, g.constant(low)], n)
    mixed = g.node("select", [fast, x, mixed], n)
    return g.node("select", [idle, slow, mixed], n)


def frequencies(g, d, theta, scaling):
    """Of the d / 2 pairs: known numbers, computed ones, or a tensor."""
    numbers = [theta ** (-2 * i / d) for i in range(d // 2)]
    ways = ["literal", "computed", "constant"] if g.random else ["literal"]
    way = g.pick("frequencies", ways)
    if scaling == "tensor":
        return g.param("inverse_frequencies", {
            "tensor": "inv_freq", "file": "model.safetensors",
            "shape": [d // 2], "dtype": "f32"})
    if way == "computed":
        index = g.node("cast", [g.node("iota", [], [d // 2])], [d // 2],
                       dtype="f32")
        power = g.binary("mul", index, g.constant(2 / d))
        x = g.binary("div", g.constant(1), g.binary("pow", g.constant(theta),
                                                    power))
        return llama3_written(g, x) if scaling == "llama3" else x
    written = scaling == "llama3" and g.pick("llama3", ["written", "numbers"])
    if scaling == "llama3" and written == "numbers":
        numbers = [llama3(x) for x in numbers]
    if way == "constant":
        x = g.node("constant", [], [d // 2], values=numbers)
    else:
        x = g.param("inverse_frequencies",
                    {"literal": numbers, "shape": [d // 2]})
    return llama3_written(g, x) if written == "written" else x


def rope_angles(g, d, theta, count, scaling=None):
    """cos and sin, [B or 1, 1, S, d/2] as params or from frequencies."""
    at = positions(g)
    lead = g.shapes[at][:-1]
    g.angle = None
    if g.pick("angles", ["frequencies", "table"]) == "table" and \
            scaling in (None, "linear"):
        full = {"generator": "rope", "shape": [count, d], "theta": theta}
        if scaling:
            full |= {"scaling": "linear", "factor": 4}
        tables = [g.param(name, rows(full, start, d // 2, 1))
                  for name, start in (("cos", 0), ("sin", d // 2))]
        found = [g.node("gather", [t, at], lead + [S, d // 2], axis=0)
                 for t in tables]
    else:
        inverse = frequencies(g, d, theta, scaling)
        number = g.node("cast", [at], g.shapes[at], dtype="f32")
        number = g.reshape(number, lead + [S, 1])
        if scaling == "linear":
            number = g.binary("div", number, g.constant(4))
        g.angle = g.binary("mul", number, inverse)
        found = [g.unary("cos", g.angle), g.unary("sin", g.angle)]
        if lead:
            g.angle = g.reshape(g.angle, [B, 1, S, d // 2])
    if lead:
        return [g.reshape(x, [B, 1, S, d // 2]) for x in found]
    return found


def twice(g, x, interleaved):
    """Of pairs to both elements of each."""
    shape = g.shapes[x]
    if not interleaved:
        return g.node("concat", [x, x], shape[:-1] + [2 * shape[-1]], axis=-1)
    pair = g.reshape(x, shape + [1])
    way = g.pick("twice", ["concat"] + (["expand"] if g.random else []))
    if way == "expand":
        both = g.node("expand", [pair], shape + [2])
    else:
        both = g.node("concat", [pair, pair], shape + [2], axis=-1)
    return g.reshape(both, shape[:-1] + [2 * shape[-1]])


def repeat_angles(g, angles, interleaved):
    """cos and sin for all d elements, as the pairs need them."""
    if g.random and g.angle and \
            g.pick("wide", ["after", "before"]) == "before":
        angle = twice(g, g.angle, interleaved)
        return [g.unary("cos", angle), g.unary("sin", angle)]
    return [twice(g, x, interleaved) for x in angles]


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
