#!/usr/bin/env python3
"""The charts of docs/benchmarks: what is drawn of which figures.

Needs Python's standard library alone.
"""

import contextlib
import io
import json
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TOOL = ROOT / "tools" / "bench" / "chart.py"
sys.path.insert(0, str(TOOL.parent))

import bars  # noqa: E402
import chart  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def timed(ms):
    return {"median_ms": ms, "p10_ms": ms}


def bert(ours=0.5, **more):
    return {"model": "bert-base", "dtype": "f16", "batch": 8, "in": 128,
            "in_least": 128, "part": "encoder",
            "ftc": {"encode": {**timed(ours), "floor_ms": 0.25}}, **more}


def llama(ours=4.0, **more):
    return {"model": "llama-3-8b", "dtype": "bf16", "batch": 1, "in": 512,
            "ftc": {"prefill": timed(10.0), "decode": timed(ours)}, **more}


def recorded(row, phase, **peers):
    kept = {k: row[k] for k in ("model", "dtype", "batch", "in")}
    if "part" in row:
        kept["part"] = row["part"]
    return {**kept, "phase": phase,
            "peers": [{"peer": name, "ms": ms} for name, ms in peers.items()]}


class Charts(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.machine = {"gpu": "NVIDIA H200, 580", "date": "2026-11-30"}
        self.write(chart.ATTENTION, [])
        self.write(chart.GEMM, [])
        self.write(chart.MODELS, [])
        self.write(chart.RECORDED, [])

    def write(self, name, rows, **more):
        results = {"machine": self.machine, "rows": rows, **more}
        (self.folder / name).write_text(json.dumps(results))

    def run_tool(self, *flags):
        """Exit code and what was printed."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = chart.main(["--folder", str(self.folder), *flags])
        return code, out.getvalue()

    def draw(self, name):
        """The texts of a chart, in order; it must be XML."""
        self.assertEqual(self.run_tool(), (0, ""))
        self.source = (self.folder / name).read_text(encoding="utf-8")
        self.tree = xml.etree.ElementTree.fromstring(self.source)
        return [node.text for node in self.tree.iter(SVG + "text")]

    def bars_of(self, what):
        """The bars of the first group of a chart, by name."""
        panels = what(chart.loader(self.folder)).panels
        group = next(panel.groups[0] for panel in panels if panel.groups)
        return {bar.name: bar for bar in group.bars}


class GemmTest(Charts):

    def test_products_beside_the_library(self):
        row = {"model": "bert", "part": "down", "dtype": "f16", "tokens": 1024,
               "n": 768, "k": 3072, "tile": "128x96_k2", "us_early": 12.0,
               "cublaslt_us": 9.0}
        self.write(chart.GEMM, [row, {**row, "cublaslt_us": 0}])
        found = self.bars_of(chart.gemm)
        self.assertEqual(found["cuBLASLt"],
                         bars.Bar("cuBLASLt", 0.75, "9.0 us, 0.75 x", "peer"))
        texts = self.draw("gemm.svg")
        self.assertIn("GEMMs on NVIDIA H200, 2026-11-30", texts)
        self.assertEqual(texts.count("down, 1,024 tokens"), 1)


class ModelsTest(Charts):

    def test_title_has_machine_and_date(self):
        self.write(chart.MODELS, [bert()])
        self.assertIn("Encoders on NVIDIA H200, 2026-11-30",
                      self.draw("encoders.svg"))

    def test_a_peer_of_the_same_run_is_solid(self):
        self.write(chart.MODELS, [bert(peer={"encode": timed(0.75),
                                             "xla": timed(1.0)})])
        found = self.bars_of(chart.encoders)
        self.assertEqual(list(found), ["ftc", "floor", "torch.compile", "XLA"])
        self.assertEqual(found["XLA"],
                         bars.Bar("XLA", 2.0, "1.0 ms, 2.00 x", "peer"))
        self.assertEqual(found["floor"].label, "0.25 ms, 0.50 x")

    def test_a_missing_peer_leaves_ours_and_the_floor(self):
        self.write(chart.MODELS, [bert(peer={"error": "no answer in 300 s"})])
        self.assertEqual(list(self.bars_of(chart.encoders)), ["ftc", "floor"])

    def test_a_missing_floor_leaves_ours(self):
        self.write(chart.MODELS, [llama()])
        self.assertEqual(list(self.bars_of(chart.decoders)), ["ftc"])

    def test_a_recorded_peer_is_hatched_and_says_so(self):
        self.write(chart.MODELS, [llama()])
        self.write(chart.RECORDED, [recorded(llama(), "decode", vLLM=5.0)],
                   date="2026-11-22")
        texts = self.draw("decoders.svg")
        self.assertIn("5.0 ms, 1.25 x, recorded", texts)
        self.assertIn(bars.KEYS["recorded"], texts)
        self.assertTrue(any("2026-11-22" in text for text in texts))
        self.assertEqual(self.bars_of(chart.decoders)["vLLM"].kind, "recorded")
        # The bar itself and its key.
        self.assertEqual(self.source.count('fill="url(#recorded)"'), 2)

    def test_a_recorded_peer_of_another_case_is_left_out(self):
        other = [{**llama(), "batch": 8}, {**llama(), "dtype": "f16"},
                 {**llama(), "in": 128}, {**llama(), "part": "encoder"}]
        self.write(chart.MODELS, [llama()])
        self.write(chart.RECORDED, [recorded(row, "decode", vLLM=5.0)
                                    for row in other])
        self.assertEqual(list(self.bars_of(chart.decoders)), ["ftc"])

    def test_a_ragged_batch_has_no_peer_of_a_padded_one(self):
        self.write(chart.MODELS, [bert(in_least=2)])
        self.write(chart.RECORDED, [recorded(bert(), "encode", XLA=0.75)])
        self.assertEqual(list(self.bars_of(chart.encoders)), ["ftc", "floor"])
        self.assertIn("8 sequences of 2-128 tokens", self.draw("encoders.svg"))

    def test_the_fastest_recorded_figure_is_drawn_with_its_date(self):
        older = llama(9.0, run="4", peer={"decode": timed(4.4)})
        slower = llama(9.0, run="5", peer={"decode": timed(4.6)})
        self.write(chart.MODELS, [llama(), older, slower],
                   runs={"4": "2026-11-29, an earlier form"})
        row = recorded(llama(), "decode")
        row["peers"] = [{"peer": "torch.compile", "ms": ms} for ms in (5.0, 6.0)]
        self.write(chart.RECORDED, [row], date="2026-11-22")
        self.assertEqual(self.bars_of(chart.decoders)["torch.compile"].label,
                         "4.4 ms, 1.10 x, recorded 2026-11-29")

    def test_ours_of_another_run_is_not_drawn(self):
        self.write(chart.MODELS, [llama(9.0, run="4")])
        self.assertEqual(self.draw("decoders.svg").count("No figures."), 2)

    def test_a_faster_recorded_figure_is_told_beside_the_same_run(self):
        self.write(chart.MODELS, [bert(peer={"xla": timed(1.25)})])
        self.write(chart.RECORDED, [recorded(bert(), "encode", XLA=0.875)])
        bar = self.bars_of(chart.encoders)["XLA"]
        self.assertEqual(bar.label, "1.25 ms, 2.50 x (recorded 0.875 ms)")
        self.assertEqual(bar.kind, "peer")

    def test_ours_in_the_peers_run_is_told(self):
        beside = {"run": "7b", "one way": [0.51, 0.52], "another": [0.49],
                  "peer": {"encode": timed(0.75), "torch": "2.11.0"}}
        self.write(chart.MODELS, [bert(beside=beside)])
        found = self.bars_of(chart.encoders)
        self.assertEqual(found["ftc"].label,
                         "0.5 ms, in the peers' run 0.49 to 0.52")
        self.assertEqual(found["torch.compile"].kind, "peer")

    def test_what_is_not_known_is_left_alone(self):
        row = bert(energy={"joules": [1, 2]}, comment=None,
                   peer={"encode": {**timed(0.75), "clock": [1, 2]}, "clock": 3})
        self.write(chart.MODELS, [row, {"model": "mamba", "ftc": {}},
                                  {"error": "no answer"}], weather="rain")
        self.assertEqual(list(self.bars_of(chart.encoders)),
                         ["ftc", "floor", "torch.compile"])
        self.draw("encoders.svg")

    def test_a_bar_beyond_the_axis_is_cut_and_keeps_its_figure(self):
        self.write(chart.MODELS, [bert(peer={"encode": timed(50.0)})])
        self.assertIn("50.0 ms, 100.00 x", self.draw("encoders.svg"))
        widths = [float(rect.get("width"))
                  for rect in self.tree.iter(SVG + "rect")]
        self.assertEqual(max(widths), bars.LONGEST)
        self.assertIn("Bars with two strokes are longer than drawn.", self.source)

    def test_prompts_of_many_sequences_are_left_to_the_file(self):
        self.write(chart.MODELS, [llama(), {**llama(), "batch": 32}])
        decode, prefill = chart.decoders(chart.loader(self.folder)).panels
        self.assertEqual((len(decode.groups), len(prefill.groups)), (2, 1))


class AttentionTest(Charts):

    def test_short_shapes_are_times_and_long_ones_rates(self):
        self.machine = "NVIDIA H200, driver 580"
        rows = [{"shape": "encoder b8 s128, f16", "us": 5.0, "cudnn_us": 6.0},
                {"shape": "causal 512", "us": 10.0, "tflops": 200.0,
                 "cudnn_us": 20.0, "flash4_tflops_recorded": 210, "again_us": 9}]
        self.write(chart.ATTENTION, rows, date="2026-11-30")
        short, long = chart.attention(chart.loader(self.folder)).panels
        self.assertEqual([bar.label for bar in short.groups[0].bars],
                         ["5.0 us", "6.0 us, 1.20 x"])
        self.assertEqual([(bar.name, bar.label, bar.kind)
                          for bar in long.groups[0].bars],
                         [("ftc", "200", "ours"), ("cuDNN", "100", "peer"),
                          ("FlashAttention-4", "210, recorded", "recorded")])
        self.assertIn("Attention on NVIDIA H200, 2026-11-30",
                      self.draw("attention.svg"))

    def test_shapes_without_any_peer_are_counted(self):
        self.write(chart.ATTENTION, [{"shape": "ragged", "us": 5.0}])
        self.assertIn("Shapes without a figure of a peer are in "
                      "attention-h200.json: 1.", self.draw("attention.svg"))

    def test_a_day_of_its_own_is_told(self):
        self.write(chart.ATTENTION, [{"shape": "full", "us": 5.0, "cudnn_us": 6.0,
                                      "date": "2026-11-22"}])
        self.assertIn("run: 2026-11-22", self.draw("attention.svg"))


class FilesTest(Charts):

    def test_files_without_rows_give_charts_that_say_so(self):
        for name in (chart.ATTENTION, chart.GEMM, chart.MODELS, chart.RECORDED):
            (self.folder / name).write_text("{}")
        for name in chart.CHARTS:
            texts = self.draw(name)
            self.assertIn("No figures.", texts)
            self.assertIn("on a machine not named, no date", texts[0])

    def test_an_empty_file_and_a_missing_one_are_named(self):
        (self.folder / chart.MODELS).write_text("")
        with self.assertRaisesRegex(SystemExit, "models-h200.json is not JSON"):
            self.run_tool()
        (self.folder / chart.MODELS).unlink()
        with self.assertRaisesRegex(SystemExit, "models-h200.json: No such file"):
            self.run_tool()

    def test_names_are_escaped(self):
        name = 'a<b> & "c"\x01'
        self.machine = {"gpu": name, "date": "2026-11-30"}
        self.write(chart.MODELS, [bert(peer={name: timed(0.75)})])
        self.write(chart.ATTENTION, [{"shape": name, "us": 1.0, "cudnn_us": 2.0}])
        kept = 'a<b> & "c"?'
        self.assertIn(kept, self.draw("encoders.svg"))
        self.assertIn(kept, self.draw("attention.svg"))
        self.assertEqual(self.tree.find(SVG + "title").text,
                         f"Attention on {kept}, 2026-11-30")

    def test_long_names_are_cut_and_stay_in_the_picture(self):
        self.write(chart.MODELS, [bert(peer={"x" * 300: timed(0.75)})])
        self.assertIn("…", "".join(self.draw("encoders.svg")))
        for node in self.tree.iter(SVG + "text"):
            self.assertLessEqual(len(node.text) * bars.CHARACTER, bars.WIDTH)

    def test_the_same_figures_give_the_same_bytes(self):
        """Also where the order of keys and of hashes is another one."""
        peers = {"encode": timed(0.75), "xla": timed(0.75), "timm": timed(0.75)}
        made = []
        for seed, order in (("1", list(peers)), ("2", list(peers)[::-1])):
            self.write(chart.MODELS, [bert(peer={k: peers[k] for k in order})])
            subprocess.run([sys.executable, TOOL, "--folder", self.folder],
                           check=True,
                           env={"PYTHONHASHSEED": seed, "LC_ALL": "C"})
            made.append([(self.folder / name).read_bytes()
                         for name in chart.CHARTS])
        self.assertEqual(made[0], made[1])

    def test_check_names_what_is_not_current_and_writes_nothing(self):
        self.run_tool()
        self.assertEqual(self.run_tool("--check"), (0, ""))
        before = (self.folder / "encoders.svg").read_bytes()
        self.write(chart.MODELS, [bert()])
        code, said = self.run_tool("--check")
        self.assertEqual(code, 1)
        self.assertTrue(said.startswith("encoders.svg not current in"), said)
        self.assertIn("run tools/bench/chart.py", said)
        self.assertEqual((self.folder / "encoders.svg").read_bytes(), before)

    def test_published_charts_are_small_and_refer_to_nothing_outside(self):
        for name in chart.CHARTS:
            source = (chart.FOLDER / name).read_text(encoding="utf-8")
            self.assertLess(len(source.encode()), 30_000)
            self.assertNotRegex(source, r"href|<script|@import")
            self.assertLessEqual(set(re.findall(r"url\((.*?)\)", source)),
                                 {"#recorded"})


if __name__ == "__main__":
    unittest.main()
