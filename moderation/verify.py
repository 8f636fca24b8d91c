"""Two luminances laid over each other as well as they can be: how far they agree, block by block."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from .luminance import SIDE, Levels
from .views import gaussian

BLOCK = 16
"""Sides, in pixels of SIDE, of the blocks that are compared."""

ALIKE = 0.6
"""The correlation from which on a block agrees."""

ENOUGH = 12
"""Textured blocks that are needed to say anything."""

Floats = npt.NDArray[np.float32]
Affines = npt.NDArray[np.float64]

# Sides at which two looks are aligned, coarse first: the local scale of their light, and steps at the most.
_STAGES = ((32, 4.0, 6), (64, 6.0, 3))


class Agreement(NamedTuple):
    """How far two looks agree where there is something to see: flat blocks do not vote."""

    share: float  # of the textured blocks, those whose correlation is at least ALIKE
    correlation: float  # mean over the textured blocks, -1 to 1
    blocks: int  # textured blocks, of 64

    @property
    def telling(self) -> bool:
        return self.blocks >= ENOUGH


def agreement(known: Levels, asked: Levels) -> Agreement:
    """How far two looks of SIDE x SIDE pixels agree, after an affine alignment that starts from them as they are.

    The alignment is inverse compositional (S. Baker and I. Matthews, "Lucas-Kanade 20 Years On", IJCV 56, 2004) on
    luminances whose local mean and contrast are made alike, each pixel weighing less the more it differs, so that what
    covers a part of the picture does not pull it away.
    """
    return agreements([known], [asked])[0]


def agreements(known: Sequence[Levels], asked: Sequence[Levels]) -> list[Agreement]:
    """The same for several pairs at once, which costs much less than one after the other.

    Where a look is in several pairs, as the very same array, it is prepared once.
    """
    if not known:
        return []
    ours, theirs = _Looks(known), _Looks(asked)
    affines, lost = _align(ours, theirs)
    found = [Agreement(0.0, 0.0, 0)] * len(known)
    places = np.flatnonzero(~lost)
    if not len(places):
        return found
    affines = affines[places]
    shifted = _warp(theirs.levels.astype(np.float32), theirs.of[places], affines)
    a = _blocks(_high(ours.levels[ours.of[places]].astype(np.float32)))
    b = _blocks(_high(shifted.reshape(a.shape[0], SIDE, SIDE)))
    a -= a.mean(axis=2, keepdims=True)
    b -= b.mean(axis=2, keepdims=True)
    texture, other = np.sqrt((a * a).mean(axis=2)), np.sqrt((b * b).mean(axis=2))
    correlation = (a * b).mean(axis=2) / (texture * other + 1e-3)
    covered = _blocks(_inside(affines, SIDE)).mean(axis=2) > 0.75
    usual = 0.25 * np.sort(texture, axis=1)[:, -8:].mean(axis=1, keepdims=True)
    for place, votes, one in zip(
        places.tolist(), covered & (texture > np.maximum(2.0, usual)), correlation, strict=True
    ):
        if votes.any():
            voted = one[votes]
            found[place] = Agreement(float((voted >= ALIKE).mean()), float(voted.mean()), len(voted))
    return found


class _Looks:
    """The looks of one side of some pairs: `levels` holds the different ones, `of` says which is in each pair."""

    def __init__(self, looks: Sequence[Levels]) -> None:
        different = {id(look): look for look in looks}
        order = {key: place for place, key in enumerate(different)}
        self.levels = np.array(list(different.values()))
        self.of = np.array([order[id(look)] for look in looks])

    def even(self, side: int, scale: float) -> Floats:
        """The different ones at that side, their local mean and contrast made alike everywhere."""
        image = _small(self.levels, side).astype(np.float32)
        above: Floats = image - _blurred(image, scale)
        contrast: Floats = np.sqrt(_blurred(above * above, scale))
        even: Floats = above / (contrast + 4.0)
        return even


def _align(known: _Looks, asked: _Looks) -> tuple[Affines, npt.NDArray[np.bool_]]:
    """The affine map of each pair, (n, 3, 3) over coordinates from -1 to 1, from places in the one to the other's.

    And which of them ran away: the two do not show the same.
    """
    count = len(known.of)
    same = np.eye(3)
    affines, lost = np.tile(same, (count, 1, 1)), np.zeros(count, np.bool_)
    for side, scale, most in _STAGES:
        live = np.flatnonzero(~lost)
        even = known.even(side, scale)
        target, slopes = even.reshape(len(even), -1)[known.of[live]], _slopes(even)[known.of[live]]
        source = asked.even(side, scale)
        firmness = np.eye(6) * side * side * 1e-3  # holds still what the pixels do not tell
        for _ in range(most):
            if not len(live):
                break
            apart = _warp(source, asked.of[live], affines[live]) - target
            weights = _inside(affines[live], side) / (1 + apart * apart)
            hessian, slope = _normal(slopes, weights, apart)
            step = np.linalg.solve(hessian + firmness, slope)
            change = np.tile(same, (len(live), 1, 1))
            change[:, :2] += step.reshape(-1, 2, 3)
            affines[live] @= np.linalg.inv(change)
            moving = np.abs(step).max(axis=(1, 2)) >= 0.002
            away = np.abs(affines[live] - same).max(axis=(1, 2)) > 0.5
            lost[live[moving & away]] = True
            going = moving & ~away
            if not going.all():
                live, slopes, target = live[going], slopes[going], target[going]
    return affines, lost


def _coordinates(side: int) -> Floats:
    """Across, down, and 1, of each pixel: shape (3, pixels)."""
    middles = ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32)
    return np.array([np.tile(middles, side), np.repeat(middles, side), np.ones(side * side, np.float32)])


_PLACES = {side: _coordinates(side) for side in (32, 64, SIDE)}


def _to_pixels(side: int) -> npt.NDArray[np.float64]:
    half, middle = side / 2, (side - 1) / 2  # OpenCV counts from the middle of the first pixel
    return np.array([[half, 0, middle], [0, half, middle], [0, 0, 1]])


_PIXELS = {side: (_to_pixels(side), np.linalg.inv(_to_pixels(side))) for side in _PLACES}
"""By side, from coordinates of -1 to 1 to pixels, and back."""

_PRODUCTS = {side: np.array([x * x, x * y, x, y * y, y, one]).T.copy() for side, (x, y, one) in _PLACES.items()}
"""By side, the products of two coordinates of each pixel: shape (pixels, 6)."""

_PAIRS = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
"""Which of those products is that of two coordinates."""


def _slopes(images: Floats) -> Floats:
    """How each pixel changes to the right and down, in halves of the side: shape (n, 2, pixels)."""
    count, side, _ = images.shape
    slopes = np.empty((count, 2, side, side), np.float32)
    for one, across in ((slopes[:, 0], images), (slopes[:, 1].swapaxes(1, 2), images.swapaxes(1, 2))):
        np.subtract(across[:, :, 2:], across[:, :, :-2], out=one[:, :, 1:-1])
        one[:, :, 0] = 2 * (across[:, :, 1] - across[:, :, 0])
        one[:, :, -1] = 2 * (across[:, :, -1] - across[:, :, -2])
    slopes *= side / 4
    return slopes.reshape(count, 2, side * side)


def _normal(slopes: Floats, weights: Floats, apart: Floats) -> tuple[Floats, Floats]:
    """The normal equations of the six numbers of each map: the matrix, (n, 6, 6), and the right side, (n, 6, 1).

    Each pixel changes with the six as its slope times its coordinates; so the sums of all products are taken at once.
    """
    right, down = slopes[:, 0], slopes[:, 1]
    by_right, by_down = weights * right, weights * down
    each = np.empty((5, *weights.shape), np.float32)
    factors = (by_right, right), (by_right, down), (by_down, down), (by_right, apart), (by_down, apart)
    for product, (one, other) in zip(each, factors, strict=True):
        np.multiply(one, other, out=product)
    sums = each.reshape(-1, weights.shape[1]) @ _PRODUCTS[math.isqrt(weights.shape[1])]
    sums = sums.reshape(5, -1, 6).swapaxes(0, 1)
    blocks = sums[:, [[0, 1], [1, 2]]][..., _PAIRS]  # (n, 2, 2, 3, 3)
    return blocks.swapaxes(2, 3).reshape(-1, 6, 6), sums[:, 3:][..., _PAIRS[2]].reshape(-1, 6, 1)


def _warp(images: Floats, which: npt.NDArray[np.int64], affines: Affines) -> Floats:
    """Those of the images, (m, side, side), where the maps lead to: shape (n, pixels)."""
    side = images.shape[1]
    to_pixels, from_pixels = _PIXELS[side]
    matrices = (to_pixels @ affines @ from_pixels)[:, :2]
    warped = np.empty((len(which), side, side), np.float32)
    for place, (image, matrix) in enumerate(zip(which.tolist(), matrices, strict=True)):
        cv2.warpAffine(images[image], matrix, (side, side), warped[place], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return warped.reshape(len(which), -1)


def _inside(affines: Affines, side: int) -> npt.NDArray[np.bool_]:
    """Which pixels of the one have a place in the other: shape (n, pixels)."""
    there = np.abs(affines[:, :2].astype(np.float32) @ _PLACES[side])
    inside: npt.NDArray[np.bool_] = np.maximum(there[:, 0], there[:, 1]) < 1 - 1 / side
    return inside


def _small(levels: Levels, side: int) -> Levels:
    return np.array([cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in levels])


_BLURS: dict[tuple[int, float], Floats] = {
    (side, scale): gaussian(side, scale, 2.5).T.astype(np.float32) for side, scale, _ in _STAGES
}


def _blurred(images: Floats, scale: float) -> Floats:
    """Blurred by so many pixels. A Gaussian is linear, so that is two products of matrices."""
    return _along_both(images, _BLURS[images.shape[1], scale])


def _along_both(images: Floats, *matrices: Floats) -> Floats:
    """The rows, and then the columns, times each of the matrices."""
    for matrix in matrices:
        for _ in range(2):
            count, rows, columns = images.shape
            # As one matrix: of many small ones, each would be made ready by itself.
            images = (images.reshape(-1, columns) @ matrix).reshape(count, rows, -1).swapaxes(1, 2)
    return images


def _low_frequencies(side: int, scale: float) -> tuple[Floats, Floats]:
    """Two matrices: to the lowest quarter of a row's frequencies, and from there back to the row, blurred.

    The other frequencies hardly outlast the blur: less than 0.5 % of each.
    """
    waves = np.cos(np.pi / 2 / side * np.outer(np.arange(side // 4), 2 * np.arange(side) + 1))
    blurred = waves @ gaussian(side, scale, 2.5).T / (waves * waves).sum(axis=1, keepdims=True)
    return waves.T.astype(np.float32), blurred.astype(np.float32)


_LOW = _low_frequencies(SIDE, 8.0)


def _high(images: Floats) -> Floats:
    """Without what a blur by 8 pixels leaves of them."""
    high: Floats = images - _along_both(images, *_LOW)
    return high


def _blocks(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Shape (n, blocks, pixels in a block)."""
    count = SIDE // BLOCK
    cut = images.reshape(-1, count, BLOCK, count, BLOCK).swapaxes(2, 3)
    return cut.reshape(-1, count * count, BLOCK * BLOCK)
