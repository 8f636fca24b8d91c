"""One check of a picture, in process and over HTTP, beside a full decode and the article's pipeline, turn by turn.

python -m tests.benchmarks check --photos DIR
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from moderation import accounts, tokens, uploads
from moderation.app import create_app, migrate
from moderation.blocklist import Blocklist
from moderation.context import EXTENSION
from moderation.database import db, writing
from moderation.engines import ENGINES
from moderation.fingerprint import Fingerprint
from moderation.index import Codes, Distances, Engine, Ids
from moderation.judging import VERIFIED, judge
from moderation.matching import Verdict
from moderation.memory import keep_memory, set_aside
from moderation.models import Role
from moderation.parts import Parts

from . import machine, photos
from .crowd import Crowd, write

MEGAPIXELS = (0.2, 1, 12)
PICTURES = 6
"""Different pictures of each size, checked one after the other in each of the ways, which take turns."""

TEMPLATES = 240
"""Photographs whose views the entries are made of."""

DECODE = 5.9
"""Milliseconds of the full decode of 1 megapixel on the machine that the targets were set for."""

IN_PROCESS, OVER_HTTP, DOZEN, UPLOAD = 8 / DECODE, 11 / DECODE, 35 / DECODE, 5.0
"""To reach, for 1 megapixel, in full decodes."""

GROWTH = 1.8
"""To reach: a check against the longest list, in checks against the shortest."""

DOZEN_KIND = f"1 MP, {VERIFIED} verified"
"""Pictures for which so many candidates' pixels are compared, none of which leads to a refusal."""

Milliseconds = list[float]


@dataclass
class Row:
    """One kind of picture against a list of one length, in milliseconds a check."""

    kind: str
    entries: int
    decode: Milliseconds = field(default_factory=list)  # by Pillow, in full
    naive: Milliseconds = field(default_factory=list)  # the article's pipeline
    check: Milliseconds = field(default_factory=list)  # in process
    lookup: Milliseconds = field(default_factory=list)  # ... of which in the index of codes
    busy: Milliseconds = field(default_factory=list)  # ... in process, of a processor
    http: Milliseconds = field(default_factory=list)
    upload: Milliseconds = field(default_factory=list)  # complete, from bytes to rows committed

    @property
    def own(self) -> Milliseconds:
        """In process, without the lookup."""
        return [all_ - lookup for all_, lookup in zip(self.check, self.lookup, strict=True)]

    def decodes(self, of: Milliseconds) -> float:
        """So many full decodes of the same pictures."""
        return median(of) / median(self.decode)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks check", description=__doc__.splitlines()[0])
    photos.option(parser)
    parser.add_argument("--entries", type=int, nargs="+", default=[10_000, 100_000], help="Lengths of the blocklist")
    parser.add_argument("--rounds", type=int, default=100, help="Checks of each kind of picture  [default: 100]")
    parser.add_argument("--json", type=Path, help="Write the figures here too")
    wanted = parser.parse_args(argv)
    print(machine.heading(), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="moderation-benchmark-") as place:
        rows = measure(photos.files(wanted.photos), sorted(wanted.entries), wanted.rounds, Path(place))
    print(tables(rows))
    targets = judged(rows)
    print("\n| to reach, 1 MP | in full decodes | measured | |\n| :-- | --: | --: | :-- |")
    for name, most, found in targets:
        print(f"| {name} | {most:.2f} | {found:.2f} | {'reached' if found <= most else 'missed'} |")
    if wanted.json:
        report = {"machine": machine.heading(), "rows": [vars(row) for row in rows]}
        report["targets"] = [dict(zip(("name", "most", "found"), target, strict=True)) for target in targets]
        wanted.json.write_text(json.dumps(report, indent=1))


def measure(given: Sequence[Path], lengths: Sequence[int], rounds: int, place: Path) -> list[Row]:
    """Every kind of picture against lists of those lengths, in kinds by lengths."""
    rows = []
    pictures = _pictures(given, place)
    app = create_app(place / "instance")
    keep_memory()  # as a worker does, and sets aside what is there when it begins
    engine = ENGINES[app.config["INDEX_ENGINE"]]
    parts = replace(app.extensions[EXTENSION], blocklist=Blocklist(_Stopwatch.on(engine)))
    with app.app_context():
        migrate()
        with writing():
            member = accounts.create("ana", "correct horse battery", Role.MEMBER)
            token = tokens.create("benchmark")
            db.session.flush()
            member_id = member.id
        folders = [parts.store.root / f"{number:02x}" for number in range(256)]  # as a site has them after a while
        for folder in folders:
            folder.mkdir()
        crowd = Crowd(photos.spread(given[::2], TEMPLATES))
        near = [one for data in pictures[DOZEN_KIND] for one in crowd.near(_print(data, parts))]
        known = write(near)
        for length in lengths:
            write(crowd.strangers(length - known))
            known = length
            with _served(place / "instance") as ask:
                check = _Check(parts, ask, token, member_id, length)
                rows += check.measured(pictures, rounds)
            db.session.remove()
        db.engine.dispose()
    return rows


def _pictures(given: Sequence[Path], place: Path) -> dict[str, list[bytes]]:
    """JPEG files by kind. No photograph is both here and among those that the entries are made of."""
    rng = np.random.default_rng(1)
    sources = iter(photos.spread(given[1::2], PICTURES * (len(MEGAPIXELS) + 1)))
    kinds = {f"{size:g} MP": float(size) for size in MEGAPIXELS} | {DOZEN_KIND: 1.0}
    return {
        kind: [photos.larger(next(sources), place / "made.jpg", size, rng).read_bytes() for _ in range(PICTURES)]
        for kind, size in kinds.items()
    }


def _print(data: bytes, parts: Parts) -> Fingerprint:
    return parts.decoder.fingerprint(data)


# --- the checks ---------------------------------------------------------------


class _Check:
    """One length of the list, and a server that has it too."""

    def __init__(
        self, parts: Parts, ask: Callable[[bytes, str], dict[str, object]], token: str, member_id: int, entries: int
    ) -> None:
        self._parts, self._ask, self._token, self._member_id, self._entries = parts, ask, token, member_id, entries
        templates = np.random.default_rng(3).integers(1 << 63, size=entries)
        self._known = {f"{code:016x}": ["picture.jpg"] for code in templates.tolist()}

    def measured(self, pictures: dict[str, list[bytes]], rounds: int) -> list[Row]:
        rows = [Row(kind, self._entries) for kind in pictures]
        self._round(rows, pictures)  # until everything is loaded
        set_aside()
        rows = [Row(kind, self._entries) for kind in pictures]
        for _ in range(0, rounds, PICTURES):
            self._round(rows, pictures)
        return rows

    def _round(self, rows: list[Row], pictures: dict[str, list[bytes]]) -> None:
        """As on a site where one check comes after the other: the first of a row finds other data in the caches."""
        for row in rows:
            given = pictures[row.kind]
            row.decode += [_took(lambda data=data: _decode(data)) for data in given]
            row.naive += [_took(lambda data=data: self._naive(data)) for data in given]
            for data in given:
                self._in_process(row, data)
            row.http += [_took(lambda data=data: self._ask(data, self._token)) for data in given]
            row.upload += [self._upload(data) for data in given]

    def _naive(self, data: bytes) -> bool:
        with Image.open(BytesIO(data)) as image:
            return str(imagehash.dhash(image)) in self._known

    def _in_process(self, row: Row, data: bytes) -> None:
        before, started, busy = _Stopwatch.spent, time.perf_counter(), time.process_time()
        found = judge(self._parts, _print(data, self._parts))
        row.check.append((time.perf_counter() - started) * 1000)
        row.busy.append((time.process_time() - busy) * 1000)
        row.lookup.append((_Stopwatch.spent - before) * 1000)
        db.session.remove()
        verified = sum(hit.agreement is not None for hit in found.hits)
        if row.kind == DOZEN_KIND and (verified < VERIFIED or found.verdict is Verdict.REFUSE):
            raise RuntimeError(f"{verified} candidates were verified; the verdict was: {found.verdict}.")

    def _upload(self, data: bytes) -> float:
        started = time.perf_counter()
        picture = uploads.receive(self._parts, self._member_id, data)
        took = (time.perf_counter() - started) * 1000
        for key in (picture.file, picture.thumbnail):  # the next one is to write them again
            (self._parts.store.root / key[:2] / f"{key}.jpg").unlink()
        db.session.remove()
        return took


class _Stopwatch:
    """The seconds that lookups in the index have taken so far."""

    spent = 0.0

    @classmethod
    def on(cls, engine: type[Engine]) -> type[Engine]:
        """The same engine, its lookups timed."""

        class Timed(engine):
            def near_all(self, codes: Codes, within: int) -> tuple[Ids, Ids, Distances]:
                started = time.perf_counter()
                try:
                    return super().near_all(codes, within)
                finally:
                    cls.spent += time.perf_counter() - started

        return Timed


def _decode(data: bytes) -> None:
    with Image.open(BytesIO(data)) as image:
        image.load()


def _took(what: Callable[[], object]) -> float:
    started = time.perf_counter()
    what()
    return (time.perf_counter() - started) * 1000


@contextmanager
def _served(instance: Path) -> Iterator[Callable[[bytes, str], dict[str, object]]]:
    """`ask(data, token)` of one worker of the real server, over one connection that is kept."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moderation", "serve", "--port", str(port), "--instance", str(instance)],
        env=os.environ | {"MODERATION_WORKERS": "1"},
        stdout=subprocess.DEVNULL,
    )
    connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(data: bytes, token: str) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/jpeg"}
        connection.request("POST", "/api/v1/check", data, headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {body}")
        return body

    try:
        _wait_for(f"http://127.0.0.1:{port}/sign-in", server)
        yield ask
    finally:
        connection.close()
        server.terminate()
        server.wait(timeout=60)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=60).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("The server does not answer.")


# --- the report ---------------------------------------------------------------


def median(values: Milliseconds) -> float:
    return float(np.median(values))


def tables(rows: Sequence[Row]) -> str:
    """Markdown: a row for every kind of picture and length of the list."""
    lines = [
        f"Milliseconds, p50 and in brackets p99; × is p50 in full decodes of the same pictures by Pillow; {PICTURES} "
        "pictures in a row in each of the ways, turn by turn. A second of a core has room for so many checks.\n",
        "| picture | entries | full decode | article | check | × | without lookup | × | over HTTP | × "
        "| upload | × | checks/s per core |",
        "| :-- " + "| --: " * 12 + "|",
    ]
    for row in rows:
        cells = [row.kind, f"{row.entries:,}", f"{median(row.decode):.1f}", f"{median(row.naive):.1f}"]
        for values in (row.check, row.own, row.http, row.upload):
            cells += [f"{median(values):.1f} ({np.percentile(values, 99):.1f})", f"{row.decodes(values):.2f}"]
        lines.append("| " + " | ".join([*cells, f"{1000 / np.mean(row.busy):.0f}"]) + " |")
    return "\n".join(lines)


def judged(rows: Sequence[Row]) -> list[tuple[str, float, float]]:
    """What was to be reached for 1 megapixel: its name, the most that it may be, and what was measured."""
    plain = [row for row in rows if row.kind == "1 MP"]
    dozen = [row for row in rows if row.kind == DOZEN_KIND]
    first, last = plain[0], plain[-1]
    found = [
        (f"in process, {first.entries:,} entries", IN_PROCESS, first.decodes(first.check)),
        (f"over HTTP, {first.entries:,} entries", OVER_HTTP, first.decodes(first.http)),
        (f"{VERIFIED} candidates verified, {dozen[0].entries:,} entries", DOZEN, dozen[0].decodes(dozen[0].check)),
        (f"complete upload, {first.entries:,} entries", UPLOAD, first.decodes(first.upload)),
    ]
    if first is not last:
        both = f"{last.entries:,} entries, in checks at {first.entries:,}"
        found.append((f"in process, {both}", GROWTH, median(last.check) / median(first.check)))
        found.append((f"over HTTP, {both}", GROWTH, median(last.http) / median(first.http)))
    return found
