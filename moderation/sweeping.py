"""The sweep that a decision brings about, and work that a crash left behind."""

import logging
from dataclasses import dataclass
from datetime import datetime
from time import sleep

import sqlalchemy as sa

from . import audit, blocklist, metrics
from .audit import Event
from .columns import now
from .database import db, in_parts, writing
from .decisions import move
from .judging import AT_ONCE, all_allowed, copies
from .matching import Verdict
from .models import DOWN, SWEPT, Decision, Entry, Exemption, Picture, Status
from .parts import Parts
from .replica import PICTURES, bump
from .uploads import never_shown, publish

log = logging.getLogger(__name__)

BATCH = 500
"""Pictures in one transaction: others wait for no more."""

TAKEN_OVER = 100
"""Pictures that are taken over at a time: what falls due meanwhile, a sweep above all, does not wait for thousands."""

PAUSE = 0.15
"""Seconds between two of them: who waits for SQLite looks only every tenth of a second whether it is free."""

LEASES = 5
"""How many times as long as a process has for it something may take before it is overdue."""


@dataclass(frozen=True)
class Sweep:
    """How many other pictures a decision took down, left for a moderator to look at, and keeps apart."""

    taken_down: int
    held: int
    escalated: int = 0


def sweep(parts: Parts, decision_id: int) -> None:
    """Take down, or hold, whatever is near the entries that a decision added or restored.

    Among very many pictures, what only views of parts match is left to be finished in the background, at once. Safe to
    repeat, and for several processes at once.
    """
    _sweep(parts, decision_id, direct=len(parts.on_show) > AT_ONCE)


def _sweep(parts: Parts, decision_id: int, direct: bool) -> None:
    """Sweep by direct views only, and leave the decision due to be finished; or by all views, and finish it."""
    decision = db.session.get_one(Decision, decision_id)
    if decision.lease is None:
        return
    undone = decision.undone
    found: dict[int, list[tuple[Verdict, Entry]]] = {}
    for entry in (*decision.entries, *decision.withdrawals):
        if entry.withdrawn:
            continue
        # What may be against the law leaves the pages of what is down, too.
        for down in (False, True) if entry.apart else (False,):
            for hit in copies(parts, blocklist.known_by(entry), direct, down):
                found.setdefault(hit.id, []).append((parts.policy.verdict(hit), entry))

    db.session.rollback()  # what was found may have come after this session began to read
    spared = all_allowed(parts, [id_ for id_, hits in found.items() if _may_be_spared(hits)])
    ids = sorted(found.keys() - spared.keys())
    for start in range(0, max(len(ids), 1), BATCH):
        if start:
            sleep(PAUSE)
        with writing(), db.session.no_autoflush:  # what changes is written at the end, for all of them at once
            version = bump(PICTURES)
            decision = db.session.get_one(Decision, decision_id)
            if decision.lease is None or decision.undone != undone:  # finished by another process, or taken back
                return
            moved = _move(decision, {id_: found[id_] for id_ in ids[start : start + BATCH]}, version)
            # Broken off here, it is another's to go on with.
            if start + BATCH < len(ids):
                decision.lease = now() + parts.lease
            else:
                decision.lease = now() if direct else None
            if moved:
                audit.record(Event.SWEEP, None, of=decision.id, pictures=moved)


def _move(decision: Decision, found: dict[int, list[tuple[Verdict, Entry]]], version: int) -> list[int]:
    """Take down, hold or keep apart, of these pictures that a decision's entries hit, those where a hit counts."""
    blocking = {entry.id for entry in (*decision.entries, *decision.withdrawals) if not entry.withdrawn}
    ids = sorted(found)
    pairs = in_parts(sa.select(Exemption.picture_id, Exemption.entry_id), Exemption.picture_id, ids)
    exempt = {(picture_id, entry_id) for picture_id, entry_id in pairs}
    moved = []
    for (picture,) in in_parts(sa.select(Picture).order_by(Picture.id), Picture.id, ids):
        counting = [
            (verdict, entry)
            for verdict, entry in found[picture.id]
            if entry.id in blocking
            and (picture.id, entry.id) not in exempt
            and (picture.status in SWEPT or (entry.apart and picture.status in DOWN))
            and not picture.purged
        ]
        if not counting:
            continue
        verdict, entry = max(counting, key=lambda hit: hit[0].gravity)
        near = verdict is Verdict.HOLD and picture.decision_id is None
        # What an entry takes down belongs to the decision that added it, also when the entry was restored.
        if entry.apart and (near or verdict is Verdict.REFUSE):
            move(picture, Status.ESCALATED, entry.decision, version, entry.id)
        elif verdict is Verdict.REFUSE:
            move(picture, never_shown(picture), entry.decision, version, entry.id)
        elif near and picture.status in (Status.PENDING, Status.PUBLISHED):
            # For a person to look at; one whom a person has looked at stays.
            move(picture, Status.HELD, entry.decision, version, entry.id, decides=False)
        else:
            continue
        moved.append(picture.id)
    return moved


def _may_be_spared(hits: list[tuple[Verdict, Entry]]) -> bool:
    """Whether a picture with those hits stays if it is known good; not where one of them is on an escalated picture."""
    counting = [entry for verdict, entry in hits if verdict is not Verdict.PUBLISH]
    return bool(counting) and not any(entry.apart for entry in counting)


def swept(decision: Decision) -> Sweep:
    """What a decision did beyond the picture that was decided on."""
    after = [action.after for action in decision.actions if action.entry_id]
    held, escalated = after.count(Status.HELD), after.count(Status.ESCALATED)
    return Sweep(len(after) - held - escalated, held, escalated)


def overdue(parts: Parts) -> int:
    """How much is left undone: what nobody is at, and what is tried again and again, each time with a new lease."""
    moment = now()
    number = 0
    for kind, unfinished in ((Picture, Picture.status == Status.PENDING), (Decision, Decision.lease.is_not(None))):
        late = sa.or_(kind.lease < moment, kind.created < moment - LEASES * parts.lease)
        number += db.session.scalar(sa.select(sa.func.count(kind.id)).where(unfinished, late)) or 0
    return number


def finish_work(parts: Parts) -> int:
    """Take over what other processes left to be done, or did not finish within their lease; how much of it was done.

    There may be more.
    """
    moment = now()
    late = [
        *_claim(parts, Decision, moment, sa.true()),
        *_claim(parts, Picture, moment, Picture.status == Status.PENDING),
    ]
    done = 0
    for kind, id_ in late:
        try:
            if kind is Picture:
                publish(parts, id_)
            else:
                _sweep(parts, id_, direct=False)
            done += 1
        except Exception as error:  # One that fails must not keep others waiting; its new lease will be out in time.
            metrics.went_wrong("database" if isinstance(error, sa.exc.OperationalError) else "defect")
            log.exception("%s %d could not be finished.", kind.__name__, id_)
    return done


def _claim(
    parts: Parts, kind: type[Picture] | type[Decision], moment: datetime, also: sa.ColumnElement[bool]
) -> list[tuple[type, int]]:
    out = kind.lease < moment, also
    due = db.session.scalars(sa.select(kind.id).where(*out).order_by(kind.lease, kind.id).limit(TAKEN_OVER)).all()
    if not due:
        return []
    with writing():
        renewed = sa.update(kind).where(kind.id.in_(due), *out).values(lease=now() + parts.lease)
        return [(kind, id_) for id_ in sorted(db.session.scalars(renewed.returning(kind.id)).all())]
