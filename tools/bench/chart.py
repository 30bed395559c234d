#!/usr/bin/env python3
"""Draws the charts of docs/benchmarks from the JSON files beside them.

    tools/bench/chart.py            # writes attention, gemm, encoders and decoders.svg
    tools/bench/chart.py --check    # writes nothing; 1 if a chart is not current
    tools/bench/chart.py --folder results    # another folder with the JSON files

A peer is solid if it ran in one call with ours, and hatched if it did not. Where
it has several figures of other runs, the fastest is drawn.
"""
import argparse
import json
import math
import pathlib
import re
import sys

from bars import Bar, Chart, Group, Panel, render

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docs" / "benchmarks"
ATTENTION, MODELS = "attention-h200.json", "models-h200.json"
GEMM = "gemm-sm90-h200.json"
RECORDED = "peers-recorded-h200.json"

NAMES = {"bert-base": "BERT-base", "vit-base": "ViT-B/16",
         "llama-3-8b": "Llama-3-8B", "llama-3.1-8b": "Llama-3.1-8B",
         "llama-3.2-1b": "Llama-3.2-1B", "gpt2": "GPT-2 124M"}
ENCODERS, DECODERS = list(NAMES)[:2], list(NAMES)[2:]
# peers.py names what torch.compile made by its phase, the others by themselves.
PHASES = {"encode": "torch.compile", "prefill": "torch.compile",
          "decode": "torch.compile"}
OTHERS = {"xla": "XLA"}
ATTENTION_PEERS = {"cudnn": "cuDNN", "flash2": "FlashAttention-2",
                   "memory_efficient": "memory-efficient",
                   "flash4": "FlashAttention-4"}
# Of prompts for more sequences no peer is known, and they are so many more bars.
MOST_PROMPTS = 8
# A bar this many times as long as ours is cut: few are, and short ones can be
# told apart.
LONGEST_RATIO = 4


def shown(x):
    """Three digits, or fewer where the file has no more."""
    places = 2 - math.floor(math.log10(x)) if x > 0 else 0
    rounded = f"{x:.{max(places, 0)}f}"
    return min(rounded, str(x), key=len) if float(rounded) == x else rounded


def times(value, ours, unit):
    return f"{shown(value)} {unit}, {value / ours:.2f} x"


def machine(results):
    """Its name and all that the file says of it: machine, date and versions."""
    said = results.get("machine", {})
    if isinstance(said, str):
        said = {"gpu": said}
    name = said.get("gpu", "a machine not named").split(",")[0]
    date = said.get("date", results.get("date", "no date"))
    whole = [said.get("gpu"), said.get("versions", results.get("versions"))]
    return name, date, "; ".join(part for part in whole if part)


def median(report):
    """median_ms of a report that has one; an error or a version has none."""
    value = report.get("median_ms") if isinstance(report, dict) else None
    return value if isinstance(value, (int, float)) and value > 0 else None


def peers_of(report, phase):
    """Milliseconds of peers in a report of peers.py, by their names."""
    found = {}
    for key, value in (report or {}).items():
        # Of a decoder nothing else says which phase it was.
        other = phase == "encode" and key not in PHASES
        if median(value) and (key == phase or other):
            found[PHASES.get(key) or OTHERS.get(key, key)] = median(value)
    return found


def case_of(row, phase):
    """What two rows must have in common to be compared."""
    return (row.get("model"), row.get("dtype"), row.get("batch"), row.get("in"),
            row.get("in_least", row.get("in")), row.get("part"), phase)


def date_of(run, runs):
    """The date that the text of a run begins with."""
    found = re.match(r"\d{4}-\d\d-\d\d", str(runs.get(str(run), "")))
    return found[0] if found else f"run {run}"


def recorded_peers(models, recorded):
    """Case to name to (ms, date): the fastest figure of other runs than ours. The
    date is empty where it is that of all recorded ones."""
    found = {}

    def add(case, name, ms, date):
        known = found.setdefault(case, {})
        known[name] = min(known.get(name, (ms, date)), (ms, date))

    for row in recorded.get("rows", []):
        for peer in row.get("peers", []):
            add(case_of(row, row.get("phase")), peer["peer"], peer["ms"], "")
    for row in models.get("rows", []):
        for phase in PHASES if "run" in row else ():
            for name, ms in peers_of(row.get("peer"), phase).items():
                add(case_of(row, phase), name, ms,
                    date_of(row["run"], models.get("runs", {})))
    return found


def beside_range(row, phase):
    """What ours took in turns with the peers, where that is a run of its own: the
    lists beside them, as they are called after what was tried."""
    beside = row.get("beside", {})
    values = [x for v in beside.values() if isinstance(v, list)
              for x in v if isinstance(x, (int, float)) and x > 0]
    if not values or not peers_of(beside.get("peer"), phase):
        return ""
    return f", in the peers' run {shown(min(values))} to {shown(max(values))}"


def model_bars(row, phase, recorded):
    """Ours, the floor, then the peers from the fastest on."""
    mine = row["ftc"][phase]
    ours = mine["median_ms"]
    bars = [Bar("ftc", 1, f"{shown(ours)} ms{beside_range(row, phase)}", "ours")]
    if mine.get("floor_ms"):
        floor = mine["floor_ms"]
        bars.append(Bar("floor", floor / ours, times(floor, ours, "ms"),
                        "floor"))
    same = {**peers_of(row.get("beside", {}).get("peer"), phase),
            **peers_of(row.get("peer"), phase)}
    peers = []
    for name, ms in same.items():
        label = times(ms, ours, "ms")
        older, date = recorded.get(name, (ms, ""))
        if older < ms:
            label += f" (recorded{' ' * bool(date)}{date} {shown(older)} ms)"
        peers.append((ms, name, label, "peer"))
    for name, (ms, date) in recorded.items():
        if name not in same:
            label = f"{times(ms, ours, 'ms')}, recorded {date}".rstrip()
            peers.append((ms, name, label, "recorded"))
    return bars + [Bar(name, ms / ours, label, kind)
                   for ms, name, label, kind in sorted(peers)]


def group_lines(row, phase):
    """What a group of bars is of: the model, then the shape."""
    many = "image" if row["model"] == "vit-base" else "sequence"
    batch = f"{row['batch']} {many}{'s' if row['batch'] > 1 else ''}"
    least = row.get("in_least", row["in"])
    length = row["in"] if least == row["in"] else f"{least}-{row['in']}"
    if many == "image":
        shape = batch
    elif phase == "decode":
        shape = f"{batch}, context {length}"
    else:
        shape = f"{batch} of {length} tokens"
    return [f"{NAMES[row['model']]} {row.get('dtype', '')}".strip(), shape]


def model_panel(title, names, phase, models, recorded):
    """One phase of some models, rows of the file's own run alone."""
    rows = [row for row in models.get("rows", []) if "run" not in row
            and row.get("model") in names
            and median(row.get("ftc", {}).get(phase))
            and (phase != "prefill" or row["batch"] <= MOST_PROMPTS)]
    rows.sort(key=lambda row: (names.index(row["model"]), row["in"],
                               -row.get("in_least", row["in"]), row["batch"]))
    groups = [Group(group_lines(row, phase),
                    model_bars(row, phase,
                               recorded.get(case_of(row, phase), {})))
              for row in rows]
    return Panel(title, 0.5, LONGEST_RATIO, 1, groups)


def model_chart(what, phases, names, load, notes):
    models, recorded = load(MODELS), load(RECORDED)
    name, date, whole = machine(models)
    peers = recorded_peers(models, recorded)
    panels = [model_panel(title, names, phase, models, peers)
              for title, phase in phases]
    if recorded.get("rows"):
        notes = [f"Recorded without a date beside it: {recorded.get('date')}, on "
                 "the same kind of machine, a peer's fastest form; "
                 f"{recorded.get('versions', 'versions not noted')}.", *notes]
    notes = [*notes, "Bars with two strokes are longer than drawn."]
    return Chart(f"{what} on {name}, {date}",
                 f"Time relative to ftc (1): shorter is faster. {whole}",
                 panels, notes)


def encoders(load):
    notes = ["BERT is its encoder stack, hidden states in and out; ViT is images "
             "to logits, its torch.compile and eager are Hugging Face's model."]
    return model_chart("Encoders", [("Whole forward pass", "encode")], ENCODERS,
                       load, notes)


def decoders(load):
    notes = [f"Prompts of more than {MOST_PROMPTS} sequences are in {MODELS}."]
    return model_chart("Decoders",
                       [("Decode: one step of all sequences", "decode"),
                        ("Prefill: the prompts", "prefill")],
                       DECODERS, load, notes)


def attention_lines(row):
    """The shape by its first comma, and the day if the row has one of its own."""
    head, _, rest = row.get("shape", "no shape").partition(", ")
    other = row.get("date") or row.get("run")
    return [head] + [rest] * bool(rest) + [f"run: {other}"] * bool(other)


def attention_times(row):
    """Microseconds of the peers that ran beside ours."""
    return {name: row[f"{key}_us"] for key, name in ATTENTION_PEERS.items()
            if row.get(f"{key}_us")}


def time_group(row):
    ours = row["us"]
    bars = [Bar("ftc", 1, f"{shown(ours)} us", "ours")]
    bars += [Bar(name, us / ours, times(us, ours, "us"), "peer")
             for name, us in attention_times(row).items()]
    return Group(attention_lines(row), bars)


def rate_group(row):
    """Operations a second; a peer does as many as ours in its own time."""
    work = row["tflops"] * row["us"]
    bars = [Bar("ftc", row["tflops"], f"{row['tflops']:.0f}", "ours")]
    bars += [Bar(name, work / us, f"{work / us:.0f}", "peer")
             for name, us in attention_times(row).items()]
    for key, name in ATTENTION_PEERS.items():
        rate = row.get(f"{key}_tflops_recorded")
        if rate:
            bars.append(Bar(name, rate, f"{rate:.0f}, recorded", "recorded"))
    return Group(attention_lines(row), bars)


def attention(load):
    results = load(ATTENTION)
    name, date, whole = machine(results)
    timed = [row for row in results.get("rows", []) if row.get("us")]
    rates = [rate_group(row) for row in timed if row.get("tflops")]
    alone = [row for row in timed
             if not row.get("tflops") and not attention_times(row)]
    short = [time_group(row) for row in timed
             if not row.get("tflops") and row not in alone]
    most = max((bar.value for group in rates for bar in group.bars), default=100)
    panels = [Panel("Encoders: time relative to ftc (1), shorter is faster", 0.5,
                    LONGEST_RATIO, 1, short),
              Panel("Decoders and long sequences: TFLOP/s, longer is faster", 100,
                    math.ceil(most / 100) * 100, None, rates)]
    notes = []
    if any(bar.kind == "recorded" for group in rates for bar in group.bars):
        notes.append("FlashAttention-4 is its Hopper path, recorded in another "
                     "run on the same kind of machine.")
    if alone:
        notes.append(f"Shapes without a figure of a peer are in {ATTENTION}: "
                     f"{len(alone)}.")
    return Chart(f"Attention on {name}, {date}", whole, panels, notes)


GEMM_MODELS = {"bert": "BERT-base and ViT-B/16", "llama": "Llama-3-8B"}


def gemm_group(row):
    ours, theirs = row["us_early"], row["cublaslt_us"]
    return Group([f"{row['part']}, {row['tokens']:,} tokens",
                  f"{row['n']} x {row['k']}: {row['tile']}"],
                 [Bar("ftc", 1, f"{shown(ours)} us", "ours"),
                  Bar("cuBLASLt", theirs / ours, times(theirs, ours, "us"),
                      "peer")])


def gemm(load):
    results = load(GEMM)
    name, date, whole = machine(results)
    panels = []
    for model, title in GEMM_MODELS.items():
        rows = [row for row in results.get("rows", [])
                if row.get("model") == model and row.get("cublaslt_us")]
        types = ", ".join(sorted({row["dtype"] for row in rows}))
        panels.append(Panel(f"{title} {types}".strip(), 0.5, 2, 1,
                            [gemm_group(row) for row in rows]))
    notes = ["Each product with what follows it: a bias, GELU (ours erf, the "
             "library's tanh), a residual, of gate-up SiLU and the product, "
             "which the library's time is without. Below, n x k and the tile."]
    return Chart(f"GEMMs on {name}, {date}",
                 f"Time relative to ftc (1): shorter is faster. {whole}",
                 panels, notes)


CHARTS = {"attention.svg": attention, "gemm.svg": gemm,
          "encoders.svg": encoders, "decoders.svg": decoders}


def loader(folder):
    """Reads a file of the folder; a mistake in it ends with one sentence."""
    def load(name):
        try:
            return json.loads((folder / name).read_text(encoding="utf-8"))
        except OSError as error:
            sys.exit(f"chart.py: {folder / name}: {error.strerror}")
        except ValueError as error:
            sys.exit(f"chart.py: {folder / name} is not JSON: {error}")
    return load


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true",
                        help="write nothing, say which charts are not current")
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER,
                        help="where the JSON files are and the charts go")
    args = parser.parse_args(arguments)
    stale = []
    for name, make in CHARTS.items():
        content = render(make(loader(args.folder))).encode()
        path = args.folder / name
        if not path.exists() or path.read_bytes() != content:
            stale.append(name)
            if not args.check:
                path.write_bytes(content)
    if args.check and stale:
        print(f"{', '.join(stale)} not current in {args.folder}: run "
              "tools/bench/chart.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
