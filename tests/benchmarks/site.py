"""A site with a full blocklist, in a folder of its own: a real database, filled in bulk."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from flask import Flask

from moderation.app import create_app, migrate
from moderation.blocklist import add, pack
from moderation.database import db, writing
from moderation.fingerprint import RECIPE, Fingerprint, blocked_views
from moderation.models import Decision, Entry, Kind
from moderation.replica import BLOCKLIST, bump
from moderation.views import VIEW

from .codes import real_like

BATCH = 2_000

Views = npt.NDArray[np.void]


@contextmanager
def site(place: Path, **settings: object) -> Iterator[Flask]:
    app = create_app(place, TESTING=True, DURABLE=False, **settings)
    with app.app_context():
        migrate()
        yield app
        db.session.remove()
        db.engine.dispose()


def block(prints: Sequence[Fingerprint]) -> list[int]:
    """The entries of pictures with those fingerprints."""
    with writing():
        decision = Decision(kind=Kind.IMPORT)
        entries = [add(pack(print_), decision, source=str(number)) for number, print_ in enumerate(prints)]
        db.session.flush()
        return [entry.id for entry in entries]


def fill(count: int, like: Sequence[Fingerprint], rng: np.random.Generator) -> None:
    """So many further entries, each with the views of one of those fingerprints, but with real-like codes.

    A word of a pHash is that of any of them, so that pHashes are as far from each other as those of pictures are.
    """
    rows = _fingerprints(like)
    views = [blocked_views(print_) for print_ in like]
    sizes = np.array([len(one) for one in views])
    every = np.concatenate(views)
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        chosen = rng.integers(0, len(views), size)
        made = with_other_codes([views[number] for number in chosen], every, rng)
        ends = np.cumsum(sizes[chosen])
        with writing():
            version = bump(BLOCKLIST)
            decision = Decision(kind=Kind.IMPORT)
            db.session.add(decision)
            db.session.flush()
            db.session.execute(
                sa.insert(Entry),
                [
                    {
                        "fingerprint_id": rows[number],
                        "decision_id": decision.id,
                        "views": made[end - sizes[number] : end].astype(VIEW).tobytes(),
                        "version": version,
                    }
                    for number, end in zip(chosen, ends, strict=True)
                ],
            )


def with_other_codes(views: Sequence[Views], every: Views, rng: np.random.Generator) -> Views:
    """Those views, one after the other, with codes that are like all of them together."""
    made = np.concatenate(views)
    made["dhash"] = real_like(every["dhash"].astype(np.uint64), len(made), rng)
    for word in range(4):
        made["phash"][:, word] = rng.choice(every["phash"][:, word], len(made))
    return made


def _fingerprints(prints: Sequence[Fingerprint]) -> list[int]:
    """The ids of rows of fingerprints that entries may share, identical to nothing: luminances are what takes room."""
    rows = [pack(replace(print_, pixels=None)) for print_ in prints]
    with writing():
        db.session.add_all(rows)
        db.session.flush()
        assert all(row.recipe == RECIPE for row in rows)
        return [row.id for row in rows]
