"""Writes the random checkpoints in Hugging Face's layout."""

import json
import math
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

from golden import vision
from golden.texts import tiny_tokenizer

DTYPES = {"fp32": torch.float32, "fp16": torch.float16,
          "bf16": torch.bfloat16}
LONG_NAMES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


def tensor_scale(name, shape, tied):
    """Standard deviation that keeps activations near one, logits near 2.5.

    Queries and keys are larger than usual, so that attention is far from
    uniform; tied embeddings are small, or the logits would repeat the input.
    """
    hidden = shape[-1]
    if "wte" in name or "embed_tokens" in name:
        return 1.5 / math.sqrt(hidden) if tied else 1.0
    if "wpe" in name:
        return 0.3
    if "projection" in name:  # of patches
        return 1 / math.sqrt(math.prod(shape[1:]))
    if "embeddings." in name:
        return 0.5
    if "relative_attention_bias" in name:
        return 1.0
    if "lm_head" in name:
        return 2.5 / math.sqrt(hidden)
    fan_in = shape[0] if ".c_" in name else shape[1]
    gain = 1.5 if any(k in name for k in ("q_proj", "k_proj", "query",
                                          "key", "c_attn")) else 1.0
    return gain / math.sqrt(fan_in)


def randomize(model, seed, tied):
    """Fills every parameter: norms around one, biases away from zero."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim > 1:
            noise *= tensor_scale(name, parameter.shape, tied)
        elif name.endswith("weight"):
            noise = 1 + 0.2 * noise
        else:
            noise *= 0.2
        with torch.no_grad():
            parameter.copy_(noise)


def build_model(spec):
    """The transformers model of `spec`, filled and cast to its dtype."""
    model_class = getattr(transformers, spec.model_class)
    config = model_class.config_class(**spec.config)
    options = {}
    if spec.layout in ("bert-no-pooler", "vit-no-pooler"):
        options["add_pooling_layer"] = False
    model = model_class(config, **options)
    tied = spec.family == "gpt2" or spec.config.get("tie_word_embeddings")
    randomize(model, spec.seed, tied)
    return model.to(DTYPES[spec.stored]).eval()


def write_json(path, value):
    """Writes `value` the way transformers does: indented, sorted keys."""
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def rewrite_tensors(directory, change):
    """Replaces model.safetensors by `change` of its {name: tensor}."""
    path = directory / "model.safetensors"
    tensors = change(load_file(path))
    save_file({k: v.contiguous() for k, v in tensors.items()}, path,
              metadata={"format": "pt"})


def make_gpt2_bare(directory, config):
    """Names without the `transformer.` prefix, plus the mask buffers."""
    def change(tensors):
        bare = {k.removeprefix("transformer."): v
                for k, v in tensors.items() if k != "lm_head.weight"}
        size = config["n_positions"]
        mask = torch.ones(1, 1, size, size).tril()
        for layer in range(config["n_layer"]):
            bare[f"h.{layer}.attn.bias"] = mask.clone()
        return bare
    rewrite_tensors(directory, change)


def make_bert_legacy(directory, config):
    """Norms named gamma and beta, and the position_ids buffer."""
    def change(tensors):
        renamed = {}
        for name, value in tensors.items():
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
            name = name.replace("LayerNorm.bias", "LayerNorm.beta")
            renamed[name] = value
        renamed["bert.embeddings.position_ids"] = torch.arange(
            config["max_position_embeddings"])[None]
        return renamed
    rewrite_tensors(directory, change)


def make_sentence_transformer(directory, config):
    """The files sentence-transformers adds: mean pooling, then normalise."""
    package = "sentence_transformers.models."
    stages = [("", "Transformer"), ("1_Pooling", "Pooling"),
              ("2_Normalize", "Normalize")]
    write_json(directory / "modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": package + kind}
        for i, (path, kind) in enumerate(stages)])
    (directory / "1_Pooling").mkdir()
    write_json(directory / "1_Pooling" / "config.json", {
        "word_embedding_dimension": config["hidden_size"],
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False})
    write_json(directory / "sentence_bert_config.json",
               {"max_seq_length": 48, "do_lower_case": False})
    make_tokenizer(directory, config)


def make_tokenizer(directory, config):
    """A WordPiece tokenizer of the model's vocabulary."""
    tiny_tokenizer(config["vocab_size"]).save(
        str(directory / "tokenizer.json"))
    write_json(directory / "tokenizer_config.json", {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True,
        "model_max_length": config["max_position_embeddings"],
        "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]",
        "unk_token": "[UNK]", "mask_token": "[MASK]"})


LAYOUTS = {
    "gpt2-bare": make_gpt2_bare,
    "bert-legacy": make_bert_legacy,
    "sentence-transformers": make_sentence_transformer,
    "tokenizer": make_tokenizer,
}


def spell_v4(config):
    """The same configuration with the keys transformers 4 wrote."""
    old = dict(config, transformers_version="4.40.1")
    old["torch_dtype"] = old.pop("dtype")
    if "rope_parameters" in old:
        rope = old.pop("rope_parameters")
        old["rope_theta"] = rope.pop("rope_theta")
        if rope["rope_type"] == "linear":
            rope["type"] = rope.pop("rope_type")
        default = rope.get("rope_type") == "default"
        old["rope_scaling"] = None if default else rope
    old.pop("layer_types", None)
    if old["model_type"] in ("bert", "roberta", "xlm-roberta", "electra"):
        old["position_embedding_type"] = "absolute"
    if old["model_type"] == "distilbert":
        old["tie_weights_"] = True
    if old["model_type"] in ("xlm-roberta", "distilbert"):
        old["output_past"] = True
    if old["model_type"] == "gpt2":
        old.update(n_ctx=old["n_positions"], gradient_checkpointing=False)
    return old


def write_v4_twin(directory, spec):
    """Writes DIRECTORY-v4: the same weights, the older config.json."""
    twin = directory.with_name(directory.name + "-v4")
    shutil.rmtree(twin, ignore_errors=True)
    shutil.copytree(directory, twin)
    path = twin / "config.json"
    write_json(path, spell_v4(json.loads(path.read_text())))
    if spec.processor:
        write_json(twin / "preprocessor_config.json",
                   vision.spell_processor_v4(spec))


def write_checkpoint(spec, root):
    """Writes the directory of `spec` (and its -v4 twin) under `root`."""
    directory = Path(root) / spec.name
    shutil.rmtree(directory, ignore_errors=True)
    model = build_model(spec)
    model.save_pretrained(directory, max_shard_size=spec.shard_size)
    if spec.layout in LAYOUTS:
        LAYOUTS[spec.layout](directory, spec.config)
    if spec.processor:
        vision.write_processor(directory, spec)
    if spec.spell_v4:
        write_v4_twin(directory, spec)
    return directory
