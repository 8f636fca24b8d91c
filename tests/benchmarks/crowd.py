"""Entries for the check's benchmark: strangers, and such as come near to a picture without deciding on it."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from moderation.database import db, writing
from moderation.fingerprint import Fingerprint, blocked_views, fingerprint_bytes
from moderation.judging import VERIFIED
from moderation.models import Decision, Entry, FingerprintRow, Kind
from moderation.replica import BLOCKLIST, bump
from moderation.views import DIRECT

BATCH = 2000
"""Entries that are written together."""


@dataclass(frozen=True)
class New:
    """An entry to be: its own views, the fingerprint it stands beside, and the luminance its pixels are compared by."""

    views: npt.NDArray[np.void]
    print_: Fingerprint
    luminance: bytes


class Crowd:
    """Entries made of real ones: every row of 8 bits of a dHash, and every word of a pHash, is some photograph's."""

    def __init__(self, templates: Sequence[Path]) -> None:
        prints = [fingerprint_bytes(path.read_bytes(), every_view=True)[0] for path in templates]
        self._prints = [print_ for print_ in prints if not print_.weak]
        self._views = [blocked_views(print_) for print_ in self._prints]
        every = np.concatenate(self._views)
        self._rows = every["dhash"].copy().view(np.uint8).reshape(-1, 8)
        self._words = every["phash"].copy()
        self._rng = np.random.default_rng(2)

    def strangers(self, number: int) -> Iterator[New]:
        for place in range(number):
            views = self._views[place % len(self._views)].copy()
            pick = self._rng.integers(len(self._rows), size=(len(views), 12))
            views["dhash"] = np.ascontiguousarray(self._rows[pick[:, :8], range(8)]).view(np.uint64)[:, 0]
            views["phash"] = self._words[pick[:, 8:], range(4)]
            print_ = self._prints[place % len(self._prints)]
            yield New(views, print_, print_.luminance.tobytes())

    def near(self, print_: Fingerprint) -> Iterator[New]:
        """More than `VERIFIED` that are candidates for that picture and come near to no refusal.

        Half are crops of it that are half covered, which agree in part; half are strangers under its hashes.
        """
        views = blocked_views(print_)
        crops = views[~np.isin(views["view"] >> 3, DIRECT)].copy()
        for place in range(VERIFIED + 4):
            moved = crops.copy()
            moved["phash"][:, place % 4] ^= np.uint64((1 << 16 + place) - 1)
            levels = self._prints[place].luminance.copy()
            if place % 2:
                levels[: len(levels) // 2] = print_.luminance[: len(levels) // 2]
            yield New(moved, print_, levels.tobytes())


def write(new: Iterator[New] | list[New]) -> int:
    """Write them as the entries of one decision, and return how many there are."""
    new = iter(new)
    with writing():
        version = bump(BLOCKLIST)
        decision = Decision(kind=Kind.IMPORT)
        db.session.add(decision)
        db.session.flush()
        first = last = (db.session.scalar(sa.select(sa.func.max(FingerprintRow.id))) or 0) + 1
        while batch := [one for _, one in zip(range(BATCH), new, strict=False)]:
            numbered = list(enumerate(batch, last))
            db.session.execute(
                sa.insert(FingerprintRow),
                [
                    {
                        "id": id_,
                        "recipe": one.print_.recipe,
                        "views": one.print_.views.tobytes(),
                        "detail": one.print_.detail,
                        "aspect": one.print_.aspect,
                        "luminance": one.luminance,
                        "pixels": random.randbytes(32),
                    }
                    for id_, one in numbered
                ],
            )
            db.session.execute(
                sa.insert(Entry),
                [
                    {
                        "fingerprint_id": id_,
                        "decision_id": decision.id,
                        "views": one.views.tobytes(),
                        "version": version,
                    }
                    for id_, one in numbered
                ],
            )
            last += len(batch)
    return last - first
