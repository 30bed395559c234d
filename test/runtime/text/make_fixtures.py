#!/usr/bin/env python3
"""Writes the tokenizer fixtures of TokenizerTest beside this script.

Small tokenizers, trained here, with the normalizers, pre-tokenizers,
post-processors, decoders and added tokens of the families they are named
after; for each, texts with the ids and the decoded text that the Python
package tokenizers gives. Deterministic. Needs the packages tokenizers, and
sentencepiece with protobuf for the rules of one.

usage: make_fixtures.py [FOLDER]     (default: fixtures/ beside this script)
"""
import base64
import io
import json
import pathlib
import random
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models,
                        normalizers, pre_tokenizers, processors, trainers)

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

TRAINING = [
    "The quick brown fox jumps over the lazy dog. It's what they'd call "
    "a day's work, isn't it? We've seen 1234 of them, I'm sure they'll "
    "come back in 2023 or 2024.",
    "    def main(argc, argv):\n        return {'key': [1, 2, 3]}\r\n",
    "Übergrößen träumen süß; l'été où naïve façade coûte cher.",
    "Москва и Санкт-Петербург, Ελλάδα και Αθήνα, 東京と大阪, 北京大学.",
    "안녕하세요 세계 नमस्ते दुनिया สวัสดีชาวโลก مرحبا بالعالم שלום עולם",
    "the the the and and and of of to to in in hello hello world world",
    "tokenization tokenizer tokens normalization normalizer unbelievable",
]


def special(text, **options):
    return AddedToken(text, special=True, normalized=False, **options)


def byte_level_bpe(name, pre_tokenizer, normalizer=None, ignore_merges=False,
                   added=(), processor=None):
    model = models.BPE(ignore_merges=ignore_merges)
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(TRAINING, trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=sorted(
            pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens(list(added))
    if processor:
        tokenizer.post_processor = processor(tokenizer)
    return name, tokenizer


def split_then_bytes(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def byte_fallback_bpe(name, normalizer, pre_tokenizer, decoder, added=()):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True,
                                     byte_fallback=True))
    if normalizer:
        tokenizer.normalizer = normalizer
    # Trained on words; what is stored is the family's own setting.
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    first = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    tokenizer.train_from_iterator(TRAINING, trainers.BpeTrainer(
        vocab_size=600, special_tokens=first, limit_alphabet=90,
        show_progress=False))
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = []
    state["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(state))
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_tokens([special(t) for t in ("<unk>", "<s>", "</s>")])
    tokenizer.add_tokens(list(added))
    tokenizer.decoder = decoder
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1",
        special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
    return name, tokenizer


def word_piece(name, lowercase, processor):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]",
                                           max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(c) for c in range(33, 127)]
    tokenizer.train_from_iterator(TRAINING, trainers.WordPieceTrainer(
        vocab_size=560, special_tokens=names, initial_alphabet=letters,
        show_progress=False))
    state = json.loads(tokenizer.to_str())
    for token in state["added_tokens"]:
        token["lstrip"] = token["content"] == "[MASK]"
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.add_tokens([AddedToken("NewWord"), AddedToken(
        "alone", single_word=True)])
    tokenizer.decoder = decoders.WordPiece()
    ids = {t: tokenizer.token_to_id(t) for t in names}
    tokenizer.post_processor = processor(ids)
    return name, tokenizer


# Some of SentencePiece's own rules: what is replaced, and by what.
RULES = [("\ufb01", "fi"), ("½", "1\u20442"), ("①", "1"), ("\u3000", " "),
         ("\u00a0", " "), ("\t", " "), ("\n", " "), ("\r", ""), ("e\u0301", "é"),
         ("a\u0323", "ạ"), ("\u200b", " "), ("\x7f", ""), ("ｱ", "ア"),
         ("ﾊ\uff9e", "バ"), ("ß", "ss"), ("\u1100\u1161\u11ab", "간"), ("Ⅷ", "VIII"),
         ("ﷺ", "صلى الله عليه وسلم"), ("\u2028", " "), ("\ufeff", " "), ("³", "3")]


def charsmap(rules):
    """The rules as SentencePiece compiles them, in base64."""
    lines = "\n".join(" ".join(f"{ord(c):X}" for c in left) + "\t" +
                      " ".join(f"{ord(c):X}" for c in right)
                      for left, right in rules)
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as table:
        table.write(lines + "\n")
        table.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(TRAINING), model_writer=model,
            vocab_size=300, hard_vocab_limit=False, minloglevel=2,
            normalization_rule_tsv=table.name)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    return base64.b64encode(
        proto.normalizer_spec.precompiled_charsmap).decode()


def unigram(name, normalizer, pre_tokenizer, first, byte_fallback=False):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(TRAINING, trainers.UnigramTrainer(
        vocab_size=300, special_tokens=first, unk_token="<unk>",
        show_progress=False))
    state = json.loads(tokenizer.to_str())
    state["model"]["byte_fallback"] = byte_fallback
    state["normalizer"] = normalizer
    # Letters that no token is: unknown, or bytes.
    state["model"]["vocab"] = [
        entry for entry in state["model"]["vocab"]
        if entry[0] not in ("é", "q", "j")]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_tokens([special("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("<s>", "</s>")])
    return name, tokenizer


def tokenizers():
    end = special("<|endoftext|>")
    yield byte_level_bpe("gpt2", pre_tokenizers.ByteLevel(
        add_prefix_space=False), added=[end],
        processor=lambda _: processors.ByteLevel(trim_offsets=False))
    yield byte_level_bpe(
        "llama3", split_then_bytes(LLAMA3), ignore_merges=True,
        added=[special("<|begin_of_text|>"), special("<|end_of_text|>"),
               special("<|eot_id|>")],
        processor=lambda t: processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                special_tokens=[("<|begin_of_text|>",
                                 t.token_to_id("<|begin_of_text|>"))])]))
    yield byte_level_bpe(
        "qwen2", split_then_bytes(QWEN2), normalizer=normalizers.NFC(),
        added=[end, special("<|im_start|>"), special("<|im_end|>"),
               AddedToken("<tool_call>", normalized=False),
               AddedToken("Café\u0301", normalized=True)])
    yield byte_level_bpe(
        "roberta", pre_tokenizers.ByteLevel(add_prefix_space=True),
        added=[special("<s>"), special("</s>"),
               special("<mask>", lstrip=True), special("<r>", rstrip=True)],
        processor=lambda t: processors.RobertaProcessing(
            ("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>"))))
    llama2_decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
        decoders.Strip(" ", 1, 0)])
    yield byte_fallback_bpe(
        "llama2", normalizers.Sequence([normalizers.Prepend("▁"),
                                        normalizers.Replace(" ", "▁")]),
        None, llama2_decoder)
    yield byte_fallback_bpe(
        "mistral", None, pre_tokenizers.Metaspace(
            prepend_scheme="first", split=False), llama2_decoder,
        added=[special("[INST]"), special("[/INST]")])
    yield word_piece("bert-uncased", True, lambda ids:
                     processors.TemplateProcessing(
                         single="[CLS] $A [SEP]",
                         pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                         special_tokens=[("[CLS]", ids["[CLS]"]),
                                         ("[SEP]", ids["[SEP]"])]))
    yield unigram(
        "xlm-roberta", {"type": "Sequence", "normalizers": [
            {"type": "Precompiled", "precompiled_charsmap": charsmap(RULES)},
            {"type": "Replace", "pattern": {"Regex": " {2,}"},
             "content": " "}]},
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(),
                                 pre_tokenizers.Metaspace()]),
        ["<s>", "<pad>", "</s>", "<unk>"])
    yield unigram(
        "unigram-bytes", {"type": "Nmt"},
        pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
        ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)],
        byte_fallback=True)
    yield word_piece("bert-cased", False, lambda ids:
                     processors.BertProcessing(("[SEP]", ids["[SEP]"]),
                                               ("[CLS]", ids["[CLS]"])))


NASTY = [
    "", " ", "  ", "\n", "\r\n", "\t", " \n ", "a", " a", "a ", "  a  b  ",
    "a\r\nb\r\n\r\nc\n\n\nd", "a \r\n b", "x\n   y", "   \n\n   x", "\u00a0x",
    "a\u3000b\u2003c\u2028d\u2029e\u0085f", "\u180ea \u200bb\ufeffc",
    "It's IT'S it'S we'Ve I'LL they'D y'all 'tis '' 's'",
    "it\u2019s I\u017fx 'ſ 'K 'ｓ",
    "0 1 12 123 1234 12345678901 3.14 1,000 1e-5 ½ ² Ⅷ ٣٤ १२ 𝟙𝟚 ①",
    "Hello, World! (a)[b]{c} <d> #e $f %g ^h &i *j -k_ =l +m ~n `o` \\p |q",
    "...!!!??? --- *** ___ // :: ;; \"\" ''",
    "é e\u0301 ñ n\u0303 ä\u0304\u0323 Å\u030a \u0301 a\u0323\u0307 ṩ ș",
    "İstanbul ıI iİ ß ẞ ΑΣ ΟΔΥΣΣΕΥΣ ςσ Ǆ ǅ ǆ ﬁ ﬂ ﬃ ﬆ ŉ",
    "中文测试 日本語テスト 한국어 ᄒ\u1161\u11ab 각 㐀 豈 𠀀 𪜀 𫝀 𱍐 ｱｲｳ ﾊﾞ",
    "العَرَبِيَّة عربى لا ﷺ فارسی‌ها", "हिन्दी क्षत्रिय ক্ষ தமிழ்", "ภาษาไทย กำ",
    "👍 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ☺️ 🤷🏻‍♀️ 1️⃣ 🫠", "\U00010000\U0010fffd\U0001d54f",
    "\ue000\uf8ff \U000f0000 \ufffd \ufffe \uffff",
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u061c\u202e",
    "\x00 a\x00b \x01\x02\x1b[0m\x7f\x80\x9f", "a\x0bb\x0cc\x1cd\x1fe",
    "\u0897\u1c89\ua7cb\U00010d50\U0001c8d0\U00016ea0\U0002ebf0\U00031350",
    "a\u1df6\u0301 a\u0898\u0300 q\u0307\u0323\u10eab \u32ff ꟲ",
    "▁a ▁▁ a▁b <0x41> <0x0A> <0xE2> <s>x</s> <unk> [UNK] [MASK] x[MASK]y",
    "<|endoftext|>a <|endoftext|> <|im_start|>user\nhi<|im_end|> <|eot_id|>",
    "<s> a <mask> b  <mask>c <r>  d<r>e [INST] hi [/INST] [CLS] [SEP]",
    "NewWord newword xNewWordx alone Alone aloneness (alone) a_alone",
    "Café\u0301 Cafe\u0301\u0301 Café <tool_call>{}</tool_call>",
    "x" * 300, "ab" * 60 + " " + "é" * 101, "the" * 40, " " * 70 + "x",
    "unbelievable-tokenization_of normalizersNormalizers  tokenizer's",
    "don ' t do not . , ! ? he 's I 'm we 've they 're n't",
]

POOLS = [
    (32, 126), (32, 126), (97, 122), (0, 255), (0x100, 0x24F), (0x300, 0x36F),
    (0x370, 0x5FF), (0x600, 0x6FF), (0x900, 0xDFF), (0xE00, 0xFFF),
    (0x1000, 0x1FFF), (0x2000, 0x206F), (0x2000, 0x2BFF), (0x3000, 0x30FF),
    (0x4E00, 0x4FFF), (0xAC00, 0xACFF), (0x1100, 0x11FF), (0xA000, 0xABFF),
    (0xE000, 0xE010), (0xF900, 0xFFFD), (0x10000, 0x1FFFF), (0x1F300, 0x1FAFF),
    (0x1D400, 0x1D7FF), (0x20000, 0x323AF), (0xE0000, 0xE01EF), (0, 0x10FFFF),
]
FRAGMENTS = [" ", " ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "'re", "the",
             "hello", " world", "123", "45", ".", "...", ", ", "!", "▁", "é",
             "e\u0301", "\u200d", "ß", "İ", "中", "<s>", "</s>", "<unk>",
             "<|endoftext|>", "[MASK]", "[UNK]", "NewWord", "alone", "<mask>",
             "<r>", "<|im_end|>", "<tool_call>", "[INST]", "<0x41>", "Café"]


def random_text(rng, longest=12):
    parts = []
    for _ in range(rng.randint(1, longest)):
        if rng.random() < 0.5:
            parts.append(rng.choice(FRAGMENTS))
        else:
            low, high = rng.choice(POOLS)
            for _ in range(rng.randint(1, 3)):
                c = rng.randint(low, high)
                parts.append("" if 0xD800 <= c <= 0xDFFF else chr(c))
    return "".join(parts)


def case(tokenizer, rng, number, text):
    ids = tokenizer.encode(text).ids
    result = {"text": text, "ids": ids,
              "decoded": tokenizer.decode(ids, skip_special_tokens=True)}
    if number % 4 == 0:
        # Also what a model may emit: any tokens in any order.
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        emitted = [rng.randrange(tokenizer.get_vocab_size()) for _ in range(9)]
        result |= {"plain": plain, "emitted": emitted, "spoken":
                   tokenizer.decode(emitted, skip_special_tokens=False)}
    return result


PAIRS = [("Who came?", "Then the king came."), ("", "x"), ("a", ""),
         ("[MASK] <mask>", "It's 12 o'clock"), ("é", "中文")]


def write_pairs(folder, name, tokenizer):
    """Two texts as one sequence, and of which text each token is."""
    with open(folder / f"{name}.pairs", "w", encoding="utf-8") as out:
        for first, second in PAIRS:
            joined = tokenizer.encode(first, second)
            out.write(json.dumps(
                {"first": first, "second": second, "ids": joined.ids,
                 "segments": joined.type_ids},
                ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                          pathlib.Path(__file__).parent / "fixtures")
    folder.mkdir(exist_ok=True)
    for name, tokenizer in tokenizers():
        rng = random.Random(name)
        state = json.loads(tokenizer.to_str())
        (folder / f"{name}.json").write_text(
            json.dumps(state, ensure_ascii=False, separators=(",", ":")) +
            "\n", encoding="utf-8")
        write_pairs(folder, name, tokenizer)
        texts = NASTY + [random_text(rng) for _ in range(500)]
        with open(folder / f"{name}.cases", "w", encoding="utf-8") as out:
            for number, text in enumerate(texts):
                out.write(json.dumps(case(tokenizer, rng, number, text),
                                     ensure_ascii=False,
                                     separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
