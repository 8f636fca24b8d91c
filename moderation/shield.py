"""The shield: what a moderator sees of a picture before pressing on it, grey and blurred."""

from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFilter

from .canonical import encode

SIDES = (0, 64, 44, 30, 20, 13, 8)
"""By level, the pixels that are left of the longest side; level 0 is no shield."""

LEVELS = range(len(SIDES))

USUAL = 3
"""The level of who has not chosen one."""

SENT = 96
"""The longest side, in pixels, of the file that is sent: smooth where a browser enlarges it, and about 1 kB."""


def blank() -> bytes:
    """A JPEG that shows nothing, in the place of what is kept apart."""
    return encode(Image.new("L", (SENT, SENT), 128))


@cache
def instead(sentence: str) -> bytes:
    """A JPEG with a sentence on it, in the place of a picture whose file is not there."""
    image = Image.new("L", (2 * SENT, 2 * SENT), 96)
    ImageDraw.Draw(image).multiline_text((SENT, SENT), sentence, 255, anchor="mm", align="center", font_size=20)
    return encode(image)


def shrouded(file: bytes, level: int) -> bytes:
    """A JPEG that shows of a picture's file what `level` leaves, 1 to 6; the sharp one cannot be had from it."""
    with Image.open(BytesIO(file)) as image:
        image.draft("L", (SENT, SENT))
        grey = image.convert("L")
    small = _within(grey, SIDES[level], Image.Resampling.BOX)
    smooth = ImageFilter.GaussianBlur(SENT / SIDES[level] / 2)
    return encode(_within(small, SENT, Image.Resampling.BICUBIC).filter(smooth))


def _within(image: Image.Image, side: int, how: Image.Resampling) -> Image.Image:
    scale = side / max(image.size)
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), how)
