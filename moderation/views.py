"""The views of a picture: the ways to look at it in which a disguised copy comes near to it again, and their hashes.

A blocked picture is known by many views, which cost memory; an upload asks with few, each of which costs a lookup. All
are made from one small luminance.
"""

import math
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

Levels = npt.NDArray[np.uint8]
"""A luminance, square, whatever the shape of the picture."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge of a part of a picture, as shares of its width and height."""

SIDE = 128
"""Sides, in pixels, of the luminance that a view is hashed and compared from."""

FINE_SIDE = 256
"""Sides, in pixels, of the luminance that an upload's views are cut from."""

STRIP = 32
"""Columns that are multiplied by a matrix at a time."""

WHOLE_BOX: Box = (0.0, 0.0, 1.0, 1.0)

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

SMALLEST = 0.1
"""The share of a picture that a picture inside it has at least: smaller ones are words and buttons."""

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
    return _bytes(cv2.resize(reduced, (FINE_SIDE, FINE_SIDE), interpolation=cv2.INTER_LINEAR))


def _halved_across(levels: Levels) -> Levels:
    """What Pillow's `reduce((2, 1))` gives, in a third of the time: means of pairs, halves rounded up."""
    width = levels.shape[1] // 2 * 2
    pairs = np.ascontiguousarray(levels[:, :width]).view(np.uint16)
    halves = ((pairs & 255) + (pairs >> 8) + 1 >> 1).astype(np.uint8)
    return halves if width == levels.shape[1] else np.hstack([halves, levels[:, width:]])


def _halved_down(levels: Levels) -> Levels:
    """The same for `reduce((1, 2))`."""
    height = len(levels) // 2 * 2
    halves = _bytes(cv2.addWeighted(levels[:height:2], 0.5, levels[1:height:2], 0.5, 0.25))
    return halves if height == len(levels) else np.vstack([halves, levels[height:]])


def coarse(fine: Levels) -> Levels:
    """A luminance of FINE_SIDE at SIDE."""
    return _bytes(cv2.resize(fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def _bytes(made: "cv2.typing.MatLike") -> Levels:
    """What OpenCV makes of bytes are bytes, which its annotations do not tell."""
    return cast(Levels, made)


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
    contrast = np.sqrt(_blurred(above * above))
    even: Levels = (above / (contrast + 16.0) * 60.0 + 128.0).clip(0, 255).astype(np.uint8)
    return even


def gaussian(side: int, sigma: float, cut_off: float) -> npt.NDArray[np.float64]:
    """What blurs a column of that many pixels, reflected at its ends, as a matrix; cut off at so many sigmas."""
    reach = int(cut_off * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    column = np.pad(np.eye(side), ((reach, reach), (0, 0)), mode="symmetric")
    return np.tensordot(weights / weights.sum(), sliding_window_view(column, side, axis=0), axes=(0, 0)).T


_BLUR = gaussian(SIDE // 2, 6.0, 2.0)


def _blurred(small: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Blurred by 6 pixels, as two products of matrices."""
    down = (_BLUR @ small).astype(np.float32)
    blurred: npt.NDArray[np.float32] = (down @ _BLUR.T).astype(np.float32)
    return blurred


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
    downs = list(dict.fromkeys((top, bottom) for _, top, _, bottom in boxes))
    # In strips: for larger products OpenBLAS wakes threads, which is slow wherever the other cores are busy.
    strips = fine.astype(np.float32).reshape(FINE_SIDE, -1, STRIP).swapaxes(0, 1)
    bands = np.array([_of_part(*down)[_DOWN] for down in downs])[:, None] @ strips
    band = dict(zip(downs, bands.swapaxes(1, 2).reshape(len(downs), 24, FINE_SIDE), strict=True))
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


@lru_cache(maxsize=64)  # 33 KB each
def _of_part(first: float, last: float) -> npt.NDArray[np.float32]:
    """`_TO_HASHES` for what lies between two edges of FINE_SIDE pixels, given as shares: shape (33, FINE_SIDE).

    A part is resampled by triangles, as Pillow's BILINEAR.
    """
    scale = (last - first) * FINE_SIDE / SIDE
    centres = first * FINE_SIDE + (np.arange(SIDE) + 0.5) * scale
    weights = (1 - np.abs(np.arange(FINE_SIDE) + 0.5 - centres[:, None]) / max(scale, 1.0)).clip(0)
    of_part: npt.NDArray[np.float32] = (_TO_HASHES @ (weights / weights.sum(axis=1, keepdims=True))).astype(np.float32)
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
    return _bytes(cv2.warpAffine(levels, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE))


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


# --- borders and inner pictures ---------------------------------------------


def _differ(a: Box, b: Box) -> bool:
    """Whether two boxes are far enough apart to be worth a lookup each."""
    return max(abs(one - other) for one, other in zip(a, b, strict=True)) > 0.015


def trimmed_box(levels: Levels) -> Box:
    """The picture without its border: rows and columns of one level each, whatever that is, at the edges."""
    side = len(levels)
    # Mostly the four outermost lines tell.
    if not _level(np.stack([levels[0], levels[-1], levels[:, 0], levels[:, -1]]).astype(np.int16)).any():
        return WHOLE_BOX
    plain = levels.astype(np.int16)
    top, bottom = _plain_edges(plain)
    left, right = _plain_edges(plain[top:bottom].T)
    if (left, right) != (0, side):
        top, bottom = _plain_edges(plain[:, left:right])
    return left / side, top / side, right / side, bottom / side


def _plain_edges(rows: npt.NDArray[np.int16]) -> tuple[int, int]:
    """From and to where the rows are more than border; all of them where no more than border is seen."""
    above, below = _plain(rows), _plain(rows[::-1])
    nothing = above == below == _most(rows)
    return (0, len(rows)) if nothing else (above, len(rows) - below)


def _most(rows: npt.NDArray[np.int16]) -> int:
    """How many rows at each side may be border."""
    return int(len(rows) * 0.35)


def _plain(rows: npt.NDArray[np.int16]) -> int:
    """How many rows from the first on are of one level, each."""
    most, start, step = _most(rows), 0, 1
    while start < most:
        plain = _level(rows[start : min(most, start + step)])
        if not plain.all():
            return start + int(plain.argmin())
        start, step = start + step, 16  # mostly the first one tells
    return most


def _level(rows: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    """Whether a row is of one level, each."""
    half = rows.shape[1] // 2
    middle = np.partition(rows, half)[:, half, None]
    level: npt.NDArray[np.bool_] = (np.abs(rows - middle) <= 12).sum(axis=1) >= 0.94 * rows.shape[1]
    return level


def inner_box(levels: Levels) -> Box:
    """The picture inside the picture, as in a screenshot of an app, under a caption, or between blurred bars.

    It begins at the innermost straight edge right across, outside which nearly all is dull: mostly of one level, or
    without anything sharp. All of the picture where there is no such edge, or nothing but a small part inside it.
    """
    side = len(levels)
    plain = levels.astype(np.int16)
    top, bottom = _dull_edges(levels)
    left, right = _dull_edges(_bytes(cv2.transpose(levels[top:bottom])))
    if right - left < 0.97 * side:
        again = _dull_edges(levels[:, left:right])
        if again[1] - again[0] < bottom - top:
            top, bottom = again
    above, below = _main_block(plain[top:bottom, left:right])
    if (above, below) != (0, bottom - top):
        top, bottom = top + above, top + below
        before, after = _plain_edges(plain[top:bottom, left:right].T)
        left, right = left + before, left + after
    if (right - left) * (bottom - top) < SMALLEST * side * side:
        return WHOLE_BOX
    return left / side, top / side, right / side, bottom / side


def _main_block(rows: npt.NDArray[np.int16]) -> tuple[int, int]:
    """From and to where the rows show something, between plain ones; all of them unless what else there is is small.

    A picture without an edge of its own, white on a white screen, stands there apart from the lines of text.
    """
    middle = np.partition(rows, rows.shape[1] // 2, axis=1)[:, rows.shape[1] // 2, None]
    shown = _shares(np.abs(rows - middle) > 12) > 0.01
    edges = np.flatnonzero(np.diff(shown, prepend=False, append=False))
    firsts, lasts = edges[::2], edges[1::2]
    if not len(firsts):
        return 0, len(rows)
    sizes = lasts - firsts
    largest = int(sizes.argmax())
    if sizes[largest] < 0.18 * len(rows) or np.delete(sizes, largest).max(initial=0) > 0.25 * sizes[largest]:
        return 0, len(rows)
    return int(firsts[largest]), int(lasts[largest])


_BEND = np.array([[-1, 2, -1]], np.int16)

_STRAIGHT = 0.4
"""The share of a line's pixels, above what is usual near it, that must differ across it to make it an edge."""


def _dull_edges(rows: Levels) -> tuple[int, int]:
    """From and to where the rows show a picture; all of them where no straight edge says otherwise."""
    count, width = rows.shape
    steps = np.zeros(count)
    steps[1:-1] = _counts(cv2.threshold(cv2.absdiff(rows[2:], rows[:-2]), 8, 1, cv2.THRESH_BINARY)[1]) / width
    # What is usual: of 15 lines, the sixth smallest. It matters for those only that may be an edge without it.
    high = np.flatnonzero(steps >= _STRAIGHT)
    near = sliding_window_view(np.pad(steps, 7, mode="edge"), 15)[high]
    steps[high] -= np.partition(near, 5, axis=1)[:, 5]
    if steps.max() < _STRAIGHT:
        return 0, count
    some = rows[:, ::4].astype(np.int16)
    middle = np.partition(some, some.shape[1] // 2, axis=1)[:, some.shape[1] // 2, None]
    plain = _shares(np.abs(some - middle) <= 10)
    bends = cv2.convertScaleAbs(cv2.filter2D(rows, cv2.CV_16S, _BEND)[:, 1:-1])
    bent = _counts(cv2.threshold(bends, 24, 0, cv2.THRESH_TRUNC)[1])
    dull = (plain >= 0.6) | (bent < 0.3 * np.sort(bent)[int(0.85 * count)])
    above, below = _dull(dull, steps), _dull(dull[::-1], steps[::-1])
    # A dull picture's far edge counts, too, seen from the other side: then an edge further out is meant.
    outward = [
        (place + other, first + below_last - count, first, count - below_last)
        for place, first in enumerate(above)
        for other, below_last in enumerate(below)
        if first + below_last <= 0.82 * count
    ]
    _, _, first, last = min(outward, default=(0, 0, 0, count))
    return first, last


def _counts(rows: "cv2.typing.MatLike") -> npt.NDArray[np.int32]:
    """The sum of each row."""
    return cast(npt.NDArray[np.int32], cv2.reduce(rows, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0])


def _shares(which: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Of each row, the share that is true. Many times as fast as `mean`."""
    shares: npt.NDArray[np.float64] = which.sum(axis=1, dtype=np.uint16) / which.shape[1]
    return shares


def _dull(dull: npt.NDArray[np.bool_], steps: npt.NDArray[np.float64]) -> list[int]:
    """How many rows from the first on lie outside each edge that has dull rows before it, the innermost edge first."""
    before = np.cumsum(dull) / np.arange(1, len(dull) + 1)
    limit = int(0.72 * len(dull))
    peaks = 3 + np.flatnonzero((steps[3:limit] >= _STRAIGHT) & (before[2 : limit - 1] >= 0.75))
    highest = [int(place) + 1 for place in peaks[::-1] if steps[place] >= steps[max(0, place - 2) : place + 3].max()]
    return [*highest, 0]
