"""What crashes and faults leave: found, mended where that loses nothing, else reported."""

import hashlib
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import imagehash
import numpy as np
import sqlalchemy as sa
from PIL import Image

from . import backup
from .blocklist import unpack
from .canonical import canonical_pixels
from .columns import now
from .database import db, writing
from .fingerprint import RECIPE, Fingerprint, fingerprint
from .models import Counter, Decision, Entry, FingerprintRow, KnownGood, Picture, Record, Status
from .parts import Parts
from .purging import needed
from .replica import AUDIT, BLOCKLIST, KNOWN_GOOD, PICTURES
from .sweeping import finish_work

GRACE = 3600.0
"""Seconds for which a file without a row, or half written, may be an upload that is on its way."""

SAMPLE = 200
"""Pictures whose files are read and fingerprinted anew, unless all are."""

SAME = 8
"""Bits in which the whole view of a stored file may differ from what it was before it was encoded."""

BATCH = 1000

FEW = 20
"""So many files without a row are mended also where fewer have one."""

LISTS = {BLOCKLIST: Entry.version, PICTURES: Picture.version, KNOWN_GOOD: KnownGood.version}
"""The version of each row, by list."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, as a sentence; and whether it is now."""

    sentence: str
    mended: bool = False
    files: Sequence[str] = ()  # by the names that they have in a backup


def examine(
    parts: Parts, mend: bool = True, grace: float = GRACE, sample: int | None = SAMPLE, orphans: bool = False
) -> Iterator[Finding]:
    """Everything that can be found wrong, while the site runs; of the stored pictures a sample is read, or all.

    With `orphans`, files that belong to nothing go even where the database looks like that of another site.
    """
    yield from _database()
    yield from _counters(mend)
    yield from _log()
    yield from _unfinished(parts, mend)
    yield from _files(parts, mend, grace, orphans)
    yield from _pictures(parts, sample)


def _database() -> Iterator[Finding]:
    """SQLite's own look at its file, and at what refers to what; PostgreSQL keeps to that by itself."""
    if db.engine.dialect.name != "sqlite":
        return
    with db.engine.connect() as connection:
        for (said,) in connection.exec_driver_sql("PRAGMA integrity_check(5)"):
            if said != "ok":
                yield Finding(f"The database file is damaged: {said}. Restore a backup.")
        broken = len(connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(BATCH))
        if broken:
            rows = _several(broken, "row of the database refers", "rows of the database refer")
            yield Finding(f"{rows} to rows that are not there. Restore a backup.")


def _counters(mend: bool) -> Iterator[Finding]:
    """The version of a list is never behind that of one of its rows, or copies of it would miss the row."""
    for name, of_rows in LISTS.items():
        latest = sa.select(sa.func.coalesce(sa.func.max(of_rows), 0)).scalar_subquery()
        counter = sa.select(Counter.version, latest).filter_by(name=name)
        found = db.session.execute(counter).one_or_none()
        if found and found[0] >= found[1]:
            continue
        if mend:
            with writing():
                if not found:
                    db.session.add(Counter(name=name, epoch="", version=0))
                    db.session.flush()
                # In another epoch, so that every copy is read anew.
                right = sa.update(Counter).filter_by(name=name).values(version=latest + 1, epoch=str(uuid.uuid4()))
                db.session.execute(right, execution_options={"synchronize_session": False})
        yield Finding(f"The counter of the list {name} was {'behind its rows' if found else 'missing'}.", mend)


def _log() -> Iterator[Finding]:
    """The audit log's counter is the number of its last row. Set anew, it would hide that the log was cut off."""
    last = sa.select(sa.func.coalesce(sa.func.max(Record.id), 0)).scalar_subquery()
    found = db.session.execute(sa.select(Counter.version, last).filter_by(name=AUDIT)).one_or_none()
    if found and found[0] == found[1]:
        return
    what = f"stands at {found[0]}, its last row is {found[1]}" if found else "is missing, so nothing can be recorded"
    yield Finding(f"The counter of the audit log {what}. See what `audit verify` says, and restore a backup.")


def _unfinished(parts: Parts, mend: bool) -> Iterator[Finding]:
    """Uploads and decisions that their process did not finish, and that no server has taken over."""
    moment = now()
    with_lease = sa.select(sa.func.count()).select_from(Picture).filter_by(status=Status.PENDING)
    late = db.session.scalar(with_lease.where(Picture.lease < moment)) or 0
    unswept = db.session.scalar(sa.select(sa.func.count()).select_from(Decision).where(Decision.lease < moment)) or 0
    stuck = db.session.scalar(with_lease.where(Picture.lease.is_(None))) or 0
    if not late + unswept + stuck:
        return
    if mend:
        with writing():
            pending = sa.update(Picture).filter_by(status=Status.PENDING, lease=None)
            db.session.execute(pending.values(lease=moment), execution_options={"synchronize_session": False})
        while finish_work(parts):
            pass
        after = sa.select(sa.func.count()).select_from(Picture).filter_by(status=Status.PENDING)
        left = db.session.scalar(after.where(Picture.lease <= moment)) or 0
        left += db.session.scalar(sa.select(sa.func.count()).select_from(Decision).where(Decision.lease < moment)) or 0
        mend = not left
    if late + stuck:
        yield Finding(f"{_several(late + stuck, 'upload was', 'uploads were')} left half done.", mend)
    if unswept:
        yield Finding(f"{_several(unswept, 'decision was', 'decisions were')} not swept to the end.", mend)


def _files(parts: Parts, mend: bool, grace: float, sure: bool) -> Iterator[Finding]:
    """Files that no row needs, files half written, and rows whose file is not there.

    Where hardly a file belongs to a row, the database may be empty or another site's: then none is deleted.
    """
    kept = 0
    missing: list[str] = []
    orphans: list[str] = []
    for key, of_row, age in _beside(parts):
        if age is None:
            missing.append(key)
        elif of_row:
            kept += 1
        elif age > grace:
            orphans.append(key)

    if not sure and orphans and not (kept and len(orphans) <= max(kept, FEW)):
        mend = False
        where = db.engine.url.render_as_string(hide_password=True)
        yield Finding(
            f"{_several(len(orphans), 'picture file belongs', 'picture files belong')} to nothing, {kept} to a row: "
            f"is {where} the right database? If it is, go on with --orphans."
        )
    elif orphans:
        number = len(orphans)
        if mend:
            try:
                number = sum(parts.store.discard(some, needed) for some in _batches(orphans))
            except OSError as error:
                yield Finding(f"Not all picture files that belong to nothing can be deleted: {error.strerror}.")
                number = 0
        if number:
            yield Finding(f"{_several(number, 'picture file', 'picture files')} belonged to nothing.", mend)

    left = len(parts.store.leftovers(grace))
    if left:
        cleared = parts.store.tidy(grace, needed) if mend else left
        if cleared:
            yield Finding(f"{_several(cleared, 'file was', 'files were')} left half written or half deleted.", mend)
        if left > cleared:
            files = _several(left - cleared, "file was", "files were")
            yield Finding(f"{files} left half written or half deleted, and cannot be deleted.")

    # What was purged or put since is as it should be.
    absent = sorted(key for key in needed(set(missing)) if not parts.store.has(key))
    if absent:
        files = _several(len(absent), "picture file is", "picture files are")
        yield _lost(f"{files} missing, of {_named(_pictures_of(absent))}", absent)


def _lost(what: str, keys: Sequence[str]) -> Finding:
    """What only a backup has, by the names that it has there."""
    files = [backup.name_of(key) for key in keys]
    return Finding(f"{what}. Restore {'it' if len(keys) == 1 else 'them'} from a backup:", files=files)


def _pictures_of(keys: Sequence[str]) -> list[int]:
    """The pictures whose files those are."""
    found: set[int] = set()
    for some in _batches(keys):
        named = sa.or_(Picture.file.in_(some), Picture.thumbnail.in_(some))
        found.update(db.session.scalars(sa.select(Picture.id).where(named)))
    return sorted(found)


def _beside(parts: Parts) -> Iterator[tuple[str, bool, float | None]]:
    """Each key, whether a row needs it, and since when it is in the store, if it is: two lists in order, merged."""
    with db.engine.connect() as connection:
        rows, files = backup.keys(backup.of_one_moment(connection)), parts.store.stored()
        row, file = next(rows, None), next(files, None)
        while row is not None or file is not None:
            if file is None or (row is not None and row < file[0]):
                yield str(row), True, None
                row = next(rows, None)
            elif row is None or file[0] < row:
                yield file[0], False, file[1]
                file = next(files, None)
            else:
                yield row, True, file[1]
                row, file = next(rows, None), next(files, None)


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]


def _pictures(parts: Parts, sample: int | None) -> Iterator[Finding]:
    """Stored files that are not what their name says, or not what their fingerprint was made of.

    And those of which this machine makes another dHash than ImageHash, whose it is to be: a faulty build of numpy or
    OpenCV would make fingerprints that find nothing.
    """
    changed, strange, wrong = [], [], []
    damaged: set[str] = set()
    for id_, file, thumbnail, row in _chosen(sample):
        try:
            content, small = _read(parts, file), _read(parts, thumbnail)
        except KeyError:
            continue  # said already
        if bad := {key for key, data in ((file, content), (thumbnail, small)) if not _whole(key, data)}:
            changed.append(id_)
            damaged |= bad
        elif row is not None and row.recipe == RECIPE:
            made = fingerprint(canonical_pixels(content))
            if not _right(made):
                wrong.append(id_)
            elif not _fits(row, made):
                strange.append(id_)
    if changed:
        files = _several(len(damaged), "picture file is", "picture files are")
        yield _lost(f"{files} damaged, of {_named(changed)}", sorted(damaged))
    if strange:
        yield Finding(f"The fingerprints of {_named(strange)} are not those of the stored pictures.")
    if wrong:
        yield Finding(
            f"This machine makes wrong fingerprints of {_named(wrong)}. Install moderation anew before it runs."
        )


def _read(parts: Parts, key: str) -> bytes:
    """The file as it is: nothing of it where it cannot be read. Raises `KeyError` where there is none."""
    try:
        return parts.store.get(key)
    except OSError:
        return b""


def _whole(key: str, content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == key


def _right(made: Fingerprint) -> bool:
    luminance = Image.fromarray(np.asarray(made.luminance))
    return int(made.views["dhash"][0]) == int(str(imagehash.dhash(luminance)), 16)


def _fits(row: FingerprintRow, made: Fingerprint) -> bool:
    try:
        known = unpack(row)
        bits = int(known.views["dhash"][0]) ^ int(made.views["dhash"][0])
    except (ValueError, TypeError, IndexError):  # what is damaged is no picture's
        return False
    # The hashes of what has too little detail turn at the least change.
    return known.weak or made.weak or bits.bit_count() <= SAME


def _chosen(sample: int | None) -> Iterator[tuple[int, str, str, FingerprintRow | None]]:
    """Pictures whose files should be there: so many by chance, or all."""
    ids = list(db.session.scalars(sa.select(Picture.id).where(Picture.purged.is_(None)).order_by(Picture.id)))
    if sample is not None and len(ids) > sample:
        ids = sorted(random.sample(ids, sample))
    every = iter(ids)
    while some := list(islice(every, 100)):
        wanted = sa.select(Picture.id, Picture.file, Picture.thumbnail, FingerprintRow)
        wanted = wanted.outerjoin(FingerprintRow, Picture.fingerprint_id == FingerprintRow.id)
        for row in db.session.execute(wanted.where(Picture.id.in_(some), Picture.file != "")):
            yield row[0], row[1], row[2], row[3]
        db.session.expunge_all()


def _named(ids: Sequence[int]) -> str:
    some = ", ".join(map(str, ids[:20]))
    return f"{_several(len(ids), 'picture', 'pictures')} ({some}{', …' if len(ids) > 20 else ''})"


def _several(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
