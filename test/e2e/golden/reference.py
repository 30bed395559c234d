"""Runs transformers on a checkpoint: exactly in float64, and as users do."""

import contextlib
import importlib

import torch
import transformers
from transformers import AutoModelForCausalLM, BertModel

from golden import vision

FAMILIES = ("gpt2", "llama", "mistral", "qwen2", "qwen3", "bert",
            *vision.FAMILIES)


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
    for module in modules:
        module.torch = Float64Torch()
    torch.Tensor.float = torch.Tensor.double
    try:
        yield
    finally:
        torch.Tensor.float = narrow
        for module in modules:
            module.torch = torch


def load(directory, dtype, has_pooler=True, change=None):
    """The model of a checkpoint directory, weights cast to `dtype`.

    `change` overrides keys of its configuration.
    """
    config = transformers.AutoConfig.from_pretrained(directory,
                                                     **(change or {}))
    options = dict(config=config, dtype=dtype, attn_implementation="eager")
    if config.model_type in vision.FAMILIES:
        return vision.load(directory, has_pooler=has_pooler, **options).eval()
    if config.model_type == "bert":
        model = BertModel.from_pretrained(
            directory, add_pooling_layer=has_pooler, **options)
    else:
        model = AutoModelForCausalLM.from_pretrained(directory, **options)
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


@torch.no_grad()
def forward(model, inputs, outputs):
    """The named outputs, {name: tensor}, padded places set to zero."""
    if "pixel_values" in inputs:
        return vision.forward(model, inputs, outputs)
    ids = inputs["input_ids"]
    mask = inputs.get("attention_mask", torch.ones_like(ids))
    result = model(**inputs, position_ids=positions(mask))
    found = {}
    for name in outputs:
        if name == "sentence_embedding":
            found[name] = mean_pool(result.last_hidden_state, mask)
        elif name == "pooler_output":
            found[name] = result.pooler_output
        else:
            value = getattr(result, name)
            found[name] = value * mask[..., None].to(value.dtype)
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
            if expected.ndim == 2:
                expected = expected[valid]
            error = relative_error(value[0], expected)
            if error > 1e-12:
                raise AssertionError(f"{name} of row {row}: {error}")


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
