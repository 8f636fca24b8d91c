"""A year of a large site, written in bulk: members, pictures, checks and their candidates, decisions, entries."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import sqlalchemy as sa

from moderation import accounts
from moderation.blocklist import pack
from moderation.columns import now
from moderation.database import db, tune, vacuum, writing
from moderation.drawing import draw
from moderation.fingerprint import RECIPE, fingerprint
from moderation.matching import Verdict
from moderation.models import (
    Account,
    Action,
    Appeal,
    Check,
    Decision,
    Entry,
    FingerprintRow,
    Kind,
    Match,
    Occasion,
    Picture,
    Role,
    Status,
)
from moderation.replica import BLOCKLIST, PICTURES, bump
from moderation.restoring import continue_numbers
from moderation.views import VIEW

PASSWORD = "correct horse battery"

BATCH = 20_000

DAYS = 365
"""Over which all of it is spread."""

MODERATORS = 20

PER_MEMBER = 5
"""Pictures."""

REFUSED, REMOVED, HELD, APPROVED = 0.05, 0.01, 0.001, 0.5
"""Shares of the pictures."""

OF_THEIR_OWN = 1_000
"""The latest pictures have fingerprints of their own: those are compared when they lie on the grid."""


def write(pictures: int, entries: int, matches: int) -> None:
    """That many of each; as many checks as pictures."""
    rng = np.random.default_rng(1)
    begun = now() - timedelta(days=DAYS)
    # When, in seconds; later ids are later.
    moments = np.sort(rng.random(pictures)) * DAYS * 86_400

    def at(seconds: float) -> object:
        return begun + timedelta(seconds=float(seconds))

    with writing():
        ada = accounts.create("ada", PASSWORD, Role.ADMIN)
        for number in range(MODERATORS):
            accounts.create(f"mona{number}", PASSWORD, Role.MODERATOR)
        db.session.flush()
        first_moderator = ada.id + 1
        versions = bump(BLOCKLIST), bump(PICTURES)
    members = -(-pictures // PER_MEMBER)
    first_member = first_moderator + MODERATORS
    _insert(
        Account,
        members,
        lambda n: {
            "id": first_member + n,
            "created": begun,
            "name": f"member{n}",
            "key": f"member{n}",
            "password": "",
            "role": Role.MEMBER,
            "session": "",
        },
    )
    prints = _fingerprints(min(OF_THEIR_OWN, pictures), rng)

    # Marks first, one for two entries: the others came by imports.
    marks = entries // 2
    kinds = [Kind.MARK] * marks + [Kind.IMPORT] * -(-(entries - marks) // 1000)
    when = np.sort(rng.random(len(kinds))) * DAYS * 86_400
    by = first_moderator + rng.integers(0, MODERATORS, len(kinds))
    _insert(
        Decision,
        len(kinds),
        lambda n: {
            "id": n + 1,
            "created": at(when[n]),
            "kind": kinds[n],
            "by_id": int(by[n]),
            "reason": "",
            "undone": at(when[n] + 3600) if n % 50 == 0 else None,
        },
    )
    approvals = len(kinds) + 1
    states = rng.random(pictures)
    approved = rng.random(pictures) < APPROVED
    decided = np.flatnonzero(approved & (states > REFUSED + REMOVED + HELD))[::8]
    _insert(
        Decision,
        len(decided),
        lambda n: {
            "id": approvals + n,
            "created": at(moments[decided[n]] + 600),
            "kind": Kind.APPROVE,
            "by_id": int(first_moderator + n % MODERATORS),
            "reason": "",
            "undone": None,
        },
    )
    by_picture = np.zeros(pictures, np.int64)
    by_picture[decided] = approvals + np.arange(len(decided))
    down = np.flatnonzero(states < REFUSED + REMOVED)
    by_mark = down[rng.random(len(down)) < 0.4]
    by_picture[by_mark] = 1 + rng.integers(0, max(1, marks), len(by_mark))

    def status(n: int) -> Status:
        if states[n] < REFUSED:
            return Status.REFUSED
        if states[n] < REFUSED + REMOVED:
            return Status.REMOVED
        if states[n] < REFUSED + REMOVED + HELD:
            return Status.HELD
        return Status.PUBLISHED if n >= pictures - members else Status.REPLACED

    def went_down(n: int) -> object:
        if states[n] >= REFUSED + REMOVED:
            return None
        return at(max(moments[n], when[by_picture[n] - 1] if by_picture[n] else 0) + 1)

    owners = rng.integers(0, members, pictures)
    _insert(
        Picture,
        pictures,
        lambda n: {
            "id": n + 1,
            "created": at(moments[n]),
            "member_id": int(first_member + owners[n]),
            "status": status(n),
            "published": at(moments[n]) if states[n] >= REFUSED else None,
            "down": went_down(n),
            "fingerprint_id": prints[n - pictures] if n >= pictures - len(prints) else prints[n % 50],
            "file": "0" * 64,
            "thumbnail": "0" * 64,
            "width": 480,
            "height": 600,
            "decision_id": int(by_picture[n]) or None,
            "version": versions[1],
        },
    )
    _insert(
        Entry,
        entries,
        lambda n: {
            "id": n + 1,
            "created": at(when[n] if n < marks else 0),
            "fingerprint_id": prints[n % 50],
            "decision_id": n + 1 if n < marks else marks + 1 + (n - marks) // 1000,
            "picture_id": int(rng.integers(1, pictures + 1)) if n < marks else None,
            "source": None if n < marks else f"{n}.jpg",
            "withdrawn": at(when[n]) if n < marks and n % 50 == 0 else None,
            "version": versions[0],
        },
    )
    touched = np.flatnonzero(by_picture)
    swept = set(by_mark[: len(by_mark) // 2].tolist())
    _insert(
        Action,
        len(touched),
        lambda n: {
            "decision_id": int(by_picture[touched[n]]),
            "picture_id": int(touched[n]) + 1,
            "entry_id": int(rng.integers(1, entries + 1)) if int(touched[n]) in swept else None,
            "before": Status.HELD if n % 6 == 0 else Status.PUBLISHED,  # near matches that somebody has decided on
            "after": status(int(touched[n])),
            "decides": True,
        },
    )
    candidates = np.bincount(rng.integers(0, pictures, matches), minlength=pictures)
    refusing = rng.integers(1, entries + 1, pictures)
    _insert(
        Check,
        pictures,
        lambda n: {
            "id": n + 1,
            "created": at(moments[n] + 1),
            "picture_id": n + 1,
            "occasion": Occasion.UPLOAD,
            "verdict": _verdict(states[n]),
            "entry_id": None if _verdict(states[n]) is Verdict.PUBLISH else int(refusing[n]),
            "candidates": int(candidates[n]),
            "milliseconds": float(5 + 20 * states[n]),
            "failure": "MemoryError" if n % 20_000 == 7 else None,
        },
    )
    check_of = np.repeat(np.arange(pictures), candidates)
    bits = rng.integers(0, 13, matches)
    firsts = np.r_[True, check_of[1:] != check_of[:-1]] if matches else np.zeros(0, bool)
    others = rng.integers(1, entries + 1, matches)
    _insert(
        Match,
        matches,
        lambda n: {
            "created": at(moments[check_of[n]] + 1),
            "check_id": int(check_of[n]) + 1,
            "entry_id": int(refusing[check_of[n]] if firsts[n] else others[n]),
            "view": int(n % 40),
            "asked": int(n % 3),
            "dhash": int(bits[n]),
            "phash": int(bits[n] * 6),
            "share": None,
            "correlation": None,
            "blocks": None,
            "identical": False,
            "verdict": _verdict(states[check_of[n]]) if firsts[n] else Verdict.PUBLISH,
        },
    )
    appealed = down[rng.random(len(down)) < 0.05]
    _insert(
        Appeal,
        len(appealed),
        lambda n: {
            "created": at(moments[appealed[n]] + 86_400),
            "picture_id": int(appealed[n]) + 1,
            "text": "It is a landscape.",
            "entry_id": int(refusing[appealed[n]]),
            "decision_id": None,
        },
    )
    with writing():
        continue_numbers(db.session.connection())
    tune()  # as a site does every night, when it purges
    vacuum()


def _verdict(state: float) -> Verdict:
    if state < REFUSED:
        return Verdict.REFUSE
    return Verdict.HOLD if REFUSED + REMOVED < state < REFUSED + REMOVED + HELD else Verdict.PUBLISH


def _fingerprints(count: int, rng: np.random.Generator) -> list[int]:
    """The ids of so many fingerprints of drawn pictures; their codes are moved at random, so that no two are copies."""
    drawn = [pack(fingerprint(draw(seed, 160))) for seed in range(20)]
    made = []
    for number in range(count):
        like = drawn[number % len(drawn)]
        views = np.frombuffer(like.views, VIEW).copy()
        views["dhash"] ^= rng.integers(0, 2**63, len(views), np.uint64)
        made.append(
            {
                "recipe": RECIPE,
                "views": views.tobytes(),
                "detail": like.detail,
                "aspect": like.aspect,
                "luminance": b"",  # a million of them are 16 GB
            }
        )
    with writing():
        db.session.execute(sa.insert(FingerprintRow), made)
    return list(db.session.scalars(sa.select(FingerprintRow.id).order_by(FingerprintRow.id)))


def _insert(kind: type, count: int, row: Callable[[int], dict[str, object]]) -> None:
    for start in range(0, count, BATCH):
        with writing():
            rows = [row(number) for number in range(start, min(start + BATCH, count))]
            db.session.execute(sa.insert(kind.__table__), rows)
