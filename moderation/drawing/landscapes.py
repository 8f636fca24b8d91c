"""Landscapes: what lies under the sky."""

import math

from .colours import BLACK, BRIGHT, CLOTHES, GREENS, SKIES, WHITE, Colour, darker, glaze, lighter, mix, palette, rgb
from .dice import Dice
from .motifs import blossom
from .outlines import blade
from .pen import Pen


def _sky(pen: Pen, dice: Dice, lowest: float) -> tuple[list[Colour], float]:
    """The sky with a sun or moon no lower than that share of the picture; its colours, and where the sun stands."""
    sky = dice.pick(SKIES)
    pen.wash(*sky)
    x, y, r = dice.between(0.08, 0.92), pen.tall * dice.between(0.08, lowest), dice.between(0.05, 0.1)
    for wider, alpha in ((2.6, 26), (1.8, 40), (1.35, 60)):
        pen.disc(x, y, r * wider, (255, 250, 220, alpha))
    pen.disc(x, y, r, dice.pick(palette("fff6d0 ffe08a fffbe8 ffd27a")))
    for _ in range(dice.count(0, 4)):
        _cloud(pen.at(*dice.spot(pen.tall, 0.05, lowest), dice.between(0.03, 0.07)), dice, sky)
    return sky, x


def _cloud(pen: Pen, dice: Dice, sky: list[Colour]) -> None:
    colour = lighter(mix(sky[1], sky[2], 0.6), 0.5)
    for i in range(5):
        lift = (0.6 if i in (1, 2, 3) else 0.1) * dice.between(0.6, 1.2)
        pen.oval(i * 0.9 - 1.8, -lift, 1, 0.75, colour)


def _hills(pen: Pen, dice: Dice, level: float, colour: Colour) -> None:
    swell = dice.between(0.03, 0.09) * pen.tall
    first, second = dice.between(0, 6), dice.between(0, 6)
    xs = [i / 30 * 1.1 - 0.05 for i in range(31)]
    line = [(x, level + swell * (math.sin(x * 5 + first) + 0.5 * math.sin(x * 11 + second))) for x in xs]
    pen.fill([(-0.1, pen.tall + 0.1), *line, (1.1, pen.tall + 0.1)], colour)


def mountains(pen: Pen, dice: Dice) -> None:
    sky, _ = _sky(pen, dice, 0.33)
    stone = dice.pick(palette("3f4a6b 4a5a68 5a4a63 2f5560 6b5148"))
    for row in range(3):
        colour = mix(mix(stone, sky[1], 0.55 - 0.25 * row), BLACK, 0.06 * row)
        for _ in range(dice.count(2, 3)):
            high = pen.tall * dice.between(0.28, 0.5) * (1 - 0.22 * row)
            _mountain(pen, dice, pen.tall * (0.7 + 0.13 * row), high, colour)
    green = dice.pick(GREENS)
    _hills(pen, dice, pen.tall * 0.86, green)
    for _ in range(dice.count(3, 12)):
        _fir(pen.at(*dice.spot(pen.tall, 0.84, 0.98), dice.between(0.06, 0.16)), green)


def _mountain(pen: Pen, dice: Dice, foot: float, high: float, colour: Colour) -> None:
    mountain = pen.at(dice.between(-0.05, 1.05), foot, high, 0, dice.chance(0.5))
    half, lean, below = dice.between(0.7, 1.2), dice.between(-0.15, 0.15), pen.tall / high
    mountain.fill([(-half, 0), (lean, -1), (half, 0), (half, below), (-half, below)], colour)
    mountain.fill([(lean, -1), (half, 0), (half, below), (0.1, below), (-0.12, 0)], darker(colour, 0.3))
    if high > 0.2:
        snow = dice.between(0.22, 0.4)
        left, right = lean - (half + lean) * snow, lean + (half - lean) * snow
        edge = [(right + (left - right) * i / 5, snow - 1 + (0.07, -0.02)[i % 2]) for i in range(1, 5)]
        mountain.fill([(left, snow - 1), (lean, -1), (right, snow - 1), *edge], mix(WHITE, colour, 0.08))


def _fir(pen: Pen, green: Colour) -> None:
    pen.box(-0.05, -0.2, 0.05, 0.02, rgb("4a3526"))
    for i in range(3):
        top, wide = 0.25 * i - 1, 0.2 + 0.09 * i
        pen.fill([(0, top), (wide, top + 0.42), (-wide, top + 0.42)], darker(green, 0.35))
        pen.fill([(0, top), (wide, top + 0.42), (0.02, top + 0.36)], darker(green, 0.55))


def skyline(pen: Pen, dice: Dice) -> None:
    sky, _ = _sky(pen, dice, 0.3)
    wall = dice.pick(palette("2b2f4a 4c5470 6b4f5e 31525e 7a6650"))
    for row in range(3):
        colour = mix(wall, sky[1], 0.6 - 0.28 * row)
        lit = rgb("ffdf8e") if sum(sky[0]) < 300 or dice.chance(0.3) else lighter(colour, 0.3)
        x = dice.between(-0.08, 0)
        while x < 1:
            wide, top = dice.between(0.07, 0.17), pen.tall * (dice.between(0.22, 0.5) + 0.13 * row)
            _house(pen.at(x, top), dice, wide, pen.tall - top, colour, lit)
            x += wide + (0 if dice.chance(0.6) else dice.between(0, 0.06))


def _house(pen: Pen, dice: Dice, wide: float, high: float, colour: Colour, lit: Colour) -> None:
    wall = mix(colour, dice.pick((WHITE, BLACK)), dice.between(0, 0.15))
    pen.box(0, 0, wide, high, wall)
    if dice.chance(0.25):
        pen.box(wide / 2 - 0.004, -0.08, wide / 2 + 0.004, 0, wall)
    elif dice.chance(0.3):
        pen.fill([(0, 0), (wide / 2, -0.06), (wide, 0)], mix(wall, BLACK, 0.2))
    across, step = dice.count(2, 4), dice.between(0.035, 0.055)
    pane = wide / (across * 2 + 1)
    for down in range(min(9, int(high / step) - 1)):
        for i in range(across):
            if dice.chance(0.72):
                x, y = pane * (2 * i + 1), step * (down + 0.5)
                pen.box(x, y, x + pane, y + step * 0.55, lit if dice.chance(0.8) else mix(wall, BLACK, 0.25))


def sea(pen: Pen, dice: Dice) -> None:
    sky, sun = _sky(pen, dice, 0.4)
    level = pen.tall * dice.between(0.42, 0.62)
    depth = pen.tall - level
    if dice.chance(0.7):
        island = pen.at(dice.between(-0.3, 0.7), level, dice.between(0.3, 0.8))
        tops = [(i / 8, -dice.between(0.03, 0.22) * math.sin(math.pi * i / 8)) for i in range(9)]
        island.fill([(0, 0.01), *tops, (1, 0.01)], darker(sky[0], 0.4))
    water = dice.pick(palette("1f6f8b 2a5d9c 2f8f9d 274690 3a7d7c"))
    for i in range(12):
        top, bottom = (level + depth * row / 12 for row in (i, i + 1))
        pen.box(0, top, 1, bottom, mix(mix(water, sky[2], 0.5 - i / 24), BLACK, 0.02 * i))
    glint = glaze(lighter(sky[2], 0.5), 170)
    for _ in range(50):
        near = dice.between(0.02, 1) ** 1.4
        x = sun + dice.between(-1, 1) * (0.06 + (0.5 if dice.chance(0.5) else 0.1) * near)
        wide = dice.between(0.01, 0.05) * (0.5 + near)
        pen.oval(x, level + depth * near, wide, 0.003 + 0.004 * near, glint)
    if dice.chance(0.6):
        boat = pen.at(dice.between(0.06, 0.94), level + depth * dice.between(0.04, 0.3), dice.between(0.06, 0.13))
        _boat(boat, dice)
    if dice.chance(0.4):
        _palm(pen.at(dice.pick((0.06, 0.94)), pen.tall), dice, pen.tall * dice.between(0.6, 0.75))


def _boat(pen: Pen, dice: Dice) -> None:
    pen.fill("-.5,0 .55,0 .4,.2 -.35,.2", dice.pick(CLOTHES))
    pen.fill("0,-1.2 .5,-.1 0,-.1", WHITE)
    pen.fill("-.06,-1.1 -.06,-.1 -.42,-.1", dice.pick(BRIGHT))


def _palm(pen: Pen, dice: Dice, high: float) -> None:
    crown = (dice.between(-0.08, 0.08), -high)
    pen.curve((0, 0.05), (0.06, -high / 2), crown, 0.035, rgb("5b4636"))
    for i in range(8):
        angle = math.tau * i / 8 + dice.between(-0.2, 0.2)
        across, down = math.cos(angle), math.sin(angle)
        tip = (crown[0] + 0.26 * across, crown[1] + 0.16 * down + 0.08)
        x, y = crown[0] + 0.13 * across, crown[1] + 0.16 * down - 0.09
        pen.fill(blade(crown, (x, y), tip, (x, y + 0.06)), rgb("2f6b46" if i % 2 else "3d8557"))


def forest(pen: Pen, dice: Dice) -> None:
    green = dice.pick(palette("2f6b46 4f8a3d 6f8f3a 2a6a66 b5762c c25a36"))
    light = mix(green, rgb("fff3c4"), 0.75)
    pen.wash(light, mix(light, green, 0.35), darker(green, 0.2))
    for row in range(3):
        tone = mix(light, darker(green, 0.5), 0.3 + 0.3 * row)
        for _ in range(5 - row):
            wide, lean = dice.between(0.015, 0.03) * (1 + row), dice.between(-0.05, 0.05)
            trunk = [(-wide, pen.tall), (lean - wide * 0.6, 0), (lean + wide * 0.6, 0), (wide, pen.tall)]
            pen.at(dice.between(-0.05, 1.05), 0).fill(trunk, tone)
        for _ in range(16):
            y = dice.between(0, 0.5) if dice.chance(0.7) else dice.between(0.8, 1)
            r = dice.between(0.04, 0.12)
            colour = glaze(mix(tone, dice.pick((green, light)), 0.5), 200)
            pen.oval(dice.between(-0.05, 1.05), pen.tall * y, r, r * dice.between(0.5, 0.9), colour, dice.between(0, 3))
    for _ in range(dice.count(1, 3)):
        x, end = dice.between(0, 0.9), dice.between(-0.5, 0.5)
        ray = [(0, 0), (0.08, 0), (end + 0.2, pen.tall), (end - 0.05, pen.tall)]
        pen.at(x, 0).fill(ray, (255, 250, 210, 46))


def park(pen: Pen, dice: Dice) -> None:
    _sky(pen, dice, 0.35)
    green = dice.pick(palette("6fae4e 4f9a5a 9ab04a 57a07a"))
    _hills(pen, dice, pen.tall * dice.between(0.5, 0.62), lighter(green, 0.25))
    for _ in range(dice.count(3, 6)):
        _tree(pen.at(*dice.spot(pen.tall, 0.6, 0.8), dice.between(0.2, 0.42)), dice)
    _hills(pen, dice, pen.tall * dice.between(0.74, 0.84), green)
    for _ in range(dice.count(8, 24)):
        flower = pen.at(*dice.spot(pen.tall, 0.82, 1), dice.between(0.008, 0.018))
        blossom(flower, dice.pick((WHITE, *BRIGHT[:3])))


def _tree(pen: Pen, dice: Dice) -> None:
    green = dice.pick(palette("3f7d4e 5f9a4a 2c6d60 d17a22 c8553d e8a0bf 8fae3a"))
    pen.fill("-.06,.05 -.03,-.6 .03,-.6 .06,.05", rgb("6b4a34"))
    for _ in range(7):
        r = dice.between(0.14, 0.24)
        pen.disc(dice.between(-0.22, 0.22), dice.between(-0.95, -0.5), r, darker(green, dice.between(0.05, 0.3)))
    for _ in range(5):
        pen.oval(dice.between(-0.2, 0.1), dice.between(-1, -0.65), 0.1, 0.09, lighter(green, 0.2))
