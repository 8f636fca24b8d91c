"""Colours: how they mix, and the palettes."""

from functools import cache
from typing import NamedTuple

Colour = tuple[int, ...]


def rgb(text: str) -> Colour:
    return tuple(bytes.fromhex(text))


@cache
def palette(text: str) -> list[Colour]:
    return [rgb(word) for word in text.split()]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))


def lighter(colour: Colour, share: float) -> Colour:
    return mix(colour, WHITE, share)


def darker(colour: Colour, share: float) -> Colour:
    return mix(colour, INK, share)


def glaze(colour: Colour, alpha: int) -> Colour:
    """The colour as a glaze: 0 is invisible, 255 covers."""
    return (*colour, alpha)


class Looks(NamedTuple):
    """The colours of a person."""

    skin: Colour
    hair: Colour
    cloth: Colour
    veil: Colour


WHITE, BLACK, INK, IVORY, GOLD, SHADOW = palette("ffffff 000000 2b2430 fbf7ef ecc652 7a3326")
SKIN = palette("fbdcc6 f6cba9 eab68d d99b6c bd7a4c 99603c 774628 5a3522")
DARK_HAIR = palette("1d1a1f 2e2220 4b2f22 3a2420 6f4327")
HAIR = [*DARK_HAIR, *palette("935a2c b9803f dcb064 ecd28c b5482a 8d8b90 cfced2 7c2d3f")]
CLOTHES = palette("e4572e f2a541 f4d35e 76b041 2a9d8f 3d7ea6 274c77 5e4ba0 b5446e d77a9b f1efe7 3a3a44 8c5e3c c9d6df")
BRIGHT = palette("ff6b6b ffa94d ffd43b 69db7c 38d9a9 4dabf7 748ffc da77f2 f783ac 22b8cf")
WOOD = palette("9c6b46 7a5236 b98b5f 5d4a44 a87b52")
GREENS = palette("3f7d4e 5f9a4a 2c6d60 8a9f4a 4f9a5a")
SKIES = [
    palette("4da6e8 9fd3f2 e4f3f7"),
    palette("2d6fb8 7fb6e0 f6e7c8"),
    palette("35386b a65f86 ffb27a"),
    palette("5b3f8c e0708a ffd59a"),
    palette("123a5a 3f8a9b e9d8a6"),
    palette("f4a7b9 fbd0bd fff0d6"),
    palette("16213e 33427a 7a6aa8"),
    palette("6fb7b7 b9dcc4 f3efd2"),
    palette("e07a4f f6b26b fbe6b0"),
]
"""Each from the zenith to the horizon."""

PAPERS = [
    palette("f3e6d0 c8553d"),
    palette("d9ead3 3f7d4e"),
    palette("cfe3ee 2a5d9c"),
    palette("f7d6d0 8e3b5a"),
    palette("27445c f0c987"),
    palette("4b2e4f e8a0bf"),
    palette("2f5d50 d9c48f"),
    palette("fbe9a7 d17a22"),
]
"""Each a ground, and a colour that goes well on it."""

LURID = [
    palette("5a0014 ff1f5a"),
    palette("4a0034 ff2fb0"),
    palette("3a0046 e03cff"),
    palette("640000 ff4a2e"),
    palette("2a0030 ff3d81"),
]
