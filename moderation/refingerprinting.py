"""Fingerprints of an older recipe brought up to date, while the site runs."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

import numpy as np
import sqlalchemy as sa
from PIL import Image

from .blocklist import packed_views, unpack
from .canonical import canonical_pixels
from .columns import now
from .database import db, writing
from .fingerprint import RECIPE, Fingerprint, fingerprint
from .luminance import FINE_SIDE, Levels
from .models import Entry, FingerprintRow, Picture
from .parts import Parts
from .replica import BLOCKLIST, PICTURES, bump
from .views import asked

log = logging.getLogger(__name__)


class Source(StrEnum):
    """What a fingerprint was made from."""

    PICTURE = "picture"  # the stored file
    LUMINANCE = "luminance"  # what the old fingerprint had kept, where there is no file: parts of it are less sharp
    NONE = "none"  # somebody else was faster


def count() -> int:
    """How many fingerprints are of an older recipe."""
    return db.session.scalar(sa.select(sa.func.count()).where(FingerprintRow.recipe < RECIPE)) or 0


def refingerprint(parts: Parts) -> Iterator[Source]:
    """Bring one fingerprint after the other up to date, each in a transaction of its own; what each was made from.

    Broken off, it goes on where it was. When the last entry of a decision is up to date, that decision is due to be
    swept again, by whichever server takes over work: what is near by the new views alone goes as the rest went.
    """
    last = 0
    while True:
        old = sa.select(FingerprintRow.id).where(FingerprintRow.recipe < RECIPE, FingerprintRow.id > last)
        id_ = db.session.scalar(old.order_by(FingerprintRow.id).limit(1))
        if id_ is None:
            return
        yield _bring_up_to_date(parts, id_)
        last = id_


def _bring_up_to_date(parts: Parts, id_: int) -> Source:
    row = db.session.get_one(FingerprintRow, id_)
    before, recipe = unpack(row), row.recipe
    file = db.session.scalar(sa.select(Picture.file).filter_by(fingerprint_id=id_).limit(1))
    made, source = _made(parts, before, file)
    with writing():
        entries = db.session.scalars(sa.select(Entry).filter_by(fingerprint_id=id_)).all()
        of_entries = bump(BLOCKLIST) if entries else None
        of_pictures = bump(PICTURES)
        row = db.session.get_one(FingerprintRow, id_)
        if row.recipe != recipe:
            return Source.NONE
        row.recipe, row.views, row.detail = made.recipe, made.views.tobytes(), made.detail
        row.aspect, row.luminance = made.aspect, _bytes(made.luminance)
        db.session.execute(sa.update(Picture).filter_by(fingerprint_id=id_).values(version=of_pictures))
        views = packed_views(made) if entries else b""
        for entry in entries:
            entry.views, entry.version = views, of_entries or entry.version
        db.session.flush()
        for entry in entries:
            if not entry.withdrawn and not entry.decision.undone and not _waiting(entry.decision_id):
                entry.decision.lease = now()
    return source


def _made(parts: Parts, before: Fingerprint, file: str | None) -> tuple[Fingerprint, Source]:
    """The fingerprint anew. The hash of the pixels stays: the stored file was encoded, and has others."""
    if file:
        try:
            made = fingerprint(canonical_pixels(parts.store.get(file)))
            return replace(made, pixels=before.pixels), Source.PICTURE
        except Exception:
            log.warning("A stored picture cannot be read; its old luminance is used.", exc_info=True)
    if before.luminance is None:
        raise ValueError("A stored fingerprint has its luminance.")
    fine = Image.fromarray(before.luminance).resize((FINE_SIDE, FINE_SIDE), Image.Resampling.BICUBIC)
    views, _ = asked(np.asarray(fine))
    # The whole view's codes as they are: they were made from the picture itself.
    views = views.copy()
    views[0] = before.views[0]
    return replace(before, views=views, recipe=RECIPE), Source.LUMINANCE


def _waiting(decision_id: int) -> bool:
    """Whether an entry of that decision is of an older recipe still."""
    old = sa.select(Entry.id).join(Entry.fingerprint).where(FingerprintRow.recipe < RECIPE)
    return db.session.scalar(old.where(Entry.decision_id == decision_id).limit(1)) is not None


def _bytes(levels: Levels | None) -> bytes:
    return b"" if levels is None else levels.tobytes()
