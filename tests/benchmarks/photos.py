"""Photographs to measure with: those of a folder, and larger ones made from them."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

NOISE = 5
"""Standard deviation, in levels of 255, of the noise that a larger picture gets: upscaled ones are too smooth."""

QUALITY = 90
"""With that noise, a pixel takes about as many bytes as in the photographs themselves: a fifth of one."""


def option(parser: argparse.ArgumentParser) -> None:
    """`--photos DIR`; without it, MODERATION_PHOTOS."""
    given = os.environ.get("MODERATION_PHOTOS")
    parser.add_argument(
        "--photos", type=Path, default=given, required=not given, help="JPEG photographs [env: MODERATION_PHOTOS]"
    )


def files(folder: Path) -> list[Path]:
    """The JPEGs in that folder, sorted; an error if there are none."""
    found = sorted(folder.glob("*.jpg"))
    if not found:
        raise SystemExit(f"There are no photographs (*.jpg) in {folder}.")
    return found


def spread(paths: Sequence[Path], number: int) -> list[Path]:
    """So many of them, evenly spread: neighbours are often alike."""
    number = min(number, len(paths))
    return [paths[place * len(paths) // number] for place in range(number)]


def larger(source: Path, target: Path, megapixels: float, rng: np.random.Generator) -> Path:
    """That photograph with so many megapixels, with a little noise, as a JPEG."""
    with Image.open(source) as image:
        scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
        size = (round(image.width * scale), round(image.height * scale))
        levels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    noise = np.rint(rng.normal(0, NOISE, (512, *levels.shape[1:]))).astype(np.int16)
    for top in range(0, len(levels), len(noise)):
        levels[top : top + len(noise)] += noise[: len(levels) - top]
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(target, quality=QUALITY)
    return target
