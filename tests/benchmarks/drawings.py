"""Pictures with little in them: blank walls, gradients, two tones, words, logos, silhouettes."""

import random
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .attacks import font

WORDS = ("hello", "new", "member", "photo", "soon", "no picture", "ask me", "away", "back in june", "music", "travel")

Drawing = Callable[[random.Random, tuple[int, int]], Image.Image]


def low_detail(count: int, seed: int = 1) -> Iterator[tuple[str, Image.Image]]:
    """So many of them, no two alike, each with its kind."""
    dice = random.Random(seed)
    kinds = list(KINDS.items())
    for number in range(count):
        kind, drawing = kinds[number % len(kinds)]
        size = dice.choice(((400, 400), (480, 360), (360, 480), (600, 400)))
        yield kind, drawing(dice, size)


def _colour(dice: random.Random, low: int = 0, high: int = 255) -> tuple[int, int, int]:
    return dice.randint(low, high), dice.randint(low, high), dice.randint(low, high)


def _ink(dice: random.Random) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """A light colour and a dark one, in either order: paper and ink."""
    pair = [_colour(dice, 190, 255), _colour(dice, 0, 90)]
    dice.shuffle(pair)
    return pair[0], pair[1]


def _blank(dice: random.Random, size: tuple[int, int]) -> Image.Image:
    return Image.new("RGB", size, _colour(dice))


def _wall(dice: random.Random, size: tuple[int, int]) -> Image.Image:
    """Blank, but photographed: light falls off to one side, and there is noise."""
    noise = np.random.default_rng(dice.randrange(1 << 30)).normal(0, dice.uniform(1, 4), (size[1], size[0], 3))
    slope = np.linspace(0, dice.uniform(-60, 60), size[0])[None, :, None]
    levels = np.array(_colour(dice, 90, 200)) + slope + noise
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def _gradient(dice: random.Random, size: tuple[int, int]) -> Image.Image:
    across = np.linspace(-1, 1, size[0])[None, :]
    down = np.linspace(-1, 1, size[1])[:, None]
    angle = dice.uniform(0, 2 * np.pi)
    round_ = dice.random() < 0.3
    middle = dice.uniform(-1, 1), dice.uniform(-1, 1)
    way = np.hypot(across - middle[0], down - middle[1]) if round_ else across * np.cos(angle) + down * np.sin(angle)
    way = (way - way.min()) / (way.max() - way.min())
    first, second = np.array(_colour(dice)), np.array(_colour(dice))
    return Image.fromarray((first + (second - first) * way[..., None]).astype(np.uint8))


def _two_tone(dice: random.Random, size: tuple[int, int]) -> Image.Image:
    paper, ink = _ink(dice)
    made = Image.new("RGB", size, paper)
    width, height = size
    cut = dice.uniform(0.2, 0.8)
    tilt = dice.uniform(-0.3, 0.3)
    if dice.random() < 0.5:
        edge = [(0, 0), (width * (cut + tilt), 0), (width * (cut - tilt), height), (0, height)]
    else:
        edge = [(0, 0), (width, 0), (width, height * (cut + tilt)), (0, height * (cut - tilt))]
    ImageDraw.Draw(made).polygon(edge, ink)
    return made


def _text(dice: random.Random, size: tuple[int, int]) -> Image.Image:
    paper, ink = _ink(dice)
    made = Image.new("RGB", size, paper)
    pen = ImageDraw.Draw(made)
    lines = dice.randint(1, 4)
    height = dice.randint(24, 60)
    top = dice.uniform(0.1, 0.9) * (size[1] - lines * height * 1.4)
    for line in range(lines):
        words = " ".join(dice.sample(WORDS, dice.randint(1, 3)))
        pen.text((size[0] / 2, top + line * height * 1.4), words, ink, font(height), anchor="ma")
    return made


def _logo(dice: random.Random, size: tuple[int, int]) -> Image.Image:
    paper, ink = _ink(dice)
    made = Image.new("RGB", size, paper)
    pen = ImageDraw.Draw(made)
    x, y, reach = (
        size[0] * dice.uniform(0.3, 0.7),
        size[1] * dice.uniform(0.3, 0.7),
        min(size) * dice.uniform(0.15, 0.3),
    )
    for _ in range(dice.randint(1, 3)):
        match dice.randrange(4):
            case 0:
                pen.ellipse((x - reach, y - reach, x + reach, y + reach), ink)
            case 1:
                pen.rectangle((x - reach, y - reach / 2, x + reach, y + reach / 2), ink)
            case 2:
                pen.regular_polygon((x, y, reach), dice.randint(3, 8), dice.randrange(360), ink)
            case _:
                pen.ellipse((x - reach, y - reach, x + reach, y + reach), None, ink, int(reach / 4))
        x, y, reach = x + dice.uniform(-1, 1) * reach, y + dice.uniform(-1, 1) * reach, reach * dice.uniform(0.4, 0.8)
        ink = paper if dice.random() < 0.4 else ink
    return made


def _silhouette(dice: random.Random, size: tuple[int, int]) -> Image.Image:
    """A head and shoulders, as a site gives to whoever has no picture, each of another build."""
    paper, ink = _ink(dice)
    made = Image.new("RGB", size, paper)
    pen = ImageDraw.Draw(made)
    x = size[0] * dice.uniform(0.35, 0.65)
    head, neck, shoulders = (size[1] * dice.uniform(*span) for span in ((0.1, 0.2), (0.4, 0.6), (0.15, 0.4)))
    pen.ellipse((x - head, neck - 2 * head, x + head, neck), ink)
    pen.ellipse((x - shoulders, neck + head * 0.2, x + shoulders, neck + size[1]), ink)
    if dice.random() < 0.5:
        pen.ellipse((x - head * 1.3, neck - 2.3 * head, x + head * 1.3, neck - head), ink)
    return made.filter(ImageFilter.GaussianBlur(dice.choice((0, 0, 2))))


KINDS: dict[str, Drawing] = {
    "blank": _blank,
    "wall": _wall,
    "gradient": _gradient,
    "two tones": _two_tone,
    "text": _text,
    "logo": _logo,
    "silhouette": _silhouette,
}
