"""What a mark would take down, told before it does, is what it takes down; what is spared stays."""

from collections.abc import Callable

import pytest

from moderation import review
from moderation.database import db
from moderation.models import Picture, Role, Status
from moderation.parts import Parts
from moderation.reach import HANDFUL, reach
from moderation.uploads import publish

from .conftest import near_copy, status


@pytest.fixture
def ana(person: Callable[..., int]) -> int:
    return person("ana", Role.MODERATOR)


def reached(parts: Parts, picture_id: int) -> list[int]:
    db.session.rollback()
    return [picture.id for picture in reach(parts, db.session.get_one(Picture, picture_id)).copies]


def test_what_a_mark_would_take_down_is_what_it_takes_down(
    parts: Parts, arrive: Callable, draw: Callable, ana: int
) -> None:
    first, *copies = [arrive(near_copy(draw(1), scale=1 - place / 20)) for place in range(4)]
    arrive(draw(2))
    assert reached(parts, first) == copies[::-1]
    decision = review.mark(parts, first, ana, None)
    assert {action.picture_id for action in decision.actions} == {first, *copies}
    assert reached(parts, first) == []


def test_a_mark_is_large_when_it_touches_what_was_found_ok_or_more_than_a_handful_of_members(
    parts: Parts, arrive: Callable, draw: Callable, ana: int
) -> None:
    first, second, *_ = [arrive(near_copy(draw(1), scale=1 - place / 40)) for place in range(HANDFUL + 1)]
    marked = db.session.get_one(Picture, first)
    assert not reach(parts, marked).large
    review.approve(parts, second, ana, None)
    assert (reach(parts, marked).approved, reach(parts, marked).large) == (1, True)
    review.undo(parts, db.session.get_one(Picture, second).decision_id, ana)
    assert not reach(parts, marked).large
    arrive(near_copy(draw(1), quality=80))
    assert (reach(parts, marked).members, reach(parts, marked).large) == (HANDFUL + 1, True)


def test_a_spared_picture_stays_and_the_entry_is_never_held_against_it_until_the_mark_is_undone(
    parts: Parts, arrive: Callable, draw: Callable, ana: int
) -> None:
    first, second, third = (arrive(near_copy(draw(1), scale=scale)) for scale in (1, 0.9, 0.8))
    decision = review.mark(parts, first, ana, None, spare={second, 999_999})
    assert (status(second), status(third)) == (Status.PUBLISHED, Status.REMOVED)
    approval = review.approve(parts, second, ana, None)
    review.undo(parts, approval.id, ana)  # compared anew
    assert status(second) is Status.PUBLISHED
    review.undo(parts, decision.id, ana)
    again = review.mark(parts, third, ana, None)
    assert {action.picture_id for action in again.actions} == {first, second, third}


def test_the_marked_picture_itself_cannot_be_spared(parts: Parts, arrive: Callable, draw: Callable, ana: int) -> None:
    first = arrive(draw(1))
    review.mark(parts, first, ana, None, spare={first})
    assert publish(parts, first).status is Status.REMOVED
    assert status(arrive(draw(1))) is Status.REFUSED
