"""How long a worker takes from its start to its first answer, in how much memory, and what one more look costs.

python -m tests.benchmarks start --photos DIR
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from moderation.canonical import canonical
from moderation.context import parts
from moderation.fingerprint import fingerprint

from . import photos
from .machine import heading, reached
from .site import block, fill, site

SIZES = {25_000: 2.0, 100_000: 6.0}
"""Entries, each with about 40 codes, and the seconds within which they are to be ready."""

UNCHANGED = 0.3
"""Milliseconds that a look may take longer for having asked whether something has changed."""

WORKER = """
import sys, time
from pathlib import Path
from moderation.app import create_app
from moderation.context import parts
app = create_app(Path(sys.argv[1]), TESTING=True)
from moderation.memory import keep_memory
from tests.benchmarks.machine import held
from tests.benchmarks.start import asked
keep_memory()
with app.app_context():
    print_ = asked(Path(sys.argv[2]))
    before = held()
    started = time.perf_counter()
    hits = parts().blocklist.near(print_, parts().policy)
    print(len(hits), time.perf_counter() - started, held() - before)
"""
"""A worker of its own, to its first answer."""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks start", description=__doc__.splitlines()[0])
    photos.option(parser)
    parser.add_argument("--entries", type=int, nargs="+", default=list(SIZES), help="Lengths of the blocklist")
    parser.add_argument("--rounds", type=int, default=3, help="Workers started  [default: 3]")
    parser.add_argument("--json", type=Path, help="Write the figures to this file, too")
    wanted = parser.parse_args(argv)
    paths = photos.spread(photos.files(wanted.photos), 100)
    print(heading(), end="\n\n")
    print(
        "| entries | codes | read and ready, s | to reach | | in memory, MB | nothing changed, ms "
        "| one entry of another process, ms |"
    )
    print("| --: | --: | --: | --: | :-- | --: | --: | --: |", flush=True)
    rows = [measure(paths, entries, wanted.rounds) for entries in wanted.entries]
    well = max(row["unchanged"] for row in rows) <= UNCHANGED
    print(f"\nAsking when nothing has changed costs at most {UNCHANGED} ms: {reached(well)}.")
    if wanted.json:
        wanted.json.write_text(json.dumps({"at": heading(), "rows": rows}))


def measure(paths: Sequence[Path], entries: int, rounds: int) -> dict[str, float]:
    prints = [fingerprint(canonical(path.read_bytes())) for path in paths]
    with tempfile.TemporaryDirectory(prefix="moderation-benchmark-") as place, site(Path(place)):
        fill(entries - 1, prints, np.random.default_rng(1))
        block(prints[:1])
        started_anew = [_ready(Path(place), paths[0]) for _ in range(rounds)]
        blocklist = parts().blocklist
        blocklist.near(prints[0], parts().policy)
        codes = len(blocklist._matcher._view)
        unchanged, changed = [], []
        for number in range(60):
            started = time.perf_counter()
            blocklist.catch_up()
            unchanged.append((time.perf_counter() - started) * 1000)
            block(prints[number : number + 1])
            started = time.perf_counter()
            blocklist.catch_up()
            changed.append((time.perf_counter() - started) * 1000)
    ready, megabytes = (statistics.median(each) for each in zip(*started_anew, strict=True))
    target = SIZES.get(entries)
    row = {
        "entries": entries,
        "codes": codes,
        "ready": ready,
        "megabytes": megabytes,
        "unchanged": statistics.median(unchanged),
        "changed": statistics.median(changed),
    }
    print(
        f"| {entries:,} | {codes:,} | {ready:.2f} | {target or ''} | {reached(ready <= target) if target else ''} "
        f"| {megabytes:.0f} | {row['unchanged']:.3f} | {row['changed']:.2f} |",
        flush=True,
    )
    return row


def asked(path: Path) -> object:
    return fingerprint(canonical(path.read_bytes()))


def _ready(place: Path, picture: Path) -> tuple[float, float]:
    """Seconds until a worker has answered, and the megabytes of its copy of the list."""
    words = [sys.executable, "-c", WORKER, str(place), str(picture)]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    if said[0] == "0":
        raise SystemExit("The worker did not find the blocked picture.")
    return float(said[1]), float(said[2])


if __name__ == "__main__":
    main()
