#!/usr/bin/env python3
"""Makes the pictures of PictureTest and what transformers makes of them.

Needs numpy, Pillow, torch and transformers; the test needs none of them.
NAME.png or NAME.jpg stands beside NAME.npy, the bytes [height, width, 3] that
transformers.image_utils.load_image gives; steps-NAME.npy is the pixel_values
of steps.jpg for the processor in PROCESSORS, made by its Pillow backend.
"""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from transformers.image_utils import load_image
from transformers.models.clip.image_processing_pil_clip import (
    CLIPImageProcessorPil)
from transformers.models.deit.image_processing_pil_deit import (
    DeiTImageProcessorPil)
from transformers.models.vit.image_processing_pil_vit import (
    ViTImageProcessorPil)

FIXTURES = Path(__file__).resolve().parent / "fixtures"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4),
         (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
PROCESSORS = {
    "vit": ViTImageProcessorPil(size={"height": 16, "width": 12}),
    "deit": DeiTImageProcessorPil(size={"height": 20, "width": 20},
                                  crop_size={"height": 15, "width": 16}),
    "clip": CLIPImageProcessorPil(size={"shortest_edge": 13},
                                  crop_size={"height": 12, "width": 12}),
    "larger": ViTImageProcessorPil(size={"height": 70, "width": 50},
                                   resample=3),
    "plain": ViTImageProcessorPil(do_resize=False, do_rescale=False,
                                  do_normalize=False, do_center_crop=True,
                                  crop_size={"height": 9, "width": 9}),
}
FILTERS = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")


def chunk(kind, data):
    """A chunk of a PNG."""
    return (struct.pack(">I", len(data)) + kind + data
            + struct.pack(">I", zlib.crc32(kind + data)))


def pack_rows(samples, depth):
    """The rows of samples [height, width, channels], unfiltered."""
    rows = b""
    for row in samples:
        flat = row.reshape(-1)
        if depth == 16:
            data = flat.astype(">u2").tobytes()
        elif depth == 8:
            data = flat.astype(np.uint8).tobytes()
        else:
            bits = ((flat[:, None] >> np.arange(depth)[::-1]) & 1)
            data = np.packbits(bits.astype(np.uint8).reshape(-1)).tobytes()
        rows += b"\0" + data
    return rows


def write_png(name, kind, depth, size=(9, 13), interlaced=False, extra=(),
              seed=0):
    """A PNG of random samples, spelled out: Pillow writes few kinds."""
    random = np.random.default_rng(seed)
    shape = (*size, CHANNELS[kind])
    samples = random.integers(0, 1 << depth, shape)
    if interlaced:
        passes = [samples[y::dy, x::dx] for y, x, dy, dx in ADAM7]
        rows = b"".join(pack_rows(p, depth) for p in passes if p.size)
    else:
        rows = pack_rows(samples, depth)
    chunks = [chunk(b"IHDR", struct.pack(">IIBBBBB", size[1], size[0], depth,
                                         kind, 0, 0, int(interlaced)))]
    if kind == PALETTE:
        palette = random.integers(0, 256, (1 << depth, 3)).astype(np.uint8)
        chunks.append(chunk(b"PLTE", palette.tobytes()))
    chunks += [chunk(k, d) for k, d in extra]
    chunks += [chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b"")]
    (FIXTURES / f"{name}.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def photo(height, width, channels, seed=0):
    """Smooth colours with edges, as bytes."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    planes = [np.sin(x / random.uniform(3, 9) + y / random.uniform(3, 9)
                     + c) + (x > width / 3) - (y > height / 2)
              for c in range(channels)]
    values = np.stack(planes, -1)
    values = (values - values.min()) / (values.max() - values.min())
    return (255 * values).round().astype(np.uint8)


def exif(orientation, order="<"):
    """A TIFF block with nothing but an orientation."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1,
                              orientation, 0, 0)


def write_jpeg(name, image, **options):
    """A JPEG as Pillow writes it."""
    image.save(FIXTURES / f"{name}.jpg", "JPEG", **options)


def write_pngs():
    """Every colour type and depth, and what stands beside pixels."""
    for depth in (1, 2, 4, 8, 16):
        write_png(f"grey{depth}", GREY, depth, seed=depth)
    for depth in (1, 2, 4, 8):
        write_png(f"palette{depth}", PALETTE, depth, seed=depth,
                  extra=((b"tRNS", b"\0\x80"),))
    for depth in (8, 16):
        write_png(f"rgb{depth}", RGB, depth, seed=depth)
        write_png(f"grey-alpha{depth}", GREY_ALPHA, depth, seed=depth)
        write_png(f"rgba{depth}", RGBA, depth, seed=depth)
    write_png("interlaced", RGB, 8, interlaced=True, seed=3)
    write_png("interlaced-grey16", GREY, 16, interlaced=True, seed=4)
    write_png("one-pixel", RGB, 8, size=(1, 1))
    write_png("gamma", RGB, 8, extra=((b"gAMA", struct.pack(">I", 100000)),))
    write_png("transparent-grey", GREY, 8, extra=((b"tRNS", b"\0\x07"),))
    write_png("turned", RGB, 8, extra=((b"eXIf", exif(6, ">")),))
    xmp = (b"XML:com.adobe.xmp\0\0\0\0\0"
           b'<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>')
    write_png("turned-xmp", RGB, 8, extra=((b"iTXt", xmp),))


def write_jpegs():
    """Colour spaces, sampling and orientations."""
    colour = Image.fromarray(photo(18, 23, 3))
    write_jpeg("full", colour, quality=90, subsampling=0)
    write_jpeg("halved", colour, quality=70, subsampling=2)
    write_jpeg("progressive", colour, quality=80, progressive=True)
    write_jpeg("grey", Image.fromarray(photo(18, 23, 1)[..., 0]), quality=85)
    write_jpeg("cmyk", Image.fromarray(photo(18, 23, 4), "CMYK"), quality=85)
    for orientation in range(1, 9):
        write_jpeg(f"turned{orientation}", colour, quality=50,
                   exif=b"Exif\0\0" + exif(orientation))
    xmp = b"<tiff:Orientation>6</tiff:Orientation>"
    write_jpeg("turned-xmp-jpeg", colour, quality=50, xmp=xmp)


def write_steps():
    """steps.jpg and what processors and filters make of it."""
    write_jpeg("steps", Image.fromarray(photo(37, 61, 3, seed=5)), quality=92)
    image = load_image(str(FIXTURES / "steps.jpg"))
    for name, processor in PROCESSORS.items():
        values = processor(image, return_tensors="np")["pixel_values"][0]
        np.save(FIXTURES / f"steps-{name}.npy", values.astype(np.float32))
    for number, name in enumerate(FILTERS):
        resized = image.resize((17, 50), resample=number)
        np.save(FIXTURES / f"filter-{name}.npy", np.asarray(resized))


def main():
    """Everything anew."""
    FIXTURES.mkdir(exist_ok=True)
    for file in FIXTURES.iterdir():
        file.unlink()
    write_pngs()
    write_jpegs()
    write_steps()
    for file in sorted(FIXTURES.glob("*.[pj]*g")):
        np.save(file.with_suffix(".npy"), np.asarray(load_image(str(file))))


if __name__ == "__main__":
    main()
