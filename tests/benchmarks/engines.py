"""The engines beside each other and beside FAISS: lookups of one code among many, on one core.

python -m tests.benchmarks engines --photos DIR
"""

import argparse
import gc
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moderation.index import BKTreeEngine, ScanEngine
from moderation.multi_index import MultiIndexEngine

from . import photos
from .codes import Codes, real, real_like, unevenness
from .machine import heading, reached

try:
    import faiss
except ImportError:
    faiss = None

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
DISTANCES = (4, 8, 10, 12)

NEAR = 0.25
"""The share of lookups for a code that is a few bits from a known one; the others come near to few or none."""

Look = Callable[[int, int], int]
"""Given a code and a distance, how many codes were found."""


@dataclass
class Result:
    engine: str
    codes: int
    build: float  # seconds
    bytes: float | None  # a code
    p50: dict[int, float]  # milliseconds a lookup, by distance
    p99: dict[int, float]
    found: dict[int, int]  # by all lookups together


class OurEngine:
    def __init__(self, make: type[MultiIndexEngine] | type[ScanEngine] | type[BKTreeEngine], codes: Codes) -> None:
        self._engine = make()
        self._engine.extend(codes, np.arange(len(codes)))

    def look(self, code: int, within: int) -> int:
        return len(self._engine.near(code, within)[0])

    @property
    def bytes(self) -> int | None:
        return getattr(self._engine, "nbytes", None)


class Faiss:
    """`IndexBinaryFlat`, or `IndexBinaryMultiHash` made exact for a distance: of m hashes, one differs in few bits."""

    def __init__(self, codes: Codes, hashes: int = 0) -> None:
        faiss.omp_set_num_threads(1)
        self._hashes = hashes
        self._index = faiss.IndexBinaryMultiHash(64, hashes, 64 // hashes) if hashes else faiss.IndexBinaryFlat(64)
        self._index.add(codes.view(np.uint8).reshape(-1, 8))

    def look(self, code: int, within: int) -> int:
        if self._hashes:
            self._index.nflip = within // self._hashes
        asked = np.array([code], np.uint64).view(np.uint8).reshape(1, 8)
        # FAISS means "nearer than".
        return int(self._index.range_search(asked, within + 1)[0][1])

    @property
    def bytes(self) -> int | None:
        return None


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks engines", description=__doc__.splitlines()[0])
    photos.option(parser)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="How many codes  [default: 1,000 to 10 M]")
    parser.add_argument("--lookups", type=int, default=400, help="Lookups for each figure  [default: 400]")
    parser.add_argument("--json", type=Path, help="Write the figures to this file, too")
    wanted = parser.parse_args(argv)
    known = real(photos.spread(photos.files(wanted.photos), 400))
    rng = np.random.default_rng(1)
    sample = real_like(known, len(known), rng)
    uniform = rng.integers(0, 1 << 64, len(known), np.uint64)
    print(heading(), end="\n\n")
    print(
        "Milliseconds a lookup, p50 / p99, one thread, engines turn by turn; real-like codes: one shares a 16-bit key "
        f"with {unevenness(sample):.2f} of {len(known)} codes, a real one with {unevenness(known):.2f}, a uniform one "
        f"with {unevenness(uniform):.2f}. {'FAISS ' + faiss.__version__ if faiss else 'FAISS is not installed'}.\n"
    )
    print("| codes | engine | build, s | bytes a code |" + "".join(f" ≤ {within} bits |" for within in DISTANCES))
    print("| --: | :-- | --: | --: |" + " --: |" * len(DISTANCES), flush=True)
    results = [
        result for size in wanted.sizes for result in measure(real_like(known, size, rng), known, wanted.lookups, rng)
    ]
    print()
    for sentence in targets(results):
        print(f"- {sentence}")
    if wanted.json:
        wanted.json.write_text(json.dumps({"at": heading(), "results": [asdict(result) for result in results]}))


def measure(codes: Codes, known: Codes, lookups: int, rng: np.random.Generator) -> list[Result]:
    asked = real_like(known, lookups, rng)
    near = int(lookups * NEAR)
    asked[:near] = rng.choice(codes, near) ^ np.uint64(0b101)
    asked = rng.permutation(asked)
    engines: dict[str, Callable[[], Any]] = {
        "multi-index": lambda: OurEngine(MultiIndexEngine, codes),
        "numpy scan": lambda: OurEngine(ScanEngine, codes),
    }
    if len(codes) <= 100_000:
        engines["BK-tree"] = lambda: OurEngine(BKTreeEngine, codes)
    if faiss:
        engines["FAISS flat"] = lambda: Faiss(codes)
        # As many hashes as ours has bands, so that a lookup looks into as many buckets.
        engines["FAISS multi-hash"] = lambda: Faiss(codes, 4 if len(codes) < 500_000 else 3)
    results, made = [], {}
    for name, make in engines.items():
        gc.collect()
        started = time.perf_counter()
        made[name] = make()
        results.append(Result(name, len(codes), time.perf_counter() - started, made[name].bytes, {}, {}, {}))
        if results[-1].bytes is not None:
            results[-1].bytes /= len(codes)
    for within in DISTANCES:
        times = _times({name: engine.look for name, engine in made.items()}, asked.tolist(), within)
        for result in results:
            milliseconds, found = times[result.engine]
            result.p50[within], result.p99[within] = np.percentile(milliseconds, (50, 99)).tolist()
            result.found[within] = found
        most = max(result.found[within] for result in results)
        for result in results:
            if result.found[within] != most:
                print(f"{result.engine} found {result.found[within]} of {most} within {within} of {len(codes)} codes")
    for result in results:
        room = "" if result.bytes is None else f"{result.bytes:.0f}"
        cells = "".join(f" {result.p50[within]:.3f} / {result.p99[within]:.3f} |" for within in DISTANCES)
        print(f"| {result.codes:,} | {result.engine} | {result.build:.2f} | {room} |{cells}", flush=True)
    return results


def _times(looks: dict[str, Look], asked: list[int], within: int) -> dict[str, tuple[list[float], int]]:
    """By engine, milliseconds for each code, and how many were found by all of them."""
    times: dict[str, tuple[list[float], int]] = {}
    for name, look in looks.items():
        look(asked[0], within)
        milliseconds, found = [], 0
        for code in asked:
            started = time.perf_counter()
            some = look(code, within)
            milliseconds.append((time.perf_counter() - started) * 1000)
            found += some
        times[name] = milliseconds, found
    return times


def targets(results: list[Result]) -> list[str]:
    """What was to be reached, and whether it was."""
    found = {(result.engine, result.codes): result for result in results}
    sentences = []
    for size, within, most in ((1_000_000, 8, 0.1), (10_000_000, 8, 0.25), (10_000_000, 10, 0.6)):
        if ours := found.get(("multi-index", size)):
            took = ours.p50[within]
            sentences.append(f"{size:,} codes within {within}: {took:.3f} ms, at most {most}: {reached(took <= most)}")
    if ours := found.get(("multi-index", 10_000_000)):
        sentences.append(f"10 M codes: {ours.bytes:.0f} bytes each, at most 60: {reached(ours.bytes <= 60)}")
        if theirs := found.get(("FAISS multi-hash", 10_000_000)):
            ratio = theirs.p50[8] / ours.p50[8]
            sentences.append(
                f"FAISS multi-hash takes {ratio:.1f} times as long within 8, at least 10: {reached(ratio >= 10)}"
            )
    return sentences


if __name__ == "__main__":
    main()
