"""`moderation index` beside the plain loop that it replaces, on the same folders, turn by turn.

python -m tests.benchmarks.index --photos DIR
"""

import argparse
import os
import shelve
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moderation.pool import cores
from moderation.views import VIEW

from . import machine, photos

LOOP = """
import glob, shelve, sys
from PIL import Image
import imagehash
Image.MAX_IMAGE_PIXELS = None
db = shelve.open(sys.argv[2], flag="n", writeback=True)
for path in glob.glob(sys.argv[1] + "/*.jpg"):
    image = Image.open(path)
    h = str(imagehash.dhash(image))
    filename = path[path.rfind("/") + 1:]
    db[h] = db.get(h, []) + [filename]
db.close()
"""
"""The article's loop, as a program of its own."""


@dataclass(frozen=True)
class Size:
    """Pictures of one size: so many different ones, each under so many names, and the ratio to reach."""

    megapixels: float | None  # None: the photographs as they are
    different: int
    names: int
    target: float


SIZES = (
    Size(None, 1_000_000, 1, 1.5),
    Size(0.2, 300, 16, 2.5),
    Size(1, 100, 20, 2.5),
    Size(12, 24, 25, 8),
)


@dataclass(frozen=True)
class Result:
    size: Size
    megapixels: float
    pictures: int
    loop: list[float]  # seconds, one a round
    ours: list[float]
    bits: list[int]  # by which the two dHashes of each different picture differ


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks index", description=__doc__.splitlines()[0])
    photos.option(parser)
    parser.add_argument("--rounds", type=int, default=3, help="How often each of the two runs  [default: 3]")
    wanted = parser.parse_args(argv)
    given = photos.files(wanted.photos)
    print(machine.heading(), end="\n\n")
    print(
        f"Whole programs, from start to end, on {cores()} cores: median of {wanted.rounds} rounds, turn by turn. "
        f"Larger pictures are made from the photographs: upscaled, noise of {photos.NOISE} levels, JPEG of quality "
        f"{photos.QUALITY}; each lies in the folder under several names.\n"
    )
    print("| pictures | MP | plain loop, /s | moderation index, /s | ratio | to reach | same dHash | within 3 bits |")
    print("| --: | --: | --: | --: | --: | --: | --: | --: |", flush=True)
    for size in SIZES:
        print(row(measure(given, size, wanted.rounds)), flush=True)


def measure(given: Sequence[Path], size: Size, rounds: int) -> Result:
    with tempfile.TemporaryDirectory(prefix="moderation-benchmark-") as place:
        folder = Path(place) / "pictures"
        folder.mkdir()
        originals = _make(photos.spread(given, size.different), size, folder)
        seconds: tuple[list[float], list[float]] = ([], [])
        shelf, index = Path(place) / "shelf", Path(place) / "index.sqlite"
        for _ in range(rounds):
            seconds[0].append(_run(sys.executable, "-c", LOOP, str(folder), str(shelf)))
            index.unlink(missing_ok=True)
            words = [sys.executable, "-m", "moderation", "index", str(folder), "--database", str(index)]
            seconds[1].append(_run(*words))
        bits = _bits(shelf, index, {path.name for path in originals})
        pixels = _mean_megapixels(index)
    return Result(size, pixels, len(originals) * size.names, *seconds, bits)


def row(result: Result) -> str:
    loop, ours = (result.pictures / statistics.median(seconds) for seconds in (result.loop, result.ours))
    same, within = (sum(one <= most for one in result.bits) / len(result.bits) for most in (0, 3))
    return (
        f"| {result.pictures} | {result.megapixels:.2f} | {loop:.0f} | {ours:.0f} | {ours / loop:.1f} "
        f"| {result.size.target} | {same:.1%} | {within:.1%} |"
    )


def _make(sources: Sequence[Path], size: Size, folder: Path) -> list[Path]:
    rng = np.random.default_rng(1)
    made = []
    for number, source in enumerate(sources):
        path = folder / f"{number:05}-0.jpg"
        if size.megapixels is None:
            path.write_bytes(source.read_bytes())
        else:
            photos.larger(source, path, size.megapixels, rng)
        for name in range(1, size.names):
            os.link(path, folder / f"{number:05}-{name}.jpg")
        made.append(path)
    return made


def _run(*words: str) -> float:
    """Seconds that the program takes."""
    started = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _bits(shelf: Path, index: Path, names: set[str]) -> list[int]:
    with shelve.open(str(shelf), flag="r") as plain:  # noqa: S301 - we have just written it
        theirs = {name: int(code, 16) for code, filenames in plain.items() for name in filenames if name in names}
    with closing(sqlite3.connect(index)) as database:
        rows = database.execute("SELECT path, views FROM pictures").fetchall()
    ours = {os.fsdecode(path).rpartition("/")[2]: int(np.frombuffer(views, VIEW)["dhash"][0]) for path, views in rows}
    return [(theirs[name] ^ ours[name]).bit_count() for name in sorted(theirs)]


def _mean_megapixels(index: Path) -> float:
    with closing(sqlite3.connect(index)) as database:
        return float(database.execute("SELECT avg(width * height) FROM pictures").fetchone()[0]) / 1e6


if __name__ == "__main__":
    main()
