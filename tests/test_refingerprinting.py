"""Fingerprints of an older recipe become what they would be today, and the site goes on meanwhile."""

import dataclasses
from collections import Counter
from io import BytesIO

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image, ImageOps

from moderation import refingerprinting, review, sweeping
from moderation.canonical import canonical
from moderation.database import db, writing
from moderation.fingerprint import RECIPE, fingerprint
from moderation.models import Entry, FingerprintRow, Picture, Role, Status
from moderation.refingerprinting import Source, refingerprint
from moderation.replica import BLOCKLIST, PICTURES, bump
from moderation.uploads import receive
from moderation.views import Cut, number

from .conftest import save

FIRST = np.dtype([("view", "u1"), ("dhash", "<u8"), ("phash", "<u8", 4)])


@pytest.fixture
def members(person) -> list[int]:
    return [person(f"m{number}") for number in range(4)]


@pytest.fixture
def moderator(person) -> int:
    return person("mona", Role.MODERATOR)


def make_old() -> None:
    """Everything as the first recipe left it: the whole view only, and entries without views of their own."""
    with writing():
        lists = bump(BLOCKLIST), bump(PICTURES)
        for row in db.session.scalars(sa.select(FingerprintRow)):
            whole = np.frombuffer(row.views, fingerprint(Image.new("RGB", (9, 9))).views.dtype)[:1]
            old = np.zeros(1, FIRST)
            old["dhash"], old["phash"] = whole["dhash"], whole["phash"]
            row.views, row.recipe, row.aspect = old.tobytes(), 1, 1.0
        for entry in db.session.scalars(sa.select(Entry)):
            entry.views, entry.version = None, lists[0]
        db.session.execute(sa.update(Picture).values(version=lists[1]))


def mirrored(data: bytes) -> bytes:
    return save(ImageOps.mirror(Image.open(BytesIO(data))), quality=90)


def status(picture_id: int) -> Status:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Picture, picture_id).status


def test_an_entry_knows_its_picture_mirrored_once_it_is_up_to_date(parts, another_process, members, moderator, draw):
    review.mark(parts, receive(parts, members[0], draw(1)).id, moderator, None)
    make_old()
    assert receive(parts, members[1], mirrored(draw(1))).status is Status.PUBLISHED
    assert refingerprinting.count() == 1
    assert list(refingerprint(parts)) == [Source.PICTURE]
    assert refingerprinting.count() == 0
    for process in (parts, another_process):
        assert receive(process, members[2], mirrored(draw(1))).status is Status.REFUSED


def test_what_came_on_show_meanwhile_is_swept_by_the_views_that_are_new(
    parts, another_process, members, moderator, draw
):
    decision = review.mark(parts, receive(parts, members[0], draw(1)).id, moderator, None)
    make_old()
    copy = receive(parts, members[1], mirrored(draw(1))).id
    assert status(copy) is Status.PUBLISHED
    list(refingerprint(parts))
    assert sweeping.finish_work(another_process) == 1
    assert status(copy) is Status.REMOVED
    review.undo(parts, decision.id, moderator)
    assert status(copy) is Status.PUBLISHED


def test_what_was_withdrawn_or_taken_back_sweeps_nothing(parts, members, moderator, draw):
    first = review.mark(parts, receive(parts, members[0], draw(1)).id, moderator, None)
    second = review.mark(parts, receive(parts, members[1], draw(2)).id, moderator, None)
    with writing():
        review.withdraw(first.entries[0].id, moderator)
    review.undo(parts, second.id, moderator)
    make_old()
    assert set(refingerprint(parts)) == {Source.PICTURE}
    assert sweeping.finish_work(parts) == 0


def test_a_picture_on_show_is_found_by_its_new_views(parts, members, moderator, draw):
    shown = receive(parts, members[0], draw(1)).id
    fresh = db.session.get_one(Picture, shown).fingerprint.views
    make_old()
    list(refingerprint(parts))
    db.session.expire_all()
    row = db.session.get_one(Picture, shown).fingerprint
    # From the stored file, which is encoded once more than the upload was.
    assert [view["view"] for view in _views(row.views)] == [view["view"] for view in _views(fresh)]
    assert (row.recipe, row.aspect) == (RECIPE, pytest.approx(480 / canonical(draw(1)).height))
    assert len(parts.on_show) == 1


def test_the_hash_of_the_pixels_is_kept(parts, members, draw):
    picture = receive(parts, members[0], draw(1))
    pixels = picture.fingerprint.pixels
    make_old()
    list(refingerprint(parts))
    assert pixels == fingerprint(canonical(draw(1))).pixels
    assert db.session.scalars(sa.select(FingerprintRow.pixels)).all() == [pixels]


def test_where_there_is_no_picture_what_was_kept_of_it_serves(parts, members, moderator, draw):
    review.import_entries(parts, [("bad.jpg", fingerprint(canonical(draw(1))))], moderator, "")
    picture = receive(parts, members[0], draw(2))
    for path in parts.store.root.rglob(f"{picture.file}*"):
        path.unlink()
    make_old()
    assert Counter(refingerprint(parts)) == {Source.LUMINANCE: 2}
    assert receive(parts, members[1], mirrored(draw(1))).status is Status.REFUSED
    first = db.session.scalars(sa.select(FingerprintRow).order_by(FingerprintRow.id)).first()
    whole, exact = _views(first.views)[0], fingerprint(canonical(draw(1))).views[0]
    assert (whole["view"], whole["dhash"], list(whole["phash"])) == (
        number(Cut.WHOLE),
        exact["dhash"],
        list(exact["phash"]),
    )


def test_broken_off_it_goes_on_where_it_was(parts, members, draw):
    for seed, member in enumerate(members):
        receive(parts, member, draw(seed))
    make_old()
    run = refingerprint(parts)
    assert [next(run), next(run)] == [Source.PICTURE] * 2
    run.close()
    assert refingerprinting.count() == 2
    assert list(refingerprint(parts)) == [Source.PICTURE] * 2
    assert list(refingerprint(parts)) == []


def test_two_at_once_do_each_fingerprint_once(parts, another_process, members, draw, monkeypatch):
    receive(parts, members[0], draw(1))
    make_old()
    theirs: list[Source] = []

    class Slow:
        def get(self, key: str) -> bytes:
            if not theirs:
                theirs.extend(refingerprint(another_process))
            return parts.store.get(key)

    assert list(refingerprint(dataclasses.replace(parts, store=Slow()))) == [Source.NONE]
    assert theirs == [Source.PICTURE]


def test_a_mark_made_on_an_old_fingerprint_blocks_by_today_s_views(parts, members, moderator, draw):
    marked = receive(parts, members[0], draw(1)).id
    make_old()
    review.mark(parts, marked, moderator, None)
    assert receive(parts, members[1], mirrored(draw(1))).status is Status.REFUSED


def _views(packed: bytes) -> np.ndarray:
    return np.frombuffer(packed, fingerprint(Image.new("RGB", (9, 9))).views.dtype)
