"""Other pictures that people choose: animals and things."""

import math

import numpy as np

from .colours import BRIGHT, CLOTHES, GOLD, INK, IVORY, WHITE, WOOD, darker, lighter, mix, palette, rgb
from .dice import Dice
from .landscapes import forest, mountains, park, sea, skyline
from .motifs import blossom, leaf
from .outlines import mirrored, path
from .patterns import bricks, stripes, wallpaper
from .pen import Pen
from .rooms import room
from .scenes import SCENES, Drawing

_EARS = (
    ".4,-.8 .95,-1.5 .95,-.4",
    ".55,-.8 1.1,-.7 1.2,.3 .95,.6 .75,.1",
    ".5,-.8 1.15,-.95 1.3,-.2 .8,-.3",
)
"""Pricked, hanging and folded."""


def _dog(pen: Pen, dice: Dice) -> None:
    dice.pick(SCENES)(pen, dice)
    fur = dice.pick(palette("c98f55 8a5a3a f0e4d0 4a3f3d d9b48a 9a9aa2"))
    patch = dice.pick((lighter(fur, 0.6), darker(fur, 0.45)))
    dog = _pet(pen, dice)
    dog.smooth(mirrored(".5,.6 .85,1.4 1.05,2.6 1,6"), darker(fur, 0.12))
    dog.smooth(mirrored(".2,1 .4,1.6 .3,2.4"), patch)
    dog.curve((-0.6, 0.95), (0, 1.35), (0.6, 0.95), 0.18, dice.pick(BRIGHT))
    dog.disc(0, 1.3, 0.13, GOLD)
    dog.smooth(mirrored("0,-.92 .6,-.75 .85,-.1 .62,.62 .3,.92"), fur)
    ear = dice.pick(_EARS)
    for side in dog.sides():
        side.smooth(ear, darker(fur, 0.35))
    if dice.chance(0.6):
        dog.smooth(".1,-.8 .62,-.6 .7,0 .4,.3 .12,0", patch)
    dog.oval(0, 0.45, 0.46, 0.4, lighter(patch, 0.25))
    for x in (-0.34, 0.34):
        dog.oval(x, -0.14, 0.13, 0.14, INK)
        dog.disc(x + 0.04, -0.19, 0.04, WHITE)
    if dice.chance(0.7):
        dog.smooth("-.14,.62 .14,.62 .17,.95 0,1.08 -.17,.95", rgb("ef6f7f"))
    dog.smooth("-.2,.2 0,.14 .2,.2 .1,.36 0,.4 -.1,.36", INK)
    for side in dog.sides():
        side.curve((0, 0.5), (0.1, 0.72), (0.32, 0.6), 0.05, INK)


def _pet(pen: Pen, dice: Dice) -> Pen:
    """The frame of an animal that looks into the picture from below."""
    x, y = dice.between(0.34, 0.66), pen.tall * dice.between(0.42, 0.54)
    return pen.at(x, y, dice.between(0.2, 0.29) * min(1.0, pen.tall), dice.between(-0.25, 0.25), dice.chance(0.5))


def _cat(pen: Pen, dice: Dice) -> None:
    dice.pick(SCENES)(pen, dice)
    fur = dice.pick(palette("e0904a 7a7a82 f3ece0 3a3438 c9a27a 5f6a78"))
    dark = darker(fur, 0.4)
    cat = _pet(pen, dice)
    cat.curve((0.8, 3.0), (2.3, 2.6), (1.5, 0.9), 0.3, dark)
    cat.smooth(mirrored(".4,.6 .8,1.4 1,2.6 .95,6"), darker(fur, 0.1))
    for side in cat.sides():
        side.fill(".25,-.7 .92,-1.35 .98,-.2", fur)
        side.fill(".45,-.72 .83,-1.1 .86,-.4", rgb("f0a0a8"))
    cat.smooth(mirrored("0,-.82 .62,-.7 1,.05 .8,.6 .3,.86"), fur)
    for x in (-1, 0, 1):
        cat.stroke([(x * 0.2, -0.78), (x * 0.15, -0.45)], 0.09, dark)
    cat.oval(0, 0.46, 0.36, 0.28, lighter(fur, 0.7))
    eye = dice.pick(palette("9ccc3c f0c040 5fb8d8 e0a030"))
    for side in cat.sides():
        for i in range(2):
            side.stroke([(0.95, 0.1 + 0.2 * i), (0.66, 0.12 + 0.16 * i)], 0.08, dark)
        side.oval(0.42, -0.05, 0.21, 0.2, eye)
        side.oval(0.42, -0.05, 0.07, 0.18, INK)
        side.disc(0.49, -0.12, 0.045, WHITE)
        for i in (-1, 0, 1):
            side.stroke([(0.35, 0.42 + 0.05 * i), (1.25, 0.36 + 0.16 * i)], 0.022, IVORY)
        side.curve((0, 0.42), (0.06, 0.62), (0.24, 0.54), 0.045, INK)
    cat.fill("-.11,.28 .11,.28 0,.42", rgb("e0707a"))


def _view(pen: Pen, dice: Dice) -> None:
    dice.pick((mountains, sea, park, forest, skyline))(pen, dice)
    for _ in range(dice.count(1, 3)):
        x, y = dice.between(0.12, 0.88), pen.tall * dice.between(0.14, 0.4)
        _balloon(pen.at(x, y, dice.between(0.05, 0.13)), dice)


def _balloon(pen: Pen, dice: Dice) -> None:
    pen.smooth(mirrored("0,-1 .85,-.5 .8,.25 .25,1"), dice.pick(BRIGHT))
    pen.smooth(mirrored("0,-1 .4,-.4 .36,.3 .12,1"), dice.pick(BRIGHT))
    for side in pen.sides():
        side.stroke([(0.22, 1.0), (0.16, 1.45)], 0.03, INK)
    pen.box(-0.2, 1.42, 0.2, 1.75, rgb("8a5a3a"))


def _car(pen: Pen, dice: Dice) -> None:
    dice.pick((mountains, skyline, sea, park))(pen, dice)
    road = pen.at(0, pen.tall * dice.between(0.8, 0.88))
    road.box(0, -0.05, 1, 1, rgb("4a4a52"))
    for i in range(6):
        road.box(i * 0.2 + 0.02, 0.06, i * 0.2 + 0.12, 0.075, rgb("f0e6c0"))
    car = road.at(dice.between(0.4, 0.6), -0.02, dice.between(0.28, 0.4), 0, dice.chance(0.5))
    paint, roof, glass = dice.pick(BRIGHT), dice.between(-0.95, -0.78), rgb("cfeaf5")
    hood = path(".62,-.48 1.02,-.38 1.06,-.1 0,-.06 -1.05,-.1 -1.02,-.42 -.62,-.5")
    car.smooth(np.concatenate([path([(-0.36, roof), (0.3, roof)]), hood]), paint)
    car.fill([(-0.52, -0.5), (-0.3, roof + 0.08), (-0.03, roof + 0.08), (-0.03, -0.5)], glass)
    car.fill([(0.04, -0.5), (0.04, roof + 0.08), (0.26, roof + 0.08), (0.5, -0.5)], glass)
    car.box(-1.04, -0.24, 1.05, -0.18, lighter(paint, 0.6))
    car.disc(0.98, -0.32, 0.07, rgb("fff3c4"))
    car.oval(-1.0, -0.32, 0.05, 0.06, rgb("d83a3a"))
    for wheel in (-0.6, 0.6):
        car.disc(wheel, -0.05, 0.23, INK)
        car.disc(wheel, -0.05, 0.12, rgb("c9ced6"))
    if dice.chance(0.5):
        car.box(-0.3, roof - 0.12, 0.24, roof + 0.02, rgb("8a5a3a"))


def _bouquet(pen: Pen, dice: Dice) -> None:
    dice.pick((room, wallpaper, bricks, stripes))(pen, dice)
    table = pen.tall * dice.between(0.82, 0.9)
    pen.box(0, table, 1, pen.tall, dice.pick(WOOD))
    vase = pen.at(dice.between(0.35, 0.65), table + pen.tall * 0.04, 0.3 * min(1, pen.tall))
    for _ in range(14):
        angle, far = dice.between(-3.3, 0.2), dice.between(0.3, 1.1)
        x, y = far * math.cos(angle), 0.9 * far * math.sin(angle) - 1.7
        vase.stroke([(0, -1.0), (x, y)], 0.03, rgb("3f7d4e"))
        leaf(vase.at(x / 2, (y - 1) / 2, 0.2, angle), rgb("5f9a4a"))
        blossom(vase.at(x, y, dice.between(0.17, 0.33), angle), dice.pick(BRIGHT))
    china = dice.pick(CLOTHES)
    vase.smooth(mirrored(".3,-1.2 .26,-.95 .55,-.45 .4,0"), china)
    vase.curve((-0.36, -0.6), (-0.42, -0.4), (-0.3, -0.15), 0.07, lighter(china, 0.5))


def _coffee(pen: Pen, dice: Dice) -> None:
    _table(pen, dice)
    place = pen.at(dice.between(0.35, 0.65), pen.tall * dice.between(0.4, 0.6))
    cup = place.at(0, 0, dice.between(0.24, 0.34) * min(1, pen.tall), dice.between(0, 6))
    china = dice.pick(palette("fbf7ef e4572e 3d7ea6 2a9d8f f4d35e 3a3a44"))
    cup.disc(0.08, 0.1, 1.22, (30, 20, 20, 70))
    cup.disc(0, 0, 1.2, lighter(china, 0.35))
    cup.disc(0, 0, 0.95, darker(china, 0.12))
    cup.stroke([(0.6, 0), (1.1, 0.1)], 0.24, china)
    cup.disc(0, 0, 0.76, china)
    cup.disc(0, 0, 0.64, rgb("5b3520"))
    for size, colour in zip((0.42, 0.29, 0.16), palette("efd9b8 a8703f efd9b8"), strict=True):
        cup.at(0, 0, size).smooth(mirrored("0,-.35 .6,-.8 1,-.1 0,1"), colour)
    for _ in range(dice.count(0, 3)):
        biscuit = pen.at(*dice.spot(pen.tall), dice.between(0.06, 0.1))
        biscuit.disc(0, 0, 1, rgb("c68f4f"))
        for _ in range(6):
            biscuit.disc(dice.between(-0.6, 0.6), dice.between(-0.6, 0.6), 0.13, rgb("5b3520"))


def _table(pen: Pen, dice: Dice) -> None:
    """A table from above, with a letter on it."""
    wood = dice.pick(palette("a87b52 7a5236 d8c4a8 5d4a44 cfdcd6"))
    pen.wash(lighter(wood, 0.15), wood)
    boards, y = pen.at(0.5, pen.tall / 2, 1, dice.between(-0.5, 0.5)), -1.0
    while y < 1:
        high = dice.between(0.07, 0.16)
        tone = mix(wood, dice.pick((WHITE, INK)), dice.between(0, 0.2))
        boards.box(-1.2, y, 1.2, y + high - 0.008, tone)
        y += high
    letter = pen.at(*dice.spot(pen.tall), 0.3, dice.between(0, 3))
    letter.box(-0.8, -0.6, 0.8, 0.6, dice.pick(BRIGHT))
    for i in range(5):
        letter.box(-0.6, 0.18 * i - 0.4, 0.5, 0.18 * i - 0.36, WHITE)


OTHERS: list[Drawing] = [_dog, _dog, _cat, _cat, _view, _car, _bouquet, _coffee]
