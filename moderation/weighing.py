"""From a picture file's headers alone: whether reading it is known to be cheap, in time and in memory."""

import struct
import zlib
from collections.abc import Callable

from .canonical import SIDE

CHEAP = 64 * 1000 * 1000
"""Bytes of memory that reading a cheap picture takes at the most."""

WORK = 60 * 1000 * 1000
"""Pixels that are gone over for a cheap picture at the most, every scan of a JPEG by itself."""

METADATA = 128 * 1024
"""Bytes beside the pixels, at the most: EXIF with its thumbnail, XMP."""

PROFILE = 8 * 1024
"""Bytes of a colour profile at the most: a few kilobytes of tables can mean minutes of sums."""

SEGMENTS = 64
"""Parts beside the pixels, at the most: each is walked through by Python."""

ENTRIES = 64
"""Entries of a directory in EXIF at the most: each of them may point to all of it, and is read into memory."""


def is_cheap(data: bytes) -> bool:
    """Whether reading the picture takes little, whatever is in the file. Where that cannot be told it is not."""
    for start, look in _LOOKS.items():
        if data.startswith(start):
            try:
                return look(data)
            except (struct.error, IndexError, zlib.error):
                return False
    # A GIF's comments and an AVIF's boxes are read by slow or intricate code before a pixel is.
    return not data.startswith(b"GIF8") and data[4:8] != b"ftyp"  # others are no pictures, which is told at once


def _jpeg(data: bytes) -> bool:
    place, metadata, profile = 2, 0, 0
    frame: tuple[int, int, int, int] | None = None  # kind, height, width, channels
    whole = False  # whether the first scan has every channel
    for _ in range(SEGMENTS):
        marker, length = struct.unpack_from(">HH", data, place)
        body = data[place + 4 : place + 2 + length]
        place += 2 + length
        if marker == 0xFFDA:
            whole = frame is not None and body[0] == frame[3]
            break
        if marker in (0xFFC0, 0xFFC1, 0xFFC2) and frame is None:
            frame = (marker, *struct.unpack_from(">xHHB", body))
        elif marker >> 4 == 0xFFE or marker == 0xFFFE:
            metadata += length
            if body.startswith(b"ICC_PROFILE"):
                profile += length
            if not (_few_entries(body, b"Exif\0\0") and _few_entries(body, b"MPF\0")):
                return False
        elif marker not in (0xFFC4, 0xFFDB, 0xFFDD):
            return False
    else:
        return False
    if frame is None or metadata > METADATA or profile > PROFILE:
        return False

    kind, height, width, channels = frame
    scans = 1
    if kind == 0xFFC2 or not whole:  # otherwise libjpeg reads no second one
        # Inside a scan these two bytes mean its end and nothing else. Another picture may follow, which is not read.
        end = data.find(b"\xff\xd9", place)
        scans += data.count(b"\xff\xda", place, end if end >= 0 else len(data))
    # As canonical.py asks for it: large pictures are decoded at a half, a quarter or an eighth of their size.
    scale = max(n for n in (1, 2, 4, 8) if n == 1 or n <= min(width, height) // SIDE)
    memory = width * height // scale**2 * 12
    if kind == 0xFFC2 or scans > 1:
        memory += width * height * channels * 2  # every coefficient is kept until the last scan
    return memory <= CHEAP and width * height * scans <= WORK


def _png(data: bytes) -> bool:
    width, height = struct.unpack_from(">II", data, 16)
    place, metadata, others = 8, 0, 0
    while others <= SEGMENTS:
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"IEND":
            break
        # Behind a name: whether a text is packed, and how a profile is.
        body = data[place + 8 : place + 8 + length].partition(b"\0")[2] if kind in (b"iTXt", b"iCCP") else b""
        if kind in (b"acTL", b"zTXt") or (kind == b"iTXt" and body[:1] != b"\0"):
            return False
        if kind == b"iCCP" and len(zlib.decompressobj().decompress(body[1:], PROFILE)) == PROFILE:
            return False
        # Chunks of pixels are counted in kilobytes, or they would be so many that walking through them takes long.
        if kind != b"IDAT" or length < 1024:
            metadata += length
            others += 1
        place += 12 + length
    return others <= SEGMENTS and metadata <= METADATA and bool(width * height * 16 <= CHEAP)


def _webp(data: bytes) -> bool:
    kind = data[12:16]
    if kind == b"VP8X":
        flags, *size = struct.unpack_from("<B3xHBHB", data, 20)
        width, height = size[0] + (size[1] << 16) + 1, size[2] + (size[3] << 16) + 1
        if flags & 0x02 or not _few_chunks(data):  # animated
            return False
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    return bool(width * height * 20 <= CHEAP)


def _few_chunks(webp: bytes) -> bool:
    place, metadata = 12, 0
    for _ in range(SEGMENTS):
        if place >= len(webp):
            return metadata <= METADATA
        kind, length = struct.unpack_from("<4sI", webp, place)
        if kind == b"ICCP" and length > PROFILE:
            return False
        metadata += 0 if kind in (b"VP8 ", b"VP8L", b"ALPH") else length
        place += 8 + length + length % 2
    return False


def _few_entries(segment: bytes, name: bytes) -> bool:
    """Whether a segment of that name begins with a directory of few entries; others are none of that name's."""
    if not segment.startswith(name):
        return True
    tiff = segment[len(name) :]
    order = ">" if tiff.startswith(b"MM") else "<"
    try:
        (place,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, place)
    except struct.error:
        return True  # and Pillow does not find one either
    return bool(entries <= ENTRIES)


_LOOKS: dict[bytes, Callable[[bytes], bool]] = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"RIFF": _webp,
}
