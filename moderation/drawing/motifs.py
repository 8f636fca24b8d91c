"""Motifs: small signs, of one colour each, that fill the unit circle."""

import math
from collections.abc import Callable

from .colours import Colour, lighter
from .outlines import blade
from .pen import Pen


def _dot(pen: Pen, colour: Colour) -> None:
    pen.disc(0, 0, 0.7, colour)


def _diamond(pen: Pen, colour: Colour) -> None:
    pen.fill("0,-1 .7,0 0,1 -.7,0", colour)


def leaf(pen: Pen, colour: Colour) -> None:
    pen.fill(blade((0, -1.1), (1, -0.2), (0, 1), (-1, -0.2)), colour)


def blossom(pen: Pen, colour: Colour) -> None:
    for i in range(5):
        angle = math.tau * i / 5
        pen.disc(0.55 * math.cos(angle), 0.55 * math.sin(angle), 0.42, colour)
    pen.disc(0, 0, 0.3, lighter(colour, 0.7))


def _cross(pen: Pen, colour: Colour) -> None:
    for side in pen.sides():
        side.stroke([(-0.6, -0.6), (0.6, 0.6)], 0.4, colour)


MOTIFS: list[Callable[[Pen, Colour], None]] = [_dot, _diamond, leaf, blossom, _cross]
