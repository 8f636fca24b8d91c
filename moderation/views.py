"""The views of a picture: the ways to look at it in which a disguised copy comes near to it again.

A blocked picture is known by many views, which cost memory; an upload asks with few, each of which costs a lookup. All
are made from one small luminance.
"""

import math
from collections.abc import Iterator
from enum import IntEnum

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from .borders import inner_box, trimmed_box
from .hashes import dhash, hashes, part_hashes
from .luminance import SIDE, WHOLE_BOX, Box, Levels, as_levels, coarse

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

    From the luminance it differs by about 1 bit from what the full-size picture gives.
    """
    view = _pack([number(Cut.WHOLE)], [WHOLE_BOX], levels[None])
    view["dhash"] = dhash(levels)
    return view


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
    views["dhash"], views["phash"] = part_hashes(fine, list(boxes.values()), even)
    views["dhash"][0] = dhash(levels)
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
