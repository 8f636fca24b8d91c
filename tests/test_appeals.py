"""A refusal is looked at again, once, by somebody else; an entry that is wrong too often is suspended."""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image

from moderation import allowing, appeals, audit, claims, review, sweeping
from moderation.audit import Event
from moderation.columns import now
from moderation.database import db, writing
from moderation.errors import Conflict, NotFound, Refusal
from moderation.models import Appeal, Claim, Decision, Entry, Picture, Role, Status
from moderation.parts import Parts
from moderation.uploads import receive

from .conftest import near_copy, save, status
from .test_review import OUT, Crash, dies_sweeping

WINDOW = timedelta(days=30)
NEVER = 99


@pytest.fixture
def ana(person: Callable[..., int]) -> int:
    return person("ana", Role.MODERATOR)


@pytest.fixture
def ben(person: Callable[..., int]) -> int:
    return person("ben", Role.MODERATOR)


@pytest.fixture
def marked(parts: Parts, arrive: Callable, draw: Callable, ana: int) -> Decision:
    return review.mark(parts, arrive(draw(1)), ana, None)


def ask(picture_id: int, text: str = "It is only my knee.") -> Appeal:
    db.session.rollback()
    return appeals.ask(picture_id, db.session.get_one(Picture, picture_id).member_id, text, WINDOW)


def mirrored(data: bytes) -> bytes:
    """A copy that is not the same as what is known good."""
    with Image.open(BytesIO(data)) as image:
        return save(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def test_an_overturned_refusal_comes_on_show_and_is_the_entrys_false_positive(
    parts: Parts, marked: Decision, arrive: Callable, draw: Callable, ben: int
) -> None:
    refused = arrive(near_copy(draw(1)))
    assert status(refused) is Status.REFUSED
    appeal = ask(refused)
    entry = marked.entries[0]
    assert appeals.cause(appeal) == entry
    assert [one.id for one in appeals.waiting(9)] == [appeal.id]
    decision = appeals.overturn(parts, appeal.id, ben, "a knee", NEVER)
    assert status(refused) is Status.PUBLISHED
    assert appeals.overturned(entry.id) == 1
    assert (appeals.number_waiting(), appeal.outcome) == (0, "overturned")
    review.undo(parts, decision.id, ben)
    assert status(refused) is Status.REFUSED
    assert (appeals.overturned(entry.id), appeals.number_waiting(), appeal.outcome) == (0, 1, "")


def test_an_upheld_refusal_stays_and_cannot_be_asked_about_again(
    parts: Parts, marked: Decision, arrive: Callable, draw: Callable, ben: int
) -> None:
    refused = arrive(near_copy(draw(1)))
    appeal = ask(refused)
    decision = appeals.uphold(appeal.id, ben)
    assert (status(refused), appeal.outcome, appeals.number_waiting()) == (Status.REFUSED, "upheld", 0)
    with pytest.raises(Conflict, match="already"):
        ask(refused)
    with pytest.raises(Conflict, match="this appeal was upheld"):
        appeals.overturn(parts, appeal.id, ben, "", NEVER)
    review.undo(parts, decision.id, ben)
    assert (status(refused), appeals.number_waiting()) == (Status.REFUSED, 1)


def test_whoever_marked_the_entry_does_not_decide_where_there_is_somebody_else(
    parts: Parts, marked: Decision, arrive: Callable, draw: Callable, ana: int, person: Callable
) -> None:
    appeal = ask(arrive(near_copy(draw(1))))
    assert appeals.may_decide(appeal, ana)  # alone
    ben = person("ben", Role.ADMIN)
    assert not appeals.may_decide(appeal, ana)
    assert appeals.may_decide(appeal, ben)
    for decide in (appeals.uphold, lambda id_, by: appeals.overturn(parts, id_, by, "", NEVER)):
        with pytest.raises(Refusal, match="Somebody else decides"):
            decide(appeal.id, ana)
    assert appeal.outcome == ""


@pytest.mark.on_both
def test_an_entry_whose_refusals_are_overturned_repeatedly_is_suspended(
    parts: Parts, marked: Decision, arrive: Callable, draw: Callable, ben: int
) -> None:
    entry = marked.entries[0]
    refused = [arrive(near_copy(draw(1), scale=scale)) for scale in (0.9, 0.8)]
    first, second = (ask(one) for one in refused)
    appeals.overturn(parts, first.id, ben, "", suspend_at=2)
    assert not entry.withdrawn
    decision = appeals.overturn(parts, second.id, ben, "", suspend_at=2)
    assert entry.withdrawn
    assert entry.suspended
    assert status(arrive(near_copy(draw(1), scale=0.7))) is Status.PUBLISHED
    review.undo(parts, decision.id, ben)
    assert not db.session.get_one(Entry, entry.id).withdrawn


@pytest.fixture
def suspended(parts: Parts, marked: Decision, arrive: Callable, draw: Callable, ben: int) -> tuple[Entry, int, int]:
    """An entry that an appeal has suspended, the picture that the appeal was about, and the decision."""
    entry, refused = marked.entries[0], arrive(near_copy(draw(1), 0.9))
    return entry, refused, appeals.overturn(parts, ask(refused).id, ben, "", suspend_at=1).id


@pytest.mark.on_both
def test_a_suspended_entry_that_is_restored_blocks_again_and_the_appeals_stay_won(
    parts: Parts, suspended: tuple, arrive: Callable, draw: Callable, ana: int, ben: int
) -> None:
    entry, won, decision = suspended
    meanwhile = arrive(mirrored(draw(1)))
    assert review.restore(parts, entry.id, ana) == 1
    assert [status(one) for one in (won, meanwhile)] == [Status.PUBLISHED, Status.REMOVED]
    assert (entry.withdrawn, appeals.overturned(entry.id), appeals.number_waiting()) == (None, 1, 0)
    (row,) = audit.listed(1, kinds=[Event.RESTORE])
    assert (row.by_id, audit.told(row)) == (ana, f"entry {entry.id}")
    # Somebody wanted it in spite of them; the next one that is right suspends it again.
    appeals.overturn(parts, ask(meanwhile).id, ben, "", suspend_at=1)
    assert entry.suspended
    review.restore(parts, entry.id, ana)
    review.undo(parts, decision, ben)
    assert [status(one) for one in (won, meanwhile)] == [Status.REFUSED, Status.PUBLISHED]
    assert not entry.withdrawn


def test_a_suspended_entry_that_is_restored_and_left_unswept_is_swept_by_another_process(
    parts: Parts, another_process: Parts, suspended: tuple, arrive: Callable, draw: Callable, ana: int
) -> None:
    entry, won, _ = suspended
    meanwhile = arrive(mirrored(draw(1)))
    with pytest.raises(Crash):
        review.restore(dies_sweeping(parts, OUT), entry.id, ana)
    assert sweeping.finish_work(another_process) == 1
    assert [status(one) for one in (won, meanwhile)] == [Status.PUBLISHED, Status.REMOVED]


def test_a_picture_whose_own_mark_was_wrong_stays_on_show_when_the_entry_is_restored(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, ben: int
) -> None:
    first, copy = arrive(draw(1)), arrive(mirrored(draw(1)))
    entry = review.mark(parts, first, ana, None).entries[0].id
    appeals.overturn(parts, ask(first).id, ben, "", NEVER)
    (known,) = allowing.listed(9)
    review.restore(parts, entry, ana)
    allowing.remove(parts, known.known.id, ben)
    assert [status(one) for one in (first, copy)] == [Status.PUBLISHED, Status.PUBLISHED]
    assert status(arrive(near_copy(draw(1)))) is Status.REFUSED


def test_where_the_picture_itself_was_marked_wrongly_all_that_was_taken_down_with_it_comes_back(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, ben: int
) -> None:
    first, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    entry = review.mark(parts, first, ana, None).entries[0]
    appeal = ask(first)
    decision = appeals.overturn(parts, appeal.id, ben, "", NEVER)
    assert entry.withdrawn
    assert (status(first), status(copy)) == (Status.PUBLISHED, Status.PUBLISHED)
    review.undo(parts, decision.id, ben)
    assert (status(first), status(copy)) == (Status.REMOVED, Status.REMOVED)
    assert not db.session.get_one(Entry, entry.id).withdrawn


def test_a_swept_copy_that_is_found_fine_comes_back_alone(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, ben: int
) -> None:
    first, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    entry = review.mark(parts, first, ana, None).entries[0]
    appeals.overturn(parts, ask(copy).id, ben, "", NEVER)
    assert (status(first), status(copy)) == (Status.REMOVED, Status.PUBLISHED)
    assert not entry.withdrawn


def test_an_appeal_is_about_the_mark_that_keeps_the_picture_down_when_somebody_decides(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, ben: int
) -> None:
    picture = arrive(draw(1))
    first = review.mark(parts, picture, ana, None)
    appeal = ask(picture)
    review.undo(parts, first.id, ana)
    second = review.mark(parts, picture, ben, None).entries[0]
    assert (appeals.cause(appeal), appeals.first_decider(appeal)) == (second, second.decision.by)
    with pytest.raises(Refusal, match="Somebody else decides"):
        appeals.overturn(parts, appeal.id, ben, "", NEVER)
    appeals.overturn(parts, appeal.id, ana, "", NEVER)
    assert second.withdrawn
    assert (appeal.entry, appeals.overturned(second.id)) == (second, 1)
    assert [status(one) for one in (picture, arrive(near_copy(draw(1), 0.5)))] == [Status.PUBLISHED] * 2


def shown(appeal: Appeal) -> appeals.Seen:
    """What a page of the appeal that is made now says."""
    db.session.rollback()
    db.session.expire_all()
    entry = appeals.cause(appeal)
    return appeals.Seen(appeal.picture.decision_id, entry.id if entry else None)


def is_told(parts: Parts, appeal: Appeal, by: int, seen: appeals.Seen, sentence: str) -> None:
    """Who decides on what that page shows hears so, and nothing is decided."""
    before = db.session.query(Decision).count(), status(appeal.picture_id)
    for decide in (
        lambda: appeals.uphold(appeal.id, by, seen=seen),
        lambda: appeals.overturn(parts, appeal.id, by, "", NEVER, seen=seen),
    ):
        with pytest.raises(Conflict, match=sentence):
            decide()
        assert (db.session.query(Decision).count(), status(appeal.picture_id)) == before
    assert appeals.number_waiting() == 1


def test_a_page_that_shows_another_mark_than_the_one_that_keeps_the_picture_down_decides_nothing(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, ben: int, person: Callable
) -> None:
    eve, picture = person("eve", Role.MODERATOR), arrive(draw(1))
    first = review.mark(parts, picture, ana, None)
    appeal = ask(picture)
    seen = shown(appeal)
    review.undo(parts, first.id, ana)
    review.mark(parts, picture, ben, None)
    is_told(parts, appeal, eve, seen, "Somebody was faster: ben marked this picture")
    appeals.overturn(parts, appeal.id, eve, "", NEVER, seen=shown(appeal))
    assert status(picture) is Status.PUBLISHED


@pytest.mark.on_both
def test_a_page_that_shows_another_entry_than_the_one_that_keeps_the_picture_down_decides_nothing(
    parts: Parts, marked: Decision, arrive: Callable, draw: Callable, ana: int, ben: int
) -> None:
    refused = arrive(near_copy(draw(1)))
    appeal = ask(refused)
    seen = shown(appeal)
    with writing():
        review.withdraw(marked.entries[0].id, ana)
    other = review.mark(parts, arrive(mirrored(draw(1))), ana, None).entries[0]
    fine = review.approve(parts, refused, ben, None)
    assert status(refused) is Status.REFUSED  # near the other one, which nobody has found it fine against
    is_told(parts, appeal, ben, seen, "Somebody was faster: ben approved this picture")
    review.undo(parts, fine.id, ben)
    assert shown(appeal).decision_id is seen.decision_id is None
    is_told(parts, appeal, ben, seen, f"Something else keeps this picture down by now: blocklist entry {other.id}.")
    appeals.uphold(appeal.id, ben, seen=shown(appeal))
    assert appeal.outcome == "upheld"


@pytest.mark.on_both
def test_an_overturned_appeal_brings_nothing_back_that_went_down_for_another_reason(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, ben: int
) -> None:
    review.mark(parts, arrive(draw(2)), ana, None)
    stranger = arrive(near_copy(draw(2)))
    picture, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    first = review.mark(parts, picture, ana, None).id
    appeal = ask(picture)
    fine = review.approve(parts, copy, ana, first).id
    second = review.mark(parts, copy, ben, fine).entries[0]
    review.undo(parts, first, ana)
    assert (status(picture), appeals.cause(appeal)) == (Status.REMOVED, second)
    appeals.overturn(parts, appeal.id, ana, "", NEVER)
    assert [status(one) for one in (picture, copy, stranger)] == [Status.PUBLISHED, Status.REMOVED, Status.REFUSED]
    assert (appeals.overturned(second.id), second.withdrawn) == (1, None)


def test_what_an_entry_takes_down_in_spite_of_an_approval_is_that_entrys_false_positive(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, ben: int
) -> None:
    picture = arrive(draw(1))
    review.approve(parts, picture, ben, None)
    known = allowing.add_picture(parts, picture, "our avatar", ben).known.id
    entry = review.mark(parts, arrive(mirrored(draw(1))), ana, None).entries[0]
    allowing.remove(parts, known, ben)
    assert status(picture) is Status.REMOVED
    appeal = ask(picture)
    assert not appeals.may_decide(appeal, ana)
    appeals.overturn(parts, appeal.id, ben, "", NEVER)
    assert (status(picture), appeals.overturned(entry.id)) == (Status.PUBLISHED, 1)


@pytest.mark.parametrize(("text", "sentence"), [("  ", "a few words"), ("x" * 501, "these are 501")])
def test_an_appeal_is_some_words(marked: Decision, text: str, sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        ask(marked.actions[0].picture_id, text)


def test_only_what_is_down_is_appealed_by_its_member_and_in_time(
    parts: Parts, marked: Decision, arrive: Callable, draw: Callable, person: Callable
) -> None:
    shown = arrive(draw(2))
    with pytest.raises(Conflict, match="not refused"):
        ask(shown)
    down = marked.actions[0].picture_id
    with pytest.raises(NotFound):
        appeals.ask(down, person("eve"), "mine", WINDOW)
    with writing():
        for old in (db.session.get_one(Picture, down), db.session.get_one(Decision, marked.id)):
            old.created = now() - 2 * WINDOW  # it came down only now
    assert appeals.may_ask(db.session.get_one(Picture, down), WINDOW)
    with writing():
        db.session.get_one(Picture, down).down = now() - WINDOW
    with pytest.raises(Conflict, match="too long ago"):
        ask(down)


def test_the_decision_of_a_newer_picture_on_show_is_not_disturbed(
    parts: Parts, marked: Decision, draw: Callable, person: Callable, ben: int
) -> None:
    eve = person("eve")
    refused = receive(parts, eve, near_copy(draw(1))).id
    newer = receive(parts, eve, draw(5)).id
    appeals.overturn(parts, ask(refused).id, ben, "", NEVER)
    assert (status(refused), status(newer)) == (Status.REPLACED, Status.PUBLISHED)


@pytest.mark.on_both
def test_a_claim_stands_for_ten_minutes_is_renewed_and_can_be_taken_over(
    arrive: Callable, draw: Callable, ana: int, ben: int
) -> None:
    picture = arrive(draw(1))
    assert claims.claim(picture, ana).account_id == ana
    assert claims.claim(picture, ben).account.name == "ana"
    assert claims.standing([picture])[picture].account_id == ana
    with writing():
        db.session.get_one(Claim, picture).until = now()
    assert claims.standing([picture]) == {}
    assert claims.claim(picture, ben).account.name == "ben"
    assert claims.claim(picture, ana, take_over=True).account.name == "ana"
    claims.release(picture)
    assert claims.standing([picture]) == {}


def test_nobody_decides_on_an_appeal_of_their_own_where_there_is_somebody_else(
    parts: Parts, marked: Decision, draw: Callable, ana: int, person: Callable
) -> None:
    ben = person("ben", Role.MODERATOR)
    appeal = ask(receive(parts, ben, near_copy(draw(1))).id)
    assert not appeals.may_decide(appeal, ben)
    with pytest.raises(Refusal, match="This picture is your own"):
        appeals.overturn(parts, appeal.id, ben, "", NEVER)
    assert appeals.may_decide(appeal, person("eve", Role.MODERATOR))
