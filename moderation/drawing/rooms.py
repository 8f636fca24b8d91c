"""Rooms, and what stands and hangs in them."""

import math

from .colours import CLOTHES, GREENS, INK, IVORY, PAPERS, SKIES, WOOD, darker, lighter, mix, palette, rgb
from .dice import Dice
from .motifs import MOTIFS, leaf
from .pen import Pen


def room(pen: Pen, dice: Dice) -> None:
    wall = dice.pick(palette("e8d9c3 cfdcd6 d9c9d6 c4d4e0 f0d9a8 8fa6a0 5f6f8a b98a7a"))
    pen.wash(lighter(wall, 0.2), wall)
    floor = pen.tall * dice.between(0.78, 0.92)
    pen.box(0, floor, 1, pen.tall, dice.pick(WOOD))
    pen.box(0, floor - 0.015, 1, floor, lighter(wall, 0.6))
    things = [_window, _window, _shelf, _shelf, _frames, _plant]
    dice.pick(things)(pen.at(dice.between(0.1, 0.24), 0), dice)
    dice.pick(things)(pen.at(dice.between(0.76, 0.9), 0), dice)
    if dice.chance(0.6):
        dice.pick((_lamp, _frames))(pen.at(dice.between(0.35, 0.65), 0), dice)


def _window(pen: Pen, dice: Dice) -> None:
    half, top, bottom = dice.between(0.13, 0.22), pen.tall * dice.between(0.06, 0.18), pen.tall * dice.between(0.5, 0.7)
    sky = dice.pick(SKIES)
    for i in range(8):
        pen.box(-half, top + (bottom - top) * i / 8, half, bottom, mix(sky[0], sky[2], i / 7))
    green = dice.pick(GREENS)
    for _ in range(5):
        r = dice.between(0.03, 0.07)
        x, y = dice.between(r - half, half - r), bottom - dice.between(r, 0.1)
        pen.disc(x, y, r, lighter(green, dice.between(0, 0.2)))
    for x in (-half, 0, half):
        pen.box(x - 0.012, top - 0.012, x + 0.012, bottom + 0.012, IVORY)
    for y in (top, (top + bottom) / 2, bottom):
        pen.box(-half - 0.012, y - 0.012, half + 0.012, y + 0.012, IVORY)
    if dice.chance(0.6):
        cloth, edge, rail, hem = dice.pick(CLOTHES), half + 0.03, top - 0.04, bottom + 0.06
        for side in pen.sides():
            side.fill([(edge, rail), (edge - 0.1, rail), (edge - 0.03, hem), (edge + 0.03, hem)], cloth)


def _shelf(pen: Pen, dice: Dice) -> None:
    half, top = dice.between(0.15, 0.22), pen.tall * dice.between(0.08, 0.2)
    wood = dice.pick(WOOD)
    for row in range(dice.count(2, 4)):
        y, x = top + 0.2 * (row + 1), -half
        while x < half - 0.02:
            wide, high = dice.between(0.018, 0.04), dice.between(0.09, 0.15)
            if dice.chance(0.85):
                pen.box(x, y - high, x + wide, y, dice.pick(CLOTHES))
                pen.box(x, y - high * 0.8, x + wide, y - high * 0.72, IVORY)
            x += wide + 0.003
        pen.box(-half - 0.02, y, half + 0.02, y + 0.022, wood)


def _frames(pen: Pen, dice: Dice) -> None:
    for _ in range(dice.count(2, 3)):
        w, h = dice.between(0.06, 0.13), dice.between(0.06, 0.13)
        frame = pen.at(dice.between(-0.12, 0.12), pen.tall * dice.between(0.12, 0.45))
        frame.box(-w, -h, w, h, dice.pick(palette("3a3a44 fbf7ef a87b52 d9b44a")))
        frame.box(0.015 - w, 0.015 - h, w - 0.015, h - 0.015, dice.pick(PAPERS)[0])
        dice.pick(MOTIFS)(frame.at(0, 0, min(w, h) * 0.6, dice.between(0, 6)), dice.pick(CLOTHES))


def _lamp(pen: Pen, dice: Dice) -> None:
    lamp = pen.at(0, pen.tall * dice.between(0.06, 0.24))
    lamp.box(-0.004, -1, 0.004, 0, INK)
    lamp.disc(0, 0.08, 0.2, (255, 240, 190, 60))
    lamp.disc(0, 0.075, 0.03, rgb("fff3c4"))
    lamp.fill("-.03,0 .03,0 .1,.08 -.1,.08", dice.pick(CLOTHES))


def _plant(pen: Pen, dice: Dice) -> None:
    plant = pen.at(0, pen.tall * dice.between(0.84, 0.95))
    green = dice.pick(GREENS)
    for i in range(dice.count(6, 10)):
        angle = -math.pi / 2 + dice.between(-1.0, 1.0)
        far = dice.between(0.25, 0.5) * min(1, pen.tall)
        x, y = far * math.cos(angle), far * math.sin(angle) - 0.15
        plant.curve((0, -0.1), (x / 2, y), (x, y), 0.01, darker(green, 0.3))
        leaf(plant.at(x, y, 0.09, angle + 1.57), lighter(green, 0.05 * i))
    pot = dice.pick(palette("c8694a efe6d8 3d6a80 d9b44a"))
    plant.fill("-.09,-.13 .09,-.13 .065,.06 -.065,.06", pot)
