"""The real server under mixed load: uploads, open grids, marks, statistics; its memory; and pages of a large site.

python -m tests.benchmarks load [--database URL]
"""

import argparse
import json
import random
import re
import statistics
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from flask import Flask

from moderation import accounts
from moderation.database import writing
from moderation.drawing import draw
from moderation.models import Role
from tests.conftest import save
from tests.server import Visitor, serving

from . import history
from .machine import heading, reached
from .site import site

GRID, STATISTICS = 60.0, 300.0
"""Milliseconds for the grid's first page and the statistics of 30 days, of a large site."""

GROWTH = 0.05
"""By which a worker's memory may grow, once it is warm."""

WHILE = 30
"""Seconds within which a worker gives back what it does not need; at one moment it holds what it works on, too."""

WORKERS = 2

POLL, MARK, LOOK = 1.0, 2.0, 5.0
"""Seconds between two looks of an open grid, two marks of the one who marks, two looks at the statistics."""

UPLOADERS = 4
"""Members who upload one picture after another."""

MEMBERS = 12
"""Who take turns at it."""

PICTURES = 200
"""Different ones; each is changed a little at every upload, so that no file is there already."""

Milliseconds = list[float]


@dataclass
class Tally:
    """What was asked for, how long it took, and what went wrong."""

    took: dict[str, Milliseconds] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def ask(self, kind: str, do: Callable[[], int]) -> None:
        begun = time.perf_counter()
        try:
            status = do()
        except OSError as error:
            self.errors.append(f"{kind}: {error!r}")
            return
        self.took.setdefault(kind, []).append((time.perf_counter() - begun) * 1000)
        if status >= 400:
            self.errors.append(f"{kind}: {status}")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks load", description=__doc__.splitlines()[0])
    parser.add_argument("--database", default="", metavar="URL", help="An empty one  [default: SQLite, a file]")
    parser.add_argument("--seconds", type=float, default=180, help="Of mixed load  [default: 180]")
    parser.add_argument("--warm-up", type=float, default=60, help="Seconds of it before memory counts  [default: 60]")
    parser.add_argument("--grids", type=int, default=20, help="Open at once  [default: 20]")
    parser.add_argument("--pictures", type=int, default=1_000_000, help="Of the large site  [default: 1,000,000]")
    parser.add_argument("--only", choices=["mixed", "large"], help="One of the two parts")
    parser.add_argument("--json", type=Path, help="Write the figures to this file, too")
    wanted = parser.parse_args(argv)
    print(f"{heading()}; {wanted.database.partition(':')[0] or 'sqlite'}", end="\n\n", flush=True)
    figures: dict[str, object] = {"at": heading()}
    if wanted.only != "large":
        figures["mixed"] = mixed(wanted.database, wanted.seconds, wanted.warm_up, wanted.grids)
    if wanted.only != "mixed":
        figures["large"] = large(wanted.database, wanted.pictures)
    if wanted.json:
        wanted.json.write_text(json.dumps(figures))


@contextmanager
def place_on(database: str) -> Iterator[Path]:
    """An instance folder on that database, which is emptied before and after."""
    with tempfile.TemporaryDirectory(prefix="moderation-benchmark-") as folder:
        place = Path(folder)
        if database:
            (place / "config.py").write_text(f"DATABASE_URL = {database!r}\n")
            _empty(database)
        yield place
        if database:
            _empty(database)


def _empty(database: str) -> None:
    engine = sa.create_engine(database)
    metadata = sa.MetaData()
    metadata.reflect(engine)
    metadata.drop_all(engine)
    engine.dispose()


# --- mixed load ----------------------------------------------------------------


def mixed(database: str, seconds: float, warm_up: float, grids: int) -> dict[str, object]:
    pictures = [save(draw(seed, 320)) for seed in range(min(PICTURES, int(4 * seconds)))]
    with place_on(database) as place:
        with site(place), writing():
            accounts.create("ada", history.PASSWORD, Role.ADMIN)
            for number in range(grids + 1):
                accounts.create(f"mona{number}", history.PASSWORD, Role.MODERATOR)
            for number in range(MEMBERS):
                accounts.create(f"member{number}", history.PASSWORD, Role.MEMBER)
        # They stand for many, of whom none tries so often what passes, and who come from many addresses.
        patient = {"MODERATION_HOLD_AFTER": "0", "MODERATION_HOLD_AFTER_ADDRESS": "0"}
        with serving(place, "--workers", str(WORKERS), MODERATION_DURABLE="true", **patient) as server:
            tally, stop = Tally(), threading.Event()
            ready = threading.Barrier(UPLOADERS + grids + 3)
            people = _people(server.address, pictures, tally, stop, ready, grids)
            for one in people:
                one.start()
            ready.wait()
            warm = _held(server.process.pid, warm_up)
            end = _held(server.process.pid, max(0.0, seconds - warm_up))
            stop.set()
            for one in people:
                one.join()
    print(
        f"{WORKERS} workers; {UPLOADERS} members upload without a pause and get the page that follows, {grids} grids "
        f"are open, a moderator marks every {MARK:g} s, an admin looks at the statistics every {LOOK:g} s, for "
        f"{seconds:g} s. Nobody is held for having tried much. Who asks runs on the same cores. Milliseconds over "
        f"HTTP.\n"
    )
    print("| | number | a second | p50 | p95 | p99 |")
    print("| :-- | --: | --: | --: | --: | --: |")
    for kind, took in sorted(tally.took.items()):
        p50, p95, p99 = np.percentile(took, (50, 95, 99))
        print(f"| {kind} | {len(took):,} | {len(took) / seconds:.1f} | {p50:.1f} | {p95:.1f} | {p99:.1f} |")
    print(f"\nErrors: {len(tally.errors)}, to reach: 0, {reached(not tally.errors)}.", *tally.errors[:3])
    print(f"\nOf a look a second at a worker's memory, the median of the last {WHILE} s.")
    print(f"\n| worker | MB after {warm_up:g} s | MB at the end | growth | to reach | |")
    print("| --: | --: | --: | --: | --: | :-- |")
    for pid, megabytes in warm.items():
        growth = end.get(pid, float("inf")) / megabytes - 1
        print(
            f"| {pid} | {megabytes:.1f} | {end.get(pid, 0):.1f} | {growth:.1%} | {GROWTH:.0%} "
            f"| {reached(growth <= GROWTH)} |"
        )
    print(flush=True)
    return {
        "took": {kind: list(np.percentile(took, (50, 95, 99))) for kind, took in tally.took.items()},
        "errors": len(tally.errors),
        "memory": [warm, end],
    }


def _people(
    address: str, pictures: Sequence[bytes], tally: Tally, stop: threading.Event, ready: threading.Barrier, grids: int
) -> list[threading.Thread]:
    def uploads(first: int) -> None:
        rng = random.Random(first)
        visitors = [
            Visitor(address).sign_in(f"member{one}", history.PASSWORD) for one in range(first, MEMBERS, UPLOADERS)
        ]
        ready.wait()
        number = 0
        while not stop.is_set():
            visitor = visitors[number % len(visitors)]
            picture = rng.choice(pictures)[:-2] + b"\xff\xfe\x00\x06%04x\xff\xd9" % rng.randrange(1 << 16)
            tally.ask("upload", lambda one=visitor, sent=picture: one.upload(sent).status)
            tally.ask("the page after it", lambda one=visitor: one.get("/picture").status)  # as a browser does
            number += 1
        for visitor in visitors:
            visitor.close()

    def grid(number: int) -> None:
        with Visitor(address) as visitor:
            visitor.sign_in(f"mona{number}", history.PASSWORD)
            page = visitor.get("/review/").text
            since = re.search(r'data-version="(\d+)"', page)
            known = [int(since[1]) if since else 0]
            ready.wait()

            def look() -> int:
                answer = visitor.get(f"/review/changes?since={known[0]}", Accept="application/json")
                if answer.status == 200:
                    known[0] = json.loads(answer.body)["version"]
                return answer.status

            while not stop.wait(POLL):
                tally.ask("poll of a grid", look)

    def marks() -> None:
        with Visitor(address) as visitor:
            visitor.sign_in(f"mona{grids}", history.PASSWORD)
            ready.wait()

            def mark() -> int:
                answer = visitor.post(f"/review/pictures/{found[1]}/mark", {"seen": "", "listed": found[1]})
                return 200 if answer.status == 409 else answer.status  # somebody was faster: its member, with a new one

            while not stop.wait(MARK):
                found = re.search(r'id="picture-(\d+)"', visitor.get("/review/").text)
                if found:
                    tally.ask("mark", mark)

    def looks() -> None:
        with Visitor(address) as visitor:
            visitor.sign_in("ada", history.PASSWORD)
            ready.wait()
            while not stop.wait(LOOK):
                tally.ask("statistics", lambda: visitor.get("/admin/").status)

    return [
        *(threading.Thread(target=uploads, args=(number,)) for number in range(UPLOADERS)),
        *(threading.Thread(target=grid, args=(number,)) for number in range(grids)),
        threading.Thread(target=marks),
        threading.Thread(target=looks),
    ]


def _held(master: int, seconds: float) -> dict[int, float]:
    """After so many seconds, by worker the megabytes that it held in the last of them."""
    looks: deque[dict[int, float]] = deque(maxlen=WHILE)
    until = time.monotonic() + seconds
    while True:
        looks.append(_memory(master))
        if time.monotonic() > until - 1:
            break
        time.sleep(1)
    time.sleep(max(0.0, until - time.monotonic()))
    return {pid: statistics.median(look[pid] for look in looks if pid in look) for pid in looks[-1]}


def _memory(master: int) -> dict[int, float]:
    """By worker, the megabytes that it holds."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    found = {}
    for pid in map(int, children):
        status = Path(f"/proc/{pid}/status").read_text()
        found[pid] = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024
    return found


# --- a large site --------------------------------------------------------------


def large(database: str, pictures: int) -> dict[str, object]:
    entries, matches = pictures // 10, pictures
    with place_on(database) as place, site(place) as app:
        begun = time.perf_counter()
        history.write(pictures, entries, matches)
        written = time.perf_counter() - begun
        took = {
            "the grid's first page": (_page(app, "mona0", "/review/"), GRID),
            "statistics of 30 days": (_page(app, "ada", "/admin/?days=30"), STATISTICS),
            "statistics of the whole year": (_page(app, "ada", "/admin/?days=all", 3), None),
        }
    print(
        f"{pictures:,} pictures, {entries:,} entries, {matches:,} matches, in {history.DAYS} days; written in "
        f"{written:.0f} s. Milliseconds inside the application, one request at a time.\n"
    )
    print("| | p50 | slowest | to reach | |")
    print("| :-- | --: | --: | --: | :-- |")
    for name, (milliseconds, most) in took.items():
        p50 = statistics.median(milliseconds)
        target = f"{most:g} | {reached(p50 <= most)}" if most else "|"
        print(f"| {name} | {p50:.1f} | {max(milliseconds):.1f} | {target} |")
    print(flush=True)
    return {name: milliseconds for name, (milliseconds, _) in took.items()}


def _page(app: Flask, name: str, path: str, rounds: int = 11) -> Milliseconds:
    from tests.web.conftest import Browser

    browser = Browser(app)
    answer = browser.sign_in(name, history.PASSWORD)
    assert answer.status_code == 200, answer.status
    browser.get(path)
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        answer = Context().run(browser.client.get, path)
        took.append((time.perf_counter() - begun) * 1000)
        assert answer.status_code == 200, answer.status
    return took


if __name__ == "__main__":
    main()
