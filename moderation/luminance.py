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


def luminance(grey: Levels) -> Levels:
    """A picture's grey levels, rows by columns, at FINE_SIDE x FINE_SIDE pixels."""
    height, width = grey.shape
    # By whole numbers as far as that goes; what is left is less than a half, for which two pixels a side are enough.
    factors = max(1, width // FINE_SIDE), max(1, height // FINE_SIDE)
    reduced = halved(grey, *factors) if max(factors) <= 2 else np.asarray(Image.fromarray(grey).reduce(factors))
    return as_levels(cv2.resize(reduced, (FINE_SIDE, FINE_SIDE), interpolation=cv2.INTER_LINEAR))


def halved(levels: Levels, across: int = 2, down: int = 2) -> Levels:
    """What Pillow's `reduce` gives by factors of 1 and 2, means rounded up at the half, in a fraction of the time."""
    if across == down == 1:
        return levels
    height, width = levels.shape[:2]
    if width % across or height % down:
        edges = 0, height % down, 0, width % across
        levels = as_levels(cv2.copyMakeBorder(levels, *edges, cv2.BORDER_REPLICATE))
    size = levels.shape[1] // across, len(levels) // down
    return as_levels(cv2.resize(levels, size, interpolation=cv2.INTER_LINEAR))


def coarse(fine: Levels) -> Levels:
    """A luminance of FINE_SIDE at SIDE."""
    return as_levels(cv2.resize(fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def as_levels(made: "cv2.typing.MatLike") -> Levels:
    """What OpenCV makes of bytes are bytes, which its annotations do not tell."""
    return cast(Levels, made)
