"""dHash and pHash, of a look at a picture or of many at once.

dHash, 64 bits: N. Krawetz, "Kind of Like That", hackerfactor.com 2013; pHash, 256: "Looks Like It", 2011.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .luminance import FINE_SIDE, SIDE, Box, Levels


def _lanczos(side: int) -> npt.NDArray[np.float64]:
    """Pillow's resampling of a column of SIDE pixels to `side`, as a matrix of shape (side, SIDE)."""
    scale = SIDE / side
    centres = (np.arange(side)[:, None] + 0.5) * scale
    firsts, lasts = ((centres + way * 3 * scale + 0.5).astype(int).clip(0, SIDE) for way in (-1, 1))
    pixels = np.arange(SIDE)
    offsets = (pixels + 0.5 - centres) / scale
    weights = np.sinc(offsets) * np.sinc(offsets / 3) * ((firsts <= pixels) & (pixels < lasts))
    matrix: npt.NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return matrix


_TO_8, _TO_9, _TO_64 = _lanczos(8), _lanczos(9), _lanczos(64)
_PILLOW_8, _PILLOW_9 = (np.rint(matrix * (1 << 22)) / (1 << 22) for matrix in (_TO_8, _TO_9))
"""The same in whole numbers of 2^-22, as Pillow has them for pictures of 8 bits: products and sums are exact."""

_COSINES = 2 * np.cos(np.pi * np.outer(np.arange(16), 2 * np.arange(64) + 1) / 128)
_TO_HASHES = np.vstack([_TO_8, _COSINES @ _TO_64, _TO_9]).astype(np.float32)
"""What makes of SIDE pixels what the hashes look at: 8 for a dHash's rows, 16 frequencies, 9 for its columns."""

_DOWN, _ACROSS = slice(0, 24), slice(8, 33)

_MIDDLES = np.arange(FINE_SIDE, dtype=np.float32) + np.float32(0.5)


def dhash(levels: Levels) -> np.uint64:
    """ImageHash's dHash bit for bit, from Pillow's own sums: of whole numbers, rounded after each of its two passes."""
    across = _rounded(levels.astype(np.float64) @ _PILLOW_9.T)
    grid = _rounded(_PILLOW_8 @ across)
    return np.uint64(np.packbits(grid[:, 1:] > grid[:, :-1]).view(">u8")[0])


def _rounded(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.floor(sums + 0.5).clip(0, 255)


def hashes(looks: Levels) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """dHash, shape (n,), and pHash, shape (n, 4), of looks of shape (n, SIDE, SIDE), all at once.

    What ImageHash gives for each, but for a bit now and then. Resampling and the discrete cosine transform are linear,
    so all of it is two products of matrices.
    """
    return _bits(_TO_HASHES[_DOWN] @ looks.astype(np.float32) @ _TO_HASHES[_ACROSS].T)


def part_hashes(fine: Levels, boxes: list[Box], even: Levels) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The same of those parts of a luminance of FINE_SIDE, of the mirrored whole, and of `even`, at half of SIDE.

    The parts themselves are not made: cutting them out is linear too.
    """
    levels = fine.astype(np.float32)
    downs = tuple(dict.fromkeys((top, bottom) for _, top, _, bottom in boxes))
    # All in one product: for each by itself, the luminance would be made ready anew.
    bands = _down_parts(downs) @ levels
    band = dict(zip(downs, bands.reshape(len(downs), -1, FINE_SIDE), strict=True))
    sums = [band[top, bottom] @ _of_part(left, right)[_ACROSS].T for left, top, right, bottom in boxes]
    sums.append(band[0, 1] @ _of_part(0, 1)[_ACROSS, ::-1].T)
    sums.append(_OF_EVEN[_DOWN] @ even.astype(np.float32) @ _OF_EVEN[_ACROSS].T)
    return _bits(np.array(sums))


def _bits(sums: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The hashes from what the matrices give, shape (n, 24, 25)."""
    grid = np.rint(sums[:, :8, 16:])
    steps = (grid[:, :, 1:] > grid[:, :, :-1]).reshape(len(sums), 64)
    # To whole numbers, or what rounding leaves of a flat picture would count.
    waves = np.rint(sums[:, 8:, :16]).reshape(len(sums), 256)
    lower, upper = np.partition(waves, (127, 128), axis=1)[:, 127:129].T
    above = waves > ((lower + upper) / 2)[:, None]
    dhashes = np.packbits(steps, axis=1).view(">u8")[:, 0].astype(np.uint64)
    return dhashes, np.packbits(above, axis=1).view(">u8").astype(np.uint64)


@lru_cache(maxsize=12)  # 33 KB each; every upload has the same six, and few any others
def _of_part(first: float, last: float) -> npt.NDArray[np.float32]:
    """`_TO_HASHES` for what lies between two edges of FINE_SIDE pixels, given as shares: shape (33, FINE_SIDE).

    A part is resampled by triangles, as Pillow's BILINEAR.
    """
    scale = (last - first) * FINE_SIDE / SIDE
    centres = (first * FINE_SIDE + (np.arange(SIDE) + 0.5) * scale).astype(np.float32)
    weights = np.abs(_MIDDLES - centres[:, None])
    weights *= -1 / max(scale, 1.0)
    weights += 1
    np.maximum(weights, 0, out=weights)
    weights /= weights.sum(axis=1, keepdims=True)
    of_part: npt.NDArray[np.float32] = _TO_HASHES @ weights
    return of_part


@lru_cache(maxsize=2)  # 98 KB for what every upload has
def _down_parts(edges: tuple[tuple[float, float], ...]) -> npt.NDArray[np.float32]:
    """What makes bands of a luminance: `_of_part` for the rows between those edges, one under the other."""
    return np.concatenate([_of_part(*between)[_DOWN] for between in edges])


_OF_EVEN = _TO_HASHES.reshape(33, SIDE // 2, 2).sum(axis=2)
"""`_TO_HASHES` for every second pixel, each counted twice."""
