"""Near copies have near fingerprints, other pictures have not, and what has nothing to hash is known as such."""

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from moderation.canonical import canonical, canonical_pixels
from moderation.drawing import draw as draw_picture
from moderation.drawing import draw_indecent
from moderation.errors import Refusal
from moderation.fingerprint import (
    RECIPE,
    Fingerprint,
    blocked_views,
    distance,
    fingerprint,
    fingerprint_bytes,
    pixels_hash,
)
from moderation.luminance import SIDE
from moderation.matching import Policy, Verdict, compare
from moderation.views import VIEW, Cut, number

from .conftest import near_copy, save

POLICY = Policy()

FLAT = {
    "white": Image.new("RGB", (300, 300), "white"),
    "black": Image.new("RGB", (300, 300), "black"),
    "gradient": Image.linear_gradient("L").convert("RGB").resize((300, 300)),
    "diagonal gradient": Image.radial_gradient("L").convert("RGB").crop((0, 0, 120, 120)),
    "one dot": ImageOps.expand(Image.new("RGB", (20, 20), "red"), 140, "white"),
}


def test_the_first_view_is_the_whole_picture_with_the_hashes_of_its_luminance():
    print_ = fingerprint(draw_picture(1, 240))
    assert print_.views.dtype == VIEW
    assert print_.views["view"][0] == number(Cut.WHOLE)
    assert print_.luminance.shape == (SIDE, SIDE)
    assert print_.aspect == 240 / draw_picture(1, 240).height
    luminance = Image.fromarray(print_.luminance)
    assert int(print_.views["dhash"][0]) == int(str(imagehash.dhash(luminance)), 16)
    phash = np.packbits(imagehash.phash(luminance, hash_size=16).hash).view(">u8").astype(np.uint64)
    assert distance(print_.views["phash"][0], phash) <= 4
    assert print_.recipe == RECIPE


def test_one_picture_has_one_fingerprint():
    one, other = fingerprint(draw_picture(1, 240)), fingerprint(draw_picture(1, 240))
    assert one.views.tobytes() == other.views.tobytes()
    assert (one.detail, one.pixels) == (other.detail, other.pixels)
    assert (one.luminance == other.luminance).all()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda image: image.resize((90, round(90 * image.height / image.width))), id="smaller"),
        pytest.param(lambda image: image.resize((500, round(500 * image.height / image.width))), id="larger"),
        pytest.param(lambda image: image.resize((image.width, image.height * 4 // 5)), id="squeezed"),
        pytest.param(lambda image: ImageEnhance.Brightness(image).enhance(0.8), id="darker"),
        pytest.param(lambda image: ImageEnhance.Contrast(image).enhance(0.8), id="flatter"),
        pytest.param(lambda image: image.convert("L").convert("RGB"), id="grey"),
        pytest.param(lambda image: canonical(save(image, "JPEG", quality=30)), id="JPEG of low quality"),
        pytest.param(lambda image: canonical(save(image, "WEBP", quality=30)), id="WebP of low quality"),
        pytest.param(lambda image: canonical(save(image, "GIF")), id="256 colours"),
        pytest.param(lambda image: canonical(near_copy(save(image))), id="resized and saved again"),
    ],
)
def test_near_copies_of_drawn_pictures_lead_to_a_refusal(change):
    for seed in range(8):
        image = (draw_picture, draw_indecent)[seed % 2](seed, 240)
        hit = compare(fingerprint(image), fingerprint(change(image)))
        assert POLICY.verdict(hit) is Verdict.REFUSE, (seed, hit)


def test_drawn_pictures_do_not_come_near_each_other():
    prints = [fingerprint(draw_picture(seed, 120)) for seed in range(40)]
    prints += [fingerprint(draw_indecent(seed, 120)) for seed in range(40)]
    near = [
        (i, j)
        for i, one in enumerate(prints)
        for j, other in enumerate(prints[:i])
        if POLICY.verdict(compare(one, other)) is not Verdict.PUBLISH
    ]
    # A few of thousands of pairs may; a hash that sees nothing would bring hundreds.
    assert len(near) <= 3


def test_photographs_do_not_come_near_each_other_and_their_copies_do(photographs):
    if not photographs:
        pytest.skip("no photographs here")
    files = [path.read_bytes() for path in photographs[:: max(1, len(photographs) // 60)][:60]]
    prints = [fingerprint(canonical(data)) for data in files]
    copies = [fingerprint(canonical(near_copy(data))) for data in files]
    verdicts = np.array([[POLICY.verdict(compare(one, copy)) for copy in copies] for one in prints])
    assert (verdicts.diagonal() == Verdict.REFUSE).all()
    assert (verdicts != Verdict.PUBLISH).sum() == len(files)


# --- detail ------------------------------------------------------------------


@pytest.mark.parametrize("name", FLAT)
def test_a_picture_with_nothing_in_it_is_weak(name):
    assert fingerprint(FLAT[name]).weak


def test_drawn_pictures_are_not_weak():
    assert not any(fingerprint(drawn(seed, 240)).weak for seed in range(10) for drawn in (draw_picture, draw_indecent))


def test_photographs_are_not_weak(photographs):
    if not photographs:
        pytest.skip("no photographs here")
    chosen = photographs[:: max(1, len(photographs) // 60)][:60]
    assert sum(fingerprint_bytes(path.read_bytes())[0].weak for path in chosen) <= 1


def test_detail_lies_between_0_and_100():
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    assert fingerprint(FLAT["white"]).detail == 0
    assert fingerprint(Image.fromarray(noise)).detail == 100


# --- identical pixels ----------------------------------------------------------


def test_the_same_pixels_have_the_same_hash_whatever_the_file():
    image = draw_picture(2, 120)
    png, webp = save(image, "PNG"), save(image, "WEBP", lossless=True)
    assert png != webp
    assert pixels_hash(canonical_pixels(png)) == pixels_hash(canonical_pixels(webp)) == fingerprint(image).pixels


def test_one_pixel_more_or_less_is_another_picture():
    image = draw_picture(2, 120)
    other = image.copy()
    red, green, blue = other.getpixel((0, 0))
    other.putpixel((0, 0), (red ^ 1, green, blue))
    assert fingerprint(image).pixels != fingerprint(other).pixels


def test_the_same_bytes_in_another_shape_are_another_picture():
    shapes = [(8, 2), (2, 8), (1, 16), (16, 1)]
    assert len({fingerprint(Image.new("RGB", shape)).pixels for shape in shapes}) == len(shapes)


# --- fingerprints of files -----------------------------------------------------


def test_a_file_is_fingerprinted_with_its_size_as_it_is_seen():
    exif = Image.Exif()
    exif[0x0112] = 6
    print_, size = fingerprint_bytes(save(Image.new("RGB", (1600, 900)), "JPEG", exif=exif))
    assert size == (900, 1600)
    assert print_.weak


def test_only_a_weak_file_is_worth_the_hash_of_its_pixels():
    assert fingerprint_bytes(save(draw_picture(3, 240), "PNG"))[0].pixels is None
    data = save(FLAT["gradient"], "PNG")
    assert fingerprint_bytes(data)[0].pixels == fingerprint(canonical(data)).pixels


def test_what_is_no_picture_has_no_fingerprint():
    for data in (b"", b"no picture", save(draw_picture(3, 120), "PNG")[:500]):
        with pytest.raises(Refusal):
            fingerprint_bytes(data)


# --- in the database -----------------------------------------------------------


def test_a_fingerprint_comes_back_from_its_columns_as_it_was():
    print_ = fingerprint(draw_picture(4, 120))
    views = print_.views.tobytes()
    assert len(views) == 45 * len(print_.views)
    rest = (print_.detail, print_.pixels, print_.recipe, print_.aspect)
    back = Fingerprint.unpack(views, *rest, print_.luminance.tobytes())
    assert (back.views == print_.views).all()
    assert (back.luminance == print_.luminance).all()
    assert back.aspect == print_.aspect
    assert Fingerprint.unpack(views, *rest).luminance is None
    assert (back.detail, back.pixels, back.recipe, back.weak) == (print_.detail, print_.pixels, print_.recipe, False)


def test_distances_count_the_bits_of_all_four_words():
    zero, all_ = np.zeros(4, np.uint64), np.full(4, 2**64 - 1, np.uint64)
    one = np.array([0, 0, 1 << 63, 0], np.uint64)
    assert distance(zero, all_) == 256
    assert distance(np.stack([zero, one, all_]), one).tolist() == [1, 0, 255]
    assert distance(np.empty((0, 4), np.uint64), one).shape == (0,)


def test_a_fingerprint_of_the_first_recipe_is_read_as_it_was_written():
    first = np.zeros(1, np.dtype([("view", "u1"), ("dhash", "<u8"), ("phash", "<u8", 4)]))
    first["dhash"], first["phash"] = 2**64 - 2, (1, 2, 3, 2**63)
    back = Fingerprint.unpack(first.tobytes(), 80, None, recipe=1)
    (view,) = back.views
    assert (view["view"], view["box"].tolist()) == (number(Cut.WHOLE), [0, 0, 255, 255])
    assert (int(view["dhash"]), view["phash"].tolist()) == (2**64 - 2, [1, 2, 3, 2**63])


# --- views ---------------------------------------------------------------------


def test_a_file_has_the_whole_view_alone_unless_every_view_is_asked_for():
    data = save(draw_picture(3, 240), "PNG")
    (whole,) = fingerprint_bytes(data)[0].views
    every = fingerprint_bytes(data, every_view=True)[0].views
    assert whole["view"] == every["view"][0] == number(Cut.WHOLE)
    assert np.bitwise_count(whole["dhash"] ^ every["dhash"][0]) <= 1
    assert len(every) >= 8


def test_a_weak_fingerprint_blocks_in_no_view():
    assert len(blocked_views(fingerprint(FLAT["gradient"]))) == 0
    assert len(blocked_views(fingerprint(draw_picture(3, 240)))) > 30
