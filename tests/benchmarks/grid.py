"""The live grid with very many pictures in the database: what a poll and the first page cost, alone and in company.

python -m tests.benchmarks grid
"""

import argparse
import html
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import EnvironBuilder, encode_multipart

from moderation import accounts, replica
from moderation.columns import now
from moderation.context import parts
from moderation.database import db, writing
from moderation.drawing import draw
from moderation.fingerprint import Fingerprint, fingerprint
from moderation.memory import set_aside
from moderation.models import DOWN, Account, Action, Decision, Kind, Picture, Role, Status
from moderation.replica import PICTURES, bump
from moderation.uploads import receive
from moderation.views import VIEW

from .machine import heading, reached
from .site import BATCH, site, with_other_codes

NOTHING_NEW, FIVE_NEW, FIRST_PAGE = 2.0, 6.0, 60.0
"""Milliseconds of the server's time, at a million pictures: what a request keeps a processor busy for."""

PASSWORD = "correct horse battery"

OF_A_MEMBER = 5
"""Pictures that each member has uploaded, before those that are measured."""

TOGETHER = 48
"""Pictures that were approved in one decision."""

DECIDED = 0.6
"""The share of pictures on which somebody has decided."""

STATES = {
    Status.PUBLISHED: 0.2,
    Status.REPLACED: 0.765,
    Status.REFUSED: 0.03,
    Status.REMOVED: 0.004,
    Status.HELD: 0.001,
}
"""The share of pictures in each state: a member has one on show."""

POLL = 1.0
"""Seconds between two looks of a grid, as the setting has it."""

KEPT = 3.0
"""Seconds for which an idle connection is kept, less than by the server."""

UPLOADERS = 40
"""Members who take turns uploading while grids are open."""

Milliseconds = list[float]


@dataclass(frozen=True)
class Cost:
    """Of one kind of request, asked for many times."""

    most: float  # that it may cost
    busy: Milliseconds  # of the processor
    took: Milliseconds  # by the clock, with whatever else the machine was doing


@dataclass(frozen=True)
class Company:
    """What happened while grids were open."""

    took: dict[str, Milliseconds]
    cores: float  # that the server was busy with
    heard: bool  # every grid of every upload


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks grid", description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1_000_000, help="In the database  [default: 1,000,000]")
    parser.add_argument("--rounds", type=int, default=200, help="Times that each is measured  [default: 200]")
    parser.add_argument("--grids", type=int, default=20, help="Open at once  [default: 20]")
    parser.add_argument("--uploads", type=int, default=10_000, help="In an hour, meanwhile  [default: 10,000]")
    parser.add_argument("--seconds", type=float, default=60, help="For which they are open  [default: 60]")
    parser.add_argument("--json", type=Path, help="Write the figures to this file, too")
    wanted = parser.parse_args(argv)
    print(heading(), end="\n\n")
    with tempfile.TemporaryDirectory(prefix="moderation-benchmark-") as place:
        with site(Path(place)) as app:
            people = fill(wanted.pictures, wanted.grids)
            alone = in_process(app, people, wanted.rounds)
            load = os.getloadavg()[0]
            number = max(1, round(wanted.uploads / 3600 * wanted.seconds))
            cookies = {
                Role.MODERATOR: [sign_in(app, name) for name in people[Role.MODERATOR]],
                Role.MEMBER: [sign_in(app, name) for name in people[Role.MEMBER][:number]],
            }
        print(
            f"{wanted.pictures:,} pictures in the database. Milliseconds inside the application, database included, "
            f"one request at a time: of the processor, and by the clock while {load:.1f} processes wanted it.\n"
        )
        print("| | p50 | p99 | at most | | by the clock, p50 | p99 |")
        print("| :-- | --: | --: | --: | :-- | --: | --: |")
        for name, cost in alone.items():
            (p50, p99), clock = percentiles(cost.busy), percentiles(cost.took)
            print(f"| {name} | {p50:.2f} | {p99:.2f} | {cost.most:g} | {reached(p50 <= cost.most)}", end=" | ")
            print(" | ".join(f"{value:.2f}" for value in clock), end=" |\n")
        open_grids = in_company(Path(place), cookies, number, wanted.seconds)
    print(
        f"\n{wanted.grids} grids open for {wanted.seconds:g} s and {wanted.uploads:,} uploads an hour, on the server's "
        f"two workers; who asks runs on the same cores. Milliseconds over HTTP.\n"
    )
    print("| | number | p50 | p99 |")
    print("| :-- | --: | --: | --: |")
    for name, took in open_grids.took.items():
        print(f"| {name} | {len(took):,} | " + " | ".join(f"{value:.1f}" for value in percentiles(took)) + " |")
    print(f"\nThe server took {open_grids.cores:.0%} of a core.", end=" ")
    print(f"Each grid has heard of every upload: {reached(open_grids.heard)}.")
    if wanted.json:
        figures = {name: percentiles(cost.busy) for name, cost in alone.items()} | {
            f"over HTTP: {name}": percentiles(took) for name, took in open_grids.took.items()
        }
        wanted.json.write_text(json.dumps({"at": heading(), "figures": figures}))


def percentiles(took: Milliseconds) -> tuple[float, float]:
    return float(np.median(took)), float(np.percentile(took, 99))


# --- the database -------------------------------------------------------------


def fill(count: int, moderators: int) -> dict[Role, list[str]]:
    """So many pictures, most of them decided on and replaced long ago; returns who can sign in, by role."""
    like = [fingerprint(draw(seed, 240)) for seed in range(min(60, count // 20))]
    people = {Role.MODERATOR: [f"moderator{number}" for number in range(moderators)]}
    people[Role.MEMBER] = [f"uploader{number}" for number in range(UPLOADERS)]
    _settle(people, -(-count // OF_A_MEMBER))
    member_ids = db.session.scalars(sa.select(Account.id).where(Account.name.like("crowd%"))).all()
    by_id = db.session.scalar(sa.select(Account.id).filter_by(name=people[Role.MODERATOR][0]))
    rng = np.random.default_rng(1)
    for start in range(0, count, BATCH * 5):
        size = min(BATCH * 5, count - start)
        chosen = rng.choice(np.array(member_ids), size)
        _add(like, chosen.tolist(), by_id, rng)
    return people


def _settle(people: dict[Role, list[str]], crowd: int) -> None:
    """The accounts: those that sign in have one password, and those of the crowd never do."""
    with writing():
        shared = accounts.create("somebody", PASSWORD, Role.MEMBER).password
        names = [(name, role) for role, some in people.items() for name in some]
        names += [(f"crowd{number}", Role.MEMBER) for number in range(crowd)]
        db.session.execute(
            sa.insert(Account),
            [{"name": name, "key": name, "password": shared, "role": role, "session": name} for name, role in names],
        )


def _add(like: Sequence[Fingerprint], member_ids: Sequence[int], by_id: int | None, rng: np.random.Generator) -> None:
    """A picture of each of those members, with a fingerprint that is like real ones."""
    chosen = rng.integers(0, len(like), len(member_ids))
    made = with_other_codes([like[number].views for number in chosen], np.concatenate([p.views for p in like]), rng)
    ends = np.cumsum([len(like[number].views) for number in chosen])
    states = rng.choice(np.array(list(STATES)), len(member_ids), p=list(STATES.values())).tolist()
    decided = rng.random(len(member_ids)) < DECIDED
    moment = now()
    with writing():
        version = bump(PICTURES)
        last = db.session.scalar(sa.text("SELECT coalesce(max(id), 0) FROM fingerprints")) or 0
        db.session.execute(
            sa.text(
                "INSERT INTO fingerprints (id, recipe, views, detail, aspect, luminance) "
                "VALUES (:id, :recipe, :views, 100, 1, :luminance)"
            ),
            [
                {
                    "id": last + 1 + place,
                    "recipe": like[number].recipe,
                    "views": made[end - len(like[number].views) : end].astype(VIEW).tobytes(),
                    "luminance": b"",  # a million of them are 16 GB
                }
                for place, (number, end) in enumerate(zip(chosen, ends, strict=True))
            ],
        )
        decisions = [Decision(kind=Kind.APPROVE, by_id=by_id) for _ in range(-(-int(decided.sum()) // TOGETHER))]
        db.session.add_all(decisions)
        db.session.flush()
        order = np.cumsum(decided) - 1
        rows = [
            {
                "id": last + 1 + place,
                "member_id": member_id,
                "status": Status(states[place]),
                "published": moment,
                "down": moment if states[place] in DOWN else None,
                "fingerprint_id": last + 1 + place,
                "file": "",
                "thumbnail": "",
                "width": 100,
                "height": 100,
                "version": version,
                "decision_id": decisions[order[place] // TOGETHER].id if decided[place] else None,
            }
            for place, member_id in enumerate(member_ids)
        ]
        db.session.execute(sa.insert(Picture), rows)
        db.session.execute(
            sa.insert(Action),
            [
                {
                    "decision_id": row["decision_id"],
                    "picture_id": row["id"],
                    "before": row["status"],
                    "after": row["status"],
                }
                for row in rows
                if row["decision_id"]
            ],
        )


# --- one at a time ------------------------------------------------------------


def in_process(app: Flask, people: dict[Role, list[str]], rounds: int) -> dict[str, Cost]:
    """What each request costs inside the application."""
    cookie = sign_in(app, people[Role.MODERATOR][0])
    member_id = db.session.scalar(sa.select(Account.id).filter_by(name=people[Role.MEMBER][0]))
    assert member_id is not None

    def get(path: str, cost: Cost | None = None) -> None:
        environ = EnvironBuilder(
            path, headers={"Cookie": cookie, "Accept": "application/json, text/html"}
        ).get_environ()
        busy, began = time.thread_time(), time.perf_counter()
        # In no application context but its own: in one that is there already, it would find who is signed in.
        Context().run(lambda: b"".join(app.wsgi_app(environ, lambda status, headers: said.append(status))))
        if cost:
            cost.busy.append((time.thread_time() - busy) * 1000)
            cost.took.append((time.perf_counter() - began) * 1000)

    said: list[str] = []
    costs = {
        "a poll that finds nothing new": Cost(NOTHING_NEW, [], []),
        "a poll with five newcomers": Cost(FIVE_NEW, [], []),
        "the first page": Cost(FIRST_PAGE, [], []),
    }
    quiet, five, first_page = costs.values()
    set_aside()  # as a worker does when it is ready
    get("/review/")  # until everything is loaded
    _expect(said, "200")
    for _ in range(rounds):
        get("/review/", first_page)
    _expect(said, "200")
    for number in range(-(-rounds // 10)):
        before = replica.moment(PICTURES).version
        db.session.rollback()
        for place in range(5):
            receive(parts(), member_id, picture_file(number * 5 + place))
        db.session.remove()
        for _ in range(10):
            get(f"/review/changes?since={before}", five)
        _expect(said, "200")
        version = replica.moment(PICTURES).version
        db.session.rollback()
        for _ in range(10):
            get(f"/review/changes?since={version}", quiet)
        _expect(said, "204")
    return costs


def _expect(said: list[str], status: str) -> None:
    if {one[:3] for one in said} != {status}:
        raise SystemExit(f"The application answered {set(said)}, not {status}.")
    said.clear()


def picture_file(seed: int) -> bytes:
    """A new picture as members upload them."""
    file = BytesIO()
    draw(seed, 480).save(file, "JPEG", quality=88)
    return file.getvalue()


def sign_in(app: Flask, name: str) -> str:
    """The cookie of somebody who has signed in."""

    def enter() -> str:
        client = app.test_client()
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/sign-in").text)
        assert token
        client.post("/sign-in", data={"csrf_token": token[1], "name": name, "password": PASSWORD})
        found = client.get_cookie("session")
        assert found
        return f"session={found.value}"

    return Context().run(enter)


# --- many at once -------------------------------------------------------------


def in_company(place: Path, cookies: dict[Role, list[str]], uploads: int, seconds: float) -> Company:
    """A grid for each moderator, each asking once a second, while members upload so many pictures in that time."""
    took: dict[str, Milliseconds] = {"first page": [], "poll": [], "thumbnail": [], "upload": []}
    stop = threading.Event()
    uploaded: set[int] = set()
    heard: list[set[int]] = [set() for _ in cookies[Role.MODERATOR]]
    failed: list[BaseException] = []

    def guarded(what: Callable[..., None], *given: object) -> threading.Thread:
        def run() -> None:
            try:
                what(*given)
            except BaseException as error:
                failed.append(error)
                raise

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    with served(place) as server:
        grids = [
            guarded(_grid, server.port, cookie, took, stop, here)
            for cookie, here in zip(cookies[Role.MODERATOR], heard, strict=True)
        ]
        time.sleep(2 * POLL)
        busy, began = server.busy(), time.monotonic()
        members = guarded(_members, server.port, cookies[Role.MEMBER], took, uploads, seconds, uploaded)
        members.join()
        time.sleep(2 * POLL)
        cores = (server.busy() - busy) / (time.monotonic() - began)
        stop.set()
        for grid in grids:
            grid.join()
    if failed:
        raise SystemExit(f"A request failed: {failed[0]}")
    return Company(took, cores, all(uploaded <= here for here in heard) and bool(uploaded))


def _grid(port: int, cookie: str, took: dict[str, Milliseconds], stop: threading.Event, heard: set[int]) -> None:
    """One tab: it opens the grid, and then asks every second, and for the thumbnail of each newcomer."""
    browser = _Browser(port, cookie)
    page = browser.timed(took["first page"], "GET", "/review/")
    (version,) = re.findall(r'data-version="(\d+)"', page)
    turn = time.monotonic() + random.random() * POLL
    while not stop.is_set():
        time.sleep(max(0.0, turn - time.monotonic()))
        turn += POLL
        said = browser.timed(took["poll"], "GET", f"/review/changes?since={version}")
        if said:
            news = json.loads(said)
            version = news["version"]
            heard |= {card["id"] for card in news["cards"]}
            for card in news["cards"]:
                for address in re.findall(r'<img src="([^"]+)"', card["html"]):
                    browser.timed(took["thumbnail"], "GET", html.unescape(address))
    browser.close()


def _members(
    port: int, cookies: list[str], took: dict[str, Milliseconds], number: int, seconds: float, uploaded: set[int]
) -> None:
    """So many uploads at even distances, of pictures that are drawn before."""
    files = [picture_file(100_000 + place) for place in range(number)]
    browsers = [_Browser(port, cookie) for cookie in cookies]
    tokens = [re.findall(r'name="csrf_token" value="([^"]+)"', one.ask("GET", "/picture"))[0] for one in browsers]
    turn = time.monotonic()
    for place, data in enumerate(files):
        time.sleep(max(0.0, turn - time.monotonic()))
        turn += seconds / number
        who = place % len(browsers)
        form = {"csrf_token": tokens[who], "picture": FileStorage(BytesIO(data), "picture.jpg")}
        boundary, body = encode_multipart(form)
        kind = f'multipart/form-data; boundary="{boundary}"'
        browsers[who].timed(took["upload"], "POST", "/picture", body, {"Content-Type": kind})
        uploaded.add(int(re.findall(r"/pictures/(\d+)", browsers[who].ask("GET", "/picture"))[0]))
    for browser in browsers:
        browser.close()


class _Browser:
    """A connection that is kept, and a cookie."""

    def __init__(self, port: int, cookie: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookie = cookie
        self._asked = 0.0

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> str:
        if time.monotonic() - self._asked > KEPT:
            self._connection.close()  # as the server does with one that is idle; the request opens another
        own = {"Cookie": self._cookie, "Accept": "text/html" if method == "POST" else "application/json, text/html"}
        self._connection.request(method, path, body, own | dict(headers or {}))
        answer = self._connection.getresponse()
        said = answer.read()
        self._asked = time.monotonic()
        if answer.headers["Set-Cookie"]:
            self._cookie = answer.headers["Set-Cookie"].partition(";")[0]
        if answer.status not in (200, 204, 302):
            raise RuntimeError(f"{method} {path}: {answer.status}")
        return said.decode(errors="replace")

    def close(self) -> None:
        self._connection.close()

    def timed(self, took: Milliseconds, method: str, path: str, *more: Any) -> str:
        began = time.perf_counter()
        said = self.ask(method, path, *more)
        took.append((time.perf_counter() - began) * 1000)
        return said


@dataclass(frozen=True)
class _Server:
    port: int
    pid: int

    def busy(self) -> float:
        """Seconds of processor time that its processes have taken."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        ticks = 0
        for pid in (self.pid, *children):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(instance: Path) -> Iterator[_Server]:
    """The real server, when both of its workers are ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moderation", "serve", "--port", str(port), "--instance", str(instance)],
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/sign-in", server)
        yield _Server(port, server.pid)
    finally:
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
    raise SystemExit("The server does not answer.")


if __name__ == "__main__":
    main()
