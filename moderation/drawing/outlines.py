"""Outlines: points in the plane of complex numbers, where turning and scaling is a product."""

import cmath
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

Point = tuple[float, float]
Path = npt.NDArray[np.complex128]
Outline = str | Sequence[Point] | Path
"""As text it reads "x,y x,y"."""

_CIRCLE = np.exp(2j * np.pi * np.arange(44) / 44)
_ACROSS, _DOWN = _CIRCLE.real, 1j * _CIRCLE.imag
_CAP = 1j * np.exp(-1j * np.pi * np.arange(1, 8) / 8)
_ALONG_BOW = np.arange(13) / 12
_TO_START, _TO_BEND, _TO_END = (1 - _ALONG_BOW) ** 2, 2 * _ALONG_BOW * (1 - _ALONG_BOW), _ALONG_BOW**2
_STEPS = (np.arange(7) / 7)[:, None]


def path(outline: Outline) -> Path:
    if isinstance(outline, str):
        return _written(outline)
    if isinstance(outline, np.ndarray):
        return outline
    return np.array(outline, np.float64).view(np.complex128)[:, 0]


@cache
def _written(text: str) -> Path:
    return path([(float(x), float(y)) for x, y in (word.split(",") for word in text.split())])


def mirrored(outline: Outline) -> Path:
    """A symmetrical outline from its right half, which runs from top to bottom."""
    right = path(outline)
    return np.concatenate([right, -right[right.real != 0].conj()[::-1]])


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0, coarse: bool = False) -> Path:
    step = 2 if coarse else 1
    around: Path = _ACROSS[::step] * rx + _DOWN[::step] * ry
    if turn:
        around *= cmath.rect(1, turn)
    around += complex(x, y)
    return around


def spline(points: Path) -> Path:
    """The closed Catmull-Rom curve through the points."""
    around = np.concatenate([points[-1:], points, points[:2]])
    before, after, beyond = around[:-3], around[2:-1], around[3:]
    linear = 2 * points + (after - before) * _STEPS
    quadratic = (2 * before - 5 * points + 4 * after - beyond) * _STEPS**2
    cubic = (3 * points - before - 3 * after + beyond) * _STEPS**3
    curve: Path = ((linear + quadratic + cubic) / 2).T.ravel()
    return curve


def bow(start: Point, bend: Point, end: Point) -> Path:
    """The quadratic Bezier curve."""
    curve: Path = _TO_START * complex(*start) + _TO_BEND * complex(*bend) + _TO_END * complex(*end)
    return curve


def blade(start: Point, bend: Point, end: Point, back: Point) -> Path:
    """The shape between two bows from start to end."""
    return np.concatenate([bow(start, bend, end), bow(end, back, start)])


def band(points: Path, width: float) -> Path:
    """The outline of a line through the points, round at both ends and mitred at its corners."""
    steps = points[1:] - points[:-1]
    steps /= np.abs(steps)
    along = np.concatenate([steps[:1], steps[:-1] + steps[1:], steps[-1:]])
    along /= np.abs(along)
    mitre = np.maximum(0.5, (along[:-1].conj() * steps).real)
    aside = 1j * along * width / 2
    aside[:-1] /= mitre
    cap = _CAP * width / 2
    end, start = points[-1] + cap * steps[-1], points[0] - cap * steps[0]
    return np.concatenate([points + aside, end, (points - aside)[::-1], start])


def without(outer: Path, inner: Path) -> Path:
    """A shape with a hole in it."""
    return np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])
