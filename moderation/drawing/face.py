"""Faces, with a beard or glasses for some."""

from .colours import BLACK, GOLD, INK, IVORY, SHADOW, WHITE, Colour, Looks, darker, glaze, mix, palette, rgb
from .dice import Dice
from .outlines import blade, bow, ellipse, mirrored, without
from .pen import Pen


def face(pen: Pen, dice: Dice, looks: Looks, bearded: bool) -> None:
    jaw = dice.between(0.46, 0.62)
    shadow = mix(looks.skin, SHADOW, 0.22)
    pen.oval(0, 0.95, 0.4, 0.24, mix(looks.skin, SHADOW, 0.36))
    earring = not bearded and dice.chance(0.3)
    for side in pen.sides():
        side.oval(0.79, 0.1, 0.14, 0.2, shadow)
        if earring:
            side.disc(0.83, 0.36, 0.06, GOLD)
    pen.smooth(mirrored([(0, -1.02), (0.5, -0.88), (0.77, -0.35), (0.77, 0.2), (jaw, 0.76), (0.2, 1.0)]), looks.skin)
    pen.fill(blade((0.77, -0.4), (0.9, 0.3), (jaw, 0.76), (0.62, 0.2)), shadow)
    if bearded:
        _beard(pen, dice, darker(looks.hair, 0.2), jaw)
    features = pen.at(dice.between(-0.09, 0.09), dice.between(-0.04, 0.06))
    arch, thick = dice.between(-0.42, -0.3), dice.between(0.045, 0.09)
    for side in features.sides():
        side.oval(0.45, 0.36, 0.17, 0.12, glaze(rgb("e0504a"), 48))
        side.curve((0.14, -0.24), (0.32, arch), (0.52, -0.2), thick, darker(looks.hair, 0.45))
    if dice.chance(0.14):
        for _ in range(10):
            features.disc(dice.between(-0.5, 0.5), dice.between(0.2, 0.4), 0.022, mix(looks.skin, SHADOW, 0.4))
    features.curve((0, 0.02), (dice.between(0.1, 0.2), 0.34), (-0.07, 0.33), 0.05, mix(looks.skin, SHADOW, 0.45))
    _eyes(features, dice)
    _mouth(features, dice, mix(looks.skin, rgb("b0203c"), 0.6))


def _eyes(pen: Pen, dice: Dice) -> None:
    iris = dice.pick(palette("4a2f20 6b4a2a 3d6a80 4f7d5a 2b2430 5f7f9a"))
    closed = dice.pick(((False, False),) * 12 + ((True, True),) * 2 + ((True, False),))
    look = dice.between(-0.03, 0.03)
    for x, shut in zip((-0.33, 0.33), closed, strict=True):
        eye = pen.at(x, 0)
        if shut:
            eye.curve((-0.14, 0.04), (0, -0.14), (0.14, 0.04), 0.05, INK)
            continue
        eye.oval(0, 0, 0.155, 0.115, IVORY)
        eye.oval(look, 0, 0.085, 0.095, iris)
        eye.oval(look, 0, 0.045, 0.05, INK)
        eye.disc(look + 0.03, -0.035, 0.025, WHITE)
        eye.curve((-0.17, 0), (0, -0.2), (0.17, 0), 0.045, INK)


def _mouth(pen: Pen, dice: Dice, lip: Colour) -> None:
    wide = dice.between(0.2, 0.32)
    mouth = pen.at(0, 0.54)
    if dice.chance(0.45):
        mouth.curve((-wide, 0.01), (dice.between(-0.05, 0.1), 0.24), (wide, 0), 0.065, lip)
        return
    deep = dice.between(0.16, 0.3)
    mouth.fill(bow((-wide, 0), (0, 2 * deep), (wide, 0)), rgb("6b2230"))
    teeth = deep * 0.42
    mouth.fill([(-wide * 0.86, 0), (wide * 0.86, 0), (wide * 0.6, teeth), (-wide * 0.6, teeth)], WHITE)
    mouth.curve((-wide, 0), (0, 0.02), (wide, 0), 0.035, lip)


def _beard(pen: Pen, dice: Dice, colour: Colour, jaw: float) -> None:
    if dice.chance(0.25):
        pen.smooth("0,.44 .2,.43 .34,.52 0,.52 -.34,.52 -.2,.43", colour)
        return
    long = dice.between(1.06, 1.3)
    pen.smooth(mirrored([(0, 0.42), (0.3, 0.42), (0.62, 0.34), (0.78, 0.05), (jaw + 0.1, 0.72), (0.34, long)]), colour)


def glasses(pen: Pen, dice: Dice) -> None:
    frame = dice.pick(palette("2b2430 2b2430 7a3b2a b5446e 274c77 c9a14a"))
    dark = dice.chance(0.25)
    rx, ry = dice.between(0.2, 0.27), dice.between(0.17, 0.24)
    rim = ellipse(0.34, 0.01, rx, ry)
    for side in pen.sides():
        side.fill(rim, mix(frame, BLACK, 0.4) if dark else (255, 255, 255, 36))
        side.stroke([(0.24, 0.06), (0.34, -0.08)], 0.03, (255, 255, 255, 110))
        side.fill(without(rim, (rim - 0.34) * 0.8 + 0.34), frame)
        side.stroke([(0.34 + rx, -0.02), (0.78, -0.06)], 0.045, frame)
    pen.curve((rx - 0.34, 0), (0, -0.08), (0.34 - rx, 0), 0.05, frame)
