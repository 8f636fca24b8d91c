"""Scenes: what stands behind whoever or whatever a picture shows."""

from collections.abc import Callable

from .dice import Dice
from .landscapes import forest, mountains, park, sea, skyline
from .patterns import bokeh, bricks, shapes, stripes, sunburst, wallpaper
from .pen import Pen
from .rooms import room

Drawing = Callable[[Pen, Dice], None]
SCENES: list[Drawing] = [
    *(mountains, skyline, sea, sea, forest, park, park, bokeh),
    *(room, room, room, bricks, wallpaper, stripes, sunburst, shapes),
]
