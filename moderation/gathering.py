"""A test set: pictures drawn at random, and copies of them rescaled at random, under random names."""

import csv
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from .canonical import FOLDER_FORMATS
from .errors import Refusal, TooLarge, Unreadable
from .folders import FOLDER_LIMITS, Unread, find, load, why

MANIFEST = "manifest.csv"
COLUMNS = ("copy", "original")

SUFFIX = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "AVIF": ".avif", "BMP": ".bmp", "TIFF": ".tif"}
QUALITY = 90
"""Of the formats that lose something, 0 to 100."""


@dataclass(frozen=True)
class Wanted:
    """How many pictures, how many copies of each, and by how many percent these are larger or smaller at the most."""

    samples: int = 17
    copies: int = 3
    scale: float = 5.0


@dataclass(frozen=True)
class Gathered:
    """The copies' names, each with its original's path, and the pictures that could not be read."""

    manifest: list[tuple[str, Path]]
    unread: list[Unread]


def gather(source: Path, output: Path, wanted: Wanted, seed: int, drawn: Callable[[], None] = lambda: None) -> Gathered:
    """Write the test set of that seed, and its manifest, into an empty or new folder; `drawn` is told of each picture.

    Other pictures take the places of those that cannot be read. Raises `Refusal` if there are too few, or if the
    folder is not empty: then no file is left behind.
    """
    rng = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    listing = find(source)
    candidates, unread = listing.paths, list(listing.unlisted)
    rng.shuffle(candidates)
    manifest: list[tuple[str, Path]] = []
    originals = 0
    written: list[Path] = []
    with _fresh_folder(output, written) as folder:
        for path in candidates:
            if originals == wanted.samples:
                break
            try:
                image = _load(path)
            except (Refusal, OSError) as error:
                unread.append(Unread(path, why(error)))
                continue
            originals += 1
            for _ in range(wanted.copies):
                name = f"{uuid.UUID(int=rng.getrandbits(128), version=4)}{SUFFIX[image.format or 'JPEG']}"
                written.append(folder / name)
                _write(image, 1 + rng.uniform(-wanted.scale, wanted.scale) / 100, folder / name)
                manifest.append((name, path))
            drawn()
        if originals < wanted.samples:
            raise Refusal(f"{wanted.samples} pictures are wanted, and {source} has {originals} that can be read.")
        # The last to be written: a set without it is not complete.
        written.append(folder / MANIFEST)
        with (folder / MANIFEST).open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *manifest])
    return Gathered(manifest, unread)


@contextmanager
def _fresh_folder(folder: Path, written: list[Path]) -> Iterator[Path]:
    """An empty folder to write to; the files that were written are removed again if anything goes wrong."""
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Refusal(f"{folder} is not empty. Please choose a new folder.")
    except OSError as error:
        raise Refusal(f"{folder} cannot be written to: {error.strerror}.") from error
    try:
        yield folder
    except BaseException as error:
        for path in written:
            path.unlink(missing_ok=True)
        if is_new:
            folder.rmdir()
        if isinstance(error, OSError):
            raise Refusal(f"{folder} cannot be written to: {error.strerror}.") from error
        raise


def _load(path: Path) -> Image.Image:
    """The first frame, upright and of full size; `format` and the colour profile are kept."""
    data, _ = load(path)
    try:
        with Image.open(BytesIO(data), formats=FOLDER_FORMATS) as image:
            if image.width * image.height > FOLDER_LIMITS.pixels:
                raise TooLarge("The picture has too many pixels.")
            image.load()
            upright = ImageOps.exif_transpose(image)
            # Some modes cannot be rescaled smoothly, or not be saved.
            if upright.mode not in ("L", "RGB", "RGBA", "CMYK"):
                upright = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
            upright.format = "JPEG" if image.format == "MPO" else image.format
            upright.info = {"icc_profile": image.info.get("icc_profile")}
            return upright
    except Refusal:
        raise
    except Exception as error:  # Decoders fail on damaged bytes with almost any exception there is.
        raise Unreadable("This picture is damaged and cannot be read.") from error


def _write(image: Image.Image, factor: float, path: Path) -> None:
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    copy = image.resize(size, Image.Resampling.LANCZOS)
    copy.save(path, image.format, quality=QUALITY, icc_profile=image.info["icc_profile"])
