"""What picture files are put together from, for what no well-meaning program writes."""

import struct
import zlib
from io import BytesIO

from PIL import Image, ImageCms

PNG_START = b"\x89PNG\r\n\x1a\n"


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def into_jpeg(jpeg: bytes, *segments: bytes) -> bytes:
    """The JPEG with those segments right at its start."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def many_scans(width: int, height: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated, each time over every block of the picture."""
    file = BytesIO()
    Image.new("L", (width, height), 90).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    return whole[:-2] + whole[whole.rfind(b"\xff\xda") : -2] * scans + whole[-2:]


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, bits: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))


def into_png(png: bytes, *chunks: bytes) -> bytes:
    """The PNG with those chunks right behind its header."""
    return png[:33] + b"".join(chunks) + png[33:]


def png(width: int, height: int, bits: int, colour: int, rows: bytes, *chunks: bytes, interlaced: int = 0) -> bytes:
    """A PNG of those rows, each with the byte for its filter before it."""
    pixels = chunk(b"IDAT", zlib.compress(rows, 1))
    return PNG_START + header(width, height, bits, colour, interlaced) + b"".join(chunks) + pixels + chunk(b"IEND")


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP of those chunks."""
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def into_webp(webp: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """The WebP with those chunks at its end."""
    body = webp[8:] + riff(*chunks)[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def extended(width: int, height: int, flags: int) -> tuple[bytes, bytes]:
    """The chunk of a WebP that says how large the whole is."""
    sides = [struct.pack("<I", side - 1)[:3] for side in (width, height)]
    return b"VP8X", bytes([flags, 0, 0, 0]) + b"".join(sides)


def gif(width: int, height: int, *blocks: bytes) -> bytes:
    """A GIF of two colours."""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\x80\0" + b"".join(blocks) + b";"


def gif_frame(width: int = 1, height: int = 1, x: int = 0, y: int = 0) -> bytes:
    """A frame of a GIF with one pixel in it, whatever it says."""
    return b"," + struct.pack("<HHHHB", x, y, width, height, 0) + b"\x02\x02\x44\x01\x00"


def gif_comment(length: int, step: int) -> bytes:
    """A comment in a GIF, in pieces of so many bytes."""
    return b"!\xfe" + (bytes([step]) + b"c" * step) * (length // step) + b"\0"


def directory(entries: list[tuple[int, int, int, int]], rest: bytes = b"", following: int = 0) -> bytes:
    """A TIFF directory, as in EXIF: tag, type, count and value or place of each entry, then what they point to."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + struct.pack("<I", following) + rest


def greedy_directory(entries: int, size: int) -> bytes:
    """A directory whose every entry is the same so many bytes: read one by one, they take entries times size."""
    return directory([(0xFFFF - number, 7, size - 16, 8) for number in range(entries)], bytes(size))


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
