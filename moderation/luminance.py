"""A picture's luminance: small, square, whatever its shape; all that is hashed and compared is made from it."""

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Levels = npt.NDArray[np.uint8]
"""A luminance, square, whatever the shape of the picture."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge of a part of a picture, as shares of its width and height."""

SIDE = 128
"""Sides, in pixels, of the luminance that a view is hashed and compared from."""

FINE_SIDE = 256
"""Sides, in pixels, of the luminance that an upload's views are cut from."""

WHOLE_BOX: Box = (0.0, 0.0, 1.0, 1.0)


def luminance(image: Image.Image) -> Levels:
    """A picture's luminance at FINE_SIDE x FINE_SIDE pixels."""
    grey = image if image.mode == "L" else image.convert("L")
    # By whole numbers as far as that goes; what is left is less than a half, for which two pixels a side are enough.
    factors = max(1, grey.width // FINE_SIDE), max(1, grey.height // FINE_SIDE)
    match factors:
        case (2, 1):
            reduced = _halved_across(np.asarray(grey))
        case (1, 2):
            reduced = _halved_down(np.asarray(grey))
        case _:
            reduced = np.asarray(grey.reduce(factors))
    return as_levels(cv2.resize(reduced, (FINE_SIDE, FINE_SIDE), interpolation=cv2.INTER_LINEAR))


def _halved_across(levels: Levels) -> Levels:
    """What Pillow's `reduce((2, 1))` gives, in a third of the time: means of pairs, halves rounded up."""
    width = levels.shape[1] // 2 * 2
    pairs = np.ascontiguousarray(levels[:, :width]).view(np.uint16)
    halves = ((pairs & 255) + (pairs >> 8) + 1 >> 1).astype(np.uint8)
    return halves if width == levels.shape[1] else np.hstack([halves, levels[:, width:]])


def _halved_down(levels: Levels) -> Levels:
    """The same for `reduce((1, 2))`."""
    height = len(levels) // 2 * 2
    halves = as_levels(cv2.addWeighted(levels[:height:2], 0.5, levels[1:height:2], 0.5, 0.25))
    return halves if height == len(levels) else np.vstack([halves, levels[height:]])


def coarse(fine: Levels) -> Levels:
    """A luminance of FINE_SIDE at SIDE."""
    return as_levels(cv2.resize(fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def as_levels(made: "cv2.typing.MatLike") -> Levels:
    """What OpenCV makes of bytes are bytes, which its annotations do not tell."""
    return cast(Levels, made)
