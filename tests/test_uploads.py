"""What becomes of an upload: published, held or refused; and what fails is never shown."""

import dataclasses
import threading
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
import sqlalchemy as sa
from PIL import Image

from moderation import blocklist, review, sweeping, uploads
from moderation.blocklist import pack
from moderation.canonical import canonical
from moderation.columns import now
from moderation.database import db, writing
from moderation.engines import AutoEngine
from moderation.errors import Unavailable, Unreadable
from moderation.fingerprint import fingerprint
from moderation.matching import Verdict
from moderation.models import (
    Account,
    Check,
    Decision,
    Exemption,
    FingerprintRow,
    Kind,
    Match,
    Occasion,
    Picture,
    Role,
    Status,
)
from moderation.parts import Parts
from moderation.uploads import RECORDED, receive

from .conftest import moved, near_copy, save

OUT = timedelta(seconds=-1)
"""A lease that is over as soon as it is given."""

SIZE = 160


@pytest.fixture
def member(app) -> Callable[..., int]:
    """Each call is another member, or `member(Role.MODERATOR)` a moderator."""

    def make(role: Role = Role.MEMBER) -> int:
        with writing():
            number = db.session.scalar(sa.select(sa.func.count()).select_from(Account))
            account = Account(name=f"m{number}", key=f"m{number}", password="", role=role, session="")
            db.session.add(account)
            db.session.flush()
            return account.id

    return make


@pytest.fixture
def block(app) -> Callable[..., int]:
    """`block(data)` puts a picture on the blocklist, so many bits away from what it is; returns the entry's id."""

    def add(data: bytes, dhash: int = 0, phash: int = 0) -> int:
        print_ = fingerprint(canonical(data))
        with writing():
            blocked = moved(print_, dhash, phash) if dhash or phash else print_
            entry = blocklist.add(pack(blocked), Decision(kind=Kind.IMPORT))
            db.session.flush()
            return entry.id

    return add


def status(picture_id: int) -> Status:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Picture, picture_id).status


def checks(picture_id: int) -> list[Check]:
    return list(db.session.scalars(sa.select(Check).filter_by(picture_id=picture_id).order_by(Check.id)))


def count(table: type) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(table))


class Crash(BaseException):
    """As when the process is killed: nothing that catches exceptions catches it."""


def _killed(*_args: object, **_more: object) -> None:
    raise Crash


def _broken(*_args: object, **_more: object) -> None:
    raise ZeroDivisionError


def broken(parts: Parts, how: Callable[..., None] = _broken) -> Parts:
    """The parts of a process whose comparing goes wrong."""
    copy = blocklist.Blocklist(AutoEngine)
    copy.near = how
    return dataclasses.replace(parts, blocklist=copy)


def left_pending(parts: Parts, member_id: int, data: bytes, lease: timedelta) -> int:
    """A picture whose process died after it had committed it and before it compared it."""
    with pytest.raises(Crash):
        receive(dataclasses.replace(broken(parts, _killed), lease=lease), member_id, data)
    db.session.rollback()
    return db.session.scalar(sa.select(sa.func.max(Picture.id)))


# --- the verdicts, from the file to what is on show --------------------------------


def test_a_picture_that_comes_near_nothing_is_published(parts, member, draw):
    data = draw(1, SIZE)
    picture = receive(parts, member(), data)
    assert picture.status is Status.PUBLISHED
    assert abs(now() - picture.published) < timedelta(minutes=1)
    assert picture.lease is None
    assert picture.decision is None

    shown = canonical(data)
    stored = Image.open(BytesIO(parts.store.get(picture.file)))
    assert stored.size == (picture.width, picture.height) == shown.size
    assert Image.open(BytesIO(parts.store.get(picture.thumbnail))).format == "JPEG"
    assert picture.fingerprint.views == fingerprint(shown).views.tobytes()
    assert data != parts.store.get(picture.file)

    (check,) = checks(picture.id)
    assert (check.verdict, check.occasion, check.candidates, check.failure) == (
        Verdict.PUBLISH,
        Occasion.UPLOAD,
        0,
        None,
    )
    assert (check.entry_id, check.matches) == (None, [])
    assert check.milliseconds > 0


@pytest.mark.on_both
def test_a_near_copy_of_a_blocked_picture_is_refused_and_never_was_on_show(parts, member, block, draw):
    entry = block(draw(1, SIZE))
    picture = receive(parts, member(), near_copy(draw(1, SIZE)))
    assert picture.status is Status.REFUSED
    assert picture.published is None
    (check,) = checks(picture.id)
    assert (check.verdict, check.entry_id, check.candidates) == (Verdict.REFUSE, entry, 1)


@pytest.mark.parametrize(
    ("dhash", "phash", "becomes", "candidates"),
    [
        (0, 0, Status.REFUSED, 1),
        (10, 40, Status.REFUSED, 1),
        (11, 40, Status.HELD, 1),
        (10, 41, Status.HELD, 1),
        (12, 54, Status.HELD, 1),
        (12, 55, Status.PUBLISHED, 1),
        (12, 72, Status.PUBLISHED, 1),
        (12, 73, Status.PUBLISHED, 0),
        (13, 0, Status.PUBLISHED, 0),
    ],
)
def test_how_near_it_comes_decides_what_becomes_of_a_picture(
    parts, member, block, draw, dhash, phash, becomes, candidates
):
    entry = block(draw(1, SIZE), dhash, phash)
    picture = receive(parts, member(), draw(1, SIZE))
    assert picture.status is becomes
    (check,) = checks(picture.id)
    assert check.candidates == candidates
    assert [(match.entry_id, match.dhash, match.phash) for match in check.matches] == [
        (entry, dhash, phash)
    ] * candidates
    assert check.entry_id == (None if becomes is Status.PUBLISHED else entry)


@pytest.mark.parametrize(("dhash", "phash", "becomes"), [(5, 24, Status.REFUSED), (10, 40, Status.HELD)])
def test_what_only_the_hashes_take_for_a_copy_is_for_a_person(parts, member, draw, dhash, phash, becomes):
    print_ = fingerprint(canonical(draw(1, SIZE)))
    negative = dataclasses.replace(moved(print_, dhash, phash), luminance=255 - print_.luminance)
    with writing():
        blocklist.add(pack(negative), Decision(kind=Kind.IMPORT))
    picture = receive(parts, member(), draw(1, SIZE))
    assert picture.status is becomes
    (match,) = checks(picture.id)[0].matches
    assert (match.correlation is None) is (becomes is Status.REFUSED)
    assert becomes is Status.REFUSED or match.correlation < 0


def test_the_zones_are_those_of_the_settings(parts, member, block, draw):
    block(draw(1, SIZE), 5, 20)
    strict = dataclasses.replace(parts.policy, refuse=parts.policy.refuse._replace(dhash=4))
    assert receive(dataclasses.replace(parts, policy=strict), member(), draw(1, SIZE)).status is Status.HELD
    assert receive(parts, member(), draw(1, SIZE)).status is Status.REFUSED


def test_a_blank_picture_is_refused_only_as_an_identical_copy(parts, member, block):
    wall = Image.new("RGB", (90, 90), (240, 240, 235))
    block(save(wall, "PNG"))
    assert receive(parts, member(), save(wall, "WEBP", lossless=True)).status is Status.REFUSED
    wall.putpixel((3, 3), (0, 0, 0))
    assert receive(parts, member(), save(wall, "PNG")).status is Status.PUBLISHED


def test_what_another_process_blocked_a_moment_ago_is_refused(parts, another_process, member, block, draw):
    assert receive(another_process, member(), draw(2, SIZE)).status is Status.PUBLISHED
    block(draw(1, SIZE))
    assert receive(another_process, member(), draw(1, SIZE)).status is Status.REFUSED


def test_a_refused_file_leaves_nothing_behind(parts, member, draw):
    for data in (b"", b"no picture", draw(1, SIZE)[:3000]):
        with pytest.raises(Unreadable):
            receive(parts, member(), data)
    assert (count(Picture), count(FingerprintRow), count(Check)) == (0, 0, 0)
    assert not [path for path in parts.store.root.rglob("*") if path.is_file()]


def test_a_full_disk_leaves_no_picture_without_its_file(parts, member, draw):
    class Full:
        def put(self, _content: bytes) -> str:
            raise OSError("No space left on device")

    with pytest.raises(Unavailable, match="cannot be stored at this moment"):
        receive(dataclasses.replace(parts, store=Full()), member(), draw(1, SIZE))
    assert count(Picture) == 0


# --- candidates ------------------------------------------------------------------


@pytest.mark.on_both
def test_every_candidate_is_recorded_gravest_first(parts, member, block, draw):
    far, held, near = (block(draw(1, SIZE), *bits) for bits in ((2, 80), (12, 50), (9, 39)))
    picture = receive(parts, member(), draw(1, SIZE))
    (check,) = checks(picture.id)
    assert check.entry_id == near
    assert [(match.entry_id, match.verdict, match.identical) for match in check.matches] == [
        (near, Verdict.REFUSE, False),
        (held, Verdict.HOLD, False),
        (far, Verdict.PUBLISH, False),
    ]


def test_of_many_candidates_all_that_count_are_kept_and_the_nearest_of_the_others(parts, member, block, draw):
    far = [block(draw(1, SIZE), 2, 80 - number) for number in range(RECORDED + 2)]
    held = [block(draw(1, SIZE), 12, 0) for _ in range(RECORDED + 2)]
    grave = block(draw(1, SIZE), 10, 40)
    picture = receive(parts, member(), draw(1, SIZE))
    (check,) = checks(picture.id)
    assert check.candidates == 2 * RECORDED + 5
    recorded = [match.entry_id for match in check.matches]
    assert recorded[0] == check.entry_id == grave
    assert set(recorded[1 : len(held) + 1]) == set(held)
    assert recorded[len(held) + 1 :] == far[::-1][:RECORDED]


def test_a_copy_of_identical_pixels_is_recorded_as_such(parts, member, block, draw):
    block(draw(1, SIZE))
    picture = receive(parts, member(), draw(1, SIZE))
    assert [(match.identical, match.dhash, match.phash) for match in checks(picture.id)[0].matches] == [(True, 0, 0)]


# --- one picture on show ------------------------------------------------------------


def test_a_member_has_one_picture_on_show_the_newest(parts, member, draw):
    ana, ben = member(), member()
    first = receive(parts, ana, draw(1, SIZE)).id
    of_ben = receive(parts, ben, draw(2, SIZE)).id
    second = receive(parts, ana, draw(3, SIZE)).id
    third = receive(parts, ana, draw(4, SIZE)).id
    assert [status(id_) for id_ in (first, second, third)] == [Status.REPLACED, Status.REPLACED, Status.PUBLISHED]
    assert status(of_ben) is Status.PUBLISHED


def test_the_list_of_pictures_hears_of_those_that_gave_way(parts, member, draw):
    ana = member()
    first = receive(parts, ana, draw(1, SIZE)).id
    second = receive(parts, ana, draw(2, SIZE)).id
    versions = [db.session.get_one(Picture, id_).version for id_ in (first, second)]
    assert versions[0] == versions[1] > 2


@pytest.mark.parametrize(("dhash", "becomes"), [(12, Status.HELD), (0, Status.REFUSED)])
def test_a_picture_that_is_held_or_refused_replaces_nothing(parts, member, block, draw, dhash, becomes):
    ana = member()
    first = receive(parts, ana, draw(1, SIZE)).id
    block(draw(2, SIZE), dhash, 0)
    assert receive(parts, ana, draw(2, SIZE)).status is becomes
    assert status(first) is Status.PUBLISHED


def test_the_same_picture_may_be_uploaded_by_everybody(parts, member, draw):
    pictures = [receive(parts, member(), draw(1, SIZE)) for _ in range(3)]
    assert [picture.status for picture in pictures] == [Status.PUBLISHED] * 3
    assert len({picture.file for picture in pictures}) == 1


@pytest.mark.on_both
def test_of_uploads_of_one_member_at_once_one_is_on_show(app, parts, member, draw):
    ana, files, failures = member(), [draw(seed, 96) for seed in range(12)], []

    def send(mine: list[bytes]) -> None:
        with app.app_context():
            try:
                for data in mine:
                    receive(parts, ana, data)
            except Exception as error:
                failures.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=send, args=(files[i::3],)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    db.session.rollback()
    by_age = db.session.scalars(sa.select(Picture.status).order_by(Picture.id)).all()
    assert by_age == [Status.REPLACED] * 11 + [Status.PUBLISHED]


# --- law 6: fail closed, and say so -----------------------------------------------------


def test_what_cannot_be_fingerprinted_is_held_and_counted(parts, member, draw, monkeypatch):
    monkeypatch.setattr(uploads, "fingerprint", _broken)
    picture = receive(parts, member(), draw(1, SIZE))
    assert (picture.status, picture.published, picture.fingerprint) == (Status.HELD, None, None)
    assert [(check.verdict, check.failure) for check in checks(picture.id)] == [(Verdict.HOLD, "ZeroDivisionError")]


def test_what_cannot_be_compared_is_held_and_counted(parts, member, draw):
    picture = receive(broken(parts), member(), draw(1, SIZE))
    assert (picture.status, picture.published) == (Status.HELD, None)
    assert [(check.verdict, check.failure) for check in checks(picture.id)] == [(Verdict.HOLD, "ZeroDivisionError")]


def test_what_fails_replaces_nothing(parts, member, draw):
    ana = member()
    first = receive(parts, ana, draw(1, SIZE)).id
    receive(broken(parts), ana, draw(2, SIZE))
    assert status(first) is Status.PUBLISHED


@pytest.mark.on_both
def test_a_failure_of_the_database_while_comparing_holds_the_picture(parts, member, draw, database):
    def query_nonsense(*_args: object) -> None:
        db.session.execute(sa.text("SELECT nonsense FROM nowhere"))

    picture = receive(broken(parts, query_nonsense), member(), draw(1, SIZE))
    assert picture.status is Status.HELD
    assert checks(picture.id)[0].failure == {"sqlite": "OperationalError", "postgresql": "ProgrammingError"}[database]


@pytest.mark.parametrize("what", ["fingerprint", "compare"])
def test_approving_what_failed_does_not_show_it_while_the_cause_is_there(parts, member, draw, monkeypatch, what):
    def failing() -> Parts:
        if what == "compare":
            return broken(parts)
        monkeypatch.setattr(uploads, "fingerprint", _broken)
        return parts

    ben = member(Role.MODERATOR)
    picture_id = receive(failing(), member(), draw(1, SIZE)).id
    first = review.approve(failing(), picture_id, ben, None)
    assert status(picture_id) is Status.HELD
    assert [check.failure for check in checks(picture_id)] == ["ZeroDivisionError"] * 2

    monkeypatch.undo()
    review.approve(parts, picture_id, ben, first.id)
    assert status(picture_id) is Status.PUBLISHED
    assert checks(picture_id)[-1].failure is None
    assert db.session.get_one(Picture, picture_id).fingerprint is not None


@pytest.mark.parametrize("what", ["fingerprint", "compare"])
def test_approving_what_failed_compares_it_first(parts, member, block, draw, monkeypatch, what):
    block(draw(1, SIZE))
    if what == "fingerprint":
        monkeypatch.setattr(uploads, "fingerprint", _broken)
    picture_id = receive(parts if what == "fingerprint" else broken(parts), member(), draw(1, SIZE)).id
    monkeypatch.undo()
    assert status(picture_id) is Status.HELD

    review.approve(parts, picture_id, member(Role.MODERATOR), None)
    assert status(picture_id) is Status.REFUSED


def test_a_picture_fingerprinted_late_is_found_by_the_next_mark(parts, another_process, member, draw, monkeypatch):
    ben = member(Role.MODERATOR)
    original = receive(parts, member(), draw(1, SIZE)).id
    assert len(another_process.on_show) == 1
    monkeypatch.setattr(uploads, "fingerprint", _broken)
    late = receive(parts, member(), near_copy(draw(1, SIZE))).id
    monkeypatch.undo()
    review.approve(parts, late, ben, None)
    assert status(late) is Status.PUBLISHED

    review.mark(another_process, original, ben, None)
    assert status(late) is Status.REMOVED


def test_a_failure_that_is_over_at_the_second_try_is_no_failure(parts, member, block, draw, monkeypatch):
    block(draw(1, SIZE))
    tries = iter([_broken, fingerprint, _broken, fingerprint])
    monkeypatch.setattr(uploads, "fingerprint", lambda image: next(tries)(image))
    assert receive(parts, member(), draw(2, SIZE)).status is Status.PUBLISHED
    assert receive(parts, member(), draw(1, SIZE)).status is Status.REFUSED


def test_a_held_picture_whose_file_is_gone_stays_held(parts, member, draw, monkeypatch):
    monkeypatch.setattr(uploads, "fingerprint", _broken)
    picture = receive(parts, member(), draw(1, SIZE))
    picture_id, file = picture.id, picture.file
    monkeypatch.undo()
    parts.store._path(file).unlink()
    review.approve(parts, picture_id, member(Role.MODERATOR), None)
    assert status(picture_id) is Status.HELD
    assert checks(picture_id)[-1].failure == "KeyError"


# --- what a crash leaves behind -----------------------------------------------------------


@pytest.mark.parametrize(("blocked", "becomes"), [(False, Status.PUBLISHED), (True, Status.REFUSED)])
@pytest.mark.on_both
def test_a_pending_picture_whose_lease_is_out_is_finished_by_another_process(
    parts, another_process, member, block, draw, blocked, becomes
):
    if blocked:
        block(draw(1, SIZE))
    picture_id = left_pending(parts, member(), near_copy(draw(1, SIZE)), OUT)
    assert status(picture_id) is Status.PENDING

    assert sweeping.finish_work(another_process) == 1
    assert status(picture_id) is becomes
    assert [check.verdict for check in checks(picture_id)] == [Verdict.REFUSE if blocked else Verdict.PUBLISH]
    assert sweeping.finish_work(another_process) == 0


def test_a_pending_picture_whose_lease_is_not_out_is_left_alone(parts, another_process, member, draw):
    picture_id = left_pending(parts, member(), draw(1, SIZE), timedelta(seconds=60))
    assert sweeping.finish_work(another_process) == 0
    assert status(picture_id) is Status.PENDING
    assert checks(picture_id) == []


def test_whoever_takes_work_over_gets_a_lease_of_its_own(parts, another_process, member, draw):
    picture_id = left_pending(parts, member(), draw(1, SIZE), OUT)
    with pytest.raises(Crash):
        sweeping.finish_work(broken(parts, _killed))
    assert status(picture_id) is Status.PENDING
    assert sweeping.finish_work(another_process) == 0


@pytest.mark.on_both
def test_a_process_that_was_only_slow_finds_its_work_done(parts, another_process, member, draw):
    ana = member()
    picture_id = left_pending(parts, ana, draw(1, SIZE), OUT)
    assert sweeping.finish_work(another_process) == 1
    newer = receive(parts, ana, draw(2, SIZE)).id
    assert uploads.publish(parts, picture_id).status is Status.REPLACED
    assert status(newer) is Status.PUBLISHED
    assert len(checks(picture_id)) == 1


@pytest.mark.on_both
def test_of_several_processes_that_look_for_work_at_once_each_piece_is_done_by_one(app, parts, member, draw):
    left = [left_pending(parts, member(), draw(seed, 96), OUT) for seed in range(6)]
    done, barrier = [], threading.Barrier(3)

    def look() -> None:
        with app.app_context():
            barrier.wait(10)
            done.append(sweeping.finish_work(parts))
            db.session.remove()

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == len(left)
    assert {status(id_) for id_ in left} == {Status.PUBLISHED}
    assert count(Check) == len(left)


# --- exemptions ------------------------------------------------------------------------------


@pytest.mark.on_both
def test_an_entry_that_a_picture_is_exempt_from_is_no_candidate(parts, member, block, draw):
    exempt, other = block(draw(1, SIZE), 5, 5), block(draw(1, SIZE), 2, 80)
    picture_id = left_pending(parts, member(), draw(1, SIZE), OUT)
    with writing():
        decision = Decision(kind=Kind.APPROVE)
        db.session.add(decision)
        db.session.flush()
        db.session.add(Exemption(picture_id=picture_id, entry_id=exempt, decision_id=decision.id))
    assert uploads.publish(parts, picture_id).status is Status.PUBLISHED
    assert [match.entry_id for match in db.session.scalars(sa.select(Match))] == [other]


@pytest.mark.parametrize("becomes", ["gone", "another's"])
def test_an_upload_during_which_the_site_is_restored_says_so_and_shows_nobody_elses_picture(
    parts, member, draw, monkeypatch, becomes
):
    mia, others = member(), receive(parts, member(), draw(2))
    compare = uploads._compared

    def restored(parts: Parts, picture_id: int) -> object:
        with writing():
            picture = db.session.get_one(Picture, picture_id)
            if becomes == "gone":
                db.session.delete(picture)
            else:
                picture.member_id, picture.file = others.member_id, others.file
        return compare(parts, picture_id)

    monkeypatch.setattr(uploads, "_compared", restored)
    with pytest.raises(Unavailable, match="Please upload your picture again"):
        receive(parts, mia, draw(1))
