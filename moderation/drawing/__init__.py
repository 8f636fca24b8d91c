"""Pictures drawn from a number, for the demo and the tests."""

from PIL import Image

from .colours import BLACK, LURID, WHITE, glaze, mix, palette
from .dice import Dice
from .others import OTHERS
from .outlines import path, without
from .patterns import rays
from .pen import Pen
from .people import person
from .scenes import SCENES


def draw(seed: int, size: int = 480) -> Image.Image:
    """A profile picture, `size` pixels wide: mostly a portrait. A seed shows the same at every size."""
    dice = Dice(seed, 0)
    pen = Pen(size, dice.pick((1, 4 / 3, 5 / 4, 3 / 4, 1)))
    if dice.chance(0.8):
        dice.pick(SCENES)(pen, dice)
        person(pen, dice)
    else:
        dice.pick(OTHERS)(pen, dice)
    return pen.picture()


def draw_indecent(seed: int, size: int = 480) -> Image.Image:
    """A stand-in for an indecent picture: a lurid poster that shows nothing, but says what it stands for."""
    dice = Dice(seed, 18)
    pen = Pen(size, dice.pick((1, 4 / 3, 5 / 4, 3 / 4)))
    dark, bright = dice.pick(LURID)
    pen.wash(mix(dark, BLACK, 0.4), dark, mix(dark, bright, 0.3))
    rays(pen, dice, [glaze(bright, 90), glaze(mix(bright, BLACK, 0.6), 130)])
    for _ in range(dice.count(14, 26)):
        (x, y), r = dice.spot(pen.tall), dice.between(0.02, 0.13)
        pen.disc(x, y, r, glaze(mix(bright, WHITE, dice.between(0, 0.6)), dice.count(30, 110)))
    high = dice.between(0.34, 0.46) * min(1.0, pen.tall)
    sign = pen.at(dice.between(0.42, 0.58), pen.tall * dice.between(0.4, 0.6), high, dice.between(-0.45, 0.45))
    if dice.chance(0.5):
        board = path("-1.05,-.56 1.05,-.56 1.05,.56 -1.05,.56")
        sign.fill(board, glaze(BLACK, 150))
        sign.fill(without(board, board * 0.94), bright)
    else:
        sign.disc(0, 0, 1.05, glaze(BLACK, 130))
    poster, words = pen.picture(), dice.pick(("XXX", "18+", "XXX", "18+", "21+"))
    sign.letter(poster, words, dice.pick(palette("ffffff ffe14d ffd9ec")), mix(dark, BLACK, 0.7))
    return poster
