"""Verification: the same picture agrees with itself, moved a little, and with nothing else."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from moderation.drawing import draw
from moderation.luminance import SIDE, Levels, coarse, luminance
from moderation.verify import ENOUGH, agreement

COUNT = 10


def picture(seed: int) -> Image.Image:
    return draw(seed, 256).resize((256, 256))


def levels(image: Image.Image) -> Levels:
    return coarse(luminance(np.asarray(image.convert("L"))))


def moved(image: Image.Image, degrees: float, shift: float, scale: float) -> Image.Image:
    turned = image.rotate(degrees, Image.Resampling.BICUBIC, translate=(round(256 * shift), 0))
    edge = round(128 * (1 - 1 / scale))
    return turned.crop((edge, edge, 256 - edge, 256 - edge)).resize((256, 256)) if edge else turned


def covered(image: Image.Image) -> Image.Image:
    image = image.copy()
    ImageDraw.Draw(image).ellipse((80, 80, 160, 160), (250, 220, 60))
    return image


@pytest.mark.parametrize(
    ("change", "share", "correlation"),
    [
        pytest.param(lambda image: image, 1, 0.999, id="nothing"),
        pytest.param(lambda image: ImageEnhance.Brightness(image).enhance(0.6), 1, 0.99, id="darker"),
        pytest.param(lambda image: ImageEnhance.Contrast(image).enhance(0.6), 1, 0.99, id="flatter"),
        pytest.param(lambda image: image.filter(ImageFilter.GaussianBlur(2)), 0.9, 0.9, id="blurred"),
        pytest.param(lambda image: moved(image, 0, 0.04, 1), 0.9, 0.9, id="shifted"),
        pytest.param(lambda image: moved(image, 4, 0, 1), 0.8, 0.8, id="turned"),
        pytest.param(lambda image: moved(image, 0, 0, 1.12), 0.9, 0.85, id="larger"),
        pytest.param(lambda image: moved(image, 2, 0.03, 1.06), 0.8, 0.8, id="shifted, turned and larger"),
        pytest.param(covered, 0.7, 0.6, id="partly covered"),
    ],
)
def test_a_copy_agrees_although_it_was_changed(change, share, correlation):
    found = [agreement(levels(picture(seed)), levels(change(picture(seed)))) for seed in range(COUNT)]
    assert all(one.telling for one in found)
    assert sum(one.share >= share and one.correlation >= correlation for one in found) >= COUNT - 1, found


def test_two_pictures_do_not_agree():
    found = [agreement(levels(picture(seed)), levels(picture(seed + 1))) for seed in range(40)]
    assert max(one.share for one in found) < 0.5
    assert max(one.correlation for one in found) < 0.5


def test_where_there_is_nothing_to_see_nothing_is_said():
    flat = np.full((SIDE, SIDE), 128, np.uint8)
    gradient = np.tile(np.arange(SIDE, dtype=np.uint8), (SIDE, 1))
    for one, other in ((flat, flat), (flat, levels(picture(1))), (gradient, flat)):
        assert agreement(one, other).blocks < ENOUGH
        assert not agreement(one, other).telling


def test_an_agreement_is_the_same_every_time():
    one, other = levels(picture(1)), levels(moved(picture(1), 3, 0.02, 1))
    assert agreement(one, other) == agreement(one, other)
