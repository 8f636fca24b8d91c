"""The pen that draws: in units, and in frames that lie turned, scaled or flipped on the picture."""

import cmath
import math
from copy import copy

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .colours import Colour
from .outlines import Outline, Point, band, bow, ellipse, path, spline

SMOOTH = 2
"""Pictures are drawn so many times as large and then reduced: their edges come out soft."""


class Pen:
    """Draws from (0, 0) to (1, `tall`) for the whole picture, and in a frame of its own after `at`.

    Every picture begins with a wash.
    """

    _image: Image.Image
    _solid: ImageDraw.ImageDraw
    _glaze: ImageDraw.ImageDraw

    def __init__(self, size: int, tall: float) -> None:
        self.tall = tall
        self._size = size * SMOOTH, round(size * tall) * SMOOTH
        self._origin, self._unit, self._flip = 0j, complex(size * SMOOTH), False

    def at(self, x: float, y: float, scale: float = 1, turn: float = 0, flip: bool = False) -> "Pen":
        """A pen on the same picture whose origin is there. `turn` is in radians, clockwise; `flip` swaps the sides."""
        pen = copy(self)
        pen._origin = self._pixel(x, y)
        pen._unit = self._unit * scale * cmath.rect(1, -turn if self._flip else turn)
        pen._flip = flip != self._flip
        return pen

    def sides(self) -> tuple["Pen", "Pen"]:
        """A pen for each half of what is symmetrical: this one, and its mirror image."""
        return self, self.at(0, 0, flip=True)

    def picture(self) -> Image.Image:
        return self._image.reduce(SMOOTH)

    def wash(self, *colours: Colour) -> None:
        """Begin the picture: from top to bottom colours that run into each other."""
        rows = np.linspace(0, len(colours) - 1, self._size[1])
        levels = [np.interp(rows, range(len(colours)), channel) for channel in zip(*colours, strict=True)]
        column = Image.fromarray(np.stack(levels, axis=-1).round().astype(np.uint8)[:, None])
        self._image = column.resize(self._size, Image.Resampling.NEAREST)
        self._solid, self._glaze = ImageDraw.Draw(self._image), ImageDraw.Draw(self._image, "RGBA")

    def fill(self, outline: Outline, colour: Colour) -> None:
        points = path(outline)
        pixels = self._origin + self._unit * (-points.conj() if self._flip else points)
        self._brush(colour).polygon(pixels.view(np.float64).tolist(), colour)

    def smooth(self, outline: Outline, colour: Colour) -> None:
        """A closed shape that runs softly through the points."""
        self.fill(spline(path(outline)), colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, turn: float = 0) -> None:
        coarse = (rx + ry) * abs(self._unit) <= 50
        self.fill(ellipse(x, y, rx, ry, turn, coarse), colour)

    def disc(self, x: float, y: float, r: float, colour: Colour) -> None:
        self.oval(x, y, r, r, colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        if self._unit.imag:
            self.fill([(left, top), (right, top), (right, bottom), (left, bottom)], colour)
        else:  # Upright, which is quicker.
            a, b = self._pixel(left, top), self._pixel(right, bottom)
            corners = (min(a.real, b.real), a.imag, max(a.real, b.real), b.imag)
            self._brush(colour).rectangle(corners, colour)

    def stroke(self, outline: Outline, width: float, colour: Colour) -> None:
        """A line with round ends, `width` thick."""
        self.fill(band(path(outline), width), colour)

    def curve(self, start: Point, bend: Point, end: Point, width: float, colour: Colour) -> None:
        """A line from start to end that is drawn towards `bend`."""
        self.stroke(bow(start, bend, end), width, colour)

    def letter(self, picture: Image.Image, words: str, colour: Colour, shadow: Colour) -> None:
        """Words at the origin of this frame, on the finished picture: letters are smooth as they are."""
        size = abs(self._unit) / SMOOTH
        font = ImageFont.load_default(size)
        left, top, right, bottom = font.getbbox(words, stroke_width=size / 24)
        mask = Image.new("L", (math.ceil(right - left), math.ceil(bottom - top)))
        ImageDraw.Draw(mask).text((-left, -top), words, 255, font, stroke_width=size / 24)
        mask = mask.rotate(-math.degrees(cmath.phase(self._unit)), Image.Resampling.BILINEAR, expand=True)
        for down, ink in ((0.035, shadow), (0, colour)):
            centre = self._pixel(down, down) / SMOOTH
            picture.paste(ink, (round(centre.real - mask.width / 2), round(centre.imag - mask.height / 2)), mask)

    def _brush(self, colour: Colour) -> ImageDraw.ImageDraw:
        return self._solid if len(colour) == 3 else self._glaze

    def _pixel(self, x: float, y: float) -> complex:
        return self._origin + self._unit * complex(-x if self._flip else x, y)
