"""Escalated pictures: gone from everywhere at once with their copies, and back only by entrusted people."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from moderation import accounts, appeals, audit, escalation, pictures, review, sweeping
from moderation.audit import Event
from moderation.columns import now
from moderation.database import db, writing
from moderation.demo import near_miss
from moderation.errors import Conflict, Refusal
from moderation.models import Account, Entry, Kind, Picture, Role, Status
from moderation.parts import Parts
from moderation.reversal import take_back
from tests.conftest import near_copy, status


@pytest.fixture
def ana(person: Callable[..., int]) -> int:
    return person("ana", Role.MODERATOR)


@pytest.fixture
def eve(person: Callable[..., int]) -> int:
    """The one person who is entrusted with escalated pictures."""
    eve = person("eve", Role.MODERATOR)
    with writing():
        accounts.set_entrusted(db.session.get_one(Account, eve), True)
    return eve


def test_an_escalated_picture_leaves_every_grid_with_its_copies(
    parts: Parts, arrive: Callable, draw: Callable, ana: int
) -> None:
    first, copy, other = arrive(draw(1)), arrive(near_copy(draw(1))), arrive(draw(2))
    decision = escalation.escalate(parts, first, ana, "a child")
    assert sweeping.swept(decision).escalated == 1
    assert [status(one) for one in (first, copy, other)] == [Status.ESCALATED, Status.ESCALATED, Status.PUBLISHED]
    for show in pictures.SHOWS:
        assert {one.id for one in pictures.newest(show, None, 50)} <= {other}


def test_copies_that_are_down_already_are_kept_apart_too_and_are_down_again_when_released(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, eve: int
) -> None:
    first = arrive(draw(1))
    review.mark(parts, first, ana, None)
    refused = arrive(near_copy(draw(1)))
    decision = escalation.escalate(parts, first, ana, "a child")
    assert [status(one) for one in (first, refused)] == [Status.ESCALATED] * 2
    review.undo(parts, decision.id, eve)
    assert [status(one) for one in (first, refused)] == [Status.REMOVED, Status.REFUSED]


def test_a_copy_that_comes_later_is_kept_apart_at_the_door_and_so_is_a_near_match(
    parts: Parts, arrive: Callable, draw: Callable, ana: int
) -> None:
    escalation.escalate(parts, arrive(draw(1)), ana, "")
    assert status(arrive(near_copy(draw(1)))) is Status.ESCALATED
    assert status(arrive(near_miss(draw(1), parts.policy))) is Status.ESCALATED
    assert pictures.held(10) == []


def test_what_comes_back_beside_an_escalated_picture_is_kept_apart_and_released_with_it(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, eve: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    mark = review.mark(parts, first, ana, None)
    with monkeypatch.context() as dies:
        dies.setattr(escalation, "sweep", lambda *_: None)
        decision = escalation.escalate(parts, copy, ana, "a child")
    review.undo(parts, mark.id, ana)
    assert [status(one) for one in (first, copy)] == [Status.ESCALATED] * 2
    review.undo(parts, decision.id, eve)
    assert [status(one) for one in (first, copy)] == [Status.PUBLISHED] * 2


@pytest.mark.parametrize("before", [Status.HELD, Status.REMOVED, Status.REFUSED])
def test_a_picture_is_escalated_whatever_state_it_is_in(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, before: Status
) -> None:
    first = arrive(draw(1))
    review.mark(parts, first, ana, None)
    coming = {Status.HELD: near_miss(draw(1), parts.policy), Status.REFUSED: near_copy(draw(1))}
    picture = arrive(coming[before]) if before in coming else first
    assert status(picture) is before
    escalation.escalate(parts, picture, ana, "")
    assert status(picture) is Status.ESCALATED
    with pytest.raises(Conflict, match="escalated already"):
        escalation.escalate(parts, picture, ana, "")


def test_only_entrusted_people_release_it(parts: Parts, arrive: Callable, draw: Callable, ana: int, eve: int) -> None:
    picture = arrive(draw(1))
    decision = escalation.escalate(parts, picture, ana, "").id
    attempts = [
        lambda: review.undo(parts, decision, ana),
        lambda: review.withdraw(1, ana),
        lambda: escalation.release_as_fine(parts, picture, ana),
        lambda: escalation.release_as_indecent(parts, picture, ana),
        lambda: review.approve(parts, picture, eve, decision),
        lambda: review.mark(parts, picture, eve, decision),
    ]
    for attempt in attempts:
        with pytest.raises(Refusal):
            attempt()
        db.session.rollback()
    assert status(picture) is Status.ESCALATED
    with writing():
        accounts.set_role(db.session.get_one(Account, eve), Role.MEMBER)
    with pytest.raises(Refusal, match="Only the people entrusted"):
        escalation.release_as_fine(parts, picture, eve)


def test_taking_back_all_that_an_account_decided_leaves_escalated_pictures_apart(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, person: Callable
) -> None:
    picture, marked = arrive(draw(1)), arrive(draw(2))
    escalation.escalate(parts, picture, ana, "")
    review.mark(parts, marked, ana, None)
    assert take_back(parts, ana, now() - timedelta(hours=1), person("root", Role.ADMIN)) == 1
    assert [status(picture), status(marked)] == [Status.ESCALATED, Status.PUBLISHED]


def test_released_as_fine_it_and_its_copies_are_where_they_were(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, eve: int
) -> None:
    first, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    escalation.escalate(parts, first, ana, "")
    at_the_door = arrive(near_copy(draw(1), 0.6))
    escalation.release_as_fine(parts, first, eve)
    assert [status(first), status(copy)] == [Status.PUBLISHED, Status.PUBLISHED]
    assert status(at_the_door) is Status.ESCALATED  # was never on show: looked at on its own
    escalation.release_as_fine(parts, at_the_door, eve)
    assert status(at_the_door) is Status.PUBLISHED
    assert status(arrive(near_copy(draw(1), 0.5))) is Status.PUBLISHED


def test_a_copy_can_be_released_alone(parts: Parts, arrive: Callable, draw: Callable, ana: int, eve: int) -> None:
    first, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    escalation.escalate(parts, first, ana, "")
    escalation.release_as_fine(parts, copy, eve)
    assert [status(first), status(copy)] == [Status.ESCALATED, Status.PUBLISHED]


def test_released_as_indecent_it_is_like_any_marked_picture(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, eve: int
) -> None:
    first, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    escalated = escalation.escalate(parts, first, ana, "").id
    decision = escalation.release_as_indecent(parts, first, eve)
    assert decision.kind is Kind.MARK
    assert [status(first), status(copy)] == [Status.REMOVED, Status.REMOVED]
    assert status(arrive(near_copy(draw(1), 0.5))) is Status.REFUSED
    assert db.session.get_one(Entry, 1).withdrawn
    # Who takes the release back leaves it where it was: apart, and its copies too.
    review.undo(parts, decision.id, eve)
    assert [status(first), status(copy)] == [Status.ESCALATED, Status.ESCALATED]
    assert db.session.get_one(Entry, 1).withdrawn is None
    assert db.session.get_one(Picture, first).decision_id == escalated


def test_a_copy_that_is_released_as_indecent_with_it_is_swept_by_the_new_entry_and_comes_back_past_that(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, eve: int
) -> None:
    first, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    escalation.escalate(parts, first, ana, "")
    decision = escalation.release_as_indecent(parts, first, eve)
    assert sweeping.swept(decision).taken_down == 1
    about = f'{{"of":{decision.id},"pictures":[{copy}]}}'
    assert [row.about for row in audit.listed(1, kinds=[Event.SWEEP])] == [about]
    member = db.session.get_one(Picture, copy).member_id
    appeal = appeals.ask(copy, member, "It is only me.", timedelta(days=30))
    assert appeals.cause(appeal) == decision.entries[0]
    review.approve(parts, copy, ana, decision.id)
    assert [status(first), status(copy)] == [Status.REMOVED, Status.PUBLISHED]


def test_an_entry_that_went_when_its_picture_was_released_is_not_restored(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, eve: int
) -> None:
    picture = arrive(draw(1))
    entry = escalation.escalate(parts, picture, ana, "").entries[0]
    escalation.release_as_indecent(parts, picture, eve)
    assert not entry.restorable
    for who in (ana, eve):
        with pytest.raises(Conflict, match="went when its picture was released"):
            review.restore(parts, entry.id, who)
    assert status(picture) is Status.REMOVED


def test_a_member_cannot_appeal_while_it_is_apart(parts: Parts, arrive: Callable, draw: Callable, ana: int) -> None:
    number = arrive(draw(1))
    escalation.escalate(parts, number, ana, "")
    picture = db.session.get_one(Picture, number)
    with pytest.raises(Conflict):
        appeals.ask(number, picture.member_id, "It is only me.", timedelta(days=30))
    assert appeals.number_waiting() == 0


def test_a_member_cannot_be_entrusted(person: Callable) -> None:
    member = person("mia")
    with pytest.raises(Refusal, match="for moderators and admins"), writing():
        accounts.set_entrusted(db.session.get_one(Account, member), True)
