"""A mark among very many pictures on show: when the click returns, when all is done; and a search for similar ones.

python -m tests.benchmarks sweep --photos DIR
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from PIL import Image, ImageOps

from moderation import accounts, review, sweeping
from moderation.canonical import canonical
from moderation.columns import now
from moderation.context import parts
from moderation.database import db, writing
from moderation.fingerprint import Fingerprint, fingerprint
from moderation.models import Decision, Picture, Role, Status
from moderation.replica import PICTURES, bump
from moderation.uploads import receive
from moderation.views import VIEW

from . import photos
from .attacks import saved
from .machine import heading, held, reached
from .site import BATCH, site, with_other_codes

RETURNS, DONE, SIMILAR = 0.5, 5.0, 0.2
"""Seconds, at a million pictures: until the click returns, until the sweep has ended, for similar pictures."""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks sweep", description=__doc__.splitlines()[0])
    photos.option(parser)
    parser.add_argument("--pictures", type=int, default=1_000_000, help="Pictures on show  [default: 1,000,000]")
    parser.add_argument("--marks", type=int, default=7, help="Pictures marked  [default: 7]")
    parser.add_argument("--json", type=Path, help="Write the figures to this file, too")
    wanted = parser.parse_args(argv)
    paths = photos.spread(photos.files(wanted.photos), 100)
    prints = [fingerprint(canonical(path.read_bytes())) for path in paths]
    print(heading(), end="\n\n")
    with tempfile.TemporaryDirectory(prefix="moderation-benchmark-") as place, site(Path(place)):
        codes = show(wanted.pictures, prints)
        before, started = held(), time.perf_counter()
        len(parts().on_show)
        read = time.perf_counter() - started
        megabytes = held() - before
        returned, ended, similar = measure(paths[: wanted.marks])
    figures = {
        "read": read,
        "megabytes": megabytes,
        "returns": statistics.median(returned),
        "done": statistics.median(ended),
        "similar": statistics.median(similar),
    }
    print(
        f"{wanted.pictures:,} pictures on show, {codes:,} codes, read in {read:.1f} s, {megabytes:.0f} MB in memory.\n"
    )
    print("| | p50, s | slowest, s | to reach | |")
    print("| :-- | --: | --: | --: | :-- |")
    for name, seconds, target in (
        ("a mark returns", returned, RETURNS),
        ("its sweep has ended", ended, DONE),
        ("similar pictures of one", similar, SIMILAR),
    ):
        middle = statistics.median(seconds)
        print(f"| {name} | {middle:.3f} | {max(seconds):.3f} | {target} | {reached(middle <= target)} |")
    if wanted.json:
        wanted.json.write_text(json.dumps({"at": heading(), "figures": figures}))


def show(count: int, like: Sequence[Fingerprint]) -> int:
    """So many pictures on show, with real-like codes and the views that uploads have; how many codes they have."""
    rng = np.random.default_rng(1)
    views = [print_.views for print_ in like]
    sizes = np.array([len(one) for one in views])
    every = np.concatenate(views)
    codes = 0
    with writing():
        member = accounts.create("crowd", "correct horse battery", Role.MEMBER)
        db.session.flush()
        member_id = member.id
    for start in range(0, count, BATCH * 5):
        chosen = rng.integers(0, len(views), min(BATCH * 5, count - start))
        made = with_other_codes([views[number] for number in chosen], every, rng)
        ends = np.cumsum(sizes[chosen])
        codes += len(made)
        with writing():
            version = bump(PICTURES)
            first = (db.session.scalar(sa.text("SELECT coalesce(max(id), 0) FROM fingerprints")) or 0) + 1
            db.session.execute(
                sa.text(
                    "INSERT INTO fingerprints (id, recipe, views, detail, aspect, luminance) "
                    "VALUES (:id, :recipe, :views, 100, :aspect, :luminance)"
                ),
                [
                    {
                        "id": first + place,
                        "recipe": like[number].recipe,
                        "views": made[end - sizes[number] : end].astype(VIEW).tobytes(),
                        "aspect": like[number].aspect,
                        "luminance": b"",  # a million of them are 16 GB
                    }
                    for place, (number, end) in enumerate(zip(chosen, ends, strict=True))
                ],
            )
            db.session.execute(
                sa.insert(Picture),
                [
                    {
                        "member_id": member_id,
                        "status": Status.PUBLISHED,
                        "published": now(),
                        "fingerprint_id": first + place,
                        "file": "",
                        "thumbnail": "",
                        "width": 100,
                        "height": 100,
                        "version": version,
                    }
                    for place in range(len(chosen))
                ],
            )
    return codes


def measure(paths: Sequence[Path]) -> tuple[list[float], list[float], list[float]]:
    """Seconds of each mark until it returns, until its sweep has ended, and of a search for similar pictures.

    Each has a mirrored copy on show, which must be down when the click returns, and its centre, when all has ended.
    """
    with writing():
        moderator = accounts.create("moderator", "correct horse battery", Role.MODERATOR)
        members = [accounts.create(f"member{number}", "correct horse battery", Role.MEMBER) for number in range(3)]
        db.session.flush()
        moderator_id, ids = moderator.id, [member.id for member in members]
    returned, ended, similar = [], [], []
    for path in paths:
        image = Image.open(path).convert("RGB")
        edge = image.width // 12
        centre = image.crop((edge, edge, image.width - edge, image.height - edge))
        files = path.read_bytes(), saved(ImageOps.mirror(image)), saved(centre)
        marked, mirrored, inner = (receive(parts(), id_, data).id for id_, data in zip(ids, files, strict=True))
        print_ = fingerprint(canonical(files[0]))
        started = time.perf_counter()
        parts().on_show.near(print_, parts().policy, direct=True)
        similar.append(time.perf_counter() - started)
        started = time.perf_counter()
        decision = review.mark(parts(), marked, moderator_id, None)
        returned.append(time.perf_counter() - started)
        if _status(mirrored) is not Status.REMOVED:
            raise SystemExit(f"The mirrored copy of {path.name} was on show when the click returned.")
        while _unfinished(decision.id):
            sweeping.finish_work(parts())
        ended.append(time.perf_counter() - started)
        if _status(inner) not in (Status.REMOVED, Status.HELD):
            raise SystemExit(f"The centre of {path.name} was on show after the sweep.")
    return returned, ended, similar


def _status(picture_id: int) -> Status:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Picture, picture_id).status


def _unfinished(decision_id: int) -> bool:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Decision, decision_id).lease is not None


if __name__ == "__main__":
    main()
