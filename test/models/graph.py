"""Builds a model.json of primitives, each part in one of several spellings.

A spelling is the choice of one among equal ways to write a part: `pick(part,
ways)` takes the one that the caller names, else a random one where there is a
seed, else the first.
"""
import json
import math
import random

LOWEST = -3.4028234663852886e38  # torch.finfo(float32).min
B, S = "batch", "sequence"


class Graph:
    """One padded entry; values are names, their shapes are remembered."""

    def __init__(self, name, entry, vocabulary, positions, weights, spelling,
                 seed=None, causal=False):
        self.spelling, self.used = dict(spelling), {}
        self.random = random.Random(seed) if seed is not None else None
        self.count, self.constants = 0, {}
        self.params, self.nodes, self.outputs = {}, [], {}
        self.shapes, self.entry, self.causal = {}, entry, causal
        self.head = {"ft": 1, "name": name, "model": {
            "vocabulary": vocabulary, "max_positions": positions,
            "weights": weights}}
        self.inputs = [{"name": "input_ids", "role": "tokens",
                        "shape": [B, S]},
                       {"name": "attention_mask", "role": "mask",
                        "shape": [B, S]}]
        self.shapes["input_ids"] = self.shapes["attention_mask"] = [B, S]
        self.dtypes = {"input_ids": "i32", "attention_mask": "i32"}

    def pick(self, part, ways):
        if part in self.spelling:
            way = self.spelling[part]
            assert way in ways, f"{part}: {way} is none of {ways}"
        else:
            way = self.random.choice(ways) if self.random else ways[0]
        self.used.setdefault(part, set()).add(way)
        return way

    def text(self):
        unknown = set(self.spelling) - set(self.used)
        assert not unknown, f"no part of this model is called {unknown}"
        entry = {"inputs": [i["name"] for i in self.inputs],
                 "nodes": self.nodes, "outputs": self.outputs}
        if self.causal:
            entry = {"causal": True} | entry
        model = self.head | {"inputs": self.inputs, "params": self.params,
                             "entries": {self.entry: entry}}
        return block(model, 0, False) + "\n"

    # ---- nodes -----------------------------------------------------------

    def node(self, op, inputs, shape, name=None, **attributes):
        """Appends a node; `shape` is that of its value."""
        if name is None:
            self.count += 1
            name = f"v{self.count}"
        if op in ("reshape", "expand", "iota") or "values" in attributes:
            attributes["shape"] = list(shape)
        self.nodes.append({"out": name, "op": op, "in": list(inputs)}
                          | attributes)
        self.shapes[name] = list(shape)
        self.dtypes[name] = self.dtype_of(op, inputs, attributes)
        return self.noise(name)

    def noise(self, value):
        """Now and then a cast or reshape that changes nothing."""
        way = self.pick("noise", ["none"] * 16 + [
            "cast", "reshape", "turn", "add_zero", "times_one", "expand",
            "slice", "concat"]) if self.random else "none"
        shape = list(self.shapes[value])
        if way == "none" or self.dtypes[value] != "f32" or not shape:
            return value
        wide, turn = len(shape) > 1, [*range(len(shape))]
        if wide:
            turn[-1], turn[-2] = turn[-2], turn[-1]
        turned = [shape[i] for i in turn]
        steps = {
            "cast": [("cast", [], shape, {"dtype": "f32"})],
            "reshape": [("reshape", [], [1, *shape], {}),
                        ("reshape", [], shape, {})],
            "turn": [("transpose", [], turned, {"perm": turn}),
                     ("transpose", [], shape, {"perm": turn})],
            "expand": [("expand", [], shape, {})],
            "slice": [("slice", [], shape, {"axis": -1, "start": 0,
                                            "size": shape[-1]})],
            "concat": [("concat", [], shape, {"axis": -1})],
        }
        if way in ("add_zero", "times_one"):
            op, number = ("add", 0) if way == "add_zero" else ("mul", 1)
            number = self.constant(number)
            steps[way] = [(op, [number], shape, {})]
        for op, more, out, attributes in steps[way]:
            self.count += 1
            name = f"v{self.count}"
            if op in ("reshape", "expand"):
                attributes = {"shape": list(out)}
            self.nodes.append({"out": name, "op": op, "in": [value] + more}
                              | attributes)
            self.shapes[name], self.dtypes[name] = list(out), "f32"
            value = name
        return value

    def dtype_of(self, op, inputs, attributes):
        if op in ("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"):
            return "bool"
        if op in ("iota", "argmax"):
            return "i32"
        if op == "constant":
            return attributes.get("dtype", "f32")
        first = inputs[1 if op == "select" else 0]
        if op in ("embedding", "linear") or first.startswith("@"):
            return "f32"
        return attributes.get("dtype") or self.dtypes[first]

    def param(self, name, recipe):
        self.params[name] = recipe
        self.shapes["@" + name] = shape_of(recipe)
        return "@" + name

    def constant(self, number, dtype="f32"):
        key = (number, dtype)
        if key not in self.constants:
            attributes = {} if dtype == "f32" else {"dtype": dtype}
            self.count += 1
            name = f"c{self.count}"
            self.nodes.append({"out": name, "op": "constant", "in": [],
                               "values": number} | attributes)
            self.shapes[name], self.dtypes[name] = [], dtype
            self.constants[key] = name
        return self.constants[key]

    def unary(self, op, x, name=None):
        return self.node(op, [x], self.shapes[x], name)

    def binary(self, op, x, y, name=None):
        shape = broadcast(self.shapes[x], self.shapes[y])
        if op in ("add", "mul") and self.pick(
                "order", ["straight", "swapped"]) == "swapped":
            x, y = y, x
        return self.node(op, [x, y], shape, name)

    def reshape(self, x, shape, name=None):
        return self.node("reshape", [x], shape, name)

    def transpose(self, x, perm, name=None):
        shape = [self.shapes[x][i] for i in perm]
        return self.node("transpose", [x], shape, name, perm=list(perm))

    def slice(self, x, axis, start, size, step=None):
        shape = list(self.shapes[x])
        shape[axis] = size
        more = {"step": step} if step else {}
        return self.node("slice", [x], shape, axis=axis, start=start,
                         size=size, **more)

    def matmul(self, x, y, name=None):
        a, b = self.shapes[x], self.shapes[y]
        shape = broadcast(a[:-2], b[:-2]) + [a[-2], b[-1]]
        return self.node("matmul", [x, y], shape, name)

    # ---- parts -----------------------------------------------------------

    def linear(self, x, weight, bias=None, name=None):
        """x by a param of shape [N, K]; the last axis of x has K elements."""
        n, k = self.shapes[weight]
        shape = self.shapes[x]
        way = self.pick("linear", ["transpose", "stored", "flat", "semantic"] +
                        (["left"] if self.random else []))
        if way == "left" and len(shape) == 3:  # W x^T, turned
            turned = self.transpose(x, [0, 2, 1])
            y = self.matmul(weight, turned)
            y = self.transpose(y, [0, 2, 1], None if bias else name)
            return self.binary("add", y, bias, name) if bias else y
        out = shape[:-1] + [n]
        if way == "semantic":
            return self.node("linear", [x, weight] + ([bias] if bias else []),
                             out, name)
        if way == "stored":  # as [K, N]
            turned = self.param(weight[1:] + ".T",
                                {"transpose": self.params[weight[1:]]})
        else:
            turned = self.transpose(weight, [1, 0])
        if way == "flat":
            x = self.reshape(x, ["*".join(shape[:-1]), k])
        y = self.matmul(x, turned, None if bias or way == "flat" else name)
        if bias:
            y = self.binary("add", y, bias, None if way == "flat" else name)
        return self.reshape(y, out, name) if way == "flat" else y

    def embedding(self, ids, table, name=None):
        shape = self.shapes[ids] + [self.shapes[table][1]]
        if self.pick("embedding", ["gather", "semantic"]) == "semantic":
            return self.node("embedding", [ids, table], shape, name)
        return self.node("gather", [table, ids], shape, name, axis=0)

    def mean(self, x):
        shape = self.shapes[x][:-1] + [1]
        if self.pick("mean", ["mean", "sum"]) == "mean":
            return self.node("reduce_mean", [x], shape, axes=[-1])
        total = self.node("reduce_sum", [x], shape, axes=[-1])
        return self.binary("div", total, self.constant(self.shapes[x][-1]))

    def squared(self, x):
        if self.pick("square", ["pow", "mul"]) == "pow":
            return self.binary("pow", x, self.constant(2))
        return self.node("mul", [x, x], self.shapes[x])

    def normed(self, x, eps):
        """x over the root of the mean of its squares."""
        inner = self.binary("add", self.mean(self.squared(x)),
                            self.constant(eps))
        if self.pick("rsqrt", ["rsqrt", "sqrt"]) == "rsqrt":
            return self.binary("mul", x, self.unary("rsqrt", inner))
        return self.binary("div", x, self.unary("sqrt", inner))

    def rms_norm(self, x, weight, eps, name=None):
        if self.pick("norm", ["primitive", "semantic"]) == "semantic":
            return self.node("rms_norm", [x, weight], self.shapes[x], name,
                             eps=eps)
        return self.binary("mul", self.normed(x, eps), weight, name)

    def layer_norm(self, x, weight, bias, eps, name=None):
        if self.pick("norm", ["primitive", "semantic"]) == "semantic":
            return self.node("layer_norm", [x, weight, bias][:3 if bias else 2],
                             self.shapes[x], name, eps=eps)
        centred = self.binary("sub", x, self.mean(x))
        scaled = self.binary("mul", self.normed(centred, eps), weight)
        return self.binary("add", scaled, bias, name) if bias else scaled

    def gelu(self, x, name=None):
        half, one = self.constant(0.5), self.constant(1)
        if self.pick("root", ["mul", "div"]) == "mul":
            inner = self.binary("mul", x, self.constant(math.sqrt(0.5)))
        else:
            inner = self.binary("div", x, self.constant(math.sqrt(2)))
        grown = self.binary("add", self.unary("erf", inner), one)
        return self.halved(x, half, grown, name)

    def gelu_tanh(self, x, name=None):
        half, one = self.constant(0.5), self.constant(1)
        if self.pick("cube", ["pow", "mul"]) == "pow":
            cube = self.binary("pow", x, self.constant(3))
        else:
            cube = self.binary("mul", self.node("mul", [x, x], self.shapes[x]),
                               x)
        inner = self.binary("add", x, self.binary(
            "mul", cube, self.constant(0.044715)))
        inner = self.binary("mul", inner,
                            self.constant(math.sqrt(2 / math.pi)))
        grown = self.binary("add", self.unary("tanh", inner), one)
        return self.halved(x, half, grown, name)

    def halved(self, x, half, grown, name):
        if self.pick("half", ["first", "last"]) == "first":
            return self.binary("mul", self.binary("mul", x, half), grown, name)
        return self.binary("mul", self.binary("mul", x, grown), half, name)

    def silu(self, x, name=None):
        if self.pick("silu", ["sigmoid", "exp"]) == "sigmoid":
            return self.binary("mul", x, self.unary("sigmoid", x), name)
        below = self.binary("add", self.unary("exp", self.unary("neg", x)),
                            self.constant(1))
        return self.binary("div", x, below, name)

    def softmax(self, x):
        if self.pick("softmax", ["softmax", "written"]) == "softmax":
            return self.node("softmax", [x], self.shapes[x], axis=-1)
        shape = self.shapes[x][:-1] + [1]
        top = self.node("reduce_max", [x], shape, axes=[-1])
        e = self.unary("exp", self.binary("sub", x, top))
        return self.binary("div", e, self.node("reduce_sum", [e], shape,
                                               axes=[-1]))


def broadcast(a, b):
    """The shape of two that numpy would broadcast."""
    size = max(len(a), len(b))
    pairs = zip([1] * (size - len(a)) + a, [1] * (size - len(b)) + b,
                strict=True)
    return [y if x == 1 else x for x, y in pairs]


def shape_of(recipe):
    if "transpose" in recipe:
        return shape_of(recipe["transpose"])[::-1]
    if "slice" in recipe:
        shape = list(shape_of(recipe["slice"]))
        shape[recipe.get("axis", 0)] = recipe["size"]
        return shape
    if "concat" in recipe:
        shapes = [shape_of(part) for part in recipe["concat"]]
        return [sum(s[0] for s in shapes)] + shapes[0][1:]
    return recipe["shape"]


def is_recipe(value):
    return isinstance(value, dict) and not value.keys().isdisjoint(
        {"shape", "slice", "concat", "transpose"})


def block(value, depth, whole):
    """JSON with each node, input and param on one line of its own."""
    flat = json.dumps(value, ensure_ascii=False)
    if whole or not isinstance(value, (dict, list)) or len(flat) < 72:
        return flat
    pad = "\n" + " " * (depth + 1)
    if isinstance(value, list):
        parts = [block(v, depth + 1, True) for v in value]
        return "[" + pad + ("," + pad).join(parts) + "\n" + " " * depth + "]"
    parts = [json.dumps(k) + ": " + block(v, depth + 1, is_recipe(v))
             for k, v in value.items()]
    return "{" + pad + ("," + pad).join(parts) + "\n" + " " * depth + "}"
