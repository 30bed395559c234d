#!/usr/bin/env python3
"""The demo model's grammar: what it makes parses, near misses do not.

Needs Python's standard library alone.
"""

import json
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TOOL = ROOT / "tools" / "demo-model"
sys.path.insert(0, str(TOOL))

import check  # noqa: E402
import grammar  # noqa: E402
import rules  # noqa: E402

NOT_SENTENCES = [
    "", "Mia was very sad", "Mia was quite sad .", "mia was very sad.",
    "Mia was very very sad.", "Hazel was very sad.",
    "Tom had a red kite, and she loved it so much.",
    "In the kite, he met a kind owl named Pip.",
    "In the cave, Mia met a kind owl named Pip.",
    "Mia was very sad. Mia was very sad.",
    "\"Take my salt,\" said Olive, who was <trait>.",
]


class GrammarTest(unittest.TestCase):

    def stories(self, count, held_out=False):
        rng = random.Random(7)
        return [grammar.make_story(rng, held_out) for _ in range(count)]

    def test_every_generated_sentence_parses(self):
        for sentence in sum(self.stories(200), []):
            self.assertTrue(grammar.parse(sentence), sentence)

    def test_near_misses_do_not_parse(self):
        for sentence in NOT_SENTENCES:
            self.assertFalse(grammar.parse(sentence), sentence)

    def test_a_changed_word_rarely_parses(self):
        rng = random.Random(8)
        sentences = sum(self.stories(60), [])
        words = sorted({w for s in sentences for w in s.split(" ")})
        kept = 0
        for sentence in sentences:
            parts = sentence.split(" ")
            parts[rng.randrange(len(parts))] = rng.choice(words)
            kept += grammar.parse(" ".join(parts))
        self.assertLess(kept, 0.1 * len(sentences))

    def test_a_story_splits_into_its_sentences(self):
        for story in self.stories(200):
            found, rest = grammar.split_sentences(" ".join(story))
            self.assertEqual([s for s, _ in found], story)
            self.assertEqual(rest, "")

    def test_prompts_are_held_out_of_training(self):
        rng = random.Random(9)
        stories = " ".join(sum(self.stories(3000), []))
        for _ in range(20):
            opening = grammar.split_sentences(grammar.make_prompt(rng))[0][0]
            self.assertNotIn(opening[0], stories)

    def test_every_symbol_has_rules(self):
        defined = {f"<{name}>" for name in rules.CLASSES}
        defined |= {f"{{{name}}}" for name in rules.SLOTS}
        defined |= {"{hero}", "{friend}"}
        defined |= {f"{{{name}}}" for name in grammar.pronoun_slots("f", "m")}
        texts = sum(rules.PARTS.values(), []) + sum(
            rules.CLASSES.values(), [])
        used = {s for t in texts for s in grammar.SYMBOL.findall(t)}
        self.assertLessEqual(used, defined)
        self.assertLessEqual(set(sum(rules.PLANS, [])), set(rules.PARTS))


class CheckTest(unittest.TestCase):

    def test_counts_the_sentence_begun_in_the_prompt(self):
        found = check.continued_sentences(
            "Mia was very sad. She sat", " down in a tree and felt so sad.",
            is_cut=False)
        self.assertEqual(found, ["She sat down in a tree and felt so sad."])

    def test_an_unfinished_end_counts_unless_it_was_cut(self):
        arguments = ("Mia was very", " sad. She sat down")
        self.assertEqual(check.continued_sentences(*arguments, is_cut=True),
                         ["Mia was very sad."])
        self.assertEqual(check.continued_sentences(*arguments, is_cut=False),
                         ["Mia was very sad.", "She sat down"])

    def test_an_empty_continuation_fails(self):
        found = check.continued_sentences("Mia was very sad.", "", False)
        self.assertEqual(found, [""])

    def run_check(self, texts):
        """check.py over one prompt per text; its exit code and output."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as prompts:
            prompts.write("Mia was\n" * len(texts))
            prompts.flush()
            lines = [json.dumps({"tokens": [1, 2], "text": t}) for t in texts]
            run = subprocess.run(
                [sys.executable, TOOL / "check.py", "--prompts",
                 prompts.name], input="\n".join(lines), text=True,
                capture_output=True, check=False)
        return run.returncode, run.stdout

    def test_exit_code_tells_the_share(self):
        good, bad = " so sad.", " so what."
        self.assertEqual(self.run_check([good] * 19 + [bad]),
                         (0, "19 of 20 sentences parse (95.0 %)\n"))
        self.assertEqual(self.run_check([good] * 18 + [bad] * 2),
                         (1, "18 of 20 sentences parse (90.0 %)\n"))


if __name__ == "__main__":
    unittest.main()
