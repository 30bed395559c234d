"""Groups of horizontal bars as SVG text, by the standard library alone.

A bar says its name and its figure beside it, so that no colour has to be told
from another. The same chart gives the same bytes.
"""
import collections
import math
import xml.sax.saxutils

# value is in units of the panel's axis; kind is one of FILLS.
Bar = collections.namedtuple("Bar", "name value label kind")
# lines: what the group is, the first in bold.
Group = collections.namedtuple("Group", "lines bars")
# end: where the axis ends, longer bars are cut; mark: a value with a line of its
# own, or None.
Panel = collections.namedtuple("Panel", "title step end mark groups")
# notes: sentences below the title and below the panels.
Chart = collections.namedtuple("Chart", "title subtitle panels notes")

FILLS = {"ours": 'fill="#1f5fa8"', "floor": 'fill="#fff" stroke="#777"',
         "peer": 'fill="#9aa5b1"',
         "recorded": 'fill="url(#recorded)" stroke="#9aa5b1"'}
KEYS = {"ours": "ftc", "floor": "floor: what bytes or FLOPs need",
        "peer": "peer, in one run with ftc",
        "recorded": "peer, recorded in another run"}
WIDTH, NAMES, BARS, LONGEST = 880, 312, 320, 304
PITCH, THICK, LINE, GAP = 16, 11, 14, 12
HATCH = ('<defs><pattern id="recorded" width="5" height="5" '
         'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
         '<path d="M0 0H5V5H0Z" fill="#fff"/>'
         '<path d="M1 0V5" stroke="#6b7785" stroke-width="1.6"/>'
         '</pattern></defs>')
# Figures stay legible where a line of the axis runs through them.
HALO = ("<style>text{paint-order:stroke;stroke:#fff;stroke-width:3px;"
        "stroke-linejoin:round}</style>")
# Generous: the widest of the fonts that "sans-serif" stands for.
CHARACTER = 6.6


def escape(text):
    """Text for SVG, also between quotes; what XML cannot hold becomes '?'."""
    kept = "".join(c if c.isprintable() else "?" for c in text)
    return xml.sax.saxutils.escape(kept, {'"': "&quot;"})


def fit(text, width):
    """The text, cut where it would be wider than so many pixels."""
    most = int(width / CHARACTER)
    return text if len(text) <= most else text[:most - 1] + "…"


def number(x):
    return f"{x:.1f}".removesuffix(".0")


def text(x, y, content, rest=""):
    return f'<text x="{number(x)}" y="{number(y)}"{rest}>{escape(content)}</text>'


def wrapped(sentence, width):
    """The words of a sentence in lines of so many pixels."""
    lines = [""]
    for word in sentence.split():
        if lines[-1] and (len(lines[-1]) + len(word) + 1) * CHARACTER > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [fit(line, width) for line in lines]


def draw_bar(bar, panel, y):
    """Name, bar and figure in the row whose top is y."""
    share = min(bar.value / panel.end, 1)
    length = max(share * LONGEST, 1)
    out = [text(NAMES, y + 10, fit(bar.name, 116), ' text-anchor="end"'),
           f'<rect x="{BARS}" y="{y + 1}" width="{number(length)}" '
           f'height="{THICK}" {FILLS[bar.kind]}/>']
    if bar.value > panel.end:  # two strokes: the bar is longer than is drawn
        x = BARS + LONGEST - 14
        out.append(f'<path d="M{x} {y + 14}l5 -15M{x + 5} {y + 14}l5 -15" '
                   'stroke="#fff" stroke-width="2.5"/>')
    bold = ' font-weight="bold"' if bar.kind == "ours" else ""
    room = WIDTH - BARS - length - 10
    out.append(text(BARS + length + 5, y + 10, fit(bar.label, room), bold))
    return out


def draw_group(group, panel, y):
    """The group's rows and the y below them."""
    out = []
    for index, line in enumerate(group.lines):
        bold = ' font-weight="bold"' if index == 0 else ""
        out.append(text(10, y + 10 + LINE * index, fit(line, 186), bold))
    for index, bar in enumerate(group.bars):
        out += draw_bar(bar, panel, y + PITCH * index)
    rows = max(PITCH * len(group.bars), LINE * len(group.lines))
    return out, y + rows + GAP


def draw_axis(panel, top, bottom):
    """Lines of the axis behind the bars, their values above."""
    out = []
    for index in range(math.floor(panel.end / panel.step + 1e-9) + 1):
        value = index * panel.step
        x = BARS + value / panel.end * LONGEST
        colour = "#1f5fa8" if value == panel.mark else "#e3e6ea"
        out.append(f'<path d="M{number(x)} {top}V{bottom}" stroke="{colour}"/>')
        out.append(text(x, top - 4, number(value),
                        ' text-anchor="middle" fill="#555"'))
    return out


def draw_panel(panel, y):
    out = [text(10, y + 12, panel.title, ' font-size="13" font-weight="bold"')]
    if not panel.groups:
        return out + [text(10, y + 32, "No figures.")], y + 32 + GAP
    top = y + 36
    rows, below = [], top + 6
    for group in panel.groups:
        lines, below = draw_group(group, panel, below)
        rows += lines
    return out + draw_axis(panel, top, below - GAP + 2) + rows, below + 6


def draw_key(kinds, y):
    """What each filling stands for, of those that the chart has."""
    out, x = [], 10
    for kind in (kind for kind in FILLS if kind in kinds):
        out.append(f'<rect x="{number(x)}" y="{y - 9}" width="18" '
                   f'height="{THICK}" {FILLS[kind]}/>')
        out.append(text(x + 24, y, KEYS[kind]))
        x += 24 + (len(KEYS[kind]) + 3) * CHARACTER
    return out


def render(chart):
    """The chart as one SVG document."""
    room = WIDTH - 20
    out = [text(10, 24, chart.title, ' font-size="17" font-weight="bold"')]
    y = 44
    for line in wrapped(chart.subtitle, room):
        out.append(text(10, y, line, ' fill="#555"'))
        y += LINE
    kinds = {bar.kind for panel in chart.panels for group in panel.groups
             for bar in group.bars}
    out += draw_key(kinds, y + 8)
    y += 28
    for panel in chart.panels:
        lines, y = draw_panel(panel, y)
        out += lines
    for note in chart.notes:
        for line in wrapped(note, room):
            out.append(text(10, y + 8, line, ' fill="#555"'))
            y += LINE
    height = y + 10
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" '
            'font-family="sans-serif" font-size="11.5" fill="#1b1f24">')
    paper = f'<path d="M0 0H{WIDTH}V{height}H0Z" fill="#fff"/>'
    title = f"<title>{escape(chart.title)}</title>"
    return "\n".join([head, title, HALO, HATCH, paper, *out, "</svg>"]) + "\n"
