#!/usr/bin/env python3
"""Writes random stories and decides which sentences belong to their grammar.

The rules are in rules.py. As a program: prints stories, or held-out prompts.
"""

import argparse
import functools
import itertools
import random
import re

from rules import CLASSES, NAMES, PARTS, PLANS, SLOTS

PRONOUNS = {
    "f": {"he": "she", "his": "her", "him": "her"},
    "m": {"he": "he", "his": "his", "him": "him"},
}
SYMBOL = re.compile(r"(\{\w+\}|<\w+>)")
SENTENCE = re.compile(r'\S[^.!?]*[.!?]"?')
HELD_OUT_SHARE = 8  # one in so many (hero, home) pairs is never trained on


def pronoun_slots(hero_gender, friend_gender):
    """{he}, {His}, {fhim} … with their words for the two genders."""
    slots = {}
    for prefix, gender in (("", hero_gender), ("f", friend_gender)):
        for name, word in PRONOUNS[gender].items():
            slots[prefix + name] = word
            slots[(prefix + name).capitalize()] = word.capitalize()
    return slots


def is_held_out(hero, home):
    """Whether this pair is kept for prompts."""
    heroes = NAMES["hero"]["f"] + NAMES["hero"]["m"]
    place = 3 * heroes.index(hero) + SLOTS["home"].index(home)
    return place % HELD_OUT_SHARE == 0


def decide_slots(rng, held_out):
    """Draws the fixed facts of one story."""
    slots = {name: rng.choice(words) for name, words in SLOTS.items()}
    genders = {}
    for role, names in NAMES.items():
        genders[role] = rng.choice("fm")
        slots[role] = rng.choice(names[genders[role]])
    if is_held_out(slots["hero"], slots["home"]) != held_out:
        return decide_slots(rng, held_out)
    return slots | pronoun_slots(genders["hero"], genders["friend"])


def expand(text, slots, rng):
    """Replaces every symbol of `text` until only words are left."""
    def replace(match):
        symbol = match.group()
        if symbol[0] == "{":
            return slots[symbol[1:-1]]
        return expand(rng.choice(CLASSES[symbol[1:-1]]), slots, rng)
    return SYMBOL.sub(replace, text)


def make_story(rng, held_out=False):
    """One story as a list of sentences."""
    slots = decide_slots(rng, held_out)
    plan = rng.choice(PLANS)
    templates = []
    for part in plan:
        unused = [t for t in PARTS[part] if t not in templates]
        templates.append(rng.choice(unused))
    return [expand(template, slots, rng) for template in templates]


def make_prompt(rng):
    """The first words of a held-out story: its opening and a little more."""
    story = make_story(rng, held_out=True)
    words = story[1].split(" ")
    return " ".join([story[0]] + words[:rng.randrange(5)])


class Recognizer:
    """Membership for one pair of genders, by memoised recursive descent."""

    def __init__(self, hero_gender, friend_gender):
        self.slots = dict(SLOTS)
        for name, word in pronoun_slots(hero_gender, friend_gender).items():
            self.slots[name] = [word]
        self.slots["hero"] = NAMES["hero"][hero_gender]
        self.slots["friend"] = NAMES["friend"][friend_gender]

    def accepts(self, sentence):
        """Whether some template derives exactly `sentence`."""
        @functools.cache
        def ends_of_symbol(symbol, start):
            name = symbol[1:-1]
            options = (self.slots if symbol[0] == "{" else CLASSES)[name]
            return frozenset(itertools.chain.from_iterable(
                ends_of_text(option, start) for option in options))

        def ends_of_text(text, start):
            ends = {start}
            for piece in filter(None, SYMBOL.split(text)):
                if SYMBOL.fullmatch(piece):
                    ends = {e for s in ends for e in ends_of_symbol(piece, s)}
                else:
                    ends = {s + len(piece) for s in ends
                            if sentence.startswith(piece, s)}
            return ends

        templates = itertools.chain.from_iterable(PARTS.values())
        return any(len(sentence) in ends_of_text(t, 0) for t in templates)


RECOGNIZERS = [Recognizer(*pair) for pair in itertools.product("fm", "fm")]


@functools.lru_cache(maxsize=4096)
def parse(sentence):
    """Whether the grammar derives `sentence`, pronouns agreeing in it."""
    return any(r.accepts(sentence) for r in RECOGNIZERS)


def split_sentences(text):
    """The complete sentences of `text` as (sentence, end) and the rest."""
    found = [(m.group(), m.end()) for m in SENTENCE.finditer(text)]
    end = found[-1][1] if found else 0
    return found, text[end:].strip()


def main():
    """Prints what the command line asks for, one item a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, default=0, metavar="N")
    parser.add_argument("--prompts", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    for _ in range(arguments.stories):
        print(" ".join(make_story(rng)))
    for _ in range(arguments.prompts):
        print(make_prompt(rng))


if __name__ == "__main__":
    main()
