"""Law 1: what is shown is what was fingerprinted, whatever the file says besides."""

import contextlib
import functools
import random
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from moderation.canonical import (
    FOLDER_FORMATS,
    SIDE,
    THUMBNAIL_SIDE,
    UPLOAD_FORMATS,
    Limits,
    _pixels,
    canonical,
    encode,
    grey,
    thumbnail,
)
from moderation.drawing import draw as draw_picture
from moderation.errors import Refusal, TooLarge, Unreadable
from moderation.fingerprint import fingerprint, fingerprint_bytes

from .conftest import save

WHITE = 255
SECRET = b"taken at home, 52.5163 N 13.3777 E"

LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True, "exact": True}, "TIFF": {}}
LOSSY = {"JPEG": {"quality": 95, "subsampling": 0}, "AVIF": {"quality": 95, "subsampling": "4:4:4", "speed": 10}}


@functools.cache
def drawn(seed: int = 1, size: int = 240) -> Image.Image:
    return draw_picture(seed, size)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(np.int16)


def looks_like(image: Image.Image, other: Image.Image, levels: float) -> bool:
    """Whether two pictures are of one size and differ by less than so many levels of 255 on average."""
    return image.size == other.size and np.abs(pixels(image) - pixels(other)).mean() < levels


def dhash_bits(a: Image.Image, b: Image.Image) -> int:
    one, other = fingerprint(a).views["dhash"][0], fingerprint(b).views["dhash"][0]
    return int(one ^ other).bit_count()


def png(rows: np.ndarray, bits: int, colour: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of rows of bytes, for what Pillow does not write."""
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    width = rows.shape[1] * 8 // bits // {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(raw, 1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


# --- the first frame ---------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("GIF", {}),
        ("WEBP", {"lossless": True}),
        ("PNG", {}),
        ("AVIF", {"quality": 95, "subsampling": "4:4:4", "speed": 10}),
        ("MPO", {"quality": 95}),
    ],
)
def test_of_an_animation_only_the_first_frame_counts(kind, options):
    shown = drawn(1).quantize(256).convert("RGB")
    hidden = drawn(2).resize(shown.size).quantize(256).convert("RGB")
    animation = save(shown, kind, save_all=True, append_images=[hidden, hidden], **options)

    with Image.open(BytesIO(animation)) as file:
        assert file.n_frames > 1
    assert looks_like(canonical(animation), shown, levels=4)
    assert not looks_like(canonical(animation), hidden, levels=15)


def test_a_gif_whose_first_frame_covers_a_corner_only_is_white_elsewhere():
    corner = Image.new("RGBA", (90, 60))
    corner.paste((200, 0, 0, 255), (0, 0, 30, 20))
    seen = pixels(canonical(save(corner, "GIF", save_all=True, append_images=[drawn(2).resize((90, 60))])))
    assert (seen[30:, 40:] == WHITE).all()
    assert (np.abs(seen[:20, :30] - (200, 0, 0)) < 8).all()


# --- upright -----------------------------------------------------------------


def lies(shown: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels as a camera stores them for the viewer to see `shown`; from the table in the EXIF standard."""
    return {
        1: shown,
        2: shown[:, ::-1],
        3: shown[::-1, ::-1],
        4: shown[::-1],
        5: shown.swapaxes(0, 1),
        6: shown[:, ::-1].swapaxes(0, 1),
        7: shown[::-1, ::-1].swapaxes(0, 1),
        8: shown[::-1].swapaxes(0, 1),
    }[orientation]


def turned(upright: Image.Image, orientation: int, kind: str, **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(lies(np.asarray(upright), orientation)))
    return save(stored, kind, exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", [*LOSSLESS, *LOSSY])
def test_every_exif_orientation_comes_out_upright(kind, orientation):
    upright = drawn(3).crop((0, 0, 240, 150))
    data = turned(upright, orientation, kind, **(LOSSLESS | LOSSY)[kind])

    assert looks_like(canonical(data, formats=FOLDER_FORMATS), upright, levels=0.01 if kind in LOSSLESS else 4)
    luminance, size = grey(data, side=512)
    assert size == upright.size
    assert looks_like(luminance, upright.convert("L"), levels=0.6 if kind in LOSSLESS else 4)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert looks_like(canonical(save(drawn(), "PNG", exif=exif)), drawn(), levels=0.01)


@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"\xff" * 60],
    ids=["empty", "garbage", "beyond its end", "no EXIF"],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_does_not_make_a_picture_unreadable(kind, exif):
    assert looks_like(canonical(save(drawn(), kind, exif=exif)), drawn(), levels=8)


# --- transparency ------------------------------------------------------------


def _hidden(mode: str) -> Image.Image:
    """A drawn picture, all of it transparent."""
    image = drawn(4).convert(mode)
    image.putalpha(0)
    return image


def _hidden_palette() -> Image.Image:
    return drawn(4).quantize(255)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: save(_hidden("RGBA"), "PNG"), id="RGBA PNG"),
        pytest.param(lambda: save(_hidden("RGBA"), "WEBP", lossless=True, exact=True), id="RGBA WebP"),
        pytest.param(lambda: save(_hidden("RGBA"), "AVIF", speed=10), id="RGBA AVIF"),
        pytest.param(lambda: save(_hidden("LA"), "PNG"), id="LA PNG"),
        pytest.param(lambda: save(_hidden_palette(), "PNG", transparency=bytes(256)), id="palette PNG"),
        pytest.param(
            lambda: save(Image.new("P", (64, 64), 3), "GIF", transparency=3), id="palette GIF, one colour transparent"
        ),
        pytest.param(lambda: save(Image.new("RGB", (64, 64), "red"), "PNG", transparency=(255, 0, 0)), id="RGB PNG"),
        pytest.param(lambda: save(Image.new("L", (64, 64), 9), "PNG", transparency=9), id="L PNG"),
        pytest.param(lambda: save(Image.new("1", (64, 64), 0), "PNG", transparency=0), id="1-bit PNG"),
    ],
)
def test_what_is_transparent_is_white_and_not_what_lies_beneath(data):
    assert (pixels(canonical(data())) == WHITE).all()
    assert (pixels(grey(data(), side=512)[0]) == WHITE).all()


def test_what_is_half_transparent_lets_the_white_page_through():
    half = Image.new("RGBA", (64, 64), (0, 0, 0, 128))
    assert (np.abs(pixels(canonical(save(half, "PNG"))) - 127) <= 1).all()


def test_a_picture_hidden_under_transparent_pixels_is_not_what_is_fingerprinted():
    decent, indecent = drawn(5), drawn(6)
    over = decent.convert("RGBA")
    under = indecent.convert("RGBA")
    under.putalpha(0)
    trick = Image.new("RGBA", (240, decent.height * 2))
    trick.paste(over, (0, 0))
    trick.paste(under, (0, decent.height))
    plain = Image.new("RGB", trick.size, "white")
    plain.paste(decent, (0, 0))
    assert looks_like(canonical(save(trick, "PNG")), plain, levels=0.01)


@pytest.mark.parametrize("size", [(2300, 90), (90, 9000), (5000, 900)])
def test_a_large_transparent_picture_is_white_as_well(size):
    large = Image.new("RGBA", size, (200, 0, 0, 0))
    assert (pixels(canonical(save(large, "PNG", compress_level=1))) == WHITE).all()


# --- colours -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "kind", "levels"),
    [
        ("CMYK", "JPEG", 6),
        ("YCbCr", "JPEG", 6),
        ("L", "JPEG", 3),
        ("L", "PNG", 0.01),
        ("1", "PNG", 0.01),
        ("P", "PNG", 0.01),
        ("P", "GIF", 4),
        ("RGBX", "TIFF", 0.01),
        ("CMYK", "TIFF", 0.01),
        ("1", "TIFF", 0.01),
        ("P", "BMP", 0.01),
    ],
)
def test_every_kind_of_pixel_becomes_rgb(mode, kind, levels):
    stored = drawn(7).convert(mode)
    options = {"quality": 95} if kind == "JPEG" else {}
    seen = canonical(save(stored, kind, **options), formats=FOLDER_FORMATS)
    assert seen.mode == "RGB"
    assert looks_like(seen, stored.convert("RGB"), levels)
    assert looks_like(grey(save(stored, kind, **options), 512)[0], seen.convert("L"), levels=2)


def test_a_grey_png_of_16_bits_keeps_its_tones():
    ramp = np.tile(np.linspace(0, 65535, 256).astype(">u2"), (40, 1))
    seen = pixels(canonical(png(ramp.view(np.uint8), bits=16, colour=0)))
    assert seen.shape == (40, 256, 3)
    assert (np.abs(seen - np.arange(256)[:, None]) <= 1).all()


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (6, 4)])
def test_a_coloured_png_of_16_bits_keeps_its_tones(colour, channels):
    values = np.full((40, 50, channels), 65535, ">u2")
    values[..., :3] = (60000, 30000, 257)
    seen = pixels(canonical(png(values.reshape(40, -1).view(np.uint8), bits=16, colour=colour)))
    assert (np.abs(seen - np.array((60000, 30000, 257)) / 257) <= 1).all()


def _swapped_profile() -> bytes:
    """sRGB with red and blue exchanged: a viewer that heeds it sees the picture's channels exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tmp!").replace(b"bXYZ", b"rXYZ").replace(b"tmp!", b"bXYZ")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"])
def test_a_colour_profile_is_heeded(kind):
    shown = drawn(8)
    stored = Image.merge("RGB", shown.split()[::-1])
    data = save(stored, kind, icc_profile=_swapped_profile(), **(LOSSLESS | LOSSY)[kind])

    assert looks_like(canonical(data, formats=FOLDER_FORMATS), shown, levels=5)
    assert looks_like(grey(data, side=512)[0], shown.convert("L"), levels=5)


@pytest.mark.parametrize(
    "profile", [b"garbage", _swapped_profile()[:300], b"\0" * 200], ids=["garbage", "truncated", "zeros"]
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_broken_colour_profile_is_ignored(mode, profile):
    data = save(drawn().convert(mode), "JPEG", icc_profile=profile, quality=95)
    assert looks_like(canonical(data), drawn().convert(mode).convert("RGB"), levels=6)


def test_a_colour_profile_of_another_mode_is_ignored():
    data = save(drawn().convert("L"), "PNG", icc_profile=_swapped_profile())
    assert looks_like(canonical(data), drawn().convert("L").convert("RGB"), levels=0.01)


# --- size --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "becomes"),
    [
        ((1024, 1024), (1024, 1024)),
        ((1025, 1000), (1024, 999)),
        ((3000, 100), (1024, 34)),
        ((700, 5000), (143, 1024)),
        ((1, 9000), (1, 1024)),
        ((20000, 1), (1024, 1)),
        ((1, 1), (1, 1)),
        ((60, 40), (60, 40)),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_canonical_picture_has_at_most_1024_pixels_a_side_and_is_never_enlarged(kind, size, becomes):
    seen = canonical(save(Image.new("RGB", size, (10, 120, 240)), kind))
    assert seen.size == becomes
    assert max(seen.size) <= SIDE
    assert (np.abs(pixels(seen) - (10, 120, 240)) <= 3).all()


@pytest.mark.parametrize("side", [1, 2, 255, 1023, 3000])
def test_pixels_are_read_as_pillow_gives_them_in_however_many_pieces_it_has_them(side):
    levels = np.random.default_rng(side).integers(0, 256, (side, side + 1, 3), np.uint8)
    assert np.array_equal(_pixels(Image.fromarray(levels)), levels)


def test_a_thumbnail_is_the_same_picture_smaller():
    seen = canonical(save(drawn(1, 900), "PNG"))
    small = Image.open(BytesIO(thumbnail(seen)))
    assert max(small.size) == THUMBNAIL_SIDE
    assert dhash_bits(small.convert("RGB"), seen) <= 2


@pytest.mark.parametrize("seed", range(1, 7))
def test_what_is_stored_has_the_fingerprint_that_was_compared(seed):
    seen = canonical(save(drawn(seed, 1300), "JPEG"))
    stored = Image.open(BytesIO(encode(seen)))
    assert stored.size == seen.size
    assert dhash_bits(stored, seen) <= 2


# --- metadata ----------------------------------------------------------------


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()  # the description
    exif.get_ifd(0x8825)[29] = SECRET.decode()  # the GPS date
    return exif


def _text(info: dict[str, str]) -> object:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    for key, value in info.items():
        text.add_text(key, value)
    return text


def _laden() -> dict[str, bytes]:
    profile = _swapped_profile() + SECRET
    everything = {"exif": _exif(), "xmp": b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>", "icc_profile": profile}
    image = drawn(9)
    return {
        "JPEG": save(image, "JPEG", comment=SECRET, **everything) + b"PK\x03\x04" + SECRET,
        "PNG": save(image, "PNG", exif=_exif(), icc_profile=profile, pnginfo=_text({"Comment": SECRET.decode()}))
        + b"<script>"
        + SECRET,
        "WEBP": save(image, "WEBP", **everything) + SECRET,
        "GIF": save(image, "GIF", comment=SECRET) + SECRET,
        "AVIF": save(image, "AVIF", **everything) + SECRET,
    }


@pytest.mark.parametrize("kind", UPLOAD_FORMATS)
def test_no_metadata_and_nothing_that_was_hung_on_is_in_what_is_stored(kind):
    data = _laden()[kind]
    assert SECRET in data
    seen = canonical(data)
    assert seen.info == {}
    for file in (encode(seen), thumbnail(seen)):
        assert SECRET not in file
        stored = Image.open(BytesIO(file))
        assert not dict(stored.getexif())
        assert set(stored.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert set(_markers(file)) <= {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}
        assert file.endswith(b"\xff\xd9")


def _markers(jpeg: bytes) -> list[int]:
    """The segments of a JPEG file up to its scan."""
    found, place = [], 2
    while not found or found[-1] != 0xDA:
        marker, length = struct.unpack_from(">xBH", jpeg, place)
        found.append(marker)
        place += 2 + length
    return found


# --- what is no picture ------------------------------------------------------

HTML = b"<!DOCTYPE html><html><body><img src=x onerror=alert(1)></body></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def bomb(width: int, height: int) -> bytes:
    """A tiny PNG that says it has that many pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + start + png(np.zeros((1, 1), np.uint8), 8, 0)[33:]


@pytest.mark.parametrize(
    ("data", "kind", "sentence"),
    [
        pytest.param(b"", Unreadable, "The file is empty. Please choose a picture.", id="empty"),
        pytest.param(bytes(range(256)) * 20, Unreadable, "not a picture that we can read", id="garbage"),
        pytest.param(HTML, Unreadable, "We take JPEG, PNG, WebP, GIF, AVIF.", id="HTML"),
        pytest.param(SVG, Unreadable, "not a picture that we can read", id="SVG"),
        pytest.param(b"%PDF-1.7\n" + b"x" * 500, Unreadable, "not a picture that we can read", id="PDF"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", Unreadable, "not a picture", id="EPS"),
        pytest.param(b"\xff", Unreadable, "not a picture that we can read", id="one byte"),
        pytest.param(b"\xff\xd8\xff\xe0", Unreadable, "", id="a JPEG's first bytes"),
        pytest.param(b"x" * 10_000_001, TooLarge, "The file is larger than 10 MB.", id="too many bytes"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(data, kind, sentence):
    with pytest.raises(kind) as refusal:
        canonical(data)
    assert sentence in str(refusal.value)
    with pytest.raises(Refusal):
        fingerprint_bytes(data, Limits())


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM", "TGA"])
def test_pictures_of_other_kinds_are_not_taken_from_members(kind):
    with pytest.raises(Unreadable, match="We take JPEG"):
        canonical(save(drawn(), kind))


def test_a_damaged_picture_is_told_from_what_is_no_picture():
    data = save(drawn(), "PNG")
    with pytest.raises(Unreadable, match="damaged"):
        canonical(data[: len(data) // 2])


@pytest.mark.parametrize("side", [6325, 50_000, 2**31 - 1])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(side):
    with pytest.raises(TooLarge, match="more than 40 megapixels"):
        canonical(bomb(side, side))


def test_limits_are_inclusive():
    data = save(Image.new("RGB", (30, 20), "red"), "PNG")
    assert canonical(data, Limits(bytes=len(data), pixels=600)).size == (30, 20)
    with pytest.raises(TooLarge):
        canonical(data, Limits(bytes=len(data) - 1))
    with pytest.raises(TooLarge):
        canonical(data, Limits(pixels=599))


def test_the_refusals_have_the_status_of_what_is_wrong():
    assert (Unreadable.status, TooLarge.status) == (422, 413)


def readable(data: bytes) -> bool:
    """Whether it could be read, and if so as it must be; if not, it was refused with a sentence, both ways."""
    try:
        seen = canonical(data, formats=FOLDER_FORMATS)
        fingerprint(seen)
        fingerprint_bytes(data)
    except Refusal:
        with contextlib.suppress(Refusal):
            fingerprint_bytes(data)
        return False
    return seen.mode == "RGB" and 1 <= max(seen.size) <= SIDE


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("JPEG", {}, id="JPEG"),
        pytest.param("JPEG", {"progressive": True, "exif": _exif()}, id="progressive JPEG with EXIF"),
        pytest.param("JPEG", {"icc_profile": _swapped_profile()}, id="JPEG with a profile"),
        pytest.param("PNG", {}, id="PNG"),
        pytest.param("PNG", {"save_all": True}, id="animated PNG"),
        pytest.param("WEBP", {}, id="WebP"),
        pytest.param("WEBP", {"save_all": True, "lossless": True}, id="animated WebP"),
        pytest.param("GIF", {"save_all": True}, id="animated GIF"),
        pytest.param("AVIF", {"speed": 10}, id="AVIF"),
        pytest.param("TIFF", {}, id="TIFF"),
        pytest.param("TIFF", {"compression": "tiff_lzw"}, id="compressed TIFF"),
        pytest.param("BMP", {}, id="BMP"),
    ],
)
def test_a_damaged_picture_is_refused_or_read_but_never_an_accident(kind, options):
    if "save_all" in options:
        options = options | {"append_images": [drawn(1, 96).transpose(Image.Transpose.FLIP_TOP_BOTTOM)]}
    whole = save(drawn(1, 96), kind, **options)
    rng = random.Random(kind)
    damaged = [whole[: len(whole) * percent // 100] for percent in range(5, 100, 5)]
    for _ in range(40):
        flipped = bytearray(whole)
        # Most of what goes wrong goes wrong in the headers.
        place = rng.randrange(len(whole)) if rng.random() < 0.5 else rng.randrange(min(len(whole), 400))
        flipped[place] ^= 1 << rng.randrange(8)
        damaged.append(bytes(flipped))

    read = [data for data in damaged if readable(data)]
    assert 0 < len(read) < len(damaged)


# --- cost --------------------------------------------------------------------

MEASURE = """
import resource, sys
from pathlib import Path
from moderation.canonical import canonical

data = Path(sys.argv[1]).read_bytes()
print(canonical(data).size)
try:
    status = Path("/proc/self/status").read_text()
    print(int(status.split("VmHWM:")[1].split()[0]) // 1000)
except OSError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1000 if sys.platform == "linux" else 1000**2))
"""


@pytest.mark.parametrize(
    ("size", "bits", "colour", "becomes"),
    [
        pytest.param((6320, 6320), 8, 6, (1024, 1024), id="40 megapixels, RGBA"),
        pytest.param((6320, 6320), 16, 0, (1024, 1024), id="40 megapixels, 16 bits"),
        pytest.param((4095, 4095), 16, 0, (1024, 1024), id="17 megapixels, 16 bits"),
    ],
)
def test_a_large_picture_takes_less_than_450_megabytes(tmp_path: Path, size, bits, colour, becomes):
    row = np.arange(size[0] * {0: 1, 6: 4}[colour] * bits // 8, dtype=np.uint8)
    file = tmp_path / "large.png"
    file.write_bytes(png(np.broadcast_to(row, (size[1], len(row))), bits, colour))

    printed = subprocess.run([sys.executable, "-c", MEASURE, file], capture_output=True, text=True, check=True).stdout
    seen, megabytes = printed.splitlines()
    assert seen == str(becomes)
    assert int(megabytes) < 450


# --- the fast way to fingerprints ---------------------------------------------


def bits_apart(data: bytes) -> int:
    """How far the fast way is from the slow one, in bits of the dHash."""
    fast = fingerprint_bytes(data)[0].views["dhash"][0]
    slow = fingerprint(canonical(data, formats=FOLDER_FORMATS)).views["dhash"][0]
    return int(fast ^ slow).bit_count()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_fast_way_comes_within_a_few_bits_of_the_slow_one_on_drawn_pictures(kind):
    apart = sorted(bits_apart(save(drawn(seed, size), kind)) for seed in range(8) for size in (240, 1100))
    # Drawn pictures have areas of one colour, where a rounding decides a bit: more of that than photographs have.
    assert apart[-2] <= 2
    assert apart[-1] <= 3


def test_the_fast_way_comes_within_2_bits_of_the_slow_one_on_photographs(photographs):
    if not photographs:
        pytest.skip("no photographs here")
    chosen = photographs[:: max(1, len(photographs) // 100)][:100]
    assert max(bits_apart(path.read_bytes()) for path in chosen) <= 2
