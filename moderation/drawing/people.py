"""People: in their frame the origin is the middle of the face, and the chin lies one unit below it."""

from .colours import CLOTHES, DARK_HAIR, GOLD, HAIR, IVORY, SHADOW, SKIN, Looks, darker, lighter, mix
from .dice import Dice
from .face import face, glasses
from .hair import CUTS, HATS
from .motifs import MOTIFS
from .outlines import mirrored
from .pen import Pen


def person(pen: Pen, dice: Dice) -> None:
    scale = dice.between(0.165, 0.255) * min(1.0, pen.tall * 1.08)
    place = pen.at(dice.between(0.33, 0.67), pen.tall * dice.between(0.4, 0.5), scale, 0, dice.chance(0.5))
    body = place.at(0, 0, 1, dice.between(-0.08, 0.08))
    head = place.at(dice.between(-0.08, 0.08), 0, 1, dice.between(-0.17, 0.17))
    skin = dice.pick(SKIN)
    natural = DARK_HAIR if skin in SKIN[4:] and dice.chance(0.85) else HAIR
    looks = Looks(skin, dice.pick(natural), dice.pick(CLOTHES), dice.pick(CLOTHES[4:10]))
    cut = dice.pick(CUTS)
    cut.back(head, dice, looks)
    _body(body, dice, looks)
    face(head, dice, looks, dice.chance(cut.beard))
    cut.front(head, dice, looks)
    if dice.chance(0.3):
        glasses(head, dice)
    if dice.chance(cut.hat):
        dice.pick(HATS)(head, dice.pick(CLOTHES))


def _body(pen: Pen, dice: Dice, looks: Looks) -> None:
    wide = dice.between(1.25, 1.65)
    pen.box(-0.29, 0.5, 0.29, 1.5, mix(looks.skin, SHADOW, 0.26))
    shoulders = [(0.3, 1.2), (0.62, 1.36), (wide * 0.88, 1.68), (wide, 2.3), (wide * 1.04, 4.2), (wide, 7)]
    pen.smooth(mirrored(shoulders), looks.cloth)
    crease = [(wide * 0.55, 2.7), (wide * 0.61, 2.7), (wide * 0.71, 7), (wide * 0.55, 7)]
    for side in pen.sides():
        side.fill(crease, darker(looks.cloth, 0.28))
    dice.pick((_tee, _tee, _vee, _shirt, _jacket, _rollneck, _hoodie, _striped))(pen, dice, looks, wide)


def _tee(pen: Pen, dice: Dice, looks: Looks, wide: float) -> None:
    pen.oval(0, 1.27, 0.42, 0.3, darker(looks.cloth, 0.22))
    pen.oval(0, 1.22, 0.36, 0.25, looks.skin)
    if dice.chance(0.4):
        print_ = pen.at(0, 2.4, dice.between(0.25, 0.4), dice.between(-0.3, 0.3))
        dice.pick(MOTIFS)(print_, lighter(looks.cloth, 0.65))


def _striped(pen: Pen, dice: Dice, looks: Looks, wide: float) -> None:
    other = IVORY if sum(looks.cloth) < 560 else dice.pick(CLOTHES[5:9])
    for i in range(9):
        y, half = 1.74 + i * 0.36, wide * (0.8 if i == 0 else 0.95)
        pen.curve((-half, y), (0, y + 0.18), (half, y), 0.15, other)
    _tee(pen, dice, looks, wide)


def _vee(pen: Pen, dice: Dice, looks: Looks, wide: float) -> None:
    pen.fill("-.44,1.2 .44,1.2 0,2.06", darker(looks.cloth, 0.22))
    pen.fill("-.36,1.14 .36,1.14 0,1.92", looks.skin)
    if dice.chance(0.5):
        pen.curve((-0.33, 1.2), (0, 2.0), (0.33, 1.2), 0.035, GOLD)
        pen.disc(0, 1.62, 0.06, GOLD)


def _shirt(pen: Pen, dice: Dice, looks: Looks, wide: float) -> None:
    pen.fill("-.3,1.1 .3,1.1 0,1.66", looks.skin)
    pen.box(-0.09, 1.6, 0.09, 7, lighter(looks.cloth, 0.15))
    for y in (1.9, 2.5, 3.1, 3.7):
        pen.disc(0, y, 0.045, darker(looks.cloth, 0.5))
    for side in pen.sides():
        side.fill(".28,1 .56,1.28 .34,1.72 0,1.62", lighter(looks.cloth, 0.28))


def _jacket(pen: Pen, dice: Dice, looks: Looks, wide: float) -> None:
    pen.fill("-.5,1.18 .5,1.18 .1,4.2 -.1,4.2", dice.pick((IVORY, IVORY, dice.pick(CLOTHES))))
    pen.fill("-.3,1.1 .3,1.1 0,1.7", looks.skin)
    if dice.chance(0.5):
        tie = "-.1,1.62 .1,1.62 .07,1.82 .14,3.2 0,3.5 -.14,3.2 -.07,1.82"
        pen.fill(tie, dice.pick(CLOTHES))
    for side in pen.sides():
        side.fill(".42,1.16 .78,1.75 .58,1.9 .68,2.05 .06,3.6", darker(looks.cloth, 0.25))


def _rollneck(pen: Pen, dice: Dice, looks: Looks, wide: float) -> None:
    pen.smooth(mirrored(".3,.86 .4,.95 .44,1.42 .2,1.5"), lighter(looks.cloth, 0.12))
    for i in range(-3, 4):
        pen.stroke([(i * 0.11, 0.95), (i * 0.115, 1.4)], 0.02, darker(looks.cloth, 0.25))
    for i in range(-9, 10):
        x = i * wide / 10
        pen.stroke([(x, 2.0 + abs(i) * 0.02), (x, 6)], 0.02, darker(looks.cloth, 0.18))


def _hoodie(pen: Pen, dice: Dice, looks: Looks, wide: float) -> None:
    pen.smooth(mirrored(".5,.95 .86,1.24 .6,1.62 .2,1.78"), darker(looks.cloth, 0.2))
    pen.oval(0, 1.2, 0.4, 0.3, darker(looks.cloth, 0.45))
    pen.oval(0, 1.13, 0.3, 0.24, looks.skin)
    for side in pen.sides():
        side.stroke([(0.2, 1.6), (0.24, 2.3)], 0.045, IVORY)
