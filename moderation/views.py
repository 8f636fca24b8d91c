"""The views of a picture: the ways to look at it in which a disguised copy comes near to it again, and their hashes.

A blocked picture is known by many views, which cost memory; an upload asks with few, each of which costs a lookup. All
are made from one small luminance.
"""

import math
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from .borders import inner_box, trimmed_box
from .luminance import FINE_SIDE, SIDE, WHOLE_BOX, Box, Levels, as_levels, coarse

VIEW = np.dtype([("view", "u1"), ("box", "u1", 4), ("dhash", "<u8"), ("phash", "<u8", 4)])
"""One view as it is stored, 45 bytes: its number, its box in 255ths, and its hashes."""


class Cut(IntEnum):
    """What of the picture a view shows. Stored by number: numbers are never used again."""

    WHOLE = 0
    TRIMMED = 1  # without its plain border
    INNER = 2  # the picture that is seen inside it: in a screenshot, between blurred bars, under a caption
    FLATTENED = 3  # whole, its light evened out
    SQUARE = 4  # the square in the centre
    CENTRE = 5
    SIDE_CROP = 6
    CORNER_CROP = 7
    TURNED_LEFT = 8  # by 4 degrees
    TURNED_RIGHT = 9
    LEFT_HALF = 10
    RIGHT_HALF = 11
    UPPER = 12  # without the lowest 17 %
    LOWER = 13
    MIDDLE = 14  # the centre of an upload


class Turn(IntEnum):
    """How a view is turned: bit 2 transposes, then bit 0 mirrors, then bit 1 flips."""

    UPRIGHT = 0
    MIRRORED = 1
    FLIPPED = 2
    TURNED_180 = 3
    TRANSPOSED = 4
    TURNED_90 = 5
    TURNED_270 = 6
    TRANSVERSED = 7


DIRECT = (Cut.WHOLE, Cut.TRIMMED, Cut.FLATTENED)
"""The views of which hashes alone may refuse: no part of the picture is left out."""

CENTRES = (0.10, 0.20)
"""How much of width and height the centre crops of a blocked picture leave out."""

SIDES, CORNERS = (0.10, 0.20), (0.05, 0.10, 0.20)
"""How much its crops leave out, at one side or at two that meet."""

DEGREES = 4.0
"""How far a blocked picture is turned, to either side."""


def number(cut: Cut, turn: Turn = Turn.UPRIGHT) -> int:
    """The number by which a view is stored."""
    return cut << 3 | turn


def cut_of(view: int) -> Cut:
    return Cut(view >> 3)


def label(view: int) -> str:
    """The view with that number, in words."""
    names = [cut_of(view).name, *([Turn(view & 7).name] if view & 7 else [])]
    return ", ".join(name.lower().replace("_", " ") for name in names)


def labels(blocked: int, asked: int) -> str:
    """The two views in which a blocked picture and an upload came near to each other, in words; one where both are."""
    theirs, ours = label(blocked), label(asked)
    return theirs if ours == theirs else f"{theirs} against {ours}"


_FRAMES = [number(cut) for cut in (Cut.WHOLE, Cut.TRIMMED, Cut.INNER)]


def _comparable() -> npt.NDArray[np.bool_]:
    theirs, ours = np.ogrid[: len(Cut) << 3, : len(Cut) << 3]
    frame = np.isin(theirs >> 3, (Cut.WHOLE, Cut.TRIMMED, Cut.INNER))
    flattened_ = (theirs >> 3 == Cut.FLATTENED) | (ours >> 3 == Cut.FLATTENED)
    part = np.isin(ours >> 3, (Cut.LEFT_HALF, Cut.RIGHT_HALF, Cut.UPPER, Cut.LOWER))
    return np.select(
        [flattened_, part, ours & 7 != Turn.UPRIGHT],
        [
            theirs >> 3 == ours >> 3,
            frame & np.isin(theirs & 7, (Turn.UPRIGHT, Turn.MIRRORED)),
            ~frame,  # what is not cropped, the blocked one's own turns cover
        ],
        True,
    )


COMPARABLE = _comparable()
"""By number of the blocked picture's view and of the upload's, whether the two are compared.

Pairs that no disguise makes would only find strangers.
"""

_NUMBERS = np.arange(len(COMPARABLE))

BLOCKED_KINDS = np.select(
    [_NUMBERS >> 3 == Cut.FLATTENED, np.isin(_NUMBERS >> 3, (Cut.WHOLE, Cut.TRIMMED, Cut.INNER)) & (_NUMBERS & 7 < 2)],
    [1, 0],
    2,
)
"""By number of a blocked picture's view, its kind: most of an upload's views are compared with one kind alone."""

ASKED_KINDS = np.where(np.isin(_NUMBERS >> 3, DIRECT), 0, 1)
"""By number of an upload's view, its kind: those that are direct can be looked through alone."""

BOTH_DIRECT = np.logical_and.outer(*[np.isin(_NUMBERS >> 3, DIRECT)] * 2)
"""By the same numbers, whether the hashes alone may refuse."""


def whole(levels: Levels) -> npt.NDArray[np.void]:
    """The whole picture as the only view, from a luminance of SIDE: its dHash is ImageHash's own.

    dHash, 64 bits: N. Krawetz, "Kind of Like That", hackerfactor.com 2013; pHash, 256: "Looks Like It", 2011. From
    the luminance the dHash differs by about 1 bit from what the full-size picture gives.
    """
    view = _pack([number(Cut.WHOLE)], [WHOLE_BOX], levels[None])
    view["dhash"] = _dhash(levels)
    return view


def _dhash(levels: Levels) -> np.uint64:
    """ImageHash's dHash bit for bit, from Pillow's own sums: of whole numbers, rounded after each of its two passes."""
    across = _rounded(levels.astype(np.float64) @ _PILLOW_9.T)
    grid = _rounded(_PILLOW_8 @ across)
    return np.uint64(np.packbits(grid[:, 1:] > grid[:, :-1]).view(">u8")[0])


def _rounded(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.floor(sums + 0.5).clip(0, 255)


def asked(fine: Levels) -> tuple[npt.NDArray[np.void], Levels]:
    """The views that an upload asks with, whole first, 8 to 10 of them, and its luminance of SIDE.

    From its luminance of FINE_SIDE.
    """
    boxes = {Cut.WHOLE: WHOLE_BOX}
    trimmed, inner = trimmed_box(fine), inner_box(fine)
    if _differ(trimmed, WHOLE_BOX):
        boxes[Cut.TRIMMED] = trimmed
    if _differ(inner, WHOLE_BOX) and _differ(inner, trimmed):
        boxes[Cut.INNER] = inner
    boxes |= {
        Cut.LEFT_HALF: (0, 0, 0.5, 1),
        Cut.RIGHT_HALF: (0.5, 0, 1, 1),
        Cut.UPPER: (0, 0, 1, 0.83),
        Cut.LOWER: (0, 0.17, 1, 1),
        Cut.MIDDLE: (0.05, 0.05, 0.95, 0.95),
    }
    levels = coarse(fine)
    even = _even(levels)
    numbers = [*map(number, boxes), number(Cut.WHOLE, Turn.MIRRORED), number(Cut.FLATTENED)]
    views = np.empty(len(numbers), VIEW)
    views["view"], views["box"] = numbers, _pack_boxes([*boxes.values(), WHOLE_BOX, WHOLE_BOX])
    views["dhash"], views["phash"] = _part_hashes(fine, list(boxes.values()), even)
    views["dhash"][0] = _dhash(levels)
    return views, levels


def _differ(a: Box, b: Box) -> bool:
    """Whether two boxes are far enough apart to be worth a lookup each."""
    return max(abs(one - other) for one, other in zip(a, b, strict=True)) > 0.015


def blocked(levels: Levels, aspect: float, known: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """The views that a blocked picture is known by, about forty of them.

    From its luminance of SIDE, its width divided by its height, and the views it was uploaded with, whose boxes are
    used again: they were found in a finer luminance.
    """
    numbers, boxes, looks = [], [], []
    upright = [view for view in known if view["view"] in _FRAMES]
    for view in upright:
        cut, box = cut_of(view["view"]), unpack_box(view["box"])
        part = _part(levels, box)
        for turn in list(Turn)[1:]:
            numbers.append(number(cut, turn))
            boxes.append(box)
            looks.append(turned(part, turn))
    for cut, box in _crops(aspect):
        numbers.append(number(cut))
        boxes.append(box)
        looks.append(_part(levels, box))
    for cut in (Cut.TURNED_LEFT, Cut.TURNED_RIGHT):
        numbers.append(number(cut))
        boxes.append(WHOLE_BOX)
        looks.append(_tilted(levels, cut, aspect))
    numbers.append(number(Cut.FLATTENED))
    boxes.append(WHOLE_BOX)
    further = _pack(numbers, boxes, np.array([*looks, flattened(levels)]))
    return np.concatenate([np.array(upright, VIEW), further])


def look(levels: Levels, view: int, box: Box, aspect: float) -> Levels:
    """What that view shows, from the whole picture's luminance of SIDE: the same size again."""
    match cut_of(view):
        case Cut.TURNED_LEFT | Cut.TURNED_RIGHT as cut:
            return _tilted(levels, cut, aspect)
        case _:
            return turned(_part(levels, box), Turn(view & 7))


def unpack_box(packed: npt.NDArray[np.uint8]) -> Box:
    left, top, right, bottom = (packed / 255.0).tolist()
    return left, top, right, bottom


def turned(levels: Levels, turn: Turn) -> Levels:
    if turn & 4:
        levels = levels.T
    if turn & 1:
        levels = levels[:, ::-1]
    if turn & 2:
        levels = levels[::-1]
    return levels


def flattened(levels: Levels) -> Levels:
    """The luminance with its light evened out: local mean and contrast made alike everywhere.

    It undoes vignettes, spotlights and gradients that are laid over a picture.
    """
    return _even(levels).repeat(2, axis=0).repeat(2, axis=1)


def _even(levels: Levels) -> Levels:
    """The same at half the side."""
    small = levels[::2, ::2].astype(np.float32)
    above = small - _blurred(small)
    contrast: npt.NDArray[np.float32] = np.sqrt(_blurred(above * above))
    even: Levels = (above / (contrast + 16.0) * 60.0 + 128.0).clip(0, 255).astype(np.uint8)
    return even


def gaussian(side: int, sigma: float, cut_off: float) -> npt.NDArray[np.float64]:
    """What blurs a column of that many pixels, reflected at its ends, as a matrix; cut off at so many sigmas."""
    reach = int(cut_off * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    column = np.pad(np.eye(side), ((reach, reach), (0, 0)), mode="symmetric")
    return np.tensordot(weights / weights.sum(), sliding_window_view(column, side, axis=0), axes=(0, 0)).T


_BLUR: npt.NDArray[np.float32] = gaussian(SIDE // 2, 6.0, 2.0).astype(np.float32)


def _blurred(small: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Blurred by 6 pixels, as two products of matrices."""
    down: npt.NDArray[np.float32] = _BLUR @ small
    return down @ _BLUR.T


# --- hashes -----------------------------------------------------------------


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


def hashes(looks: Levels) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """dHash, shape (n,), and pHash, shape (n, 4), of looks of shape (n, SIDE, SIDE), all at once.

    What ImageHash gives for each, but for a bit now and then. Resampling and the discrete cosine transform are linear,
    so all of it is two products of matrices.
    """
    return _bits(_TO_HASHES[_DOWN] @ looks.astype(np.float32) @ _TO_HASHES[_ACROSS].T)


def _part_hashes(fine: Levels, boxes: list[Box], even: Levels) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The same of those parts of a luminance of FINE_SIDE, of the mirrored whole, and of what `_even` made.

    The parts themselves are not made: cutting them out is linear too.
    """
    levels = fine.astype(np.float32)
    downs = list(dict.fromkeys((top, bottom) for _, top, _, bottom in boxes))
    # All in one product: for each by itself, the luminance would be made ready anew.
    bands = np.concatenate([_of_part(*down)[_DOWN] for down in downs]) @ levels
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
    dhash = np.packbits(steps, axis=1).view(">u8")[:, 0].astype(np.uint64)
    return dhash, np.packbits(above, axis=1).view(">u8").astype(np.uint64)


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


_OF_EVEN = _TO_HASHES.reshape(33, SIDE // 2, 2).sum(axis=2)
"""`_TO_HASHES` for every second pixel, each counted twice."""


def _pack(numbers: list[int], boxes: list[Box], looks: Levels) -> npt.NDArray[np.void]:
    packed = np.empty(len(numbers), VIEW)
    packed["view"], packed["box"] = numbers, _pack_boxes(boxes)
    packed["dhash"], packed["phash"] = hashes(looks)
    return packed


def _pack_boxes(boxes: list[Box]) -> npt.NDArray[np.uint8]:
    packed: npt.NDArray[np.uint8] = np.rint(np.array(boxes) * 255).astype(np.uint8)
    return packed


# --- parts ------------------------------------------------------------------


def _part(levels: Levels, box: Box) -> Levels:
    if box == WHOLE_BOX:
        return levels
    left, top, right, bottom = box
    across, down = right - left, bottom - top
    # OpenCV counts from the middle of the first pixel.
    matrix = np.array([[across, 0, left * SIDE + (across - 1) / 2], [0, down, top * SIDE + (down - 1) / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return as_levels(cv2.warpAffine(levels, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _crops(aspect: float) -> Iterator[tuple[Cut, Box]]:
    rest = abs(1 - min(aspect, 1 / aspect)) / 2
    if rest > 0.03:
        yield Cut.SQUARE, (rest, 0, 1 - rest, 1) if aspect > 1 else (0, rest, 1, 1 - rest)
    for cut in CENTRES:
        yield Cut.CENTRE, (cut / 2, cut / 2, 1 - cut / 2, 1 - cut / 2)
    for cut in SIDES:
        sides = ((cut, 0, 1, 1), (0, 0, 1 - cut, 1), (0, cut, 1, 1), (0, 0, 1, 1 - cut))
        yield from ((Cut.SIDE_CROP, box) for box in sides)
    for cut in CORNERS:
        for left, right in ((cut, 1), (0, 1 - cut)):
            yield from ((Cut.CORNER_CROP, box) for box in ((left, cut, right, 1), (left, 0, right, 1 - cut)))


def _tilted(levels: Levels, cut: Cut, aspect: float) -> Levels:
    """Turned by DEGREES about the centre, in the picture's own shape; what comes in at the edges repeats them."""
    angle = math.radians(DEGREES if cut is Cut.TURNED_LEFT else -DEGREES)
    cosine, sine = math.cos(angle), math.sin(angle)
    margin, middle = SIDE // 8, SIDE / 2
    across, along = sine / aspect, -sine * aspect
    centre = margin + middle
    matrix = (
        *(cosine, across, centre - (cosine + across) * middle),
        *(along, cosine, centre - (along + cosine) * middle),
    )
    wide = Image.fromarray(np.pad(levels, margin, mode="edge"))
    return np.asarray(wide.transform((SIDE, SIDE), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))
