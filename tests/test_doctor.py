"""What crashes leave is found and mended; what is lost is reported, and nothing is touched that is on its way."""

import os
import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from moderation import audit, doctor, hashes, review, uploads
from moderation.columns import now
from moderation.database import db, writing
from moderation.models import Counter, Decision, FingerprintRow, Picture, Role, Status
from moderation.parts import Parts

from .conftest import near_copy, status


@pytest.fixture
def examine(parts: Parts) -> Callable[..., list[tuple[str, bool]]]:
    def look(**how: object) -> list[tuple[str, bool]]:
        db.session.remove()
        return [(one.sentence, one.mended) for one in doctor.examine(parts, **how)]

    return look


def grow_old(parts: Parts) -> None:
    """Every file is two hours older; the time of its last change cannot be set, so that is taken for it."""
    for path in parts.store.root.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 7200,) * 2)


def test_a_sound_site_has_nothing_to_mend(examine, parts, arrive, draw, person):
    mona = person("mona", Role.MODERATOR)
    review.mark(parts, arrive(draw(1)), mona, None)
    arrive(near_copy(draw(1)))
    arrive(draw(2))
    grow_old(parts)
    assert examine() == examine(sample=None) == []


def test_files_that_belong_to_nothing_go_when_they_are_old(examine, parts, arrive, draw):
    arrive(draw(1))
    before = {key for key, _ in parts.store.stored()}
    parts.store.put(b"an upload whose process died")
    assert examine() == [], "it may be on its way"
    grow_old(parts)
    said = "1 picture file belonged to nothing."
    assert examine(mend=False) == [(said, False)]
    assert examine() == [(said, True)]
    assert {key for key, _ in parts.store.stored()} == before
    assert examine() == []


def test_pictures_are_not_deleted_for_a_database_that_knows_none_of_them(examine, parts):
    parts.store.put(b"a picture of the site that this database is not of")
    path = next(parts.store.root.rglob("*.jpg"))
    path.with_name(f".{path.name[:2]}{'0' * 62}.discarded").write_bytes(b"another")
    grow_old(parts)
    url = db.engine.url.render_as_string(hide_password=True)
    said = f"1 picture file belongs to nothing, 0 to a row: is {url} the right database?"
    orphan, half = examine(grace=0)
    assert orphan == (f"{said} If it is, go on with --orphans.", False)
    assert half == ("1 file was left half written or half deleted.", False)
    assert examine(grace=0, mend=False) == [orphan, half]
    assert len(list(parts.store.root.rglob("*.*"))) == 2
    assert [mended for _, mended in examine(grace=0, orphans=True)] == [True, True]
    assert not list(parts.store.root.rglob("*.*"))


def test_files_that_belong_to_nothing_stay_where_they_are_many_and_most(examine, parts, arrive, draw):
    arrive(draw(1))  # two files
    for number in range(doctor.FEW):
        parts.store.put(b"%d" % number)
    grow_old(parts)
    assert examine() == [("20 picture files belonged to nothing.", True)]
    for number in range(doctor.FEW + 1):
        parts.store.put(b"%d" % number)
    grow_old(parts)
    ((said, mended),) = examine()
    assert said.startswith("21 picture files belong to nothing, 2 to a row: is ")
    assert said.endswith(" the right database? If it is, go on with --orphans.")
    assert not mended
    assert len(list(parts.store.stored())) == 23
    assert examine(orphans=True) == [("21 picture files belonged to nothing.", True)]
    assert len(list(parts.store.stored())) == 2


def test_files_half_written_go_and_those_half_deleted_come_back_where_they_are_needed(examine, parts, arrive, draw):
    picture = db.session.get_one(Picture, arrive(draw(1)))
    path = parts.store._path(picture.file)
    path.rename(path.with_name(f".{picture.file}.discarded"))
    path.with_name(f".{'0' * 64}.discarded").write_bytes(b"x")
    path.with_name(".tmp12345").write_bytes(b"half")
    assert [said for said, _ in examine(mend=False)] == [
        "1 picture file is missing, of 1 picture (1). Restore it from a backup:"
    ], "they may be on their way"
    assert examine(grace=0) == [("3 files were left half written or half deleted.", True)]
    assert parts.store.get(picture.file)
    assert examine(grace=0) == []


def test_every_missing_file_is_named_and_nothing_is_deleted_for_it(parts, arrive, draw):
    lost, kept = arrive(draw(1)), arrive(draw(2))
    row = db.session.get_one(Picture, lost)
    for key in (row.file, row.thumbnail):
        parts.store._path(key).unlink()
    db.session.remove()
    (finding,) = doctor.examine(parts)
    assert finding.sentence == f"2 picture files are missing, of 1 picture ({lost}). Restore them from a backup:"
    assert finding.files == sorted(f"pictures/{key}.jpg" for key in (row.file, row.thumbnail))
    assert [status(lost), status(kept)] == [Status.PUBLISHED, Status.PUBLISHED]


def test_files_are_named_however_many_are_missing(parts, arrive, draw, monkeypatch):
    monkeypatch.setattr(doctor, "BATCH", 3)
    for number in range(4):
        arrive(draw(number))
    names = [f"pictures/{path.name}" for path in parts.store.root.rglob("*.jpg")]
    for path in parts.store.root.rglob("*.jpg"):
        path.unlink()
    db.session.remove()
    (finding,) = doctor.examine(parts)
    assert finding.sentence.startswith("8 picture files are missing, of 4 pictures (1, 2, 3, 4).")
    assert finding.files == sorted(names)


def test_a_file_that_is_damaged_or_another_ones_is_reported(parts, arrive, draw):
    damaged, strange = arrive(draw(1)), arrive(draw(2))
    key = db.session.get_one(Picture, damaged).thumbnail
    path = parts.store._path(key)
    path.write_bytes(path.read_bytes()[:-100])
    with writing():
        row = db.session.get_one(Picture, strange).fingerprint
        row.views = bytes(byte ^ 255 for byte in row.views)
    db.session.remove()
    assert list(doctor.examine(parts, sample=None)) == [
        doctor.Finding(
            f"1 picture file is damaged, of 1 picture ({damaged}). Restore it from a backup:",
            files=[f"pictures/{key}.jpg"],
        ),
        doctor.Finding(f"The fingerprints of 1 picture ({strange}) are not those of the stored pictures."),
    ]


def test_a_machine_that_makes_other_hashes_than_imagehash_is_reported(examine, parts, arrive, draw, monkeypatch):
    picture = arrive(draw(1))
    monkeypatch.setattr(hashes, "_PILLOW_8", hashes._PILLOW_8[::-1])
    said = f"This machine makes wrong fingerprints of 1 picture ({picture}). Install moderation anew before it runs."
    assert examine() == [(said, False)]


def test_work_whose_lease_is_out_is_finished(examine, parts, arrive, person, draw, monkeypatch):
    mona, late = person("mona", Role.MODERATOR), person("late")
    marked, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    with monkeypatch.context() as crash:
        crash.setattr(uploads, "publish", lambda _parts, number, *_: uploads.get(number))
        uploads.receive(parts, late, draw(2))
        crash.setattr(review, "sweep", lambda *_: None)
        decision = review.mark(parts, marked, mona, None)
    assert status(copy) is Status.PUBLISHED
    assert examine() == [], "their processes still have time"
    with writing():
        for kind in (Picture, Decision):
            over = sa.update(kind).where(kind.lease.is_not(None)).values(lease=now() - timedelta(seconds=1))
            db.session.execute(over, execution_options={"synchronize_session": False})
    said = [("1 upload was left half done.", True), ("1 decision was not swept to the end.", True)]
    assert [sentence for sentence, _ in examine(mend=False)] == [sentence for sentence, _ in said]
    assert examine() == said
    assert status(copy) is Status.REMOVED
    assert db.session.get_one(Decision, decision.id).lease is None
    assert db.session.scalars(sa.select(Picture.id).filter_by(status=Status.PENDING)).all() == []
    assert examine() == []


def test_a_counter_behind_its_rows_or_missing_begins_a_new_epoch(examine, parts, arrive, draw, another_process):
    arrive(draw(1))
    assert len(another_process.on_show) == 1
    with writing():
        db.session.execute(sa.update(Counter).filter_by(name="pictures").values(version=0))
        db.session.execute(sa.delete(Counter).filter_by(name="known_good"))
    before = db.session.scalar(sa.select(Counter.epoch).filter_by(name="pictures"))
    assert examine() == [
        ("The counter of the list pictures was behind its rows.", True),
        ("The counter of the list known_good was missing.", True),
    ]
    assert examine() == []
    assert db.session.scalar(sa.select(Counter.epoch).filter_by(name="pictures")) != before
    arrive(draw(2))
    assert len(another_process.on_show) == 2


def test_a_counter_of_the_audit_log_that_is_not_its_last_row_is_reported(examine, parts, arrive, draw):
    with writing():
        audit.record(audit.Event.PURGE, None)
    assert examine() == []
    with writing():
        db.session.execute(sa.update(Counter).filter_by(name="audit").values(version=0))
    see = "See what `audit verify` says, and restore a backup."
    stands = f"The counter of the audit log stands at 0, its last row is 1. {see}"
    assert examine() == examine() == [(stands, False)]
    with writing():
        db.session.execute(sa.update(Counter).filter_by(name="audit").values(version=7))
    assert examine() == [(f"The counter of the audit log stands at 7, its last row is 1. {see}", False)]
    with writing():
        db.session.execute(sa.delete(Counter).filter_by(name="audit"))
    missing = f"The counter of the audit log is missing, so nothing can be recorded. {see}"
    assert examine() == examine() == [(missing, False)]


@pytest.mark.parametrize("damage", [{"views": b"\0"}, {"views": b""}, {"luminance": b"\0"}], ids=str)
def test_a_fingerprint_that_is_damaged_is_reported_as_not_that_of_the_picture(examine, parts, arrive, draw, damage):
    damaged, _ = arrive(draw(1)), arrive(draw(2))
    fingerprint = db.session.get_one(Picture, damaged).fingerprint_id
    with writing():
        db.session.execute(sa.update(FingerprintRow).filter_by(id=fingerprint).values(**damage))
    said = f"The fingerprints of 1 picture ({damaged}) are not those of the stored pictures."
    assert examine(sample=None) == [(said, False)]


def test_a_picture_file_that_cannot_be_read_is_reported_as_damaged(parts, arrive, draw):
    damaged, _ = arrive(draw(1)), arrive(draw(2))
    key = db.session.get_one(Picture, damaged).thumbnail
    parts.store._path(key).unlink()
    parts.store._path(key).mkdir()
    db.session.remove()
    (finding,) = doctor.examine(parts, sample=None)
    assert finding.sentence == f"1 picture file is damaged, of 1 picture ({damaged}). Restore it from a backup:"
    assert finding.files == [f"pictures/{key}.jpg"]


def test_what_cannot_be_deleted_is_reported_and_keeps_nothing_else(examine, parts, arrive, draw):
    picture = db.session.get_one(Picture, arrive(draw(1)))
    parts.store._path("0" * 64).mkdir(parents=True)
    parts.store._path(picture.file).with_name(".tmp1").mkdir()
    parts.store._path(picture.file).with_name(".tmp2").write_bytes(b"half")
    assert examine(grace=0) == [
        ("Not all picture files that belong to nothing can be deleted: Is a directory.", False),
        ("1 file was left half written or half deleted.", True),
        ("2 files were left half written or half deleted, and cannot be deleted.", False),
    ]
    assert examine(grace=0) == [("2 files were left half written or half deleted, and cannot be deleted.", False)]
    assert parts.store.get(picture.file)


def test_a_database_that_is_not_whole_is_reported(examine, app, instance, parts, arrive, draw):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps to its references by itself")
    arrive(draw(1))
    db.session.remove()
    with sqlite3.connect(instance / "moderation.sqlite") as database:
        database.execute("UPDATE pictures SET member_id = 4711")
    database.close()
    assert examine() == [("1 row of the database refers to rows that are not there. Restore a backup.", False)]


def test_a_weak_picture_is_not_taken_for_a_strange_one(examine, parts, arrive, draw):
    arrive(draw(1))
    with writing():
        db.session.scalars(sa.select(FingerprintRow)).one().detail = 1
    assert examine() == []
