"""Runs transformers on a checkpoint: exactly in float64, and as users do."""

import contextlib
import importlib

import torch
import transformers
from transformers import AutoModel
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from golden import vision

FAMILIES = ("gpt2", "llama", "mistral", "qwen2", "qwen3", "bert", "roberta",
            "xlm_roberta", "camembert", "distilbert", "electra", "mpnet", *vision.FAMILIES)
COUNTING = ("roberta", "xlm-roberta", "camembert", "mpnet")
BARE_OUTPUTS = ("last_hidden_state", "pooler_output", "sentence_embedding")


class Float64Torch:
    """The torch module with float32 replaced by float64."""

    float32 = torch.float64
    float = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


@contextlib.contextmanager
def exact_float64():
    """Lifts the float32 islands (norms, softmax, rope) of a float64 model.

    Transformers computes these in float32 whatever the model's dtype, which
    would cost the reference half its digits.
    """
    names = [f"transformers.models.{f}.modeling_{f}" for f in FAMILIES]
    names.append("transformers.modeling_rope_utils")
    modules = [importlib.import_module(name) for name in names]
    narrow = torch.Tensor.float
    buckets = MPNetEncoder.relative_position_bucket
    for module in modules:
        module.torch = Float64Torch()
    torch.Tensor.float = torch.Tensor.double
    MPNetEncoder.relative_position_bucket = staticmethod(
        lambda *args, **named: in_float32(narrow, buckets, *args, **named))
    try:
        yield
    finally:
        torch.Tensor.float = narrow
        MPNetEncoder.relative_position_bucket = staticmethod(buckets)
        for module in modules:
            module.torch = torch


def in_float32(narrow, function, *args, **named):
    """`function` with its float32 island as it is: integers come of it."""
    lifted, torch.Tensor.float = torch.Tensor.float, narrow
    try:
        return function(*args, **named)
    finally:
        torch.Tensor.float = lifted


def load(directory, dtype, outputs=("logits",), change=None):
    """The model of a checkpoint directory, weights cast to `dtype`.

    The class that config.json names, or without its head where the outputs are
    the encoder's. `change` overrides keys of its configuration.
    """
    config = transformers.AutoConfig.from_pretrained(directory,
                                                     **(change or {}))
    options = dict(config=config, dtype=dtype, attn_implementation="eager")
    if config.model_type in vision.FAMILIES:
        return vision.load(directory, has_pooler="pooler_output" in outputs,
                           **options).eval()
    if set(outputs) & set(BARE_OUTPUTS):
        if config.model_type in ("bert", "roberta", "xlm-roberta", "mpnet"):
            options["add_pooling_layer"] = "pooler_output" in outputs
        model = AutoModel.from_pretrained(directory, **options)
    else:
        model_class = getattr(transformers, config.architectures[0])
        model = model_class.from_pretrained(directory, **options)
    check_rope(model, dtype)
    return model.eval()


def check_rope(model, dtype):
    """The rope frequencies must not have been rounded to a narrow dtype."""
    wanted = torch.float64 if dtype == torch.float64 else torch.float32
    for name, buffer in model.named_buffers():
        if name.endswith("inv_freq") and buffer.dtype != wanted:
            raise AssertionError(f"{name} is {buffer.dtype}, not {wanted}")


def positions(mask):
    """Positions as generation gives them: zero at the first real token."""
    return (mask.cumsum(-1) - 1).clamp(min=0)


def first_position(model):
    """The row of the position table that a first token takes."""
    if model.config.model_type not in COUNTING:
        return 0
    return model.base_model.embeddings.padding_idx + 1


def call(model, inputs, mask):
    """What the model returns; positions start at each first real token."""
    first = "hidden_states" if "hidden_states" in inputs else "input_ids"
    if first == "hidden_states":  # the layers alone
        layers = getattr(model.base_model, "encoder", None)
        layers = layers or model.base_model.transformer
        hidden = inputs["hidden_states"].to(model.dtype)
        hole = torch.finfo(model.dtype).min
        return layers(hidden, attention_mask=(
            (1 - mask[:, None, None].to(model.dtype)) * hole),
            return_dict=True)
    where = positions(mask) + first_position(model)
    inputs = dict(inputs, position_ids=where)
    if type(model).__name__.endswith("MultipleChoice"):
        # A sequence is the only choice of its example.
        inputs = {k: v[:, None] for k, v in inputs.items()}
    return model(**inputs)


@torch.no_grad()
def forward(model, inputs, outputs):
    """The named outputs, {name: tensor}, padded places set to zero."""
    if "pixel_values" in inputs:
        return vision.forward(model, inputs, outputs)
    first = next(iter(inputs.values()))
    mask = inputs.get("attention_mask",
                      torch.ones(first.shape[:2], dtype=torch.long))
    result = call(model, inputs, mask)
    found = {}
    for name in outputs:
        if name == "sentence_embedding":
            found[name] = mean_pool(result.last_hidden_state, mask)
            continue
        value = getattr(result, name)
        if type(model).__name__.endswith("MultipleChoice"):
            value = value[:, 0]
        if value.ndim > 1 and value.shape[1] == mask.shape[1]:
            kept = mask.reshape(mask.shape + (1,) * (value.ndim - 2))
            value = value * kept.to(value.dtype)
        found[name] = value
    return found


def mean_pool(hidden, mask):
    """The mean over the valid tokens, scaled to length one."""
    weight = mask[..., None].to(hidden.dtype)
    mean = (hidden * weight).sum(1) / weight.sum(1)
    return torch.nn.functional.normalize(mean, dim=-1)


def relative_error(value, reference):
    """Relative L2 distance; padded places are zero in both."""
    difference = value.double() - reference
    return float(difference.norm() / reference.norm())


def check_ragged(model, inputs, reference):
    """Each sequence alone must give what it gave inside its batch."""
    mask = inputs["attention_mask"].bool()
    for row, valid in enumerate(mask):
        alone = {k: v[row, valid][None] for k, v in inputs.items()
                 if k != "attention_mask"}
        for name, value in forward(model, alone, reference).items():
            expected = reference[name][row]
            if expected.ndim and len(expected) == len(valid):
                expected = expected[valid]
            error = relative_error(value[0], expected)
            if error > 1e-12:
                raise AssertionError(f"{name} of row {row}: {error}")
        if "input_ids" in alone and first_position(model):
            check_positions(model, alone)


@torch.no_grad()
def check_positions(model, inputs):
    """Positions as the model itself counts them are those that are given."""
    ones = torch.ones_like(inputs["input_ids"])
    found, given = model(**inputs), call(model, inputs, ones)
    if not torch.allclose(found[0], given[0], rtol=0, atol=1e-12):
        raise AssertionError("the model counts positions in another way")


@torch.no_grad()
def greedy(model, prompt, count, ends=()):
    """The greedy tokens after `prompt`, and their smallest top-2 margin.

    At most `count`, up to and including the first of `ends`. Generated with
    the cache, then checked by one forward pass without it.
    """
    ids = torch.tensor([prompt])
    output = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=count,
        do_sample=False, eos_token_id=list(ends) or None, pad_token_id=0)
    logits = model(output[:, :-1]).logits[0, len(prompt) - 1:]
    tokens = output[0, len(prompt):]
    if not torch.equal(logits.argmax(-1), tokens):
        raise AssertionError("generate() disagrees with a full forward")
    best = logits.topk(2).values
    return tokens.tolist(), float((best[:, 0] - best[:, 1]).min())
