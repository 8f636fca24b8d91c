"""What the shield leaves of a picture."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from moderation.canonical import thumbnail
from moderation.drawing import draw
from moderation.shield import LEVELS, SENT, SIDES, shrouded

from .conftest import save


def detail(file: bytes) -> float:
    """How much neighbouring pixels differ, in levels."""
    levels = np.asarray(Image.open(BytesIO(file)).convert("L").resize((320, 320)), float)
    return float(np.abs(np.diff(levels, axis=1)).mean())


def test_each_level_leaves_less_and_none_leaves_colour() -> None:
    small = thumbnail(draw(3, 640))
    left = [detail(small), *(detail(shrouded(small, level)) for level in LEVELS[1:])]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] / 3
    image = Image.open(BytesIO(shrouded(small, 1)))
    red, _, blue = image.convert("RGB").split()
    assert np.abs(np.asarray(red, int) - np.asarray(blue, int)).max() <= 2


@pytest.mark.parametrize("size", [(640, 40), (40, 640), (1, 300), (5, 5)])
def test_any_shape_is_kept_and_the_file_is_small(size: tuple[int, int]) -> None:
    file = shrouded(save(draw(3, 640).resize(size)), 6)
    image = Image.open(BytesIO(file))
    assert max(image.size) == SENT
    assert min(image.size) == max(1, round(SENT * min(round(SIDES[6] * min(size) / max(size)) or 1, 8) / SIDES[6]))
    assert len(file) < 2000
