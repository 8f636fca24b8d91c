"""Drawn pictures stand in for photographs: each is itself at any size, and none is near another."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from moderation.canonical import canonical
from moderation.drawing import draw, draw_indecent
from moderation.fingerprint import Fingerprint, fingerprint
from moderation.index import ScanEngine
from moderation.matcher import Matcher
from moderation.matching import Policy, Verdict, compare

POLICY = Policy()


def uploaded(image: Image.Image, quality: int = 85) -> Fingerprint:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return fingerprint(canonical(file.getvalue()))


@pytest.fixture(scope="module")
def drawn() -> list[Fingerprint]:
    pictures = [draw(seed, 240) for seed in range(300)] + [draw_indecent(seed, 240) for seed in range(40)]
    return [uploaded(picture) for picture in pictures]


def test_no_two_drawn_pictures_come_near_each_other(drawn):
    matcher = Matcher(ScanEngine)
    matcher.put(enumerate(drawn), weak_by_hash=True)
    near = [
        (number, hit)
        for number, print_ in enumerate(drawn)
        for hit in matcher.near(print_, POLICY)
        if hit.id != number and POLICY.verdict(hit) is not Verdict.PUBLISH
    ]
    assert near == []


def test_drawn_pictures_have_detail(drawn):
    assert [number for number, print_ in enumerate(drawn) if print_.weak] == []


@pytest.mark.parametrize("drawing", [draw, draw_indecent])
def test_a_seed_shows_the_same_at_every_size(drawing):
    for seed in range(12):
        hit = compare(uploaded(drawing(seed, 480)), uploaded(drawing(seed, 240), quality=60))
        assert POLICY.verdict(hit) is Verdict.REFUSE, (seed, hit)


@pytest.mark.parametrize("drawing", [draw, draw_indecent])
def test_a_seed_is_a_picture(drawing):
    again = np.asarray(drawing(7))
    assert np.array_equal(np.asarray(drawing(7)), again)
    assert not np.array_equal(
        np.asarray(drawing(8, 120).resize((64, 64))), np.asarray(drawing(7, 120).resize((64, 64)))
    )


def test_a_drawn_picture_has_the_width_asked_for():
    sizes = {draw(seed, 96).size for seed in range(20)}
    assert {width for width, _ in sizes} == {96}
    assert {height for _, height in sizes} == {72, 96, 120, 128}
