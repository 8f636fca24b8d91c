"""Patterns: walls, papers, lights and shapes."""

import math
from collections.abc import Sequence

from .colours import BLACK, BRIGHT, GREENS, INK, PAPERS, WHITE, Colour, darker, glaze, lighter, mix, palette, rgb
from .dice import Dice
from .motifs import MOTIFS, leaf
from .outlines import bow
from .pen import Pen


def bokeh(pen: Pen, dice: Dice) -> None:
    dark = dice.pick(palette("1d2442 2a1f3d 14343b 3d2430 20302a"))
    pen.wash(dark, mix(dark, dice.pick(BRIGHT), 0.35), mix(dark, BLACK, 0.3))
    colours = [dice.pick(BRIGHT), dice.pick(BRIGHT), dice.pick(BRIGHT), rgb("ffe8b0")]
    for _ in range(dice.count(38, 60)):
        (x, y), r = dice.spot(pen.tall), dice.between(0.015, 0.085)
        colour = dice.pick(colours)
        pen.disc(x, y, r, glaze(colour, dice.count(60, 170)))
        pen.disc(x, y, r * 0.8, glaze(lighter(colour, 0.3), 60))


def wallpaper(pen: Pen, dice: Dice) -> None:
    paper, ink = dice.pick(PAPERS)
    pen.wash(lighter(paper, 0.15), paper, mix(paper, BLACK, 0.1))
    motif, step = dice.pick(MOTIFS), dice.between(0.11, 0.2)
    sheet = pen.at(0.5, pen.tall / 2, step, dice.between(-0.6, 0.6))
    colours = [ink, ink, mix(ink, paper, 0.45), dice.pick(BRIGHT)]
    far = math.hypot(0.5, pen.tall / 2) + step / 2
    reach = math.ceil(far / step / 0.87)
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            if math.hypot(column, row * 0.87) * step < far and dice.chance(0.85):
                scale, turn = dice.between(0.3, 0.45), dice.count(0, 3) * math.pi / 2
                motif(sheet.at(column + row % 2 / 2, row * 0.87, scale, turn), dice.pick(colours))
    _shade(pen, dice)


def _shade(pen: Pen, dice: Dice) -> None:
    """Light from a window, and a shadow across: no two walls are alike."""
    pen.disc(*dice.spot(pen.tall), 0.5, (255, 255, 255, 30))
    x = dice.between(-0.2, 1.2)
    pen.fill([(x - 0.25, 0), (x + 0.2, 0), (x + 0.6, pen.tall), (x, pen.tall)], (30, 20, 40, 50))


def stripes(pen: Pen, dice: Dice) -> None:
    base = dice.pick(BRIGHT)
    pen.wash(base, darker(base, 0.1))
    sheet = pen.at(0.5, pen.tall / 2, 1, dice.between(-1.4, 1.4))
    colours = [dice.pick(BRIGHT), dice.pick(BRIGHT), lighter(base, 0.75), darker(base, 0.55)]
    x = -1.0
    while x < 1:
        wide = dice.between(0.03, 0.16)
        sheet.box(x, -1.1, x + wide, 1.1, dice.pick(colours))
        x += wide + dice.between(0.01, 0.08)
    for _ in range(dice.count(1, 4)):
        r = dice.between(0.06, 0.2)
        pen.disc(*dice.spot(pen.tall), r, dice.pick(colours))


def sunburst(pen: Pen, dice: Dice) -> None:
    base = dice.pick(BRIGHT)
    pen.wash(base, darker(base, 0.1))
    rays(pen, dice, [lighter(base, 0.55), darker(dice.pick(BRIGHT), 0.15)])
    for _ in range(dice.count(4, 12)):
        place = pen.at(*dice.spot(pen.tall), dice.between(0.02, 0.06), dice.between(0, 6))
        dice.pick(MOTIFS)(place, dice.pick((WHITE, darker(base, 0.5))))


def rays(pen: Pen, dice: Dice, colours: Sequence[Colour]) -> None:
    source = pen.at(dice.between(0.1, 0.9), pen.tall * dice.between(0.1, 0.9), 2, dice.between(0, 6))
    angle = 0.0
    while angle < math.tau - 0.34:
        wide = dice.between(0.08, 0.34)
        source.fill([(0, 0), *((math.cos(a), math.sin(a)) for a in (angle, angle + wide))], dice.pick(colours))
        angle += wide + dice.between(0.06, 0.3)


def shapes(pen: Pen, dice: Dice) -> None:
    paper, ink = dice.pick(PAPERS)
    pen.wash(paper, mix(paper, dice.pick(BRIGHT), 0.25))
    for _ in range(dice.count(22, 36)):
        place = pen.at(*dice.spot(pen.tall), dice.between(0.03, 0.14), dice.between(0, 6))
        colour = dice.pick([ink, WHITE, dice.pick(BRIGHT), dice.pick(BRIGHT)])
        if dice.chance(0.35):
            place.stroke("-1,-.35 -.5,.35 0,-.35 .5,.35 1,-.35", 0.16, colour)
        else:
            dice.pick(MOTIFS)(place, colour)


def bricks(pen: Pen, dice: Dice) -> None:
    brick = dice.pick(palette("b5533c a8694a 8a8f98 d8cfc0 5f7482 c9956b"))
    pen.wash(lighter(brick, 0.45), darker(brick, 0.3))
    high, wide = 0.06, 0.15
    for row in range(math.ceil(pen.tall / high)):
        for column in range(-1, 8):
            x = (column + row % 2 / 2) * wide
            tone = mix(brick, dice.pick((WHITE, INK)), dice.between(0, 0.28))
            pen.box(x + 0.004, row * high + 0.004, x + wide - 0.004, (row + 1) * high - 0.004, tone)
    _shade(pen, dice)
    dice.pick((_bulbs, _greenery, _greenery))(pen, dice)


def _bulbs(pen: Pen, dice: Dice) -> None:
    """Strings of coloured lights."""
    for _ in range(dice.count(1, 2)):
        start, end = ((x, pen.tall * dice.between(0.02, 0.3)) for x in (-0.05, 1.05))
        cord = bow(start, (dice.between(0.3, 0.7), pen.tall * dice.between(0.3, 0.5)), end)
        pen.stroke(cord, 0.006, INK)
        for place in cord:
            pen.disc(place.real, place.imag + 0.03, 0.05, (255, 240, 190, 60))
            pen.oval(place.real, place.imag + 0.025, 0.017, 0.024, dice.pick((*BRIGHT, rgb("fff3c4"))))


def _greenery(pen: Pen, dice: Dice) -> None:
    """Leaves that hang into the picture from its corners."""
    green = dice.pick(GREENS)
    for _ in range(dice.count(1, 2)):
        corner = pen.at(dice.count(0, 1), pen.tall * dice.pick((0, 0, 1)))
        for _ in range(dice.count(14, 26)):
            angle, far = dice.between(0, math.tau), dice.between(0, 0.34)
            x, y = far * math.cos(angle), far * math.sin(angle)
            place = corner.at(x, y, dice.between(0.04, 0.075), dice.between(0, 6))
            leaf(place, mix(green, dice.pick((WHITE, INK)), dice.between(0, 0.35)))
