"""What other thresholds would have decided, from the distances that every check has recorded."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from .blocklist import unpack
from .counting import Since, within
from .database import db, in_parts
from .fingerprint import LOW_DETAIL, RECIPE
from .matcher import against
from .matching import Hit, Policy, Verdict, decide
from .models import Check, Decision, Entry, FingerprintRow, Match, Occasion, Picture
from .verify import ENOUGH, Agreement


@dataclass(frozen=True)
class WhatIf:
    """Uploads by what the thresholds in force and the others make of them."""

    checked: int
    refused: int  # by those in force
    refused_then: int
    held: int
    held_then: int
    newly_refused: int
    newly_refused_fine: int  # ... that a person has found fine since
    let_off: int  # refused by those in force only
    let_off_fine: int


def what_if(since: Since, policy: Policy, other: Policy) -> WhatIf:
    """The uploads of that time under another policy, as compared with the one in force.

    Exact as far as candidates were recorded: within the other policy's `widest` and `candidate` as they were then.
    """
    wanted = Check.occasion == Occasion.UPLOAD, Check.failure.is_(None), within(Check, since)
    checked = db.session.scalar(sa.select(sa.func.count()).where(*wanted)) or 0
    verdicts = []
    for picture_id, hits, fine in _recorded(wanted):
        before, after = decide(hits, policy)[0], decide(hits, other)[0]
        if before is Verdict.REFUSE and after is not Verdict.REFUSE:
            after = decide(_compared_anew(picture_id, hits, other), other)[0]
        verdicts.append((before, after, fine))

    def number(now: Verdict | None, then: Verdict | None) -> int:
        return sum(now in (None, a) and then in (None, b) for a, b, _ in verdicts)

    newly = [fine for now, then, fine in verdicts if then is Verdict.REFUSE and now is not Verdict.REFUSE]
    let_off = [fine for now, then, fine in verdicts if now is Verdict.REFUSE and then is not Verdict.REFUSE]
    return WhatIf(
        checked,
        number(Verdict.REFUSE, None),
        number(None, Verdict.REFUSE),
        number(Verdict.HOLD, None),
        number(None, Verdict.HOLD),
        len(newly),
        sum(newly),
        len(let_off),
        sum(let_off),
    )


def _compared_anew(picture_id: int, hits: list[Hit], other: Policy) -> list[Hit]:
    """Of pairs of views that refuse anyway the plainest is recorded; under stricter thresholds a nearer one counts."""
    row = db.session.get_one(Picture, picture_id).fingerprint
    if row is None or row.recipe != RECIPE:  # purged, or not brought up to date
        return hits
    asked = unpack(row)
    entries = in_parts(sa.select(Entry), Entry.id, [hit.id for hit in hits])
    found = [against(unpack(entry.fingerprint), asked, other) for (entry,) in entries]
    return [hit for hit in found if hit]


def _recorded(wanted: tuple[sa.ColumnElement[bool], ...]) -> Iterator[tuple[int, list[Hit], bool]]:
    """The picture and the candidates of each check that had any, and whether a person has found the picture fine."""
    theirs, ours = aliased(FingerprintRow), aliased(FingerprintRow)
    rows = (
        sa.select(Check.id, Match, theirs.detail, ours.detail, Decision.kind, Check.picture_id)
        .join(Match.check)
        .join(Entry, Match.entry_id == Entry.id)
        .join(theirs, Entry.fingerprint_id == theirs.id)
        .join(Picture, Check.picture_id == Picture.id)
        .outerjoin(ours, Picture.fingerprint_id == ours.id)
        .outerjoin(Decision, Picture.decision_id == Decision.id)
        .where(*wanted)
        .order_by(Check.id)
    )
    for _, group in groupby(db.session.execute(rows), key=lambda row: row[0]):
        found = list(group)
        hits = [
            _hit(match, min(detail, found_detail or 0) < LOW_DETAIL) for _, match, detail, found_detail, *_ in found
        ]
        kind = found[0][4]
        yield found[0][5], hits, bool(kind and kind.fine)


def _hit(match: Match, weak: bool) -> Hit:
    agreement = None
    if match.share is not None and match.correlation is not None:
        agreement = Agreement(match.share, match.correlation, ENOUGH if match.blocks is None else match.blocks)
    return Hit(
        match.entry_id,
        match.view,
        match.asked,
        match.dhash,
        match.phash,
        identical=match.identical,
        weak=weak,
        agreement=agreement,
    )
