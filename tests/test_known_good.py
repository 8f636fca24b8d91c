"""Known-good pictures: never refused or held, and nothing that only looks like one slips through."""

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from moderation import accounts, allowing, appeals, escalation, review
from moderation.database import db, writing
from moderation.demo import near_miss
from moderation.errors import Conflict, Refusal
from moderation.models import Account, Check, KnownGood, Picture, Role, Status
from moderation.parts import Parts
from moderation.reach import reach
from tests.conftest import near_copy, save, status
from tests.test_appeals import WINDOW


@pytest.fixture
def ana(person: Callable[..., int]) -> int:
    return person("ana", Role.MODERATOR)


@pytest.fixture
def root(person: Callable[..., int]) -> int:
    return person("root", Role.ADMIN)


def allow(parts: Parts, data: bytes, by: int) -> allowing.Added:
    return allowing.add_file(parts, data, "avatar.jpg", "our avatar", by)


def test_what_is_known_good_passes_though_it_is_blocked_as_it_is_and_saved_again(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, root: int
) -> None:
    review.mark(parts, arrive(draw(1)), ana, None)
    added = allow(parts, draw(1), root)
    assert added.entry_id == 1  # the admin is told what would have stopped it
    for upload in (draw(1), near_copy(draw(1))):
        number = arrive(upload)
        assert status(number) is Status.PUBLISHED
        check = db.session.query(Check).filter_by(picture_id=number).one()
        assert check.known_good_id == added.known.id
        assert check.matches  # what it came near to is on record
    (row,) = allowing.listed(10)
    assert row.passed == 2


def test_what_is_only_like_it_or_has_something_laid_over_is_compared_like_any_other(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, root: int
) -> None:
    review.mark(parts, arrive(draw(1)), ana, None)
    allow(parts, draw(1), root)
    image = Image.open(BytesIO(draw(1))).convert("RGB")
    covered = image.copy()
    other = Image.open(BytesIO(draw(2))).convert("RGB").resize((image.width // 4, image.height // 4))
    covered.paste(other, (image.width // 3, image.height // 3))
    assert status(arrive(save(covered))) in (Status.REFUSED, Status.HELD)
    assert status(arrive(save(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))) is Status.REFUSED
    assert status(arrive(near_miss(draw(1), parts.policy))) is Status.HELD


def test_a_plain_avatar_is_known_by_its_very_pixels(parts: Parts, arrive: Callable, ana: int, root: int) -> None:
    grey = save(Image.new("RGB", (300, 300), "#bbb"), "PNG")
    allow(parts, grey, root)
    shown = arrive(grey)
    other = arrive(save(Image.new("RGB", (300, 300), "#bab"), "PNG"))
    review.mark(parts, other, ana, None)
    assert status(shown) is Status.PUBLISHED


def test_a_sweep_leaves_what_is_known_good_on_show(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, root: int
) -> None:
    avatar, like = arrive(draw(1)), arrive(near_copy(near_miss(draw(1), parts.policy)))
    allow(parts, draw(1), root)
    asked = reach(parts, db.session.get_one(Picture, like))
    assert [known.note for known in asked.passes] == ["our avatar"]
    assert asked.large
    review.mark(parts, like, ana, None)
    assert status(avatar) is Status.PUBLISHED


@pytest.mark.on_both
def test_a_mark_of_a_known_good_picture_takes_it_off_the_list_and_its_undo_puts_it_back(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, root: int
) -> None:
    known = allow(parts, draw(1), root).known.id
    first, second = arrive(draw(1)), arrive(near_copy(draw(1)))
    asked = reach(parts, db.session.get_one(Picture, first))
    assert [one.id for one in asked.undoes] == [known]
    assert [one.id for one in asked.copies] == [second]
    decision = review.mark(parts, first, ana, None)
    assert [status(first), status(second)] == [Status.REMOVED, Status.REMOVED]
    assert status(arrive(draw(1))) is Status.REFUSED
    assert allowing.listed(10) == []
    review.undo(parts, decision.id, ana)
    assert [status(first), status(second)] == [Status.PUBLISHED, Status.PUBLISHED]
    assert [row.known.id for row in allowing.listed(10)] == [known]


def test_removing_one_compares_anew_what_is_on_show_because_of_it(
    parts: Parts, another_process: Parts, arrive: Callable, draw: Callable, ana: int, root: int
) -> None:
    review.mark(parts, arrive(draw(1)), ana, None)
    known = allow(parts, draw(1), root).known.id
    shown, other = arrive(draw(1)), arrive(draw(2))
    allowing.remove(another_process, known, root)
    assert [status(shown), status(other)] == [Status.REMOVED, Status.PUBLISHED]
    assert status(arrive(draw(1))) is Status.REFUSED
    with pytest.raises(Conflict, match="removed already"):
        allowing.remove(parts, known, root)


def test_an_overturned_appeal_makes_the_picture_known_good_until_that_is_taken_back(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, person: Callable
) -> None:
    review.mark(parts, arrive(draw(1)), ana, None)
    refused = arrive(near_copy(draw(1)))
    member = db.session.get_one(Picture, refused).member_id
    appeal = appeals.ask(refused, member, "It is my own.", WINDOW)
    decision = appeals.overturn(parts, appeal.id, person("ben", Role.MODERATOR), "", suspend_at=3)
    assert status(refused) is Status.PUBLISHED
    again = arrive(near_copy(draw(1)))
    assert status(again) is Status.PUBLISHED
    review.undo(parts, decision.id, ana)
    assert [status(refused), status(again)] == [Status.REFUSED, Status.REMOVED]
    assert allowing.listed(10) == []


def test_an_escalated_picture_is_stopped_though_it_is_known_good(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, root: int
) -> None:
    allow(parts, draw(1), root)
    first, second = arrive(draw(1)), arrive(draw(1))
    escalation.escalate(parts, first, ana, "")
    assert [status(first), status(second), status(arrive(draw(1)))] == [Status.ESCALATED] * 3


def test_one_that_is_escalated_and_released_as_indecent_is_known_good_no_more_until_that_is_taken_back(
    parts: Parts, arrive: Callable, draw: Callable, root: int
) -> None:
    with writing():
        accounts.set_entrusted(db.session.get_one(Account, root), True)
    known = allow(parts, draw(1), root).known.id
    first, second = arrive(draw(1)), arrive(near_copy(draw(1)))
    escalation.escalate(parts, first, root, "")
    escalation.release_as_fine(parts, second, root)
    release = escalation.release_as_indecent(parts, first, root)
    assert [status(first), status(second), status(arrive(draw(1)))] == [Status.REMOVED, Status.REMOVED, Status.REFUSED]
    assert allowing.listed(10) == []
    review.undo(parts, release.id, root)
    assert [status(first), status(second)] == [Status.ESCALATED, Status.PUBLISHED]
    assert [row.known.id for row in allowing.listed(10)] == [known]


def test_a_picture_is_known_good_once_and_what_is_no_picture_never(parts: Parts, draw: Callable, root: int) -> None:
    allow(parts, draw(1), root)
    with pytest.raises(Conflict, match="already"):
        allow(parts, draw(1), root)
    with pytest.raises(Refusal):
        allow(parts, b"no picture", root)
    assert db.session.query(KnownGood).count() == 1


def test_an_escalated_picture_cannot_be_known_good(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, root: int
) -> None:
    first = arrive(draw(1))
    escalation.escalate(parts, first, ana, "")
    with pytest.raises(Refusal, match="has to be released"):
        allowing.add_picture(parts, first, "", root)
