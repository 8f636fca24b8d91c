"""Uploads: receive a picture, and the one way on show."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.exc import NoResultFound

from . import audit, blocklist, metrics, probing
from .audit import Event
from .canonical import Pixels, canonical_pixels, encode, thumbnail
from .columns import now
from .database import db, portions, writing
from .decisions import move
from .errors import Refusal, Unavailable
from .fingerprint import Fingerprint, blocked_views, fingerprint
from .judging import Judgement, copies, judge, near_escalated
from .matching import Hit, Policy, Verdict
from .models import (
    Account,
    Action,
    Caution,
    Check,
    Entry,
    Exemption,
    FingerprintRow,
    Match,
    Occasion,
    Picture,
    Status,
)
from .parts import Parts
from .replica import PICTURES, bump

log = logging.getLogger(__name__)

# On the tables rather than the classes: every upload asks, for which a class takes ten times as long as the database.
_ACCOUNTS, _EXEMPTIONS, _CHECKS, _PICTURES, _PRINTS = (
    cast(sa.Table, model.__table__) for model in (Account, Exemption, Check, Picture, FingerprintRow)
)
_DEACTIVATED = sa.select(_ACCOUNTS.c.deactivated).where(_ACCOUNTS.c.id == sa.bindparam("member"))
_EXEMPT = sa.select(_EXEMPTIONS.c.entry_id).where(_EXEMPTIONS.c.picture_id == sa.bindparam("picture"))
_CHECKED = sa.select(_CHECKS.c.id).where(_CHECKS.c.picture_id == sa.bindparam("picture")).limit(1)
_SEEN = (
    sa.select(
        _PICTURES.c.version,
        *(_PRINTS.c[name] for name in ("views", "detail", "pixels", "recipe", "aspect", "luminance")),
    )
    .outerjoin_from(_PICTURES, _PRINTS, _PRINTS.c.id == _PICTURES.c.fingerprint_id)
    .where(_PICTURES.c.id == sa.bindparam("picture"))
)
_ON_SHOW = sa.select(_PICTURES.c.id, _PICTURES.c.decision_id).where(
    _PICTURES.c.member_id == sa.bindparam("member"), _PICTURES.c.status == Status.PUBLISHED
)
_REPLACED = (
    sa.update(_PICTURES)
    .where(_PICTURES.c.id.in_(sa.bindparam("older", type_=sa.Integer, expanding=True)))
    .values(status=Status.REPLACED, version=sa.bindparam("now"))
)

RECORDED = 12
"""Candidates of a check that are kept beside those that count: the nearest of the others."""

COMING_BACK = 100
"""Pictures that come on show again while somebody waits for it; more do when the answer is given."""

BESIDE = 8
"""Threads that encode and store. They stay: OpenCV never gives back some bytes for each thread that it has met."""

_beside: ThreadPoolExecutor


def _threads() -> None:
    """A process that was forked has none of them."""
    global _beside
    _beside = ThreadPoolExecutor(BESIDE, "beside")


_threads()
os.register_at_fork(after_in_child=_threads)


def receive(parts: Parts, member_id: int, data: bytes, origin: str = "") -> Picture:
    """Judge and keep an upload. Raises `Refusal` if it is no picture that is accepted; then nothing was stored.

    Write, commit, then look: the picture is committed as pending before it is compared, so that a mark made
    meanwhile finds either the entry missing here or the picture there. `origin` is the address it comes from.
    """
    pixels = parts.decoder.pixels(data)
    # The files before the row: one without a row is swept up later, a row without its file is a broken page. They are
    # encoded, and waited for until they are on the disk, while the picture is fingerprinted.
    keeping = [_beside.submit(_keep, parts, make, pixels) for make in (encode, thumbnail)]
    print_ = _fingerprinted(pixels)
    with _storing():
        file, small = (kept.result() for kept in keeping)
    with writing(settle=False):  # nobody is told of the row before the commit in `publish`
        version = bump(PICTURES)
        if db.session.execute(_DEACTIVATED, {"member": member_id}).scalar_one():  # or erased, since the request began
            raise Refusal("This account is closed.")
        picture = {
            "member_id": member_id,
            "status": Status.PENDING,
            "fingerprint_id": print_ and _inserted(_PRINTS, blocklist.columns(print_)),
            "file": file,
            "thumbnail": small,
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "lease": now() + parts.lease,
            "version": version,
        }
        picture_id = _inserted(_PICTURES, picture)
    if not (parts.store.has(file) and parts.store.has(small)):
        # They were another picture's too, and deleted with that one before our row said that it needs them.
        with _storing():
            for make in (encode, thumbnail):
                _keep(parts, make, pixels)
    return _published(parts, picture_id, origin, (member_id, file))


def _published(parts: Parts, picture_id: int, origin: str, mine: tuple[int, str]) -> Picture:
    """Raises `Unavailable` where the site was restored from a backup meanwhile: the row is gone, or another's."""
    try:
        picture = publish(parts, picture_id, origin)
    except NoResultFound:
        if db.session.get(Picture, picture_id):
            raise
    else:
        if (picture.member_id, picture.file) == mine:
            return picture
    raise Unavailable("The site was set back to an earlier state at this moment. Please upload your picture again.")


def _inserted(table: sa.Table, values: dict[str, Any]) -> int:
    """The id of a new row."""
    return cast(int, db.session.execute(table.insert().returning(table.c.id), values).scalar_one())


def _fingerprinted(pixels: Pixels) -> Fingerprint | None:
    try:
        return fingerprint(pixels)
    except Exception:
        log.exception("An upload could not be fingerprinted; it will be held.")
        return None


def _keep(parts: Parts, make: Callable[[Pixels], bytes], pixels: Pixels) -> str:
    return parts.store.put(make(pixels))


@contextmanager
def _storing() -> Iterator[None]:
    """Raises `Unavailable` where the disk is full or cannot be written."""
    try:
        yield
    except OSError as error:
        log.exception("A picture file could not be stored.")
        metrics.went_wrong("store")
        raise Unavailable("Pictures cannot be stored at this moment. Please try again in some minutes.") from error


def publish(parts: Parts, picture_id: int, origin: str = "") -> Picture:
    """The one way on show: compare a pending picture with the blocklist, then move it if it is pending still.

    What an entry keeps from show on its way back belongs to that entry's decision, like what its sweep took down, and
    is taken back with it. Returns the picture in the state it came to, whoever brought it there.
    """
    while True:
        compared = _compared(parts, picture_id)
        # One statement for all that changes in a row: what is asked below does not depend on it.
        with writing(), db.session.no_autoflush:
            version = bump(PICTURES)
            picture = get(picture_id)
            # Pending again is not pending still: what was taken down and put back meanwhile, others compare anew.
            if picture.status is not Status.PENDING or picture.version != compared.version:
                return picture
            occasion, verdict, why = _occasion(picture), _final(picture, compared), None
            against = None if verdict is Verdict.PUBLISH else _against(parts, compared.found)
            if against and (against.withdrawn or against.id in exempt_from(picture_id)):
                continue  # since this moment it forbids nothing
            if against and occasion is Occasion.REVIEW and not _sent(picture):
                _taken(picture, verdict, against, version)
            else:
                why = _arrived(parts, picture, verdict, against, occasion, origin, version)
            _record(parts, picture_id, compared, occasion, verdict, why)
        metrics.checked(occasion, verdict, compared.milliseconds / 1000, compared.failure is not None)
        return get(picture_id)


class _Compared(NamedTuple):
    """A picture, as it was at some version, against the blocklist as it was then."""

    version: int
    found: Judgement
    failure: str | None
    milliseconds: float


def _compared(parts: Parts, picture_id: int) -> _Compared:
    started = time.perf_counter()
    failure = None
    version, *stored = db.session.execute(_SEEN, {"picture": picture_id}).one()
    try:
        if stored[0] is None:
            print_, version = _fingerprinted_late(parts, picture_id)
        else:
            print_ = Fingerprint.unpack(*stored)
        found = judge(parts, print_, partial(exempt_from, picture_id))
    except Exception as error:
        # Fail closed: what could not be compared is never shown before a person has looked.
        log.exception("Picture %d could not be checked; it is held.", picture_id)
        found, failure = Judgement(Verdict.HOLD, None, []), type(error).__name__
    return _Compared(version, found, failure, (time.perf_counter() - started) * 1000)


def _final(picture: Picture, compared: _Compared) -> Verdict:
    fine = picture.decision and picture.decision.kind.fine
    if compared.found.verdict is Verdict.HOLD and not compared.failure and fine:
        return Verdict.PUBLISH  # held for a person to look at, and a person has
    return compared.found.verdict


def _against(parts: Parts, found: Judgement) -> Entry | None:
    """The entry that keeps a picture from show, if one does."""
    if found.gravest is None:
        return None
    return db.session.get_one(Entry, near_escalated(found.hits, parts.policy) or found.gravest.id)


def _sent(picture: Picture) -> bool:
    """Whether the decision that stands on a picture sends it on show now: it stands, and tells what that came to."""
    sent = sa.select(Action.id).filter_by(picture_id=picture.id, decision_id=picture.decision_id, after=Status.PENDING)
    return picture.decision_id is not None and db.session.scalars(sent).first() is not None


def _taken(picture: Picture, verdict: Verdict, against: Entry, version: int) -> None:
    decision = against.decision
    if against.apart:
        move(picture, Status.ESCALATED, decision, version, against.id)
    elif verdict is Verdict.REFUSE:
        move(picture, never_shown(picture), decision, version, against.id)
    else:  # for a person to look at
        move(picture, Status.HELD, decision, version, against.id, decides=False)
    audit.record(Event.SWEEP, None, of=decision.id, pictures=[picture.id])


def _arrived(
    parts: Parts,
    picture: Picture,
    verdict: Verdict,
    against: Entry | None,
    occasion: Occasion,
    origin: str,
    version: int,
) -> Caution | None:
    """Put a picture where it belongs; why it is held whatever the verdict, if it is."""
    picture.lease, picture.version = None, version
    why = None
    if occasion is Occasion.UPLOAD and not picture.decision_id:
        attempt = against is not None  # nothing is, where it could not be compared
        why = probing.caution(parts.patience, picture.member_id, origin, attempt)
    match verdict:
        case Verdict.REFUSE | Verdict.HOLD if against and against.apart:
            picture.status = Status.ESCALATED
        case _ if why:
            picture.status = Status.HELD
        case Verdict.REFUSE:
            picture.status = never_shown(picture)
        case Verdict.HOLD:
            picture.status = Status.HELD
        case Verdict.PUBLISH:
            picture.status = _make_way(picture, version)
            if picture.status is Status.PUBLISHED:
                picture.published = picture.published or now()
    if picture.decision_id:
        # The decision that sent the picture here learns where it arrived.
        pending = sa.update(Action).filter_by(picture_id=picture.id, after=Status.PENDING)
        db.session.execute(pending.values(after=picture.status))
    return why


def _record(
    parts: Parts, picture_id: int, compared: _Compared, occasion: Occasion, verdict: Verdict, why: Caution | None
) -> None:
    found, checked = compared.found, now()
    check = {
        "created": checked,
        "picture_id": picture_id,
        "occasion": occasion,
        "verdict": verdict,
        "entry_id": found.gravest.id if found.gravest else None,
        "known_good_id": found.known_good,
        "candidates": len(found.hits),
        "milliseconds": compared.milliseconds,
        "failure": compared.failure,
        "caution": why,
    }
    check_id = _inserted(_CHECKS, check)
    if found.hits:
        db.session.execute(sa.insert(Match), _matches(found.hits, parts.policy, checked, check_id))


def publish_all(parts: Parts, picture_ids: Iterable[int]) -> None:
    """Each through `publish`, older ones first, so that a member's newest is the one that ends on show.

    Of very many, the first: the others are due from now on, for whoever looks for work that is left. That takes
    milliseconds for each, and nobody sits before it.
    """
    waiting = sorted(picture_ids)
    here, due = waiting[:COMING_BACK], waiting[COMING_BACK:]
    if due:
        with writing():
            for some in portions(due):
                left = sa.update(Picture).where(Picture.id.in_(some), Picture.status == Status.PENDING)
                db.session.execute(left.values(lease=now()))
    for id_ in here:
        publish(parts, id_)


def recheck(parts: Parts, known: Fingerprint, version: int) -> set[int]:
    """What is on show, or about to be, and looks like that picture is pending from now on, to be compared anew.

    Part of a write transaction; returns which those are. Each has to go through `publish` when that is committed:
    a check that is under way has looked while that picture was known good, and shows nothing any more.
    """
    ids = sorted({hit.id for hit in copies(parts, replace(known, views=blocked_views(known)), direct=True)})
    coming = Picture.status.in_((Status.PUBLISHED, Status.PENDING))
    pending = sa.update(Picture).values(status=Status.PENDING, lease=now() + parts.lease, version=version)
    waiting: set[int] = set()
    for some in portions(ids):
        waiting.update(db.session.scalars(pending.where(Picture.id.in_(some), coming).returning(Picture.id)))
    return waiting


def never_shown(picture: Picture) -> Status:
    """What a picture that must not be on show becomes: refused if it never was, else removed."""
    return Status.REFUSED if picture.published is None else Status.REMOVED


def exempt_from(picture_id: int) -> set[int]:
    """The entries that a person has found this picture fine against."""
    return set(db.session.execute(_EXEMPT, {"picture": picture_id}).scalars())


def get(picture_id: int) -> Picture:
    return db.session.get_one(Picture, picture_id)


def _fingerprinted_late(parts: Parts, picture_id: int) -> tuple[Fingerprint, int]:
    """The fingerprint of a picture of which that failed before, and the picture's version from then on.

    It is committed before it is compared, like the picture itself, so that a sweep finds it from here on.
    """
    made = fingerprint(canonical_pixels(parts.store.get(get(picture_id).file)))
    with writing():
        version = bump(PICTURES)
        picture = get(picture_id)
        picture.fingerprint, picture.version = blocklist.pack(made), version
    return made, version


def _occasion(picture: Picture) -> Occasion:
    """An upload is compared once as one. Of what has been on show, the first check may be purged by now."""
    seen = picture.published or db.session.execute(_CHECKED, {"picture": picture.id}).first()
    return Occasion.REVIEW if seen else Occasion.UPLOAD


def _make_way(picture: Picture, version: int) -> Status:
    """A member has one picture on show, the newest: older ones give way, and an older one does not come back."""
    shown = db.session.execute(_ON_SHOW, {"member": picture.member_id}).all()
    if any(other > picture.id for other, _ in shown):
        return Status.REPLACED
    if shown:
        db.session.execute(_REPLACED, {"older": [older for older, _ in shown], "now": version})
    if shown and picture.decision_id:
        # Effects of the decision that let this picture on show, and taken back with it.
        effect = {"decision_id": picture.decision_id, "decides": False, "after": Status.REPLACED}
        before = [{"picture_id": older, "before": Status.PUBLISHED, "before_decision_id": by} for older, by in shown]
        db.session.execute(sa.insert(Action), [effect | one for one in before])
    return Status.PUBLISHED


def _matches(hits: list[Hit], policy: Policy, checked: datetime, check_id: int) -> list[dict[str, Any]]:
    verdicts = sorted(((policy.verdict(hit), hit) for hit in hits), key=lambda one: (-one[0].gravity, one[1].phash))
    counting = sum(verdict is not Verdict.PUBLISH for verdict, _ in verdicts)
    return [
        {
            "created": checked,
            "check_id": check_id,
            "entry_id": hit.id,
            "view": hit.view,
            "asked": hit.asked,
            "dhash": hit.dhash,
            "phash": hit.phash,
            "share": hit.agreement and hit.agreement.share,
            "correlation": hit.agreement and hit.agreement.correlation,
            "blocks": hit.agreement and hit.agreement.blocks,
            "identical": hit.identical,
            "verdict": verdict,
        }
        for verdict, hit in verdicts[: counting + RECORDED]
    ]
