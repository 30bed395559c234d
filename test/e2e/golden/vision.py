"""Checkpoints of vision transformers: pictures, their processors, inputs."""

from pathlib import Path

import torch
import transformers
from transformers.image_utils import load_image
from transformers.models.deit.image_processing_pil_deit import (
    DeiTImageProcessorPil)
from transformers.models.vit.image_processing_pil_vit import (
    ViTImageProcessorPil)

FAMILIES = ("vit", "deit")
PROCESSORS = {"vit": ViTImageProcessorPil, "deit": DeiTImageProcessorPil}
PICTURES = (Path(__file__).resolve().parents[3]
            / "test" / "runtime" / "image" / "fixtures")


def write_processor(directory, spec):
    """preprocessor_config.json, as transformers' Pillow backend writes it."""
    PROCESSORS[spec.family](**spec.processor).save_pretrained(directory)


def spell_processor_v4(spec):
    """The file as transformers 4.20 wrote it: a feature extractor."""
    options = dict(spec.processor)
    for key in ("size", "crop_size"):
        if key in options:
            options[key] = options[key]["height"]
    name = PROCESSORS[spec.family].__name__.replace("ImageProcessorPil",
                                                    "FeatureExtractor")
    return {"do_normalize": True, "do_resize": True,
            "feature_extractor_type": name, **options}


def picture_values(directory, names):
    """pixel_values of picture files, as AutoImageProcessor makes them."""
    processor = transformers.AutoImageProcessor.from_pretrained(
        directory, backend="pil")
    pictures = [load_image(str(PICTURES / name)) for name in names]
    return processor(pictures, return_tensors="pt")["pixel_values"].float()


def make_inputs(case, directory, config):
    """Random pixels, or those of the case's pictures."""
    if case.pictures:
        return {"pixel_values": picture_values(directory, case.pictures)}
    generator = torch.Generator().manual_seed(3000 + case.seed)
    size = config.image_size
    size = (size, size) if isinstance(size, int) else tuple(size)
    return {"pixel_values": torch.randn(
        (case.images, config.num_channels, *size), generator=generator)}


def load(directory, config, has_pooler, **options):
    """The model of the class that config.json names."""
    model_class = getattr(transformers, config.architectures[0])
    if model_class.__name__.endswith("Model"):
        options["add_pooling_layer"] = has_pooler
    return model_class.from_pretrained(directory, config=config, **options)


@torch.no_grad()
def forward(model, inputs, outputs):
    """The named outputs, {name: tensor}."""
    dtype = next(model.parameters()).dtype
    result = model(pixel_values=inputs["pixel_values"].to(dtype))
    return {name: getattr(result, name) for name in outputs}
