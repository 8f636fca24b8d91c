"""Where in its file a picture lies: within plain borders, in a screenshot, under a caption, between blurred bars."""

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from .luminance import WHOLE_BOX, Box, Levels, as_levels

SMALLEST = 0.1
"""The share of a picture that a picture inside it has at least: smaller ones are words and buttons."""


def trimmed_box(levels: Levels) -> Box:
    """The picture without its border: rows and columns of one level each, whatever that is, at the edges."""
    side = len(levels)
    # Mostly the four outermost lines tell.
    lines = _level(np.stack([levels[0], levels[-1], levels[:, 0], levels[:, -1]]).astype(np.int16))
    if not lines.any():
        return WHOLE_BOX
    plain = levels.astype(np.int16)
    top, bottom = _plain_edges(plain, lines[:2])
    left, right = _plain_edges(plain[top:bottom].T, lines[2:] if (top, bottom) == (0, side) else None)
    if (left, right) != (0, side):
        top, bottom = _plain_edges(plain[:, left:right])
    return left / side, top / side, right / side, bottom / side


def _plain_edges(rows: npt.NDArray[np.int16], outermost: npt.NDArray[np.bool_] | None = None) -> tuple[int, int]:
    """From and to where the rows are more than border; all of them where no more than border is seen.

    `outermost` says of the first and of the last row whether it is of one level, where that is known.
    """
    first, last = _level(rows[[0, -1]]) if outermost is None else outermost
    above, below = _plain(rows) if first else 0, _plain(rows[::-1]) if last else 0
    nothing = above == below == _most(rows)
    return (0, len(rows)) if nothing else (above, len(rows) - below)


def _most(rows: npt.NDArray[np.int16]) -> int:
    """How many rows at each side may be border."""
    return int(len(rows) * 0.35)


def _plain(rows: npt.NDArray[np.int16]) -> int:
    """How many rows from the first on are of one level, each; the first one is."""
    most, step = _most(rows), 16
    for start in range(1, most, step):
        plain = _level(rows[start : min(most, start + step)])
        if not plain.all():
            return start + int(plain.argmin())
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
    top, bottom = _dull_edges(levels)
    left, right = _dull_edges(as_levels(cv2.transpose(levels[top:bottom])))
    if right - left < 0.97 * side:
        again = _dull_edges(levels[:, left:right])
        if again[1] - again[0] < bottom - top:
            top, bottom = again
    above, below = _main_block(levels[top:bottom, left:right])
    if (above, below) != (0, bottom - top):
        top, bottom = top + above, top + below
        before, after = _plain_edges(levels[top:bottom, left:right].T.astype(np.int16))
        left, right = left + before, left + after
    if (right - left) * (bottom - top) < SMALLEST * side * side:
        return WHOLE_BOX
    return left / side, top / side, right / side, bottom / side


def _main_block(rows: Levels) -> tuple[int, int]:
    """From and to where the rows show something, between plain ones; all of them unless what else there is is small.

    A picture without an edge of its own, white on a white screen, stands there apart from the lines of text.
    """
    shown = _shown(rows)
    if shown.all():
        return 0, len(rows)
    edges = np.flatnonzero(np.diff(shown, prepend=False, append=False))
    firsts, lasts = edges[::2], edges[1::2]
    if not len(firsts):
        return 0, len(rows)
    sizes = lasts - firsts
    largest = int(sizes.argmax())
    if sizes[largest] < 0.18 * len(rows) or np.delete(sizes, largest).max(initial=0) > 0.25 * sizes[largest]:
        return 0, len(rows)
    return int(firsts[largest]), int(lasts[largest])


def _shown(rows: Levels) -> npt.NDArray[np.bool_]:
    """Whether more than 1 % of a row's pixels are of another level than its middle one, each."""
    # Of fewer than 300 pixels, two do not count: so a plain row has at most two eighths that are not of one level.
    count, width = rows.shape
    eighths = as_levels(cv2.transpose(rows))[: width // 8 * 8].reshape(8, -1, count)
    shown: npt.NDArray[np.bool_] = (eighths.max(axis=1) - eighths.min(axis=1) > 2 * 12).sum(axis=0) > 2
    unsure = np.flatnonzero(~shown)
    shown[unsure] = _shares(_off(rows[unsure]) > 12) > 0.01
    return shown


def _off(rows: Levels) -> npt.NDArray[np.int16]:
    """How far each pixel is from its row's middle level."""
    levels = rows.astype(np.int16)  # which numpy sorts many times as fast as bytes
    middle = np.partition(levels, rows.shape[1] // 2, axis=1)[:, rows.shape[1] // 2, None]
    off: npt.NDArray[np.int16] = np.abs(levels - middle)
    return off


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
    if not len(high):
        return 0, count
    near = steps.take(high[:, None] + np.arange(-7, 8), mode="clip")
    steps[high] -= np.partition(near, 5, axis=1)[:, 5]
    above, below = _straight(steps), _straight(steps[::-1])
    if not above and not below:
        return 0, count
    dull = _dull(rows, max(above, default=0), count - max(below, default=0))
    above, below = _behind_dull(above, dull), _behind_dull(below, dull[::-1])
    # A dull picture's far edge counts, too, seen from the other side: then an edge further out is meant.
    outward = [
        (place + other, first + below_last - count, first, count - below_last)
        for place, first in enumerate(above)
        for other, below_last in enumerate(below)
        if first + below_last <= 0.82 * count
    ]
    _, _, first, last = min(outward, default=(0, 0, 0, count))
    return first, last


def _straight(steps: npt.NDArray[np.float64]) -> list[int]:
    """How many rows from the first on lie outside each straight edge, the innermost first."""
    peaks = 3 + np.flatnonzero(steps[3 : int(0.72 * len(steps))] >= _STRAIGHT)
    return [int(place) + 1 for place in peaks[::-1] if steps[place] >= steps[place - 2 : place + 3].max()]


def _dull(rows: Levels, first: int, last: int) -> npt.NDArray[np.bool_]:
    """Which rows are mostly of one level, or without anything sharp, of the first and from the last on; others not."""
    bends = cv2.convertScaleAbs(cv2.filter2D(rows, cv2.CV_16S, _BEND)[:, 1:-1])
    bent = _counts(cv2.threshold(bends, 24, 0, cv2.THRESH_TRUNC)[1])
    dull: npt.NDArray[np.bool_] = bent < 0.3 * np.sort(bent)[int(0.85 * len(bent))]
    unsure = np.flatnonzero(~dull)
    unsure = unsure[(unsure < first) | (unsure >= last)]
    dull[unsure] = _shares(_off(rows[unsure, ::4]) <= 10) >= 0.6
    return dull


def _behind_dull(edges: list[int], dull: npt.NDArray[np.bool_]) -> list[int]:
    """Those of the edges that have dull rows before them; and the picture's own."""
    before = np.cumsum(dull) / np.arange(1, len(dull) + 1)
    return [*(edge for edge in edges if before[edge - 2] >= 0.75), 0]


def _counts(rows: "cv2.typing.MatLike") -> npt.NDArray[np.int32]:
    """The sum of each row."""
    return cast(npt.NDArray[np.int32], cv2.reduce(rows, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0])


def _shares(which: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Of each row, the share that is true. Many times as fast as `mean`."""
    shares: npt.NDArray[np.float64] = which.sum(axis=1, dtype=np.uint16) / which.shape[1]
    return shares
