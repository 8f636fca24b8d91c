"""No oracle: who tries what passes learns nothing after a few attempts, and moderators see why."""

import dataclasses
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from moderation import config, review, uploads
from moderation.columns import now
from moderation.database import db, writing
from moderation.matching import Verdict
from moderation.models import Caution, Check, Picture, Role, Status
from moderation.parts import Parts, Patience

from .conftest import near_copy, status


@pytest.fixture
def parts(parts: Parts) -> Parts:
    """The parts with the patience that is shipped."""
    return dataclasses.replace(parts, patience=Patience(config.HOLD_AFTER, config.HOLD_AFTER_ADDRESS))


@pytest.fixture
def ana(person: Callable[..., int]) -> int:
    return person("ana", Role.MODERATOR)


@pytest.fixture
def blocked(parts: Parts, arrive: Callable, draw: Callable, ana: int) -> bytes:
    """A picture that is on the blocklist."""
    review.mark(parts, arrive(draw(1)), ana, None)
    return draw(1)


def check_of(picture_id: int) -> Check:
    db.session.rollback()
    return db.session.scalars(sa.select(Check).filter_by(picture_id=picture_id).order_by(Check.id)).first()


def tries(blocked: bytes, number: int) -> list[bytes]:
    return [near_copy(blocked, 0.5 + step / 50) for step in range(number)]


def test_after_three_attempts_whatever_a_member_uploads_is_held(
    parts: Parts, person: Callable, blocked: bytes, draw: Callable
) -> None:
    max_ = person("max")
    seen = [uploads.receive(parts, max_, one).status for one in tries(blocked, 5)]
    assert seen == [Status.REFUSED] * 3 + [Status.HELD] * 2
    harmless = uploads.receive(parts, max_, draw(2))
    assert harmless.status is Status.HELD
    check = check_of(harmless.id)
    assert (check.verdict, check.caution) == (Verdict.PUBLISH, Caution.MEMBER)
    assert check_of(harmless.id - 1).verdict is Verdict.REFUSE


def test_others_are_not_held_for_it(parts: Parts, person: Callable, blocked: bytes, draw: Callable) -> None:
    max_ = person("max")
    for one in tries(blocked, 4):
        uploads.receive(parts, max_, one)
    assert uploads.receive(parts, person("mia"), draw(2)).status is Status.PUBLISHED


@pytest.mark.on_both
def test_after_an_hour_it_is_forgotten(parts: Parts, person: Callable, blocked: bytes, draw: Callable) -> None:
    max_ = person("max")
    for one in tries(blocked, 3):
        uploads.receive(parts, max_, one)
    with writing():
        db.session.execute(sa.update(Picture).values(created=now() - timedelta(minutes=61)))
    assert uploads.receive(parts, max_, draw(2)).status is Status.PUBLISHED


def test_what_could_not_be_compared_is_no_attempt(
    parts: Parts, person: Callable, draw: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia = person("mia")
    with monkeypatch.context() as broken:
        broken.setattr(parts.blocklist, "near", lambda *_: 1 / 0)
        for seed in range(4):
            assert uploads.receive(parts, mia, draw(seed)).status is Status.HELD
    assert uploads.receive(parts, mia, draw(5)).status is Status.PUBLISHED


@pytest.mark.on_both
def test_many_attempts_at_once_are_not_more_than_one_after_another(
    app: Flask, parts: Parts, person: Callable, blocked: bytes
) -> None:
    max_ = person("max")
    seen: list[Status] = []

    def upload(some: list[bytes]) -> None:
        with app.app_context():
            seen.extend(uploads.receive(parts, max_, one).status for one in some)
            db.session.remove()

    every = tries(blocked, 8)
    threads = [threading.Thread(target=upload, args=(every[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [Status.HELD] * 5 + [Status.REFUSED] * 3


def test_several_accounts_at_one_address_try_no_more_than_ten_times(
    parts: Parts, person: Callable, blocked: bytes, draw: Callable
) -> None:
    seen = []
    for number, one in enumerate(tries(blocked, 12)):
        seen.append(uploads.receive(parts, person(f"max{number}"), one, "192.0.2.7").status)
    assert seen == [Status.REFUSED] * 10 + [Status.HELD] * 2
    harmless = uploads.receive(parts, person("new"), draw(2), "192.0.2.7")
    assert harmless.status is Status.HELD
    assert check_of(harmless.id).caution is Caution.ADDRESS
    assert uploads.receive(parts, person("mia"), draw(3), "192.0.2.8").status is Status.PUBLISHED


def test_it_can_be_switched_off(parts: Parts, person: Callable, blocked: bytes) -> None:
    patient = dataclasses.replace(parts, patience=Patience(0, 0))
    max_ = person("max")
    seen = [uploads.receive(patient, max_, one, "192.0.2.7").status for one in tries(blocked, 12)]
    assert seen == [Status.REFUSED] * 12


def test_a_moderator_decides_as_on_any_held_picture(
    parts: Parts, person: Callable, blocked: bytes, draw: Callable, ana: int
) -> None:
    max_ = person("max")
    for one in tries(blocked, 3):
        uploads.receive(parts, max_, one)
    copy, harmless = (uploads.receive(parts, max_, one).id for one in (near_copy(blocked, 0.9), draw(2)))
    decision = review.approve(parts, harmless, ana, None)
    assert status(harmless) is Status.PUBLISHED
    review.undo(parts, decision.id, ana)
    assert status(harmless) is Status.HELD
    review.approve(parts, harmless, ana, None)
    review.mark(parts, copy, ana, None)
    assert status(copy) is Status.REFUSED
    assert status(harmless) is Status.PUBLISHED
