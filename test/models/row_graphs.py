"""Random graphs that work on rows alone, in primitives: each compiles and
verifies.

    row_graphs.py [--count 40] [--first 1] [--jobs N] [--keep DIR]

No pattern claims them: elements are moved within a row, reduced and chosen along
any of its axes, and multiplied with weights that know a part of it. Exit code 1,
and a line for each graph that is refused, fails or differs.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import subprocess
import sys
import tempfile

from graph import B, S, Graph, broadcast

MOST = 96  # elements of a row


def product(extents):
    size = 1
    for extent in extents:
        size *= extent
    return size


class Rows:
    """Values of tokens, and what can be done to one of them next."""

    def __init__(self, seed):
        self.r = random.Random(f"rows {seed}")
        self.g = Graph("rows", "encode", 50, 64, ".", {})
        width = self.r.choice([12, 16, 24, 32])
        self.g.inputs[0] = {"name": "x", "role": "data",
                            "shape": [B, S, width], "dtype": "f32"}
        self.g.shapes["x"], self.g.dtypes["x"] = [B, S, width], "f32"
        self.weights = 0
        self.values = [self.g.unary("tanh", "x")]

    # ---- what there is ---------------------------------------------------

    def row(self, x):
        """The axes of x that are extents of its row."""
        return [i for i, extent in enumerate(self.g.shapes[x])
                if isinstance(extent, int)]

    def axis(self, x):
        return self.r.choice(self.row(x))

    def weight(self, *shape):
        self.weights += 1
        name = f"w{self.weights}"
        return self.g.param(name, {"tensor": name, "file": "model.safetensors",
                                   "shape": list(shape), "dtype": "f32"})

    def node(self, op, inputs, shape, **attributes):
        return self.g.node(op, inputs, shape, **attributes)

    # ---- element by element ----------------------------------------------

    def unary(self, x):
        op = self.r.choice(["tanh", "sigmoid", "abs", "neg", "relu"])
        return self.g.unary(op, x)

    def with_weight(self, x):
        """A weight along some of the axes of the row."""
        shape = [extent if isinstance(extent, int) and self.r.random() < 0.6
                 else 1 for extent in self.g.shapes[x]]
        while len(shape) > 1 and shape[0] == 1:
            shape.pop(0)
        return self.g.binary(self.r.choice(["add", "mul"]), x,
                             self.weight(*shape))

    def with_reduced(self, x):
        """Itself and one of its statistics, which repeats."""
        axes = self.some_axes(x)
        shape = [1 if i in axes else extent
                 for i, extent in enumerate(self.g.shapes[x])]
        kind = self.r.choice(["sum", "mean", "max", "min"])
        y = self.node("reduce_" + kind, [x], shape, axes=axes)
        return self.g.binary(self.r.choice(["mul", "maximum"]), x, y)

    def outer(self, x):
        """Each element of an axis with each other."""
        axis, shape = self.axis(x), self.g.shapes[x]
        if product(shape[i] for i in self.row(x)) * shape[axis] > MOST:
            return self.unary(x)
        a = self.g.reshape(x, shape[:axis + 1] + [1] + shape[axis + 1:])
        b = self.g.reshape(x, shape[:axis] + [1] + shape[axis:])
        return self.g.binary(self.r.choice(["add", "mul"]), a, b)

    def chosen(self, x):
        """Elements of two values, by a comparison."""
        y = self.with_weight(x)
        less = self.node("lt", [x, y], self.g.shapes[x])
        return self.node("select", [less, self.unary(x), y], self.g.shapes[x])

    # ---- moved -----------------------------------------------------------

    def reshaped(self, x):
        """The row in other extents; only where they stand together."""
        axes, shape = self.row(x), self.g.shapes[x]
        if axes != [*range(axes[0], axes[0] + len(axes))]:
            return self.turned(x)
        left, extents = product(shape[i] for i in axes), []
        while left > 1 and len(extents) < 2:
            part = self.r.choice([n for n in range(1, left + 1)
                                  if left % n == 0])
            extents.append(part)
            left //= part
        return self.g.reshape(x, shape[:axes[0]] + extents + [left]
                              + shape[axes[-1] + 1:])

    def turned(self, x):
        perm = [*range(1, len(self.g.shapes[x]))]
        self.r.shuffle(perm)
        return self.g.transpose(x, [0] + perm)

    def sliced(self, x):
        axis = self.axis(x)
        extent = self.g.shapes[x][axis]
        step = self.r.choice([1, 1, 2]) if extent > 2 else 1
        size = self.r.randint(1, (extent + step - 1) // step)
        start = self.r.randint(0, extent - (size - 1) * step - 1)
        return self.g.slice(x, axis, start, size, step)

    def joined(self, x):
        axis, shape = self.axis(x), list(self.g.shapes[x])
        if 2 * product(shape[i] for i in self.row(x)) > MOST:
            return self.sliced(x)
        parts = [x, self.unary(x)]
        if self.r.random() < 0.3:
            low = [e if isinstance(e, int) else 1 for e in shape]
            parts[1] = self.node("expand", [self.weight(*low)], shape)
        self.r.shuffle(parts)
        shape[axis] *= 2
        return self.node("concat", parts, shape, axis=axis)

    def picked(self, x):
        """Elements of an axis by known numbers."""
        axis, shape = self.axis(x), list(self.g.shapes[x])
        ids = [self.r.randrange(shape[axis])
               for _ in range(self.r.randint(2, 4))]
        shape[axis] = len(ids)
        if product(shape[i] for i in self.row(x)) > MOST:
            return self.sliced(x)
        at = self.node("constant", [], [len(ids)], values=ids, dtype="i32")
        return self.node("gather", [x, at], shape, axis=axis)

    # ---- along an axis ---------------------------------------------------

    def some_axes(self, x):
        axes = self.row(x)
        return sorted(self.r.sample(axes, self.r.randint(1, len(axes))))

    def reduced(self, x):
        axes, shape = self.some_axes(x), self.g.shapes[x]
        if len(axes) == len(self.row(x)):
            axes.pop()
        if not axes:
            return self.along(x)
        kind = self.r.choice(["sum", "mean", "max", "min"])
        out = [extent for i, extent in enumerate(shape) if i not in axes]
        return self.node("reduce_" + kind, [x], out, axes=axes, keepdims=False)

    def along(self, x):
        op = self.r.choice(["softmax", "cumsum"])
        return self.node(op, [x], self.g.shapes[x], axis=self.axis(x))

    def largest(self, x):
        """The index of the largest, as a number, where others remain."""
        axis, shape = self.axis(x), list(self.g.shapes[x])
        shape[axis] = 1
        best = self.node("argmax", [x], shape, axis=axis, keepdims=True)
        return self.g.binary("mul", x, self.node("cast", [best], shape,
                                                 dtype="f32"))

    # ---- products --------------------------------------------------------

    def last_in_row(self, x):
        """x with an extent of its row last."""
        axis, last = self.axis(x), len(self.g.shapes[x]) - 1
        perm = [i for i in range(last + 1) if i != axis] + [axis]
        return x if axis == last else self.g.transpose(x, perm)

    def times_weight(self, x):
        """A weight for the last axis; of its own for each index before."""
        x = self.last_in_row(x)
        shape, n = self.g.shapes[x], self.r.randint(2, 8)
        own = [extent if isinstance(extent, int) and self.r.random() < 0.5
               else 1 for extent in shape[:-2]]
        while own and own[0] == 1:
            own.pop(0)
        if product(shape[i] for i in self.row(x)) // shape[-1] * n > MOST:
            return self.sliced(x)
        return self.g.matmul(x, self.weight(*own, shape[-1], n))

    def times_itself(self, x):
        """Parts of one token, each with each."""
        axes, shape = self.row(x), self.g.shapes[x]
        if len(axes) < 2 or axes[-2:] != [len(shape) - 2, len(shape) - 1] or \
                product(shape[i] for i in axes) * shape[-2] > MOST * 4:
            return self.times_weight(x)
        perm = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
        return self.g.matmul(x, self.g.transpose(self.unary(x), perm))

    # ---- all -------------------------------------------------------------

    STEPS = [unary, with_weight, with_reduced, outer, chosen, reshaped,
             reshaped, turned, sliced, joined, picked, reduced, along, largest,
             times_weight, times_weight, times_itself]

    def result(self, x):
        """[batch, sequence, ...]"""
        shape = self.g.shapes[x]
        at = shape.index(S)
        perm = [0, at] + [i for i in range(1, len(shape)) if i != at]
        return self.g.transpose(x, perm)

    def build(self):
        for _ in range(self.r.randint(3, 9)):
            x = self.r.choice(self.values[-2:])
            y = self.r.choice(self.STEPS)(self, x)
            if self.row(y):
                self.values.append(y)
        self.g.outputs = {"y": self.result(self.values[-1])}
        if self.r.random() < 0.3:
            self.g.outputs["z"] = self.result(self.r.choice(self.values))
        return self.g.text()


def judge(number, folder):
    """The line about graph `number`; empty where it verifies."""
    path = folder / f"{number}.json"
    path.write_text(Rows(number).build(), encoding="utf-8")
    level = f"-O{number % 2}"
    done = subprocess.run(["ftc", "verify", str(path), "--weights", "random",
                           "--seed", str(number), level], text=True,
                          capture_output=True)
    if done.returncode or \
            "the plan computes what the source says" not in done.stdout:
        return f"graph {number}: {done.stderr.strip()}"
    path.unlink()
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=pathlib.Path,
                        help="a folder for the graphs that failed")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, \
            concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        folder = args.keep or pathlib.Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        numbers = range(args.first, args.first + args.count)
        lines = [line for line in pool.map(lambda n: judge(n, folder), numbers)
                 if line]
    print("\n".join(lines + [f"{args.count} graphs of rows: {len(lines)} "
                             "failed"]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
