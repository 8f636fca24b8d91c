"""Everything that one account has decided since a time is taken back, and nothing else."""

from collections.abc import Callable

import pytest

from moderation import review
from moderation.columns import now
from moderation.database import db
from moderation.models import Decision, Role, Status
from moderation.parts import Parts
from moderation.reversal import preview, take_back

from .conftest import near_copy, status


@pytest.mark.on_both
def test_what_one_account_decided_since_then_is_taken_back_and_nothing_else(
    parts: Parts, arrive: Callable, draw: Callable, person: Callable
) -> None:
    ana, ben, ada = person("ana", Role.MODERATOR), person("ben", Role.MODERATOR), person("ada", Role.ADMIN)
    numbers = [arrive(draw(seed)) for seed in range(5)]
    copy = arrive(near_copy(draw(2)))
    before = review.mark(parts, numbers[0], ana, None)
    since = now()
    review.mark(parts, numbers[1], ben, None)
    review.mark(parts, numbers[2], ana, None)
    review.approve(parts, numbers[3], ana, None)
    already = review.mark(parts, numbers[4], ana, None)
    review.undo(parts, already.id, ana)

    found = preview(ana, since)
    assert (len(found.decisions), found.pictures, found.down, found.entries) == (2, 3, 2, 1)
    assert take_back(parts, ana, since, ada) == 2
    assert [status(number) for number in (*numbers, copy)] == [
        Status.REMOVED,
        Status.REMOVED,
        *[Status.PUBLISHED] * 4,
    ]
    assert not db.session.get_one(Decision, before.id).undone
    assert (preview(ana, since).decisions, take_back(parts, ana, since, ada)) == ([], 0)


def test_a_mark_after_an_approval_by_the_same_account_goes_back_to_undecided(
    parts: Parts, arrive: Callable, draw: Callable, person: Callable
) -> None:
    ana = person("ana", Role.MODERATOR)
    since = now()
    number = arrive(draw(1))
    approval = review.approve(parts, number, ana, None)
    review.mark(parts, number, ana, approval.id)
    assert take_back(parts, ana, since, ana) == 2
    assert status(number) is Status.PUBLISHED
    assert preview(ana, since).pictures == 0
