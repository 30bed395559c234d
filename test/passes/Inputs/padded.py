"""Writes padded entries as IR, types inferred; the raising tests use it."""

import math


def text(extent):
    return str(extent)


def product(extents):
    factor, symbols = 1, []
    for e in extents:
        if isinstance(e, int):
            factor *= e
        else:
            for part in e.split("*"):
                if part.isdigit():
                    factor *= int(part)
                else:
                    symbols.append(part)
    if not symbols:
        return factor
    parts = ([str(factor)] if factor != 1 else []) + sorted(symbols)
    return "*".join(parts)


class Value:
    def __init__(self, graph, name, shape, type):
        self.graph, self.name = graph, name
        self.shape, self.type = list(shape), type

    def ir(self):
        dims = ", ".join(text(e) for e in self.shape)
        return f"!ft.padded<[{dims}], {self.type}>"

    def _with(self, op, other, swap=False):
        g = self.graph
        if not isinstance(other, Value):
            other = g.constant(other, self.type)
        return g.binary(op, other, self) if swap else g.binary(op, self, other)

    def __add__(self, o): return self._with("add", o)
    def __radd__(self, o): return self._with("add", o, True)
    def __sub__(self, o): return self._with("sub", o)
    def __rsub__(self, o): return self._with("sub", o, True)
    def __mul__(self, o): return self._with("mul", o)
    def __rmul__(self, o): return self._with("mul", o, True)
    def __truediv__(self, o): return self._with("div", o)
    def __rtruediv__(self, o): return self._with("div", o, True)
    def __pow__(self, o): return self._with("pow", o)
    def __matmul__(self, o): return self.graph.matmul(self, o)
    def __neg__(self): return self.unary("neg")
    def __lt__(self, o): return self._with("lt", o)
    def __le__(self, o): return self._with("le", o)
    def __gt__(self, o): return self._with("gt", o)
    def __ge__(self, o): return self._with("ge", o)
    def eq(self, o): return self._with("eq", o)
    def ne(self, o): return self._with("ne", o)
    def __and__(self, o): return self._with("and", o)
    def __or__(self, o): return self._with("or", o)

    def unary(self, op, type=None):
        return self.graph.op(op, [self], "", self.shape, type or self.type)

    def cast(self, type):
        return self.unary("cast", type)

    def reshape(self, *shape):
        return self.graph.op("reshape", [self], "", shape, self.type)

    def expand(self, *shape):
        return self.graph.op("expand", [self], "", shape, self.type)

    def transpose(self, *perm):
        return self.graph.op("transpose", [self], f" {list(perm)}",
                             [self.shape[p] for p in perm], self.type)

    def slice(self, axis, start, size, step=1):
        shape = list(self.shape)
        axis %= len(shape)
        shape[axis] = size
        by = f" step {step}" if step != 1 else ""
        return self.graph.op("slice", [self],
                             f" axis {axis} start {start}{by}", shape,
                             self.type)

    def reduce(self, kind, *axes, keep=True):
        axes = sorted(a % len(self.shape) for a in axes)
        shape = [1 if i in axes else e for i, e in enumerate(self.shape)
                 if keep or i not in axes]
        return self.graph.op("reduce_" + kind, [self],
                             f" axes {axes}" + (" keepdims" if keep else ""),
                             shape, self.type)

    def along(self, op, axis):
        axis %= len(self.shape)
        return self.graph.op(op, [self], f" axis {axis}", self.shape, self.type)

    def argmax(self, axis):
        shape = self.shape[:axis] + self.shape[axis + 1:]
        return self.graph.op("argmax", [self], f" axis {axis}", shape, "i32")

    def gather(self, ids, axis=0, batch=0):
        shape = self.shape[:axis] + ids.shape[batch:] + self.shape[axis + 1:]
        by = f" batch {batch}" if batch else ""
        return self.graph.op("gather", [self, ids], f" axis {axis}{by}", shape,
                             self.type)


class Graph:
    def __init__(self, causal=False, name="step", positions=64):
        self.lines, self.count, self.params = [], 0, {}
        self.inputs, self.causal, self.name = [], causal, name
        self.positions = positions

    def value(self, line, shape, type, name=None):
        self.count += 1
        v = Value(self, name or f"%{self.count}", shape, type)
        if line:
            self.lines.append(f"    {v.name} = {line} : ")
        return v

    def op(self, op, operands, attrs, shape, type):
        self.count += 1
        v = Value(self, f"%{self.count}", shape, type)
        names = ", ".join(o.name for o in operands)
        types = ", ".join(o.ir() for o in operands)
        self.lines.append(f"    {v.name} = ft.prim.{op} {names}{attrs} : "
                          f'({types}) -> {v.ir()} loc("v{self.count}")')
        return v

    def input(self, name, role, shape=("batch", "sequence"), type="i32"):
        v = Value(self, "%" + name, shape, type)
        self.inputs.append((v, name, role))
        return v

    def param(self, name, *shape):
        if name not in self.params:
            self.params[name] = shape
        self.count += 1
        v = Value(self, f"%{self.count}", shape, "f32")
        self.lines.append(f'    {v.name} = ft.prim.param @"{name}" : {v.ir()}')
        return v

    def constant(self, values, type="f32", shape=()):
        values = values if isinstance(values, list) else [values]
        self.count += 1
        v = Value(self, f"%{self.count}", shape, type)
        def number(x):
            if x == -math.inf:
                return "0xFFF0000000000000 : f64"
            digits = repr(float(x))
            return digits if "." in digits else digits.replace("e", ".0e")
        self.lines.append(f"    {v.name} = ft.prim.constant "
                          f"[{', '.join(map(number, values))}] : {v.ir()}")
        return v

    def iota(self, axis, *shape, type="i32"):
        self.count += 1
        v = Value(self, f"%{self.count}", shape, type)
        self.lines.append(
            f"    {v.name} = ft.prim.iota axis {axis} : {v.ir()}")
        return v

    @staticmethod
    def broadcast(a, b):
        n = max(len(a), len(b))
        a, b = [1] * (n - len(a)) + a, [1] * (n - len(b)) + b
        return [y if x == 1 else x for x, y in zip(a, b)]

    def binary(self, op, a, b):
        compare = op in ("lt", "le", "gt", "ge", "eq", "ne")
        return self.op(op, [a, b], "", self.broadcast(a.shape, b.shape),
                       "i1" if compare else a.type)

    def select(self, c, a, b):
        if not isinstance(a, Value):
            a = self.constant(a)
        if not isinstance(b, Value):
            b = self.constant(b)
        shape = self.broadcast(c.shape, self.broadcast(a.shape, b.shape))
        return self.op("select", [c, a, b], "", shape, a.type)

    def matmul(self, a, b):
        shape = self.broadcast(a.shape[:-2], b.shape[:-2])
        return self.op("matmul", [a, b], "",
                       shape + [a.shape[-2], b.shape[-1]], a.type)

    def concat(self, values, axis):
        shape = list(values[0].shape)
        axis %= len(shape)
        shape[axis] = sum(v.shape[axis] for v in values)
        return self.op("concat", values, f" axis {axis}", shape, values[0].type)

    def ir(self, **outputs):
        out = ['module attributes {ft.axes = ["tokens", "sequences", "rows"], '
               f"ft.model = {{max_positions = {self.positions} : i64}}}} {{"]
        for name, shape in self.params.items():
            dims = "x".join(map(str, shape))
            listed = ", ".join(map(str, shape))
            out.append(
                f'  ft.param @"{name}" : tensor<{dims}xf32> = '
                f'#ft.recipe<"tensor" {{file = "m.safetensors", '
                f'shape = array<i64: {listed}>, stored = f32, '
                f'tensor = "{name}"}}>')
        args = ", ".join(
            f'{v.name}: {v.ir()} {{ft.name = "{n}", ft.role = "{r}"}}'
            for v, n, r in self.inputs)
        results = ", ".join(f'{v.ir()} {{ft.name = "{n}"}}'
                            for n, v in outputs.items())
        causal = " attributes {causal}" if self.causal else ""
        out.append(f"  ft.entry @{self.name}({args}) -> ({results}){causal} {{")
        out += self.lines
        out.append("    ft.return " +
                   ", ".join(v.name for v in outputs.values()) + " : " +
                   ", ".join(v.ir() for v in outputs.values()))
        out += ["  }", "}"]
        return "\n".join(out)
