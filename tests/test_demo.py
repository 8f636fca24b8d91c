"""The demo's site has something of everything, and goes on living."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from moderation import accounts, demo
from moderation.canonical import canonical
from moderation.columns import now
from moderation.database import db
from moderation.drawing import draw
from moderation.errors import Refusal
from moderation.fingerprint import fingerprint
from moderation.matching import Policy, Verdict, compare
from moderation.models import Account, Check, Decision, Entry, Picture, Role, Status

from .conftest import save


class Rounds(threading.Event):
    """Lets so many rounds pass without waiting, and is set then."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.left = rounds

    def wait(self, timeout: float | None = None) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.fixture
def small(monkeypatch):
    """A shorter history, and passwords that are hashed in no time."""
    monkeypatch.setattr(accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    monkeypatch.setattr(demo, "CHAPTERS", 2)
    monkeypatch.setattr(demo, "NEW", 4)
    monkeypatch.setattr(demo, "WIDTH", 240)


@pytest.fixture
def furnished(app, parts, small):
    demo.furnish(parts, None)
    return parts


def statuses() -> Counter[Status]:
    return Counter(db.session.scalars(sa.select(Picture.status)))


def uploaded() -> int:
    return db.session.scalar(sa.select(sa.func.count(Picture.id))) or 0


def test_a_furnished_site_has_pictures_in_every_state_and_a_history(furnished):
    found = statuses()
    assert found[Status.PUBLISHED]
    assert found[Status.REFUSED] == 2 * 2
    assert found[Status.HELD] == 2
    assert found[Status.REMOVED] == 2 * 2, "the marked ones, and the copies that were on show"
    assert not found[Status.PENDING]
    assert Counter(decision.undone is None for decision in db.session.scalars(sa.select(Decision)))[False] == 1


def test_everybody_can_sign_in_as_the_people_that_are_named(furnished):
    for person in demo.PEOPLE:
        account = accounts.proven(accounts.authenticate(person.name, person.password))
        assert account
        assert account.role is person.role
    assert {person.role for person in demo.PEOPLE} == {*Role}


def test_the_history_is_spread_over_days_and_keeps_its_order(furnished):
    for kind in (Picture, Decision, Entry):
        moments = list(db.session.scalars(sa.select(kind.created).order_by(kind.id)))
        assert moments == sorted(moments)
        assert moments[-1] <= now()
    days = {moment.date() for moment in db.session.scalars(sa.select(Picture.created))}
    assert len(days) > 4
    late = sa.select(Picture.id).join(Check, Check.picture_id == Picture.id).where(Check.created < Picture.created)
    assert db.session.scalars(late).all() == []
    down = db.session.scalars(sa.select(Picture).where(Picture.down.is_not(None))).all()
    because = [(one.decision or one).created for one in down]
    assert {one.down - moment for one, moment in zip(down, because, strict=True)} == {timedelta(seconds=1)}
    early = sa.select(Entry.id).join(Picture, Entry.picture_id == Picture.id).where(Entry.created < Picture.created)
    assert db.session.scalars(early).all() == []


def test_a_round_of_uploading_adds_a_picture(furnished):
    before = uploaded()
    demo.keep_uploading(furnished, None, Rounds(1))
    assert uploaded() == before + 1


def test_uploading_brings_copies_of_marked_pictures_which_are_refused(furnished):
    before = statuses()[Status.REFUSED]
    demo.keep_uploading(furnished, None, Rounds(6), members=["leila"])
    assert statuses()[Status.REFUSED] == before + 1
    leila = accounts.named("leila")
    newest = sa.select(Picture).order_by(Picture.id.desc()).limit(6)
    assert {picture.member_id for picture in db.session.scalars(newest)} == {leila.id}


def test_uploading_survives_errors(furnished, monkeypatch, caplog):
    real, failures = demo.uploads.receive, iter([OSError("the disk is full")])

    def receive(*args):
        for failure in failures:
            raise failure
        return real(*args)

    monkeypatch.setattr(demo.uploads, "receive", receive)
    before = uploaded()
    demo.keep_uploading(furnished, None, Rounds(2))
    assert uploaded() == before + 1
    assert "the disk is full" in caplog.text


def test_photographs_are_taken_from_a_folder_tree_and_what_is_none_is_passed_over(app, parts, small, tmp_path):
    photos = tmp_path / "photos"
    (photos / "deeper").mkdir(parents=True)
    for seed in range(60, 84):
        (photos / "deeper" / f"{seed}.jpg").write_bytes(save(draw(seed, 200)))
    (photos / "broken.jpg").write_bytes(b"no picture")
    demo.furnish(parts, photos)
    widths = Counter(db.session.scalars(sa.select(Picture.width)))
    assert widths[200] == 2 * 4 + 2
    before = uploaded()
    demo.keep_uploading(parts, photos, Rounds(1))
    assert uploaded() == before + 1


def test_a_photograph_that_cannot_be_read_is_a_line_and_no_traceback(furnished, tmp_path, caplog):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "broken.jpg").write_bytes(b"no picture")
    demo.keep_uploading(furnished, photos, Rounds(2))
    assert [one.message.partition(": ")[0] for one in caplog.records] == ["A picture was left out"] * 2
    assert [one.exc_info for one in caplog.records] == [None, None]


def test_a_folder_without_pictures_is_declined_before_anything_is_made(app, parts, tmp_path):
    with pytest.raises(Refusal, match="no pictures"):
        demo.furnish(parts, tmp_path)
    assert db.session.scalars(sa.select(Account)).all() == []


def test_a_near_copy_is_refused_and_a_near_miss_is_held():
    policy, original = Policy(), save(draw(5))
    known = fingerprint(canonical(original))
    rng = demo.np.random.default_rng(1)
    for verdict, copy in (
        (Verdict.REFUSE, demo.near_copy(original, rng)),
        (Verdict.HOLD, demo.near_miss(original, policy)),
    ):
        assert policy.verdict(compare(known, fingerprint(canonical(copy)))) is verdict
