"""Hair: what of it lies behind the head, and what before; and hats."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .colours import BRIGHT, Colour, Looks, darker, lighter, rgb
from .dice import Dice
from .outlines import Outline, mirrored, path, spline, without
from .pen import Pen


def _nothing(pen: Pen, dice: Dice, looks: Looks) -> None:
    """A bald head."""


def _crown(pen: Pen, top: float, hairline: Outline, hair: Colour, half: float = 0.84) -> None:
    """Hair over the top of the head, down to a hairline that runs from left to right."""
    over = [(half, 0.02), (half + 0.04, -0.5), (0.56, top + 0.16), (0, top)]
    over += [(-x, y) for x, y in over[2::-1]]
    pen.smooth(np.concatenate([path(over), path(hairline)]), hair)
    pen.curve((-0.55, top + 0.36), (-0.3, top + 0.1), (0.1, top + 0.16), 0.06, lighter(hair, 0.16))


def _crop(pen: Pen, dice: Dice, looks: Looks) -> None:
    low = dice.between(-0.62, -0.5)
    hairline = [(-0.7, -0.3), (-0.45, low), (0, low - 0.06), (0.45, low), (0.7, -0.3)]
    _crown(pen, dice.between(-1.26, -1.14), hairline, looks.hair)


def _buzz(pen: Pen, dice: Dice, looks: Looks) -> None:
    _crown(pen, -1.08, "-.73,-.36 -.5,-.62 0,-.7 .5,-.62 .73,-.36", looks.hair, 0.79)


def _quiff(pen: Pen, dice: Dice, looks: Looks) -> None:
    _crown(pen, -1.2, "-.72,-.3 -.5,-.55 .1,-.66 .55,-.5 .72,-.3", looks.hair)
    top = dice.between(-1.56, -1.36)
    sweep = [(-0.7, -0.62), (-0.66, -1.1), (-0.1, top), (0.62, top + 0.16), (0.86, -0.9), (0.5, -0.72)]
    pen.smooth(sweep, looks.hair)
    pen.curve((-0.4, -0.9), (0, top + 0.2), (0.6, top + 0.35), 0.05, lighter(looks.hair, 0.16))


def _fringe(pen: Pen, dice: Dice, looks: Looks) -> None:
    low = dice.between(-0.4, -0.3)
    hairline = [(-0.72, low + 0.1), (-0.36, low), (0, low - 0.03), (0.36, low), (0.72, low + 0.1)]
    _crown(pen, -1.24, hairline, looks.hair, 0.86)
    for i in range(-2, 3):
        pen.stroke([(i * 0.22, low - 0.04), (i * 0.2, low - 0.36)], 0.025, darker(looks.hair, 0.3))


def _parted(pen: Pen, dice: Dice, looks: Looks) -> None:
    part, end = dice.between(-0.3, 0.3), dice.between(0.6, 1.4)
    for side, x in zip(pen.sides(), (part, -part), strict=True):
        outer = [(x, -1.22), (0.6, -1.12), (0.98, -0.4), (0.98, end)]
        inner = [(0.8, end + 0.1), (0.72, 0.1), (0.6, -0.4), (x, -0.86)]
        side.smooth([*outer, *inner], looks.hair)
    pen.curve((part + 0.1, -1.1), (0.6, -1.0), (0.82, -0.3), 0.045, lighter(looks.hair, 0.16))


def _long_back(pen: Pen, dice: Dice, looks: Looks) -> None:
    end = dice.between(1.5, 2.3)
    back = [(0, -1.2), (0.72, -1.0), (1.0, -0.2), (1.06, 0.9), (1.0, end), (0.5, end + 0.1)]
    pen.smooth(mirrored(back), darker(looks.hair, 0.22))


def _bob_back(pen: Pen, dice: Dice, looks: Looks) -> None:
    end = dice.between(0.75, 1.05)
    back = [(0, -1.22), (0.75, -1.0), (1.06, -0.1), (1.12, end - 0.2), (0.8, end), (0.4, end - 0.1)]
    pen.smooth(mirrored(back), darker(looks.hair, 0.22))


def _wavy_back(pen: Pen, dice: Dice, looks: Looks) -> None:
    dark, waves = darker(looks.hair, 0.22), dice.count(5, 8)
    pen.smooth(mirrored([(0, -1.2), (0.7, -1.05), (0.98, -0.3), (0.95, 0.5), (0.8, 0.3 * waves - 0.5)]), dark)
    for side in pen.sides():
        for i in range(waves):
            side.disc(0.9 + 0.12 * (i % 2), 0.42 * i - 0.55, 0.3, dark)


def _curls_back(pen: Pen, dice: Dice, looks: Looks) -> None:
    far, dark = dice.between(0.95, 1.3), darker(looks.hair, 0.18)
    pen.oval(0, -0.35, far, far * 0.95, dark)
    for i in range(15):
        angle, r = math.pi * (0.92 + 1.16 * i / 14), dice.between(0.2, 0.32)
        pen.disc(far * math.cos(angle), far * math.sin(angle) - 0.3, r, dark)


def _curls(pen: Pen, dice: Dice, looks: Looks) -> None:
    for i in range(11):
        angle, r = math.pi * (1.06 + 0.88 * i / 10), dice.between(0.2, 0.28)
        pen.disc(0.72 * math.cos(angle), 0.68 * math.sin(angle) - 0.32, r, looks.hair)
    for _ in range(7):
        x, y = dice.between(-0.4, 0.4), dice.between(-1.04, -0.8)
        pen.curve((x - 0.1, y), (x, y - 0.16), (x + 0.1, y), 0.035, lighter(looks.hair, 0.14))


def _bun_back(pen: Pen, dice: Dice, looks: Looks) -> None:
    bun = pen.at(dice.between(-0.25, 0.25), -1.38, dice.between(0.34, 0.5))
    bun.oval(0, 0, 1, 0.9, darker(looks.hair, 0.16))
    bun.curve((-0.5, 0), (0, -0.8), (0.5, 0), 0.12, lighter(looks.hair, 0.12))


def _tail_back(pen: Pen, dice: Dice, looks: Looks) -> None:
    end = dice.between(1.0, 1.9)
    tail = [(0.3, -1.0), (0.95, -1.05), (1.4, -0.3), (1.35, end - 0.4), (1.1, end), (1.0, 0.5), (0.75, -0.4)]
    pen.smooth(tail, darker(looks.hair, 0.2))


def _braids_back(pen: Pen, dice: Dice, looks: Looks) -> None:
    ribbon = dice.pick(BRIGHT)
    for side in pen.sides():
        for i in range(6):
            side.oval(0.86 + 0.04 * i, 0.3 + 0.27 * i, 0.19, 0.17, darker(looks.hair, 0.15 * (i % 2)))
        side.oval(1.1, 1.86, 0.12, 0.08, ribbon)
        side.oval(1.13, 2.05, 0.13, 0.18, looks.hair)


def _scarf_back(pen: Pen, dice: Dice, looks: Looks) -> None:
    back = "0,-1.28 .8,-1 1.04,-.1 .98,.9 1.25,1.7 .6,2.1"
    pen.smooth(mirrored(back), darker(looks.veil, 0.25))


def _scarf(pen: Pen, dice: Dice, looks: Looks) -> None:
    """A headscarf, with a hole for the face."""
    outer = mirrored("0,-1.26 .78,-1.02 1,-.1 .94,.9 .35,1.5")
    inner = mirrored("0,-.78 .62,-.52 .73,.05 .6,.66 .18,1.02")
    pen.fill(without(spline(outer), spline(inner)), looks.veil)
    pen.curve((-0.6, 1.1), (0.1, 1.5), (0.85, 0.8), 0.05, darker(looks.veil, 0.25))
    pen.curve((-0.3, 1.3), (0.3, 1.6), (0.9, 1.1), 0.05, darker(looks.veil, 0.25))


class Cut(NamedTuple):
    back: Callable[[Pen, Dice, Looks], None]
    front: Callable[[Pen, Dice, Looks], None]
    beard: float = 0
    hat: float = 0


CUTS = [
    Cut(_nothing, _crop, 0.4, 0.25),
    Cut(_nothing, _crop, 0.4, 0.25),
    Cut(_nothing, _quiff, 0.4),
    Cut(_nothing, _quiff, 0.4),
    Cut(_nothing, _nothing, 0.6, 0.4),
    Cut(_nothing, _buzz, 0.5, 0.3),
    Cut(_nothing, _fringe, 0.1, 0.2),
    Cut(_nothing, _curls, 0.4),
    Cut(_long_back, _parted, 0, 0.3),
    Cut(_long_back, _fringe, 0, 0.3),
    Cut(_bob_back, _fringe, 0, 0.1),
    Cut(_bob_back, _parted, 0, 0.3),
    Cut(_wavy_back, _parted, 0, 0.3),
    Cut(_wavy_back, _crop, 0, 0.2),
    Cut(_curls_back, _curls, 0.1),
    Cut(_curls_back, _curls),
    Cut(_bun_back, _crop, 0.1),
    Cut(_tail_back, _crop, 0, 0.2),
    Cut(_tail_back, _fringe),
    Cut(_braids_back, _fringe, 0, 0.2),
    Cut(_scarf_back, _scarf),
]


def _beanie(pen: Pen, cloth: Colour) -> None:
    pen.disc(0, -1.58, 0.2, lighter(cloth, 0.6))
    pen.smooth("-.92,-.5 -.86,-1.05 -.3,-1.52 .3,-1.52 .86,-1.05 .92,-.5 0,-.62", cloth)
    pen.smooth("-.96,-.72 0,-.86 .96,-.72 .94,-.42 0,-.54 -.94,-.42", darker(cloth, 0.22))


def _cap(pen: Pen, cloth: Colour) -> None:
    pen.smooth("-.9,-.48 -.86,-1 -.3,-1.4 .35,-1.4 .88,-1 .9,-.5 0,-.62", cloth)
    pen.smooth("-.3,-.6 .8,-.66 1.5,-.46 1.42,-.34 .7,-.46 -.2,-.46", darker(cloth, 0.3))
    pen.oval(0.1, -1.0, 0.2, 0.17, lighter(cloth, 0.7))


def _sun_hat(pen: Pen, cloth: Colour) -> None:
    straw = rgb("e3c383")
    pen.oval(0, -0.62, 1.6, 0.34, darker(straw, 0.12))
    pen.smooth("-.86,-.7 -.7,-1.3 0,-1.5 .7,-1.3 .86,-.7 0,-.56", straw)
    pen.smooth("-.88,-.9 0,-.78 .88,-.9 .88,-.68 0,-.54 -.88,-.68", cloth)


HATS: list[Callable[[Pen, Colour], None]] = [_beanie, _cap, _sun_hat]
