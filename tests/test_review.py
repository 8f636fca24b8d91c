"""What moderators do: mark and its sweep, approve, undo, withdraw, import; and of two people the slower is told."""

import contextlib
import dataclasses
import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from PIL import Image

from moderation import blocklist, decisions, review, sweeping
from moderation.audit import Event
from moderation.blocklist import pack, unpack
from moderation.canonical import canonical
from moderation.columns import now
from moderation.database import db, writing
from moderation.engines import AutoEngine
from moderation.errors import Conflict, NotFound, Refusal
from moderation.fingerprint import Fingerprint, fingerprint
from moderation.matching import Verdict, compare
from moderation.models import (
    Account,
    Action,
    Check,
    Decision,
    Entry,
    Exemption,
    FingerprintRow,
    Kind,
    Occasion,
    Picture,
    Record,
    Role,
    Status,
)
from moderation.onshow import OnShow
from moderation.parts import Parts
from moderation.replica import PICTURES, bump
from moderation.uploads import receive

from .conftest import moved, near_copy, save

OUT = timedelta(seconds=-1)
"""A lease that is over as soon as it is given."""

SIZE = 160

PENDING, HELD, PUBLISHED, REPLACED, REFUSED, REMOVED, *_ = Status


@pytest.fixture
def someone(app) -> Callable[..., int]:
    """`someone()` is another member each time, `someone("ana")` the moderator of that name."""

    def make(name: str = "") -> int:
        with writing():
            number = db.session.scalar(sa.select(sa.func.count()).select_from(Account))
            name = name or f"m{number}"
            role = Role.MODERATOR if name.isalpha() else Role.MEMBER
            account = Account(name=name, key=name, password="", role=role, session="")
            db.session.add(account)
            db.session.flush()
            return account.id

    return make


@pytest.fixture
def ana(someone) -> int:
    return someone("ana")


@pytest.fixture
def ben(someone) -> int:
    return someone("ben")


@pytest.fixture
def upload(parts, someone) -> Callable[..., int]:
    """Upload a picture, of a member of its own if none is given; returns the picture's id."""

    def send(data: bytes, member_id: int | None = None) -> int:
        return receive(parts, member_id or someone(), data).id

    return send


@pytest.fixture
def original(draw) -> bytes:
    return draw(1, SIZE)


@pytest.fixture
def copy(original) -> bytes:
    return near_copy(original)


def get(picture_id: int) -> Picture:
    forget()
    return db.session.get_one(Picture, picture_id)


def forget() -> None:
    """Let go what the session has read: what it answers next is true in the database."""
    db.session.rollback()
    db.session.expire_all()


def status(picture_id: int) -> Status:
    return get(picture_id).status


def statuses(*ids: int) -> list[Status]:
    return [status(id_) for id_ in ids]


def standing(picture_id: int) -> int | None:
    """The decision that a moderator sees on the picture."""
    return get(picture_id).decision_id


def put(parts: Parts, data: bytes, member_id: int, as_: Status, **columns: object) -> int:
    """A picture that came into that state in whatever way."""
    with writing():
        picture = Picture(
            member_id=member_id,
            status=as_,
            fingerprint=pack(fingerprint(canonical(data))),
            file=parts.store.put(data),
            thumbnail=parts.store.put(data),
            width=1,
            height=1,
            version=bump(PICTURES),
            **columns,
        )
        db.session.add(picture)
        db.session.flush()
        return picture.id


def entry_of(decision: Decision) -> Entry:
    (entry,) = decision.entries
    return entry


def nearby(data: bytes, dhash: int, phash: int = 0) -> tuple[str, Fingerprint]:
    """Something to import that is that many bits away from a picture."""
    return f"{dhash}-{phash}.jpg", moved(fingerprint(canonical(data)), dhash, phash)


def state() -> dict[int, tuple]:
    """Everything about pictures that a decision may change and its undoing must restore."""
    forget()
    return {picture.id: (picture.status, picture.decision_id) for picture in db.session.scalars(sa.select(Picture))}


def active() -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Entry).where(Entry.withdrawn.is_(None)))


def count(table: type) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(table))


def at_once(app, *works: Callable[[], object]) -> list[object]:
    """What each returned, or the exception it raised; each in a thread of its own, and all started together."""
    answers: list[object] = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def run(place: int) -> None:
        with app.app_context():
            barrier.wait(10)
            try:
                answers[place] = works[place]()
            except Exception as error:
                answers[place] = error
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    forget()
    return answers


class Crash(BaseException):
    """As when the process is killed: nothing that catches exceptions catches it."""


def dies_sweeping(parts: Parts, lease: timedelta) -> Parts:
    """The parts of a process that is killed before its sweep, and whose lease is then so long."""

    class Dying(OnShow):
        def near(self, *_args: object, **_more: object) -> list:
            raise Crash

    return dataclasses.replace(parts, on_show=Dying(), lease=lease)


def dies_publishing(parts: Parts, lease: timedelta) -> Parts:
    class Dying(blocklist.Blocklist):
        def near(self, *_args: object, **_more: object) -> list:
            raise Crash

    return dataclasses.replace(parts, blocklist=Dying(AutoEngine), lease=lease)


# --- mark ------------------------------------------------------------------------------


@pytest.mark.on_both
def test_a_mark_takes_the_picture_and_its_copies_down_and_refuses_the_next(parts, ana, upload, original, copy, draw):
    marked, taken, other = upload(original), upload(copy), upload(draw(2, SIZE))
    decision = review.mark(parts, marked, ana, None)
    assert statuses(marked, taken, other) == [REMOVED, REMOVED, PUBLISHED]
    assert (standing(marked), standing(taken), standing(other)) == (decision.id, decision.id, None)
    assert status(upload(near_copy(original, 0.5))) is REFUSED

    assert (decision.kind, decision.by_id, decision.reason) == (Kind.MARK, ana, review.INDECENT)
    assert (decision.lease, decision.undone) == (None, None)
    assert sweeping.swept(decision) == sweeping.Sweep(taken_down=1, held=0)
    assert entry_of(decision).picture_id == marked
    assert [(act.picture_id, act.before, act.after, act.entry_id) for act in decision.actions] == [
        (marked, PUBLISHED, REMOVED, None),
        (taken, PUBLISHED, REMOVED, entry_of(decision).id),
    ]


@pytest.mark.parametrize(
    ("before", "was_on_show", "after"),
    [
        (PENDING, False, REFUSED),
        (HELD, False, REFUSED),
        (HELD, True, REMOVED),
        (PUBLISHED, True, REMOVED),
        (REPLACED, True, REMOVED),
        (REFUSED, False, REFUSED),
        (REMOVED, True, REMOVED),
    ],
)
def test_a_sweep_removes_what_was_on_show_and_refuses_what_never_was(
    parts, ana, someone, upload, original, copy, before, was_on_show, after
):
    marked = upload(original)
    other = put(parts, copy, someone(), before, published=now() if was_on_show else None, lease=now())
    decision = review.mark(parts, marked, ana, None)
    assert status(other) is after
    touched = before not in (REFUSED, REMOVED)
    assert standing(other) == (decision.id if touched else None)
    assert sweeping.swept(decision).taken_down == int(touched)
    assert not touched or get(other).lease is None


@pytest.mark.parametrize(
    ("before", "was_on_show", "after"),
    [(PUBLISHED, True, REMOVED), (HELD, False, REFUSED), (HELD, True, REMOVED), (REPLACED, True, REMOVED)],
)
def test_the_marked_picture_is_removed_if_it_was_on_show_and_refused_if_it_never_was(
    parts, ana, someone, original, before, was_on_show, after
):
    marked = put(parts, original, someone(), before, published=now() if was_on_show else None)
    review.mark(parts, marked, ana, None)
    assert status(marked) is after


@pytest.mark.parametrize("before", [PENDING, REFUSED, REMOVED])
def test_what_is_not_on_show_and_does_not_wait_cannot_be_marked(parts, ana, someone, original, before):
    picture = put(parts, original, someone(), before, lease=now())
    with pytest.raises(Conflict, match=f"not on show: it is {before}"):
        review.mark(parts, picture, ana, None)
    assert status(picture) is before
    assert (count(Decision), count(Entry)) == (0, 0)


def test_the_reason_given_is_the_one_that_stands(parts, ana, upload, original):
    assert review.mark(parts, upload(original), ana, None, "A weapon").reason == "A weapon"


def test_a_picture_that_does_not_exist_cannot_be_decided_on(parts, ana):
    for decide in (review.mark, review.approve):
        with pytest.raises(NotFound, match="no such picture"):
            decide(parts, 999, ana, None)
    assert count(Decision) == 0


def test_a_picture_without_a_fingerprint_cannot_be_marked_and_stays_hidden(parts, ana, someone, original):
    picture = put(parts, original, someone(), HELD)
    with writing():
        get_row = db.session.get_one(Picture, picture)
        get_row.fingerprint = None
    with pytest.raises(Refusal, match="could not be fingerprinted"):
        review.mark(parts, picture, ana, None)
    assert (status(picture), count(Decision), count(Entry)) == (HELD, 0, 0)


@pytest.mark.parametrize(
    ("before", "after", "counted"), [(PUBLISHED, HELD, 1), (PENDING, HELD, 1), (HELD, HELD, 0), (REPLACED, REPLACED, 0)]
)
def test_a_near_match_is_held_for_a_person_and_nobody_has_decided_on_it(
    parts, ana, someone, original, before, after, counted
):
    picture = put(parts, original, someone(), before, lease=now())
    decision, _ = review.import_entries(parts, [nearby(original, 12, 54)], ana, "")
    assert status(picture) is after
    assert standing(picture) is None
    assert sweeping.swept(decision) == sweeping.Sweep(taken_down=0, held=counted)
    assert get(picture).lease is None or not counted


@pytest.mark.parametrize(
    ("dhash", "phash", "after"),
    [(10, 40, REMOVED), (11, 40, HELD), (10, 41, HELD), (12, 54, HELD), (12, 55, PUBLISHED), (13, 0, PUBLISHED)],
)
def test_a_sweep_goes_by_the_same_zones_as_an_upload(parts, ana, upload, original, dhash, phash, after):
    picture = upload(original)
    review.import_entries(parts, [nearby(original, dhash, phash)], ana, "")
    assert status(picture) is after


def test_of_several_entries_the_gravest_decides(parts, ana, upload, original):
    picture = upload(original)
    review.import_entries(parts, [nearby(original, 12), nearby(original, 10), nearby(original, 11)], ana, "")
    assert status(picture) is REMOVED


def test_what_a_person_has_approved_is_not_held_again_but_is_taken_down(parts, ana, ben, upload, original):
    picture = upload(original)
    approval = review.approve(parts, picture, ben, None)
    review.import_entries(parts, [nearby(original, 12)], ana, "")
    assert (status(picture), standing(picture)) == (PUBLISHED, approval.id)
    decision, _ = review.import_entries(parts, [nearby(original, 10)], ana, "")
    assert (status(picture), standing(picture)) == (REMOVED, decision.id)


WALL = Image.new("RGB", (90, 90), (240, 240, 235))


def test_a_blank_picture_takes_down_identical_copies_only(parts, ana, upload):
    almost = WALL.copy()
    almost.putpixel((0, 0), (0, 0, 0))
    greyer = upload(save(Image.new("RGB", WALL.size, (239, 239, 235)), "PNG"))
    marked, same, other = (upload(save(image, "PNG")) for image in (WALL, WALL, almost))
    same_in_another_file = upload(save(WALL, "WEBP", lossless=True))
    decision = review.mark(parts, marked, ana, None)
    assert statuses(marked, same, same_in_another_file) == [REMOVED, REMOVED, REMOVED]
    assert statuses(other, greyer) == [PUBLISHED, PUBLISHED]
    assert sweeping.swept(decision) == sweeping.Sweep(taken_down=2, held=0)
    assert statuses(upload(save(WALL, "PNG")), upload(save(almost, "PNG"))) == [REFUSED, PUBLISHED]


def test_a_picture_with_too_little_in_it_is_held_near_an_entry_and_not_taken_down(parts, ana, upload, original, copy):
    marked, flat = upload(original), upload(copy)
    with writing():
        picture = db.session.get_one(Picture, flat)
        picture.fingerprint.detail, picture.version = 10, bump(PICTURES)
    review.mark(parts, marked, ana, None)
    assert (status(flat), standing(flat)) == (HELD, None)


@pytest.mark.on_both
def test_a_mark_in_one_process_takes_down_what_came_in_another(parts, another_process, ana, someone, original, copy):
    assert len(parts.on_show) == 0
    marked = receive(another_process, someone(), original).id
    there = receive(another_process, someone(), copy).id
    review.mark(parts, marked, ana, None)
    assert status(there) is REMOVED
    assert receive(another_process, someone(), copy).status is REFUSED


# --- law 7: the slower of two people is told ----------------------------------------------

SAID = r"ana {} this picture.*, \d\d \w+ \d{{4}} at \d\d:\d\d UTC\."


@pytest.mark.parametrize("second", [review.mark, review.approve])
@pytest.mark.parametrize(("first", "did"), [(review.mark, "marked"), (review.approve, "approved")])
def test_the_second_to_decide_is_told_who_decided_what(parts, ana, ben, upload, original, first, did, second):
    picture = upload(original)
    decision = first(parts, picture, ana, None)
    before = state()
    with pytest.raises(Conflict) as conflict:
        second(parts, picture, ben, None)
    assert re.fullmatch(f"Somebody was faster: {SAID.format(did)}", str(conflict.value))
    assert state() == before
    assert count(Decision) == 1
    assert standing(picture) == decision.id


def test_whoever_decides_on_a_copy_that_was_swept_up_is_told_of_the_mark(parts, ana, ben, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    review.mark(parts, marked, ana, None)
    with pytest.raises(Conflict, match="ana marked this picture, or one that it is a copy of, indecent"):
        review.approve(parts, taken, ben, None)
    assert status(taken) is REMOVED


def test_whoever_saw_a_decision_that_was_taken_back_is_told(parts, ana, ben, upload, original):
    picture = upload(original)
    decision = review.approve(parts, picture, ana, None)
    review.undo(parts, decision.id, ana)
    with pytest.raises(Conflict, match="taken back"):
        review.mark(parts, picture, ben, decision.id)
    review.mark(parts, picture, ben, None)
    assert status(picture) is REMOVED


def test_a_decision_may_be_revised_by_whoever_has_seen_it(parts, ana, ben, upload, original):
    picture = upload(original)
    approval = review.approve(parts, picture, ana, None)
    mark = review.mark(parts, picture, ben, approval.id)
    assert (status(picture), standing(picture)) == (REMOVED, mark.id)


def test_who_takes_back_what_was_taken_back_is_told(parts, ana, ben, upload, original):
    decision = review.mark(parts, upload(original), ana, None)
    review.undo(parts, decision.id, ana)
    with pytest.raises(Conflict, match=r"^ana has taken this back already, \d\d \w+ \d{4} at \d\d:\d\d UTC\.$"):
        review.undo(parts, decision.id, ben)
    with pytest.raises(NotFound):
        review.undo(parts, 999, ben)


def test_what_the_command_line_did_is_said_to_be_its_doing(parts, ben, upload, original):
    picture = upload(original)
    decision, _ = review.import_entries(parts, [nearby(original, 5)], None, "")
    with pytest.raises(Conflict, match="the command line imported a blocklist entry"):
        review.mark(parts, picture, ben, None)
    review.undo(parts, decision.id, None)
    with pytest.raises(Conflict, match=r"^the command line has taken this back"):
        review.undo(parts, decision.id, ben)


@pytest.mark.parametrize(("one", "other"), [(review.mark, review.approve), (review.mark, review.mark)])
@pytest.mark.on_both
def test_of_two_moderators_at_once_exactly_one_decides_each_picture(
    app, parts, another_process, ana, ben, upload, draw, one, other, long
):
    pictures = [upload(draw(seed, 96)) for seed in range(40 if long else 20)]
    both = threading.Barrier(2, timeout=30)

    def decide(how: Callable[..., Decision], with_: Parts, by_id: int) -> dict[int, object]:
        answers: dict[int, object] = {}
        for number, picture in enumerate(pictures):
            both.wait()
            # Now one is a little earlier, now the other, now they press at the same moment.
            time.sleep(0.005 if number % 3 == (by_id == ana) else 0)
            try:
                answers[picture] = how(with_, picture, by_id, None).id
            except Conflict as conflict:
                answers[picture] = conflict
        return answers

    first, second = at_once(app, lambda: decide(one, parts, ana), lambda: decide(other, another_process, ben))
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    for picture in pictures:
        winners = [answer for answer in (first[picture], second[picture]) if isinstance(answer, int)]
        (loser,) = [answer for answer in (first[picture], second[picture]) if isinstance(answer, Conflict)]
        assert [standing(picture)] == winners
        decision = db.session.get_one(Decision, winners[0])
        assert str(loser) == f"Somebody was faster: {decisions.said(decision)}"
        marked = decision.kind is Kind.MARK
        assert status(picture) is (REMOVED if marked else PUBLISHED)
        assert len(decision.entries) == int(marked)
        assert len(decision.actions) == 1
    assert count(Decision) == len(pictures)
    assert set(db.session.scalars(sa.select(Decision.by_id))) == {ana, ben}


@pytest.mark.on_both
def test_of_two_who_take_back_at_once_exactly_one_does(app, parts, another_process, ana, ben, upload, draw):
    decisions = [review.mark(parts, upload(draw(seed, 96)), ana, None).id for seed in range(12)]

    def take_back(with_: Parts, by_id: int) -> list[object]:
        answers: list[object] = []
        for decision in decisions:
            try:
                answers.append(review.undo(with_, decision, by_id).id)
            except Conflict as conflict:
                answers.append(conflict)
        return answers

    first, second = at_once(app, lambda: take_back(parts, ana), lambda: take_back(another_process, ben))
    assert [isinstance(a, int) + isinstance(b, int) for a, b in zip(first, second, strict=True)] == [1] * 12
    assert set(db.session.scalars(sa.select(Picture.status))) == {PUBLISHED}
    assert active() == 0


# --- undo --------------------------------------------------------------------------------


@pytest.mark.on_both
def test_undoing_a_mark_takes_back_the_whole_decision(parts, ana, someone, upload, original, copy):
    # `published` is a copy on show, the others are copies in every other state that a sweep covers.
    marked, published = upload(original), upload(copy)
    held = put(parts, near_copy(original, 0.6), someone(), HELD)
    replaced = put(parts, near_copy(original, 0.5), someone(), REPLACED, published=now())
    member = someone()
    pending = put(parts, near_copy(original, 0.8), member, PENDING, lease=now() + parts.lease)
    before = state()

    decision = review.mark(parts, marked, ana, None)
    assert statuses(marked, published, held, replaced, pending) == [REMOVED, REMOVED, REFUSED, REMOVED, REFUSED]

    undone = review.undo(parts, decision.id, ana)
    assert (undone.undone_by_id, undone.lease) == (ana, None)
    assert abs(now() - undone.undone) < timedelta(minutes=1)
    # What was pending is compared now, with nothing left to come near to.
    assert state() == before | {pending: (PUBLISHED, None)}
    assert active() == 0
    assert status(upload(near_copy(original, 0.4))) is PUBLISHED


def test_undoing_a_near_match_shows_again_what_was_held(parts, ana, upload, original):
    picture = upload(original)
    decision, _ = review.import_entries(parts, [nearby(original, 12)], ana, "")
    assert status(picture) is HELD
    review.undo(parts, decision.id, ana)
    assert (status(picture), standing(picture)) == (PUBLISHED, None)


def test_undo_does_not_show_what_another_entry_covers(parts, ana, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    decision = review.mark(parts, marked, ana, None)
    review.import_entries(parts, [nearby(original, 3)], ana, "")
    review.undo(parts, decision.id, ana)
    assert statuses(marked, taken) == [REMOVED, REMOVED]


def test_what_another_entry_kept_down_comes_back_with_that_entrys_decision(parts, ana, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    mark = review.mark(parts, marked, ana, None)
    imported, _ = review.import_entries(parts, [nearby(original, 3)], ana, "")
    later, told = imported.id, sa.select(Record.about).filter_by(kind=Event.SWEEP).order_by(Record.id.desc())
    review.undo(parts, mark.id, ana)
    assert (standing(marked), standing(taken)) == (later, later)
    assert sweeping.swept(db.session.get_one(Decision, later)).taken_down == 2
    assert json.loads(db.session.scalars(told).first()) == {"of": later, "pictures": [taken]}
    review.undo(parts, later, ana)
    assert statuses(marked, taken) == [PUBLISHED, PUBLISHED]
    assert (standing(marked), standing(taken)) == (None, None)


def test_what_was_checked_so_long_ago_that_nothing_tells_of_it_comes_back_as_well(parts, ana, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    with writing():
        db.session.execute(sa.delete(Check))
    mark = review.mark(parts, marked, ana, None)
    imported, _ = review.import_entries(parts, [nearby(original, 3)], ana, "")
    review.undo(parts, mark.id, ana)
    assert (standing(marked), standing(taken)) == (imported.id, imported.id)
    assert set(db.session.scalars(sa.select(Check.occasion))) == {Occasion.REVIEW}
    review.undo(parts, imported.id, ana)
    assert statuses(marked, taken) == [PUBLISHED, PUBLISHED]


def test_what_is_held_for_caution_stays_so_although_what_held_it_first_is_taken_back(parts, ana, someone, original):
    member = someone()
    picture = put(parts, original, member, PENDING)
    imported, _ = review.import_entries(parts, [nearby(original, 12)], ana, "")
    assert status(picture) is HELD
    assert receive(parts, member, near_copy(original, 0.9)).status is HELD
    cautious = dataclasses.replace(parts, patience=dataclasses.replace(parts.patience, member=1))
    review.undo(cautious, imported.id, ana)
    assert status(picture) is HELD
    approval = review.approve(parts, picture, ana, None)
    assert status(picture) is PUBLISHED
    review.undo(parts, approval.id, ana)
    assert status(picture) is HELD


def test_undo_holds_what_comes_near_another_entry(parts, ana, upload, original):
    marked = upload(original)
    decision = review.mark(parts, marked, ana, None)
    imported, _ = review.import_entries(parts, [nearby(original, 12)], ana, "")
    review.undo(parts, decision.id, ana)
    assert (status(marked), standing(marked)) == (HELD, None)
    review.undo(parts, imported.id, ana)
    assert status(marked) is PUBLISHED


def test_undo_does_not_show_what_cannot_be_compared(parts, ana, upload, original):
    decision = review.mark(parts, upload(original), ana, None)

    class Broken(blocklist.Blocklist):
        def near(self, *_args: object, **_more: object) -> list:
            raise ZeroDivisionError

    broken = dataclasses.replace(parts, blocklist=Broken(AutoEngine))
    review.undo(broken, decision.id, ana)
    assert set(db.session.scalars(sa.select(Picture.status))) == {HELD}


@pytest.mark.on_both
def test_undo_never_displaces_the_newer_picture_of_the_member(parts, ana, someone, upload, original, copy, draw):
    member = someone()
    marked, older = upload(original), upload(copy, member)
    decision = review.mark(parts, marked, ana, None)
    newer = upload(draw(2, SIZE), member)
    review.undo(parts, decision.id, ana)
    assert statuses(marked, older, newer) == [PUBLISHED, REPLACED, PUBLISHED]


def test_undo_shows_the_newest_of_several_pictures_that_one_member_had(parts, ana, someone, upload, original, draw):
    member = someone()
    first = upload(original, member)
    second = upload(near_copy(original), member)
    assert statuses(first, second) == [REPLACED, PUBLISHED]
    decision = review.mark(parts, upload(near_copy(original, 0.8)), ana, None)
    assert statuses(first, second) == [REMOVED, REMOVED]
    review.undo(parts, decision.id, ana)
    assert statuses(first, second) == [REPLACED, PUBLISHED]


def test_undo_leaves_alone_what_somebody_has_decided_on_since(parts, ana, ben, upload, original, copy):
    marked, approved, remarked = upload(original), upload(copy), upload(near_copy(original, 0.8))
    decision = review.mark(parts, marked, ana, None)
    approval = review.approve(parts, approved, ben, decision.id)
    again = review.approve(parts, remarked, ben, decision.id)
    second = review.mark(parts, remarked, ben, again.id)
    # The second mark takes down what was approved against the first: it comes near another entry now.
    assert statuses(approved, remarked) == [REMOVED, REMOVED]
    assert standing(approved) == second.id

    review.undo(parts, decision.id, ana)
    assert (status(remarked), standing(remarked)) == (REMOVED, second.id)
    assert (status(approved), standing(approved)) == (REMOVED, second.id)
    assert status(marked) is REMOVED  # the second entry covers it
    assert approval.id != second.id


def test_undoing_in_reverse_order_goes_back_step_by_step(parts, ana, ben, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    states, decisions = [state()], []
    decisions.append(review.mark(parts, marked, ana, None).id)
    states.append(state())
    decisions.append(review.approve(parts, taken, ben, standing(taken)).id)
    states.append(state())
    decisions.append(review.mark(parts, taken, ana, standing(taken)).id)
    states.append(state())
    decisions.append(review.approve(parts, upload(near_copy(original, 0.4)), ben, None).id)

    review.undo(parts, decisions.pop(), ben)
    newest = max(state())
    for before in reversed(states[:-1]):
        review.undo(parts, decisions.pop(), ana)
        assert {id_: was for id_, was in state().items() if id_ != newest} == before
    assert active() == 0
    assert count(Exemption) == 0


def test_undo_goes_back_past_a_decision_that_was_taken_back_meanwhile(parts, ana, ben, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    mark = review.mark(parts, marked, ana, None)
    approval = review.approve(parts, taken, ben, mark.id)
    review.undo(parts, mark.id, ana)
    assert (status(taken), standing(taken)) == (PUBLISHED, approval.id)

    # Not to the removal by a mark that is no more, but to where the picture was before that.
    review.undo(parts, approval.id, ben)
    assert (status(taken), standing(taken)) == (PUBLISHED, None)


def test_undo_goes_back_past_several_decisions_that_were_taken_back(parts, ana, ben, upload, original):
    picture = upload(original)
    first = review.approve(parts, picture, ana, None)
    second = review.approve(parts, picture, ben, first.id)
    mark = review.mark(parts, picture, ana, second.id)
    review.undo(parts, first.id, ana)
    review.undo(parts, second.id, ana)
    assert (status(picture), standing(picture)) == (REMOVED, mark.id)
    review.undo(parts, mark.id, ana)
    assert (status(picture), standing(picture)) == (PUBLISHED, None)


def test_what_was_undone_may_be_decided_anew(parts, ana, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    for _ in range(3):
        decision = review.mark(parts, marked, ana, None)
        assert statuses(marked, taken) == [REMOVED, REMOVED]
        review.undo(parts, decision.id, ana)
        assert statuses(marked, taken) == [PUBLISHED, PUBLISHED]
    assert (count(Entry), active()) == (3, 0)


def test_undoing_an_approval_of_what_is_on_show_changes_nothing_but_the_record(parts, ana, upload, original):
    picture = upload(original)
    decision = review.approve(parts, picture, ana, None)
    assert (status(picture), standing(picture)) == (PUBLISHED, decision.id)
    review.undo(parts, decision.id, ana)
    assert (status(picture), standing(picture)) == (PUBLISHED, None)


def test_undo_compares_what_it_leaves_on_show_with_what_it_was_exempt_from(parts, ana, ben, upload, original, copy):
    picture = upload(copy)
    mark = review.mark(parts, upload(original), ana, None)
    covering, _ = review.import_entries(parts, [nearby(original, 4)], ana, "")
    first = review.approve(parts, picture, ben, mark.id)
    second = review.approve(parts, picture, ben, first.id)
    assert status(picture) is PUBLISHED

    # Back past the approvals and the mark the picture was on show: but that was before the second entry came.
    for decision in (first, mark, second):
        review.undo(parts, decision.id, ana)
    assert [entry.withdrawn for entry in db.session.get_one(Decision, covering.id).entries] == [None]
    assert count(Exemption) == 0
    assert status(picture) is REMOVED


def test_undo_shows_again_what_was_approved_although_it_comes_near_another_entry(parts, ana, ben, upload, original):
    picture = upload(original)
    approval = review.approve(parts, picture, ben, None)
    review.import_entries(parts, [nearby(original, 12)], ana, "")
    assert status(picture) is PUBLISHED  # because a person has found it fine
    covering, _ = review.import_entries(parts, [nearby(original, 5)], ana, "")
    assert status(picture) is REMOVED
    review.undo(parts, covering.id, ana)
    assert (status(picture), standing(picture)) == (PUBLISHED, approval.id)


def test_undoing_an_approval_holds_what_came_near_an_entry_meanwhile(parts, ana, ben, upload, original):
    picture = upload(original)
    approval = review.approve(parts, picture, ben, None)
    review.import_entries(parts, [nearby(original, 12)], ana, "")
    assert status(picture) is PUBLISHED  # because a person has found it fine
    review.undo(parts, approval.id, ben)
    assert (status(picture), standing(picture)) == (HELD, None)


def test_nothing_is_deleted_by_decisions(parts, ana, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    review.undo(parts, review.mark(parts, marked, ana, None).id, ana)
    review.mark(parts, marked, ana, None)
    assert (count(Picture), count(Decision), count(Entry), count(FingerprintRow)) == (2, 2, 2, 2)
    assert all(parts.store.get(key) for id_ in (marked, taken) for key in (get(id_).file, get(id_).thumbnail))


# --- approve -----------------------------------------------------------------------------


@pytest.fixture
def held(parts, ana, someone, draw) -> Callable[..., int]:
    """A picture of that member that came near an entry when it was uploaded, and is held."""

    def make(member_id: int | None = None, seed: int = 7) -> int:
        review.import_entries(parts, [nearby(draw(seed, SIZE), 12)], ana, "")
        picture_id = receive(parts, member_id or someone(), draw(seed, SIZE)).id
        assert status(picture_id) is HELD
        return picture_id

    return make


def test_a_held_picture_that_is_approved_comes_on_show(parts, ben, held):
    picture = held()
    decision = review.approve(parts, picture, ben, None)
    assert (status(picture), standing(picture)) == (PUBLISHED, decision.id)
    assert [(act.before, act.after) for act in decision.actions] == [(HELD, PUBLISHED)]
    assert abs(now() - get(picture).published) < timedelta(minutes=1)


def test_a_picture_refused_at_the_door_comes_on_show_when_it_is_approved(parts, ana, ben, upload, original, copy):
    review.mark(parts, upload(original), ana, None)
    refused = upload(copy)
    decision = review.approve(parts, refused, ben, None)
    assert status(refused) is PUBLISHED
    review.undo(parts, decision.id, ben)
    assert (status(refused), standing(refused)) == (REFUSED, None)


@pytest.mark.on_both
def test_an_approved_picture_is_exempt_from_the_entry_on_record_until_the_approval_is_undone(
    parts, another_process, ana, ben, upload, original, copy
):
    marked, taken = upload(original), upload(copy)
    mark = review.mark(parts, marked, ana, None)
    approval = review.approve(parts, taken, ben, mark.id)
    (exemption,) = db.session.scalars(sa.select(Exemption))
    assert (exemption.picture_id, exemption.entry_id, exemption.decision_id) == (
        taken,
        entry_of(mark).id,
        approval.id,
    )
    # The entry blocks others, in a sweep too, and this one not.
    assert status(taken) is PUBLISHED
    assert status(upload(near_copy(original, 0.6))) is REFUSED
    restored = review.undo(another_process, withdraw(entry_of(mark).id, ana), ana)
    assert sweeping.swept(restored) == sweeping.Sweep(0, 0)
    assert status(taken) is PUBLISHED

    review.undo(parts, approval.id, ben)
    assert (status(taken), standing(taken)) == (REMOVED, mark.id)
    assert count(Exemption) == 0


def test_an_exemption_is_from_that_entry_and_not_from_another(parts, ana, ben, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    mark = review.mark(parts, marked, ana, None)
    review.approve(parts, taken, ben, mark.id)
    second, _ = review.import_entries(parts, [nearby(original, 4)], ana, "")
    assert (status(taken), standing(taken)) == (REMOVED, second.id)


def test_an_approval_that_stands_keeps_what_an_earlier_one_had_exempted(parts, ana, ben, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    mark = review.mark(parts, marked, ana, None)
    first = review.approve(parts, taken, ben, mark.id)
    second = review.approve(parts, taken, ana, first.id)
    review.undo(parts, first.id, ben)
    assert (status(taken), standing(taken)) == (PUBLISHED, second.id)
    assert [one.decision_id for one in db.session.scalars(sa.select(Exemption))] == [second.id]

    review.undo(parts, second.id, ana)
    assert (status(taken), standing(taken)) == (REMOVED, mark.id)
    assert count(Exemption) == 0


def test_approving_does_not_show_what_another_entry_covers_until_that_is_seen_too(
    parts, ana, ben, upload, original, copy
):
    marked, taken = upload(original), upload(copy)
    mark = review.mark(parts, marked, ana, None)
    second, _ = review.import_entries(parts, [nearby(original, 4)], ana, "")
    assert standing(taken) == mark.id
    first = review.approve(parts, taken, ben, mark.id)
    assert status(taken) is REMOVED
    assert [act.after for act in first.actions] == [REMOVED]

    again = review.approve(parts, taken, ben, first.id)
    assert status(taken) is PUBLISHED
    review.undo(parts, again.id, ben)
    assert (status(taken), standing(taken)) == (REMOVED, first.id)
    assert second.id != first.id


def test_a_marked_picture_itself_is_not_approved_but_its_mark_undone(parts, ana, ben, upload, original):
    marked = upload(original)
    mark = review.mark(parts, marked, ana, None)
    with pytest.raises(Refusal, match="Undo that decision instead"):
        review.approve(parts, marked, ben, mark.id)
    assert (status(marked), count(Exemption)) == (REMOVED, 0)


def test_a_picture_that_is_being_checked_cannot_be_approved(parts, ana, someone, original):
    picture = put(parts, original, someone(), PENDING, lease=now() + parts.lease)
    with pytest.raises(Conflict, match="being checked"):
        review.approve(parts, picture, ana, None)
    assert status(picture) is PENDING


def test_an_approved_picture_replaces_the_older_one_and_undo_brings_that_back(parts, ben, someone, upload, held, draw):
    member = someone()
    older = upload(draw(2, SIZE), member)
    newer = held(member)
    decision = review.approve(parts, newer, ben, None)
    assert statuses(older, newer) == [REPLACED, PUBLISHED]

    review.undo(parts, decision.id, ben)
    assert statuses(older, newer) == [PUBLISHED, HELD]
    assert (standing(older), standing(newer)) == (None, None)


def test_the_older_one_that_undo_brings_back_is_compared_again(parts, ana, ben, someone, upload, held, draw):
    member = someone()
    older = upload(draw(2, SIZE), member)
    newer = held(member)
    decision = review.approve(parts, newer, ben, None)
    covering, _ = review.import_entries(parts, [nearby(draw(2, SIZE), 3)], ana, "")
    assert status(older) is REMOVED
    review.undo(parts, decision.id, ben)
    assert statuses(older, newer) == [REMOVED, HELD]
    assert standing(older) == covering.id


def test_an_approved_picture_does_not_displace_the_newer_one(parts, ben, someone, upload, held, draw):
    member = someone()
    older = held(member)
    newer = upload(draw(2, SIZE), member)
    decision = review.approve(parts, older, ben, None)
    assert statuses(older, newer) == [REPLACED, PUBLISHED]
    review.undo(parts, decision.id, ben)
    assert statuses(older, newer) == [HELD, PUBLISHED]


def test_what_was_approved_too_late_to_come_on_show_never_was_on_show(parts, ana, ben, someone, upload, held, draw):
    member = someone()
    older = held(member)
    upload(draw(2, SIZE), member)
    approval = review.approve(parts, older, ben, None)
    assert get(older).published is None
    review.mark(parts, older, ana, approval.id)
    assert status(older) is REFUSED


def test_undoing_an_approval_puts_the_picture_back_although_its_member_has_a_newer_one(
    parts, ben, someone, upload, held, draw
):
    member = someone()
    picture = held(member)
    decision = review.approve(parts, picture, ben, None)
    newer = upload(draw(2, SIZE), member)
    assert statuses(picture, newer) == [REPLACED, PUBLISHED]
    review.undo(parts, decision.id, ben)
    assert statuses(picture, newer) == [HELD, PUBLISHED]


# --- withdraw ------------------------------------------------------------------------------


def withdraw(entry_id: int, by_id: int | None) -> int:
    with writing():
        return review.withdraw(entry_id, by_id).id


def test_a_withdrawn_entry_blocks_no_more_and_what_it_took_down_stays_down(parts, ana, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    mark = review.mark(parts, marked, ana, None)
    withdraw(entry_of(mark).id, ana)
    assert statuses(marked, taken) == [REMOVED, REMOVED]
    assert status(upload(near_copy(original, 0.5))) is PUBLISHED


def test_an_entry_is_withdrawn_once_and_what_does_not_exist_never(app, parts, ana, upload, original):
    entry = entry_of(review.mark(parts, upload(original), ana, None)).id
    withdraw(entry, ana)
    with pytest.raises(Conflict, match=f"Entry {entry} is withdrawn already"):
        withdraw(entry, ana)
    with pytest.raises(NotFound, match="no blocklist entry 999"):
        withdraw(999, ana)
    assert count(Decision) == 2


def test_undoing_a_withdrawal_blocks_again_and_sweeps_what_came_on_show_meanwhile(
    parts, another_process, ana, upload, original, copy
):
    mark = review.mark(parts, upload(original), ana, None)
    withdrawal = withdraw(entry_of(mark).id, ana)
    meanwhile = upload(copy)
    assert status(meanwhile) is PUBLISHED
    decision = review.undo(another_process, withdrawal, ana)
    assert status(meanwhile) is REMOVED
    assert decision.lease is None
    assert status(upload(near_copy(original, 0.5))) is REFUSED
    assert active() == 1


def test_undoing_a_mark_whose_entry_was_withdrawn_shows_its_pictures(parts, ana, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    mark = review.mark(parts, marked, ana, None)
    withdrawal = withdraw(entry_of(mark).id, ana)
    review.undo(parts, mark.id, ana)
    assert statuses(marked, taken) == [PUBLISHED, PUBLISHED]

    # The entry's mark is no more: undoing the withdrawal does not bring it back.
    review.undo(parts, withdrawal, ana)
    assert statuses(marked, taken) == [PUBLISHED, PUBLISHED]
    assert active() == 0


@pytest.fixture
def swept_by_a_restored_entry(parts, ana, upload, original, copy) -> tuple[int, int]:
    """A mark, and a picture that came on show while its entry was withdrawn and was swept up when it was restored."""
    mark = review.mark(parts, upload(original), ana, None).id
    withdrawal = withdraw(entry_of(db.session.get_one(Decision, mark)).id, ana)
    picture = upload(copy)
    review.undo(parts, withdrawal, ana)
    assert status(picture) is REMOVED
    return mark, picture


def test_undoing_an_approval_takes_down_again_what_a_restored_entry_covers(parts, ben, swept_by_a_restored_entry):
    _, picture = swept_by_a_restored_entry
    approval = review.approve(parts, picture, ben, standing(picture))
    assert status(picture) is PUBLISHED
    review.undo(parts, approval.id, ben)
    assert count(Exemption) == 0
    assert status(picture) is REMOVED


def test_undoing_a_mark_shows_what_its_entry_took_down_after_it_was_restored(parts, ana, swept_by_a_restored_entry):
    mark, picture = swept_by_a_restored_entry
    review.undo(parts, mark, ana)
    assert active() == 0
    assert status(picture) is PUBLISHED


def test_no_decision_that_was_taken_back_stands_on_a_picture(swept_by_a_restored_entry):
    _, picture = swept_by_a_restored_entry
    assert get(picture).decision.undone is None


def test_undoing_an_import_shows_what_it_first_held_and_then_took_down(parts, another_process, ana, upload, original):
    picture = upload(original)
    with pytest.raises(Crash):
        review.import_entries(dies_sweeping(parts, OUT), [nearby(original, 12), nearby(original, 10)], ana, "")
    (import_,) = db.session.scalars(sa.select(Decision))
    nearer = import_.entries[1].id
    withdrawal = withdraw(nearer, ana)
    sweeping.finish_work(another_process)
    assert status(picture) is HELD
    review.undo(parts, withdrawal, ana)
    assert (status(picture), standing(picture)) == (REMOVED, import_.id)

    review.undo(parts, import_.id, ana)
    assert (status(picture), standing(picture)) == (PUBLISHED, None)


def test_a_withdrawn_entry_that_is_undone_and_withdrawn_again(parts, ana, upload, original, copy):
    mark = review.mark(parts, upload(original), ana, None)
    entry = entry_of(mark).id
    for scale in (0.5, 0.6):
        withdrawal = withdraw(entry, ana)
        assert active() == 0
        review.undo(parts, withdrawal, ana)
        assert status(upload(near_copy(original, scale))) is REFUSED
    withdraw(entry, ana)
    assert status(upload(copy)) is PUBLISHED


# --- import --------------------------------------------------------------------------------


@pytest.mark.on_both
def test_an_import_is_one_decision_and_swept_like_a_mark(parts, ana, upload, draw):
    pictures = [upload(draw(seed, SIZE)) for seed in range(3)]
    bystander = upload(draw(9, SIZE))
    files = [(f"folder/deep/{seed}.jpg", fingerprint(canonical(near_copy(draw(seed, SIZE))))) for seed in range(3)]
    decision, known = review.import_entries(parts, files, ana, "From the old site")
    assert known == {}
    assert (decision.kind, decision.by_id, decision.reason, decision.lease) == (
        Kind.IMPORT,
        ana,
        "From the old site",
        None,
    )
    assert [entry.source for entry in decision.entries] == ["0.jpg", "1.jpg", "2.jpg"]
    assert statuses(*pictures, bystander) == [REMOVED, REMOVED, REMOVED, PUBLISHED]
    assert sweeping.swept(decision).taken_down == 3

    review.undo(parts, decision.id, ana)
    assert statuses(*pictures, bystander) == [PUBLISHED] * 4
    assert active() == 0


def test_what_is_on_the_blocklist_is_not_imported_twice_withdrawn_or_not(parts, ana, draw):
    prints = [fingerprint(draw_image(draw, seed)) for seed in range(3)]
    first, _ = review.import_entries(parts, [("a.jpg", prints[0]), ("b.jpg", prints[1])], ana, "")
    entries = [entry.id for entry in first.entries]
    withdraw(entries[0], ana)
    second, known = review.import_entries(
        parts, [("x.jpg", prints[0]), ("y.jpg", prints[1]), ("z.jpg", prints[2])], ana, ""
    )
    assert {name: entry.id for name, entry in known.items()} == {"x.jpg": entries[0], "y.jpg": entries[1]}
    assert known["x.jpg"].withdrawn
    assert [entry.source for entry in second.entries] == ["z.jpg"]

    nothing, known = review.import_entries(parts, [("x.jpg", prints[0])], ana, "")
    assert nothing is None
    assert list(known) == ["x.jpg"]
    assert count(Decision) == 3


def test_what_a_decision_that_was_taken_back_had_added_may_be_imported_again(parts, ana, upload, original, copy):
    picture, files = upload(original), [("a.jpg", fingerprint(canonical(copy)))]
    first, _ = review.import_entries(parts, files, ana, "")
    review.undo(parts, first.id, ana)
    assert status(picture) is PUBLISHED
    second, known = review.import_entries(parts, files, ana, "")
    assert known == {}
    assert (status(picture), standing(picture)) == (REMOVED, second.id)


def draw_image(draw: Callable[..., bytes], seed: int) -> Image.Image:
    return canonical(draw(seed, SIZE))


def test_importing_nothing_decides_nothing(parts, ana):
    assert review.import_entries(parts, [], ana, "") == (None, {})
    assert count(Decision) == 0


@pytest.mark.on_both
def test_an_import_that_fails_in_the_middle_leaves_nothing(parts, ana, draw):
    def files() -> Iterator[tuple[str, Fingerprint]]:
        yield "a.jpg", fingerprint(draw_image(draw, 1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        review.import_entries(parts, files(), ana, "")
    assert (count(Decision), count(Entry), len(parts.blocklist)) == (0, 0, 0)


@pytest.mark.on_both
def test_an_import_keeps_nobody_waiting_while_it_reads_its_pictures(app, parts, ana, someone, draw):
    uploaded: list[Status] = []
    cleo = someone()

    def files() -> Iterator[tuple[str, Fingerprint]]:
        """Reading pictures takes minutes; here it lasts until a member's upload has gone through, or should have."""
        yield "a.jpg", fingerprint(draw_image(draw, 1))
        uploading.start()
        uploading.join(2)
        went_through.append(bool(uploaded))
        yield "b.jpg", fingerprint(draw_image(draw, 2))

    def send() -> None:
        with app.app_context():
            uploaded.append(receive(parts, cleo, draw(3, SIZE)).status)
            db.session.remove()

    uploading = threading.Thread(target=send)
    went_through: list[bool] = []
    review.import_entries(parts, files(), ana, "")
    uploading.join()
    assert uploaded == [PUBLISHED]
    assert went_through == [True]


# --- what a crash leaves behind ----------------------------------------------------------------


@pytest.mark.on_both
def test_a_mark_left_unswept_is_finished_by_another_process(parts, another_process, ana, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    with pytest.raises(Crash):
        review.mark(dies_sweeping(parts, OUT), marked, ana, None)
    assert statuses(marked, taken) == [REMOVED, PUBLISHED]

    assert sweeping.finish_work(another_process) == 1
    assert status(taken) is REMOVED
    (decision,) = db.session.scalars(sa.select(Decision))
    assert decision.lease is None
    assert sweeping.swept(decision).taken_down == 1
    assert sweeping.finish_work(another_process) == 0


def test_an_import_left_unswept_is_finished_by_another_process(parts, another_process, ana, upload, original):
    picture = upload(original)
    with pytest.raises(Crash):
        review.import_entries(dies_sweeping(parts, OUT), [nearby(original, 4)], ana, "")
    assert sweeping.finish_work(another_process) == 1
    assert status(picture) is REMOVED


@pytest.mark.on_both
def test_a_sweep_whose_lease_is_not_out_is_left_to_its_process(parts, another_process, ana, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    with pytest.raises(Crash):
        review.mark(dies_sweeping(parts, timedelta(seconds=60)), marked, ana, None)
    assert sweeping.finish_work(another_process) == 0
    assert status(taken) is PUBLISHED

    # The process was only slow: nothing is lost.
    (decision_id,) = db.session.scalars(sa.select(Decision.id))
    sweeping.sweep(parts, decision_id)
    assert status(taken) is REMOVED


def test_sweeping_twice_does_nothing_more(parts, ana, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    decision = review.mark(parts, marked, ana, None)
    review.approve(parts, taken, ana, decision.id)
    sweeping.sweep(parts, decision.id)
    assert status(taken) is PUBLISHED
    assert len(db.session.get_one(Decision, decision.id).actions) == 2


def test_a_mark_undone_before_its_sweep_takes_nothing_down(parts, another_process, ana, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    with pytest.raises(Crash):
        review.mark(dies_sweeping(parts, OUT), marked, ana, None)
    (decision_id,) = db.session.scalars(sa.select(Decision.id))
    review.undo(parts, decision_id, ana)
    assert sweeping.finish_work(another_process) == 0
    sweeping.sweep(another_process, decision_id)
    assert statuses(marked, taken) == [PUBLISHED, PUBLISHED]


@pytest.mark.on_both
def test_an_undo_left_half_done_is_finished_by_another_process(parts, another_process, ana, upload, original, copy):
    marked, taken = upload(original), upload(copy)
    decision = review.mark(parts, marked, ana, None).id
    with pytest.raises(Crash):
        review.undo(dies_publishing(parts, OUT), decision, ana)
    assert statuses(marked, taken) == [PENDING, PENDING]
    assert sweeping.finish_work(another_process) == 2
    assert statuses(marked, taken) == [PUBLISHED, PUBLISHED]


def test_an_undone_withdrawal_left_unswept_is_finished_by_another_process(
    parts, another_process, ana, upload, original, copy
):
    mark = review.mark(parts, upload(original), ana, None)
    withdrawal = withdraw(entry_of(mark).id, ana)
    meanwhile = upload(copy)
    with pytest.raises(Crash):
        review.undo(dies_sweeping(parts, OUT), withdrawal, ana)
    assert status(meanwhile) is PUBLISHED
    assert sweeping.finish_work(another_process) == 1
    assert status(meanwhile) is REMOVED


@pytest.mark.on_both
def test_an_approval_left_half_done_is_finished_by_another_process(parts, another_process, ben, held):
    picture = held()
    with pytest.raises(Crash):
        review.approve(dies_publishing(parts, OUT), picture, ben, None)
    assert status(picture) is PENDING
    assert sweeping.finish_work(another_process) == 1
    assert status(picture) is PUBLISHED
    (act,) = db.session.get_one(Decision, standing(picture)).actions
    assert (act.before, act.after) == (HELD, PUBLISHED)


# --- whatever moderators do in whatever order ----------------------------------------------------


class Walk:
    """Members and moderators who do this and that, and what must be true after each step."""

    def __init__(
        self, processes: list[Parts], people: list[int], moderator: int, files: list[list[bytes]], seed: int
    ) -> None:
        self.processes, self.people, self.moderator, self.files = processes, people, moderator, files
        self.parts = processes[0]
        self.dice = random.Random(seed)
        self.told = 0

    def step(self) -> None:
        self.parts = self.dice.choice(self.processes)
        decide = [self.mark, self.approve, self.approve, self.undo, self.undo, self.withdraw, self.import_]
        self.do(self.dice.choice([self.upload, self.upload, self.upload, *decide, *decide, self.crash]))
        self.check()

    def do(self, what: Callable[[], None]) -> None:
        try:
            what()
        except Refusal:
            self.told += 1

    def crash(self) -> None:
        """One of the processes is killed in the middle of something, and the other goes on with that."""
        alive = self.parts
        self.parts = self.dice.choice([dies_sweeping, dies_publishing])(alive, OUT)
        with contextlib.suppress(Crash):
            self.do(self.dice.choice([self.upload, self.mark, self.approve, self.undo, self.import_]))
        self.parts = alive
        sweeping.finish_work(alive)

    def upload(self) -> None:
        receive(self.parts, self.dice.choice(self.people), self.dice.choice(self.dice.choice(self.files)))

    def picture(self) -> Picture | None:
        pictures = db.session.scalars(sa.select(Picture).order_by(Picture.id)).all()
        return self.dice.choice(pictures) if pictures else None

    def mark(self) -> None:
        if picture := self.picture():
            review.mark(self.parts, picture.id, self.moderator, picture.decision_id)

    def approve(self) -> None:
        if picture := self.picture():
            review.approve(self.parts, picture.id, self.moderator, picture.decision_id)

    def undo(self) -> None:
        open_ = db.session.scalars(sa.select(Decision.id).where(Decision.undone.is_(None)).order_by(Decision.id)).all()
        if open_:
            review.undo(self.parts, self.dice.choice(open_), self.moderator)

    def import_(self) -> None:
        bits = self.dice.choice([3, 10, 11, 12, 13])
        review.import_entries(self.parts, [nearby(self.dice.choice(self.files)[0], bits)], self.moderator, "")

    def withdraw(self) -> None:
        if entries := db.session.scalars(sa.select(Entry.id).order_by(Entry.id)).all():
            withdraw(self.dice.choice(entries), self.moderator)

    def check(self) -> None:
        forget()
        pictures = db.session.scalars(sa.select(Picture).order_by(Picture.id)).all()
        shown = [picture for picture in pictures if picture.status is PUBLISHED]
        active = sa.select(Entry).where(Entry.withdrawn.is_(None))
        entries = [(entry.id, unpack(entry.fingerprint)) for entry in db.session.scalars(active)]
        exempt = {(one.picture_id, one.entry_id) for one in db.session.scalars(sa.select(Exemption))}

        members = [picture.member_id for picture in shown]
        assert len(members) == len(set(members)), "a member has two pictures on show"
        for picture in shown:
            assert picture.published
            print_ = unpack(picture.fingerprint)
            for entry_id, blocked in entries:
                verdict = self.parts.policy.verdict(compare(blocked, print_))
                # What is merely near is held, unless a person has looked.
                if verdict is Verdict.REFUSE or (verdict is Verdict.HOLD and not picture.decision):
                    assert (picture.id, entry_id) in exempt, f"picture {picture.id} slipped past entry {entry_id}"
        for picture in pictures:
            assert picture.status is not PENDING
            assert picture.lease is None
            assert picture.decision is None or picture.decision.undone is None, "an undone decision stands"
        for decision in db.session.scalars(sa.select(Decision)):
            assert decision.lease is None
            assert not decision.undone or all(entry.withdrawn for entry in decision.entries)
        assert not db.session.scalars(sa.select(Exemption).join(Decision).where(Decision.undone.is_not(None))).all()
        assert not db.session.scalars(sa.select(Action.id).filter_by(after=PENDING)).all()


@pytest.fixture
def walk(parts, another_process, someone, ana, draw) -> Callable[[int], Walk]:
    files = [[draw(seed, 120), *(near_copy(draw(seed, 120), scale) for scale in (0.8, 0.6))] for seed in range(3)]

    def make(seed: int) -> Walk:
        return Walk([parts, another_process], [someone() for _ in range(3)], ana, files, seed)

    return make


@pytest.mark.in_haste_on("sqlite")
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.on_both
def test_whatever_is_done_in_whatever_order_nothing_blocked_is_on_show(walk, seed):
    walker = walk(seed)
    for _ in range(30):
        walker.step()
    assert count(Check) > 5
    assert walker.told < 25


@pytest.mark.in_haste_on("sqlite")
@pytest.mark.parametrize("seed", range(1, 3))
@pytest.mark.parametrize("order", ["last first", "first first", "any"])
@pytest.mark.on_both
def test_when_all_decisions_are_taken_back_nothing_is_down(walk, seed, order):
    walker = walk(100 + seed)
    for _ in range(8):
        walker.upload()
    before = state()
    for _ in range(12):
        walker.do(walker.dice.choice([walker.mark, walker.approve, walker.withdraw, walker.import_]))
    decisions = sorted(db.session.scalars(sa.select(Decision.id).where(Decision.undone.is_(None))).all())
    assert len(decisions) > 2
    if order == "any":
        walker.dice.shuffle(decisions)
    for decision in decisions if order != "last first" else reversed(decisions):
        review.undo(walker.parts, decision, walker.moderator)
        walker.check()
    assert state() == before
    assert (active(), count(Exemption)) == (0, 0)
