"""From untrusted bytes to the canonical picture, the one that is fingerprinted and shown, and from it to files."""

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import cv2
import nanoarrow
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, UnidentifiedImageError

from .errors import Refusal, TooLarge, Unreadable
from .luminance import as_levels, halved

Pixels = npt.NDArray[np.uint8]
"""A picture's pixels: rows by columns, by 3 channels where it is in colour."""

# The size is checked against `Limits` before anything is decoded, with a sentence for the person.
Image.MAX_IMAGE_PIXELS = None

UPLOAD_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
"""What members may upload, by content; the file's name does not count."""

FOLDER_FORMATS = (*UPLOAD_FORMATS, "BMP", "TIFF")
"""What is read from folders."""

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".avif", ".bmp", ".tif", ".tiff")
)
"""File name endings, in lower case, by which pictures are found in folders."""

SIDE = 1024
"""The longest side of a canonical picture, in pixels."""

THUMBNAIL_SIDE = 336
"""The longest side of a thumbnail, in pixels: a card's box at two device pixels each."""

BACKGROUND = (255, 255, 255)
"""What transparent pictures are laid on."""

STRIP = 1 << 20
"""Pixels of a picture that are converted at a time, so that a large one is never held twice."""


@dataclass(frozen=True)
class Limits:
    """What is accepted: the size of a file in bytes, and of a picture in pixels."""

    bytes: int = 10 * 1000 * 1000
    pixels: int = 40 * 1000 * 1000


NO_LIMITS = Limits(bytes=1 << 40, pixels=1 << 30)


@dataclass(frozen=True)
class _Decoded:
    """A picture as it lies in its file, made small enough to work on, with what is needed to show it right."""

    image: Image.Image
    orientation: int
    profile: bytes | None
    size: tuple[int, int]


def canonical(data: bytes, limits: Limits = Limits(), formats: tuple[str, ...] = UPLOAD_FORMATS) -> Image.Image:
    """The picture as a viewer sees it: first frame, upright, on white, in sRGB, without metadata.

    Returns an RGB picture of at most `SIDE` pixels a side. Raises `Unreadable` or `TooLarge`.
    """
    return Image.fromarray(canonical_pixels(data, limits, formats))


def canonical_pixels(data: bytes, limits: Limits = Limits(), formats: tuple[str, ...] = UPLOAD_FORMATS) -> Pixels:
    """The same as pixels, which is what all that is made from it begins with: Pillow copies them each time."""
    with _reading(data, limits, formats) as image:
        decoded = _decode(image, (SIDE, SIDE), "RGB")
        upright = _upright(_in_srgb(decoded), decoded.orientation)
        return _fitted(_pixels(upright), SIDE)


def grey(
    data: bytes, side: int, limits: Limits = NO_LIMITS, formats: tuple[str, ...] = FOLDER_FORMATS
) -> tuple[Image.Image, tuple[int, int]]:
    """The canonical picture's luminance, decoded only as finely as fingerprints need it, and the file's size in pixels.

    A JPEG is decoded at the coarsest scale whose sides are both at least `side`, which makes a picture of 12
    megapixels six times as fast. Returns an "L" picture of unspecified size. Raises as `canonical`.
    """
    with _reading(data, limits, formats) as image:
        # A colour profile can move luminance, so a picture that brings one is decoded in colour.
        mode = "RGB" if image.info.get("icc_profile") else "L"
        decoded = _decode(image, (side, side), mode)
        plain = decoded.image.mode == "L" and not decoded.profile
        shown = decoded.image if plain else _in_srgb(decoded).convert("L")
        size = decoded.size if decoded.orientation < 5 else decoded.size[::-1]
        return _upright(shown, decoded.orientation), size


def encode(image: Image.Image | Pixels) -> bytes:
    """The canonical picture, or its pixels, as the JPEG file that is stored and served."""
    return _jpeg(np.asarray(image), quality=88)


def thumbnail(image: Image.Image | Pixels) -> bytes:
    """The same as a small JPEG file, at most `THUMBNAIL_SIDE` pixels a side."""
    return _jpeg(_fitted(np.asarray(image), THUMBNAIL_SIDE), quality=80)


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    # Byte for byte what Pillow makes of it, which lets no other thread run meanwhile.
    if pixels.ndim == 3:
        pixels = as_levels(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()


def check_bytes(data: bytes, limits: Limits) -> None:
    """Raises `Unreadable` or `TooLarge` where the number of bytes says so already."""
    if not data:
        raise Unreadable("The file is empty. Please choose a picture.")
    if len(data) > limits.bytes:
        raise TooLarge(f"The file is larger than {limits.bytes / 1e6:g} MB. Please choose a smaller picture.")


@contextmanager
def _reading(data: bytes, limits: Limits, formats: tuple[str, ...]) -> Iterator[Image.Image]:
    """The opened picture, its pixels not yet decoded; whatever goes wrong inside becomes a sentence."""
    check_bytes(data, limits)
    try:
        with Image.open(BytesIO(data), formats=formats) as image:
            if image.width * image.height > limits.pixels:
                raise TooLarge(
                    f"The picture has more than {limits.pixels / 1e6:g} megapixels. Please choose a smaller one."
                )
            yield image
    except Refusal:
        raise
    except UnidentifiedImageError as error:
        known = ", ".join(name.replace("WEBP", "WebP") for name in formats)
        raise Unreadable(f"This file is not a picture that we can read. We take {known}.") from error
    except Exception as error:  # Decoders fail on hostile bytes with almost any exception there is.
        raise Unreadable(
            "This picture is damaged and cannot be read. Please save it again or choose another."
        ) from error


def _decode(image: Image.Image, at_least: tuple[int, int], mode: str) -> _Decoded:
    """The first frame, reduced to about twice `at_least` where it is larger, in a mode of 8 bits a channel."""
    size = image.size
    profile = image.info.get("icc_profile")
    image.draft(mode, at_least)
    image.load()
    # After loading: a PNG may tell it last, and Pillow turns a TIFF itself.
    orientation = _orientation(image.info.get("exif", b""))
    # Reduced by whole numbers first, in strips: far cheaper than one fine resampling of a large picture.
    factor = max(1, max(image.size) // (2 * max(at_least)))
    if factor == 1:
        small = _plain(image)
    else:
        rows = max(1, STRIP // (image.width * factor)) * factor
        strips = [
            _plain(image.crop((0, top, image.width, min(top + rows, image.height)))).reduce(factor)
            for top in range(0, image.height, rows)
        ]
        small = Image.new(strips[0].mode, (strips[0].width, sum(strip.height for strip in strips)))
        top = 0
        for strip in strips:
            small.paste(strip, (0, top))
            top += strip.height
    return _Decoded(_on_background(small), orientation, profile, size)


def _orientation(exif: bytes) -> int:
    """What EXIF says about how the picture lies; 1, upright, where that is missing or broken: a viewer ignores it too.

    Pillow would read all the entries of the directory, each of which may point to the same megabytes.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = ">" if tiff.startswith(b"MM") else "<"
    try:
        (place,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, place)
        for number in range(entries):
            tag, kind, _count, value = struct.unpack_from(f"{order}HHIH", tiff, place + 2 + 12 * number)
            if (tag, kind) == (0x0112, 3):
                return value if value in range(1, 9) else 1
    except struct.error:
        pass
    return 1


def _plain(image: Image.Image) -> Image.Image:
    """The same picture in one of the modes L, RGB, CMYK and RGBA."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image)
        levels = values if image.mode == "F" else values // 257  # 16 bits to 8
        return Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("L" if image.mode == "1" else "RGB")


def _on_background(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, (*BACKGROUND, 255)), image).convert("RGB")


def _in_srgb(decoded: _Decoded) -> Image.Image:
    image = decoded.image
    if decoded.profile:
        transform = _transform_to_srgb(decoded.profile, image.mode)
        if transform is not None:
            return ImageCms.applyTransform(image, transform) or image
    return image if image.mode == "RGB" else image.convert("RGB")  # which would copy it


@lru_cache(maxsize=8)  # strangers send them, and each may be megabytes
def _transform_to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from a file's colour profile, or None where the profile is broken or not of that mode."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        # Without the cache inside it, a transform may be used by several threads at once.
        return ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), mode, "RGB", flags=ImageCms.Flags.NOCACHE
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _pixels(image: Image.Image) -> Pixels:
    """The pixels of a picture in RGB, read from where Pillow has them, at four bytes each.

    Asked for them, it copies them twice, and lets no other thread run meanwhile.
    """
    try:
        padded = np.asarray(nanoarrow.c_array(image).view().child(0).buffer(1))
    except ValueError:  # a large picture lies in several pieces
        return np.asarray(image)
    return as_levels(cv2.cvtColor(padded.reshape(image.height, image.width, 4), cv2.COLOR_RGBA2RGB))


def _fitted(pixels: Pixels, side: int) -> Pixels:
    """The picture with its longest side at most `side`."""
    height, width = pixels.shape[:2]
    scale = side / max(width, height)
    if scale >= 1:
        return pixels
    size = (max(1, math.floor(width * scale + 0.5)), max(1, math.floor(height * scale + 0.5)))
    # OpenCV takes an eighth of the time that Pillow does. Its bilinear filter sees two pixels a side, no more.
    small = halved(pixels) if scale < 0.5 else pixels
    return as_levels(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR))
