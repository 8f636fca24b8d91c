"""More than four hundred hostile and broken files, in families. The marker is planted wherever something fits in."""

import functools
import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from moderation.drawing import draw
from tests.conftest import save

from .parts import (
    PNG_START,
    chunk,
    directory,
    extended,
    gif,
    gif_comment,
    gif_frame,
    greedy_directory,
    header,
    into_jpeg,
    into_png,
    into_webp,
    many_scans,
    png,
    riff,
    segment,
    srgb,
)

MARK = b"planted-4f1d9c"
"""What must be in no file that is stored."""

SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "AVIF": "avif"}

FORTY = (6300, 6300)
"""Just below the forty megapixels that are accepted."""


@dataclass(frozen=True)
class HostileFile:
    """A file made when it is asked for, the name it is sent under, and whether it is a picture, where that is sure."""

    name: str
    make: Callable[[], bytes]
    called: str = "holiday.jpg"
    taken: bool | None = None


Files = Iterator[HostileFile]


@functools.cache
def drawn(size: int = 96, seed: int = 3) -> Image.Image:
    return draw(seed, size)


def exif() -> bytes:
    found = Image.Exif()
    found[0x010E] = MARK.decode()
    found.get_ifd(0x8825)[29] = MARK.decode()
    return found.tobytes()


@functools.cache
def laden(kind: str, **options: object) -> bytes:
    """A picture with the marker in everything that the format has room for, and behind its end."""
    profile, xmp = srgb() + MARK, b"<x:xmpmeta>" + MARK + b"</x:xmpmeta>"
    more: dict[str, object] = {"exif": exif(), "icc_profile": profile, "xmp": xmp}
    if kind == "PNG":
        text = PngInfo()
        text.add_text("Comment", MARK.decode())
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        more = {"exif": exif(), "icc_profile": profile, "pnginfo": text}
    elif kind == "GIF":
        more = {"comment": MARK}
    elif kind == "JPEG":
        more["comment"] = MARK
    elif kind == "AVIF":
        more["speed"] = 10
    return save(drawn(), kind, **more | options) + MARK


@functools.cache
def animated(kind: str) -> bytes:
    frames = [drawn(96, seed).resize(drawn().size) for seed in (4, 5, 6)]
    options = {"speed": 10} if kind == "AVIF" else {}
    return save(drawn(), kind, save_all=True, append_images=frames, duration=40, **options) + MARK


BASES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "JPEG": ("JPEG", lambda: laden("JPEG")),
    "progressive JPEG": ("JPEG", lambda: laden("JPEG", progressive=True)),
    "PNG": ("PNG", lambda: laden("PNG")),
    "animated PNG": ("PNG", lambda: animated("PNG")),
    "WebP": ("WEBP", lambda: laden("WEBP")),
    "lossless WebP": ("WEBP", lambda: laden("WEBP", lossless=True)),
    "animated WebP": ("WEBP", lambda: animated("WEBP")),
    "GIF": ("GIF", lambda: laden("GIF")),
    "animated GIF": ("GIF", lambda: animated("GIF")),
    "AVIF": ("AVIF", lambda: laden("AVIF")),
    "animated AVIF": ("AVIF", lambda: animated("AVIF")),
}


def truncated() -> Files:
    for base, (kind, make) in BASES.items():
        for percent in range(5, 100, 5):
            yield HostileFile(
                f"{base}, {percent} % of it",
                lambda make=make, percent=percent: make()[: len(make()) * percent // 100],
                f"cut.{SUFFIX[kind]}",
            )


def flipped() -> Files:
    def flip(make: Callable[[], bytes], seed: str) -> bytes:
        rng = random.Random(seed)
        data = bytearray(make())
        for _ in range(rng.choice((1, 3, 20))):
            # Most of what goes wrong goes wrong in the headers.
            place = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(len(data), 400))
            data[place] ^= 1 << rng.randrange(8)
        return bytes(data)

    for base, (kind, make) in BASES.items():
        for number in range(10):
            name = f"{base}, bits flipped, {number}"
            yield HostileFile(name, functools.partial(flip, make, name), f"flip.{SUFFIX[kind]}")


def flat(kind: str, mode: str = "RGB", size: tuple[int, int] = FORTY, **options: object) -> Callable[[], bytes]:
    return lambda: save(Image.new(mode, size, 90 if mode == "L" else None), kind, **options)


def bombs() -> Files:
    """Little to send, much to unpack."""
    # Whether there is time for the honest ones of 40 megapixels is up to the machine.
    yield HostileFile("PNG, 40 MP in a few kilobytes", flat("PNG", "L"))
    yield HostileFile("PNG, 40 MP with transparency", flat("PNG", "RGBA", compress_level=1))
    yield HostileFile("PNG, 17 MP of 16 bits", lambda: png(4100, 4100, 16, 0, bytes(8201 * 4100)))
    yield HostileFile("PNG, interlaced, 16 MP", lambda: png(4000, 4000, 8, 0, bytes(4001 * 4600), interlaced=1))
    yield HostileFile("PNG, 49 MP", flat("PNG", "L", (7000, 7000)), taken=False)
    yield HostileFile("PNG, more rows packed in it than it has", lambda: png(50, 50, 8, 2, bytes(60_000_000)))
    yield HostileFile("JPEG, 40 MP", flat("JPEG", "L"), taken=True)
    yield HostileFile("JPEG, 40 MP, progressive", flat("JPEG", "L", progressive=True))
    yield HostileFile("JPEG, 64 MP", flat("JPEG", "L", (8000, 8000)), taken=False)
    yield HostileFile("JPEG, 36 MP in a thousand scans", lambda: many_scans(6000, 6000, 1000), taken=False)
    yield HostileFile("JPEG, 1 MP in 20,000 scans", lambda: many_scans(1000, 1000, 20_000), taken=False)
    yield HostileFile("JPEG, 60 kP in 50,000 scans", lambda: many_scans(240, 240, 50_000))
    yield HostileFile("GIF, 25 MP", flat("GIF", "L", (5000, 5000)))
    yield HostileFile("GIF, 49 MP", flat("GIF", "L", (7000, 7000)), taken=False)
    yield HostileFile("WebP, 40 MP", flat("WEBP", "L", lossless=True, method=0, quality=0))
    yield HostileFile("WebP, 16 MP", flat("WEBP", "L", (4000, 4000), method=0))
    yield HostileFile("AVIF, 16 MP", flat("AVIF", "L", (4000, 4000), speed=10))
    yield HostileFile("AVIF, 49 MP", flat("AVIF", "L", (7000, 7000), speed=10), taken=False)

    def packed(kind: bytes, before: bytes, megabytes: int, times: int = 1) -> Callable[[], bytes]:
        body = before + zlib.compress(MARK + bytes(megabytes * 1000**2))
        return lambda: into_png(laden("PNG"), *[chunk(kind, body)] * times)

    yield HostileFile("PNG, text of 50 MB, packed", packed(b"zTXt", b"Comment\0\0", 50))
    yield HostileFile("PNG, two hundred texts of 1 MB", packed(b"zTXt", b"Comment\0\0", 1, 200))
    yield HostileFile("PNG, international text of 50 MB", packed(b"iTXt", b"Comment\0\1\0\0\0", 50))
    yield HostileFile("PNG, colour profile of 50 MB", packed(b"iCCP", b"profile\0\0", 50))
    yield HostileFile("PNG, colour profile of 1 MB", packed(b"iCCP", b"profile\0\0", 1))
    yield HostileFile(
        "JPEG, EXIF that takes gigabytes",
        lambda: into_jpeg(laden("JPEG"), segment(0xE1, b"Exif\0\0" + greedy_directory(2500, 30_000))),
        taken=True,
    )
    yield HostileFile(
        "JPEG, list of pictures that takes gigabytes",
        lambda: into_jpeg(laden("JPEG"), segment(0xE2, b"MPF\0" + greedy_directory(2500, 30_000))),
        taken=True,
    )
    yield HostileFile(
        "PNG, EXIF that takes gigabytes",
        lambda: into_png(laden("PNG"), chunk(b"eXIf", greedy_directory(60_000, 1_000_000))),
        taken=True,
    )
    yield HostileFile(
        "WebP, EXIF that takes gigabytes",
        lambda: into_webp(save(drawn(), "WEBP", icc_profile=srgb()), (b"EXIF", greedy_directory(60_000, 1_000_000))),
        taken=True,
    )
    yield HostileFile(
        "JPEG, two million segments", lambda: into_jpeg(laden("JPEG"), segment(0xFE, b"") * 2_000_000), taken=False
    )
    yield HostileFile("PNG, 700,000 chunks", lambda: into_png(laden("PNG"), chunk(b"teSt") * 700_000), taken=False)
    yield HostileFile("PNG, 700,000 chunks of no pixels", lambda: into_png(laden("PNG"), chunk(b"IDAT") * 700_000))
    yield HostileFile("GIF, a comment of 9 MB", lambda: gif(9, 9, gif_comment(9_000_000, 255), gif_frame(9, 9)))
    yield HostileFile("GIF, a comment byte by byte", lambda: gif(9, 9, gif_comment(4_000_000, 1), gif_frame(9, 9)))
    yield HostileFile(
        "WebP, XMP of 9 MB",
        lambda: into_webp(save(drawn(), "WEBP", icc_profile=srgb()), (b"XMP ", MARK * 600_000)),
        taken=True,
    )
    yield HostileFile("WebP, a million chunks", lambda: into_webp(laden("WEBP"), *[(b"TEST", b"")] * 1_000_000))
    yield HostileFile("no picture, 10 MB of zeros", lambda: bytes(10_000_000), taken=False)


def huge() -> Files:
    """They say that they are huge, and have next to nothing in them."""
    sides = [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (2**31 - 1, 1), (0, 0), (0, 9), (2**32 - 1, 9)]
    for width, height in sides:
        yield HostileFile(
            f"PNG that says {width} x {height}",
            lambda size=(width, height): PNG_START + header(*size) + laden("PNG")[33:],
            taken=False,
        )
    for width, height in ((65_535, 65_535), (65_535, 1), (0, 0), (30_000, 1300)):
        yield HostileFile(
            f"GIF that says {width} x {height}", lambda size=(width, height): gif(*size, gif_frame(*size))
        )
        yield HostileFile(
            f"JPEG that says {width} x {height}",
            lambda size=(width, height): _resized_jpeg(laden("JPEG"), *size),
        )
    yield HostileFile("GIF whose frame is larger than it", lambda: gif(9, 9, gif_frame(60_000, 60_000)), taken=False)
    yield HostileFile("GIF whose frame lies outside", lambda: gif(9, 9, gif_frame(9, 9, 60_000, 60_000)), taken=False)
    for width, height in ((2**24, 2**24), (2**24, 1), (16_383, 16_383)):
        yield HostileFile(
            f"WebP that says {width} x {height}",
            lambda size=(width, height): riff(extended(*size, 0), (b"VP8L", _lossless(9))),
            taken=False,
        )
    yield HostileFile(
        "WebP whose frame says 16383 x 16383",
        lambda: riff((b"VP8L", b"\x2f" + struct.pack("<I", 0x0FFFFFFF) + _lossless(9)[5:])),
        taken=False,
    )
    yield HostileFile(
        "WebP, lossy, that says 16383 x 16383",
        lambda: (plain := save(drawn(), "WEBP"))[:26] + struct.pack("<HH", 16_383, 16_383) + plain[30:],
        taken=False,
    )
    for side in (2**16, 2**31 - 1, 16_000, 0):
        yield HostileFile(
            f"AVIF that says {side} x {side}",
            lambda side=side: _resized_avif(laden("AVIF"), side),
            taken=False,
        )


def _resized_jpeg(jpeg: bytes, width: int, height: int) -> bytes:
    place = jpeg.rfind(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]


def _resized_avif(avif: bytes, side: int) -> bytes:
    place = avif.index(b"ispe") + 8
    return avif[:place] + struct.pack(">II", side, side) + avif[place + 8 :]


@functools.cache
def _lossless(side: int) -> bytes:
    """What is in the chunk of a small lossless WebP."""
    return save(Image.new("RGB", (side, side), "red"), "WEBP", lossless=True)[20:]


def frames() -> Files:
    """Ten thousand frames, of which one is seen."""
    yield HostileFile(
        "GIF, 10,000 frames", lambda: laden("GIF")[: -len(MARK) - 1] + gif_frame() * 10_000 + b";", taken=True
    )
    yield HostileFile("GIF, 200,000 frames", lambda: laden("GIF")[: -len(MARK) - 1] + gif_frame() * 200_000, taken=True)
    yield HostileFile("PNG, 10,000 frames", _many_frames, taken=True)
    part = riff((b"VP8L", _lossless(2)))[12:]
    frame = (b"ANMF", bytes(6) + b"\1\0\0\1\0\0" + b"\x28\0\0\0" + part)
    start = (extended(64, 64, 2), (b"ANIM", bytes(6)))
    yield HostileFile("WebP, 10,000 frames", lambda: riff(*start, *[frame] * 10_000), taken=True)
    yield HostileFile("WebP, 100,000 frames", lambda: riff(*start, *[frame] * 100_000))
    small = [Image.new("RGB", (16, 16), (number, 0, 0)) for number in range(100)]
    yield HostileFile(
        "AVIF, 100 frames", lambda: save(small[0], "AVIF", save_all=True, append_images=small[1:], speed=10), taken=True
    )
    yield HostileFile(
        "JPEG, four pictures in one", lambda: save(drawn(), "MPO", save_all=True, append_images=small[:3])
    )


def _many_frames() -> bytes:
    first = laden("PNG")
    control = chunk(b"acTL", struct.pack(">II", 10_000, 0))

    def turn(number: int) -> bytes:
        return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 1, 1, 0, 0, 1, 100, 0, 0))

    pixel = zlib.compress(b"\0abc")
    rest = b"".join(turn(2 * n) + chunk(b"fdAT", struct.pack(">I", 2 * n + 1) + pixel) for n in range(10_000))
    end = first.rindex(chunk(b"IEND"))
    return first[:33] + control + first[33:end] + rest + first[end:]


def no_pictures() -> Files:
    html = b"<!DOCTYPE html><html><body><img src=x onerror=alert(1)>" + MARK + b"</body></html>"
    svg = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    laughs = b'<!DOCTYPE svg [<!ENTITY a "ha">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
    )
    files = {
        "empty": b"",
        "one byte": b"\xff",
        "zeros": bytes(5000),
        "noise": random.Random(1).randbytes(50_000),
        "text": b"hello " * 1000,
        "HTML": html,
        "SVG": svg,
        "SVG with a billion laughs": laughs + b"]><svg>&j;</svg>",
        "packed SVG": gzip.compress(svg, mtime=0),
        "PDF": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "ZIP": _zip(),
        "program": b"\x7fELF\x02\x01\x01" + bytes(200),
        "script": b"#!/bin/sh\nrm -rf /\n",
        "PHP": b"<?php system($_GET['c']); ?>",
        "video": b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41" + bytes(400),
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(400),
        "JPEG XL": b"\xff\x0a" + bytes(100),
        "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100),
        "Photoshop": b"8BPS\0\1" + bytes(100),
        "first bytes of a JPEG": b"\xff\xd8\xff\xe0",
        "first bytes of a PNG": PNG_START,
        "first bytes of a GIF": b"GIF89a",
        "first bytes of a WebP": b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        "first bytes of an AVIF": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf",
    }
    for name, data in files.items():
        yield HostileFile(name, lambda data=data: data, taken=False)
    for kind in ("BMP", "TIFF", "ICO", "PPM", "TGA", "PCX", "DDS", "ICNS", "SGI"):
        yield HostileFile(kind, lambda kind=kind: save(drawn(), kind), f"holiday.{kind.lower()}", taken=False)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as folder:
        folder.writestr(zipfile.ZipInfo("../../secret.txt"), MARK)
    return file.getvalue()


def polyglots() -> Files:
    script = b"<script>alert('" + MARK + b"')</script>"
    for kind in SUFFIX:
        for name, rest in (
            ("a ZIP", _zip()),
            ("HTML", script),
            ("a PDF", b"%PDF-1.4\n" + MARK),
            ("a JPEG", laden("JPEG")),
        ):
            yield HostileFile(f"{kind} with {name} behind it", lambda k=kind, rest=rest: laden(k) + rest, taken=True)
    yield HostileFile("GIF that is a script", lambda: b"GIF89a/*" + bytes(20) + b"*/=1;alert('" + MARK + b"')")
    yield HostileFile("JPEG that is a page", lambda: into_jpeg(laden("JPEG"), segment(0xFE, script)), taken=True)
    yield HostileFile(
        "PNG with a page in its text", lambda: into_png(laden("PNG"), chunk(b"tEXt", b"a\0" + script)), taken=True
    )
    yield HostileFile("PNG with a page in a chunk", lambda: into_png(laden("PNG"), chunk(b"htMl", script)), taken=True)
    yield HostileFile("PDF with a JPEG in it", lambda: b"%PDF-1.4\nstream\n" + laden("JPEG"), taken=False)
    yield HostileFile("HTML with a PNG in it", lambda: b"<html>" + laden("PNG"), taken=False)
    yield HostileFile("two JPEGs, one over the other", lambda: laden("JPEG")[:-30] + laden("JPEG"))


def misnamed() -> Files:
    for kind in SUFFIX:
        for suffix in [*SUFFIX.values(), "svg", "exe", "html", "JPG.php"]:
            yield HostileFile(f"{kind} called .{suffix}", lambda k=kind: laden(k), f"holiday.{suffix}", taken=True)


def metadata() -> Files:
    def with_exif(body: bytes) -> Callable[[], bytes]:
        return lambda: into_jpeg(save(drawn(), "JPEG"), segment(0xE1, b"Exif\0\0" + body))

    marked = directory([(0x010E, 2, len(MARK), 26)], MARK)
    pointers = {0x8769: "EXIF", 0x8825: "GPS", 0xA005: "interoperability", 0x014A: "a picture"}
    yield HostileFile(
        "EXIF whose directory follows itself", with_exif(directory([(0x0112, 3, 1, 1)], following=8)), taken=True
    )
    for tag, what in pointers.items():
        yield HostileFile(f"EXIF in which {what} is itself", with_exif(directory([(tag, 4, 1, 8)])), taken=True)
        yield HostileFile(
            f"EXIF in which {what} is beyond its end", with_exif(directory([(tag, 4, 1, 2**31)])), taken=True
        )
    yield HostileFile("EXIF in EXIF", with_exif(directory([(0x927C, 7, len(marked), 26)], marked)), taken=True)
    thumbnail = laden("JPEG")
    yield HostileFile(
        "EXIF with a thumbnail that has EXIF",
        with_exif(directory([(0x0201, 4, 1, 38), (0x0202, 4, 1, len(thumbnail))], thumbnail, 8)),
        taken=True,
    )
    for value in (0, 9, 65_535):
        yield HostileFile(f"EXIF that is turned {value}", with_exif(directory([(0x0112, 3, 1, value)])), taken=True)
    yield HostileFile("EXIF turned by a text", with_exif(directory([(0x0112, 2, 9, 8)], MARK)), taken=True)
    yield HostileFile("EXIF of 65,535 entries", with_exif(b"II*\0\x08\0\0\0\xff\xff" + MARK * 4000), taken=True)
    yield HostileFile("EXIF that is none", with_exif(MARK), taken=True)
    yield HostileFile(
        "JPEG with a thousand EXIFs",
        lambda: into_jpeg(save(drawn(), "JPEG"), *[segment(0xE1, b"Exif\0\0" + marked)] * 1000),
        taken=True,
    )
    profiles = {
        "cut short": srgb()[:200],
        "of zeros": bytes(5000),
        "of a megabyte": srgb() + bytes(1_000_000),
        "that says it is 4 GB": b"\xff\xff\xff\xff" + srgb()[4:],
        "in a profile": srgb()[:128] + struct.pack(">I", 1) + b"A2B0" + struct.pack(">II", 144, 3000) + srgb(),
        "with 4 billion tags": srgb()[:128] + b"\xff\xff\xff\xff" + MARK * 50,
        "of the wrong colours": srgb().replace(b"RGB XYZ ", b"CMYKLab "),
    }
    for name, profile in profiles.items():
        for kind in ("JPEG", "PNG", "WEBP"):
            yield HostileFile(
                f"{kind} with a profile {name}",
                lambda k=kind, profile=profile: save(drawn(), k, icc_profile=profile + MARK),
                taken=True,
            )
    parts = [segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 9]) + MARK) for n in (9, 2, 2, 0, 255)]
    yield HostileFile("JPEG with a profile in parts that do not fit", lambda: into_jpeg(laden("JPEG"), *parts))
    for kind in ("JPEG", "WEBP", "PNG"):
        yield HostileFile(
            f"{kind} full of EXIF", lambda k=kind: save(drawn(), k, exif=b"Exif\0\0" + MARK * 4000), taken=True
        )
    yield HostileFile(
        "PNG with a thousand texts", lambda: into_png(laden("PNG"), *[chunk(b"tEXt", b"a\0" + MARK)] * 1000), taken=True
    )
    yield HostileFile(
        "PNG with EXIF in a text", lambda: into_png(laden("PNG"), chunk(b"tEXt", _raw_exif())), taken=True
    )
    yield HostileFile(
        "JPEG with Photoshop's resources", lambda: into_jpeg(laden("JPEG"), segment(0xED, _resources())), taken=True
    )


def _raw_exif() -> bytes:
    packed = (b"Exif\0\0" + greedy_directory(3000, 30_000)).hex().encode()
    return b"Raw profile type exif\0\nexif\n%8d\n" % (len(packed) // 2) + packed


def _resources() -> bytes:
    return (
        b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(MARK)) + MARK + b"8BIM\xff\xff\xff\xff\xff\xff"
    )


def shapes() -> Files:
    sizes = [(1, 1), (30_000, 1), (1, 30_000), (2, 30_000), (30_000, 1300), (1300, 30_000)]
    for width, height in sizes:
        for kind in SUFFIX:
            # WebP ends at 16,383 pixels a side.
            size = (min(width, 16_383), min(height, 16_383)) if kind == "WEBP" else (width, height)
            small = size[0] * size[1] < 1_000_000
            if small or kind in ("JPEG", "PNG"):
                options: dict[str, object] = {"speed": 10} if kind == "AVIF" else {}
                yield HostileFile(
                    f"{kind} of {size[0]} x {size[1]}",
                    lambda k=kind, size=size, options=options: save(Image.new("RGB", size, "teal"), k, **options),
                    f"shape.{SUFFIX[kind]}",
                    taken=True if small else None,
                )


def modes() -> Files:
    """Kinds of pixels that cameras do not make."""
    for mode, kind in [
        *((mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        *((mode, "JPEG") for mode in ("1", "L", "CMYK", "YCbCr")),
        *((mode, "WEBP") for mode in ("L", "LA", "P", "RGBA", "CMYK")),
        *((mode, "GIF") for mode in ("1", "L", "P", "RGBA")),
        *((mode, "AVIF") for mode in ("L", "LA", "RGBA")),
    ]:
        options: dict[str, object] = {"speed": 10} if kind == "AVIF" else {}
        yield HostileFile(f"{kind} of {mode}", lambda m=mode, k=kind, o=options: save(_in_mode(m), k, **o), taken=True)
    levels = np.linspace(0, 255, 60 * 240, dtype=np.uint8).reshape(60, 240)
    for bits, colour in [(1, 0), (2, 0), (4, 0), (16, 0), (8, 2), (16, 2), (8, 4), (16, 4), (8, 6), (16, 6)]:
        channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
        width = 240 * 8 // bits // channels
        rows = b"".join(b"\0" + row.tobytes() for row in levels)
        for interlaced in (0, 1):
            yield HostileFile(
                f"PNG of {bits} bits, colour {colour}{', interlaced' if interlaced else ''}",
                lambda w=width, b=bits, c=colour, rows=rows, i=interlaced: png(w, 60, b, c, rows, interlaced=i),
                taken=None if interlaced else True,
            )
    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    palette = chunk(b"PLTE", b"\xff\0\0\0\xff\0")
    yield HostileFile("PNG with colours that its palette lacks", lambda: png(240, 60, 8, 3, rows, palette))
    yield HostileFile("PNG without a palette", lambda: png(240, 60, 8, 3, rows))
    yield HostileFile("PNG of a colour that does not exist", lambda: png(240, 60, 8, 5, rows), taken=False)
    yield HostileFile("PNG of 7 bits", lambda: png(240, 60, 7, 0, rows), taken=False)
    yield HostileFile("PNG whose filter does not exist", lambda: png(240, 60, 8, 0, b"\x09" + rows[1:]))
    yield HostileFile(
        "JPEG that says it is CMYK", lambda: into_jpeg(laden("JPEG"), segment(0xEE, b"Adobe\0d\0\0\0\0\2"))
    )
    yield HostileFile("GIF of one colour", lambda: gif(60, 60, gif_frame(60, 60)))


def _in_mode(mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(drawn().convert("L")).astype(np.uint16) * 257)
    return drawn().convert(mode)


NAMES = [
    "new\nline.jpg",
    "carriage\r\nX-Injected: yes\r\n\r\n.jpg",
    "../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/shadow",
    "C:\\holiday.jpg",
    "a/b/c.jpg",
    "\u202egpj.exe",
    "\u200fholiday\u2067.jpg",
    "nul\0l.jpg",
    'quote".jpg',
    "semi;colon='x'.jpg",
    "<script>alert(1)</script>.jpg",
    "{{ 7 * 7 }}%s%n.jpg",
    "%2e%2e%2f%00.jpg",
    "x" * 5000 + ".jpg",
    "\U0001f3d6\ufe0f.jpg",
    ".htaccess",
    "-rf",
    "CON",
    " ",
    "\ufffe\uffff.jpg",
    "a.jpg\u0000.php",
    "ｆｕｌｌ／ｗｉｄｔｈ.jpg",
]


def names() -> Files:
    for number, name in enumerate(NAMES):
        yield HostileFile(
            f"name {number}: {name[:30]!r}", lambda n=number: laden(list(SUFFIX)[n % 5]), name, taken="\0" not in name
        )


FAMILIES: dict[str, Callable[[], Files]] = {
    "truncated": truncated,
    "bits flipped": flipped,
    "bombs": bombs,
    "huge": huge,
    "frames": frames,
    "no pictures": no_pictures,
    "polyglots": polyglots,
    "misnamed": misnamed,
    "metadata": metadata,
    "shapes": shapes,
    "modes": modes,
    "names": names,
}


def corpus() -> list[HostileFile]:
    """All of it."""
    return [file for family in FAMILIES.values() for file in family()]


def sample(each: int = 7) -> list[HostileFile]:
    """Some of each family, as if drawn at random."""
    return [file for name, family in FAMILIES.items() for file in random.Random(name).sample(list(family()), each)]
