"""What picture files are put together from, for what no well-meaning program writes."""

import struct
import zlib
from io import BytesIO

from PIL import Image, ImageCms

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def into_jpeg(jpeg: bytes, *segments: bytes) -> bytes:
    """The JPEG with those segments right at its start."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, bits: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))


def into_png(png: bytes, *chunks: bytes) -> bytes:
    """The PNG with those chunks right behind its header."""
    return png[:33] + b"".join(chunks) + png[33:]


def into_webp(webp: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """The WebP with those chunks at its end."""
    body = webp[8:] + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def box(kind: bytes, body: bytes) -> bytes:
    """A box of an AVIF."""
    return struct.pack(">I", len(body) + 8) + kind + body


def directory(entries: list[tuple[int, int, int, int]], rest: bytes = b"") -> bytes:
    """A TIFF directory, as in EXIF: tag, type, count and value or place of each entry, then what they point to."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + b"\0\0\0\0" + rest


def greedy_directory(entries: int, size: int) -> bytes:
    """A directory whose every entry is the same so many bytes: read one by one, they take entries times size."""
    return directory([(0x8000 + number, 7, size - 16, 8) for number in range(entries)], bytes(size))


def many_scans(width: int, height: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated, each time over every block of the picture."""
    file = BytesIO()
    Image.new("L", (width, height), 90).save(file, "JPEG", progressive=True, optimize=True)
    whole = file.getvalue()
    tables = whole.rfind(b"\xff\xc4", 0, whole.rfind(b"\xff\xda"))
    last = whole[max(tables, 0) if tables > whole.rfind(b"\xff\xda", 0, -30) else whole.rfind(b"\xff\xda") : -2]
    return whole[:-2] + last * scans + whole[-2:]


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
