"""Which pictures are read right here: only those of which the headers say that they cost little."""

import random
import zlib

import pytest
from PIL import Image

from moderation.canonical import UPLOAD_FORMATS, canonical
from moderation.errors import Refusal
from moderation.weighing import is_cheap
from tests.conftest import save
from tests.hostile.parts import (
    chunk,
    greedy_directory,
    header,
    into_jpeg,
    into_png,
    into_webp,
    many_scans,
    segment,
    srgb,
)


def test_ordinary_jpeg_png_and_webp_are_cheap_and_the_rest_is_read_apart(draw):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    for kind in UPLOAD_FORMATS:
        assert is_cheap(draw(1, kind=kind, exif=exif, icc_profile=srgb())) is (kind in ("JPEG", "PNG", "WEBP"))
    assert is_cheap(draw(1, kind="JPEG", progressive=True))
    assert is_cheap(into_png(draw(1, kind="PNG"), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta/>")))
    assert is_cheap(draw(1, kind="WEBP", lossless=True))


@pytest.mark.parametrize(
    ("mode", "size", "kind", "options", "cheap"),
    [
        ("RGB", (4000, 3000), "JPEG", {}, True),
        ("RGB", (7300, 5400), "JPEG", {}, True),
        ("RGB", (30_000, 600), "JPEG", {}, False),  # too low to be decoded at a part of its size
        ("RGB", (1600, 1200), "JPEG", {"progressive": True}, True),
        ("RGB", (4000, 3000), "JPEG", {"progressive": True}, False),
        ("RGB", (2000, 1900), "PNG", {}, True),
        ("RGB", (2100, 2000), "PNG", {}, False),
        ("RGB", (1900, 1600), "WEBP", {"method": 0}, True),
        ("RGB", (2000, 1900), "WEBP", {"method": 0}, False),
        ("RGBA", (1900, 1600), "WEBP", {"method": 0}, True),
        ("RGBA", (2000, 1900), "WEBP", {"method": 0, "lossless": True, "quality": 0}, False),
    ],
)
def test_size_decides_as_far_as_each_format_takes_memory(mode, size, kind, options, cheap):
    assert is_cheap(save(Image.new(mode, size, "grey"), kind, **options)) is cheap


def test_a_picture_behind_the_first_does_not_count(draw):
    assert is_cheap(draw(1) + draw(2, progressive=True) * 20)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda jpeg, png, webp: many_scans(1000, 1000, 100), id="a hundred scans"),
        pytest.param(lambda jpeg, png, webp: into_jpeg(jpeg, *[segment(0xFE, b"")] * 200), id="many segments"),
        pytest.param(lambda jpeg, png, webp: into_jpeg(jpeg, *[segment(0xE5, b"x" * 60_000)] * 3), id="long segments"),
        pytest.param(
            lambda jpeg, png, webp: into_jpeg(jpeg, segment(0xE1, b"Exif\0\0" + greedy_directory(900, 40_000))),
            id="greedy EXIF",
        ),
        pytest.param(
            lambda jpeg, png, webp: into_jpeg(jpeg, segment(0xE2, b"MPF\0" + greedy_directory(900, 40_000))),
            id="greedy list of pictures",
        ),
        pytest.param(
            lambda jpeg, png, webp: into_jpeg(jpeg, segment(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(9000))),
            id="long profile",
        ),
        pytest.param(lambda jpeg, png, webp: jpeg.replace(b"\xff\xc0", b"\xff\xc9", 1), id="arithmetic coding"),
        pytest.param(lambda jpeg, png, webp: jpeg[:100], id="cut in its header"),
        pytest.param(lambda jpeg, png, webp: into_png(png, *[chunk(b"teSt", b"")] * 200), id="many chunks"),
        pytest.param(lambda jpeg, png, webp: into_png(png, chunk(b"tEXt", b"a\0" + bytes(140_000))), id="long text"),
        pytest.param(lambda jpeg, png, webp: png[:-12] + chunk(b"tEXt", b"a\0" + bytes(140_000)), id="text at the end"),
        pytest.param(lambda jpeg, png, webp: into_png(png, chunk(b"zTXt", b"a\0\0x")), id="packed text"),
        pytest.param(
            lambda jpeg, png, webp: into_png(png, chunk(b"iTXt", b"a\0\1\0\0\0x")), id="packed international text"
        ),
        pytest.param(lambda jpeg, png, webp: into_png(png, chunk(b"acTL", bytes(8))), id="animated PNG"),
        pytest.param(
            lambda jpeg, png, webp: into_png(png, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(100_000)))),
            id="packed profile",
        ),
        pytest.param(
            lambda jpeg, png, webp: png[:33] + chunk(b"IDAT", b"") * 200 + png[33:], id="many chunks without pixels"
        ),
        pytest.param(lambda jpeg, png, webp: png[:8] + header(50_000, 50_000) + png[33:], id="says it is huge"),
        pytest.param(lambda jpeg, png, webp: into_webp(webp, (b"XMP ", bytes(140_000))), id="long XMP in a WebP"),
        pytest.param(lambda jpeg, png, webp: into_webp(webp, *[(b"TEST", b"")] * 100), id="many chunks in a WebP"),
        pytest.param(
            lambda jpeg, png, webp: save(
                Image.new("RGB", (9, 9)), "WEBP", save_all=True, append_images=[Image.new("RGB", (9, 9), "red")]
            ),
            id="animated WebP",
        ),
    ],
)
def test_what_its_headers_cannot_vouch_for_is_not_cheap(make, draw):
    jpeg, png = draw(1), draw(1, kind="PNG")
    webp = draw(1, kind="WEBP", icc_profile=srgb())
    assert is_cheap(jpeg)
    assert is_cheap(png)
    assert is_cheap(webp)
    assert not is_cheap(make(jpeg, png, webp))


def test_damaged_headers_are_weighed_without_an_accident(draw):
    rng = random.Random(1)
    for kind in UPLOAD_FORMATS:
        whole = draw(1, size=96, kind=kind)
        for _ in range(150):
            damaged = bytearray(whole[: rng.randrange(len(whole) + 1)])
            for _ in range(min(3, len(damaged))):
                damaged[rng.randrange(min(len(damaged), 200))] = rng.randrange(256)
            assert is_cheap(bytes(damaged)) in (True, False)


def test_what_is_no_picture_is_cheap_because_its_first_bytes_say_so():
    for data in (b"", b"hello", b"<svg/>", b"%PDF-1.7", b"PK\x03\x04"):
        assert is_cheap(data)
        with pytest.raises(Refusal):
            canonical(data)
