"""Two luminances laid over each other as well as they can be: how far they agree, block by block."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter

from .views import SIDE

BLOCK = 16
"""Sides, in pixels of SIDE, of the blocks that are compared."""

ALIKE = 0.6
"""The correlation from which on a block agrees."""

ENOUGH = 12
"""Textured blocks that are needed to say anything."""

Floats = npt.NDArray[np.float32]

# Sides at which two looks are aligned, coarse first: the local scale of their light, and steps at the most.
_STAGES = ((32, 4.0, 8), (64, 6.0, 4))


class Agreement(NamedTuple):
    """How far two looks agree where there is something to see: flat blocks do not vote."""

    share: float  # of the textured blocks, those whose correlation is at least ALIKE
    correlation: float  # mean over the textured blocks, -1 to 1
    blocks: int  # textured blocks, of 64

    @property
    def telling(self) -> bool:
        return self.blocks >= ENOUGH


def agreement(known: npt.NDArray[np.uint8], asked: npt.NDArray[np.uint8]) -> Agreement:
    """How far two looks of SIDE x SIDE pixels agree, after an affine alignment that starts from them as they are.

    The alignment is inverse compositional (S. Baker and I. Matthews, "Lucas-Kanade 20 Years On", IJCV 56, 2004) on
    luminances whose local mean and contrast are made alike, each pixel weighing less the more it differs, so that what
    covers a part of the picture does not pull it away.
    """
    affine = _align(known, asked)
    if affine is None:
        return Agreement(0.0, 0.0, 0)
    ours = _high(known.astype(np.float32))
    theirs = _high(_warp(asked.astype(np.float32), affine))
    a, b = _blocks(ours), _blocks(theirs)
    a -= a.mean(axis=1, keepdims=True)
    b -= b.mean(axis=1, keepdims=True)
    texture, other = np.sqrt((a * a).mean(axis=1)), np.sqrt((b * b).mean(axis=1))
    correlation = (a * b).mean(axis=1) / (texture * other + 1e-3)
    covered = _blocks(_inside(affine, SIDE).astype(np.float32)).mean(axis=1) > 0.75
    votes = covered & (texture > max(2.0, 0.25 * float(np.sort(texture)[-8:].mean())))
    count = int(votes.sum())
    if not count:
        return Agreement(0.0, 0.0, 0)
    return Agreement(float((correlation[votes] >= ALIKE).mean()), float(correlation[votes].mean()), count)


def _align(known: npt.NDArray[np.uint8], asked: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64] | None:
    """The affine map, 3 x 3 over coordinates from -1 to 1, from places in `known` to places in `asked`; None if none.

    Where it runs away, the two do not show the same.
    """
    affine = np.eye(3)
    for side, scale, most in _STAGES:
        target, source = _even(_small(known, side), scale), _even(_small(asked, side), scale)
        descent = _descent(target)
        for _ in range(most):
            apart = (_warp(source, affine) - target).ravel()
            weighted = descent * (_inside(affine, side).ravel() / (1 + apart * apart))[:, None]
            hessian = weighted.T @ descent + np.eye(6) * side * side * 1e-3
            step = np.linalg.solve(hessian, weighted.T @ apart)
            change = np.eye(3)
            change[:2] += step.reshape(2, 3)
            affine = affine @ np.linalg.inv(change)
            if np.abs(step).max() < 0.002:
                break
            if np.abs(affine - np.eye(3)).max() > 0.5:
                return None
    return affine


def _coordinates(side: int) -> tuple[Floats, Floats]:
    middles = ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32)
    return np.tile(middles, (side, 1)), np.tile(middles[:, None], (1, side))


_PLACES = {side: _coordinates(side) for side in (32, 64, SIDE)}


def _descent(target: Floats) -> Floats:
    """How each pixel changes with the six numbers of the map: shape (pixels, 6)."""
    side = len(target)
    down, right = np.gradient(target)
    x, y = _PLACES[side]
    columns = [right * x, right * y, right, down * x, down * y, down]
    return np.stack(columns, axis=-1).reshape(-1, 6) * np.float32(side / 2)


def _warp(image: Floats, affine: npt.NDArray[np.float64]) -> Floats:
    side = len(image)
    half = side / 2
    (a, b, c), (d, e, f) = affine[:2].tolist()
    matrix = (a, b, (c - a - b + 1) * half, d, e, (f - d - e + 1) * half)
    shifted = Image.fromarray(image).transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return np.asarray(shifted)


def _inside(affine: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.bool_]:
    """Which pixels of the one have a place in the other."""
    x, y = _PLACES[side]
    (a, b, c), (d, e, f) = affine[:2].tolist()
    edge = 1 - 1 / side
    inside: npt.NDArray[np.bool_] = (np.abs(a * x + b * y + c) < edge) & (np.abs(d * x + e * y + f) < edge)
    return inside


def _small(levels: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.fromarray(levels).resize((side, side), Image.Resampling.BOX))


def _even(levels: npt.NDArray[np.uint8], scale: float) -> Floats:
    """Local mean and contrast made alike everywhere."""
    image = levels.astype(np.float32)
    above = image - gaussian_filter(image, scale, truncate=2.5)
    contrast = np.sqrt(gaussian_filter(above * above, scale, truncate=2.5))
    even: Floats = above / (contrast + 4.0)
    return even


def _high(image: Floats) -> Floats:
    high: Floats = image - gaussian_filter(image, 8.0, truncate=2.5)
    return high


def _blocks(image: Floats) -> Floats:
    """Shape (blocks, pixels in a block)."""
    count = SIDE // BLOCK
    return image.reshape(count, BLOCK, count, BLOCK).swapaxes(1, 2).reshape(count * count, BLOCK * BLOCK)
