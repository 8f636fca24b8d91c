"""Very many copies, files, matches: others do not wait for each of them, and no statement names them all."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO

import pytest
import sqlalchemy as sa
from PIL import Image, ImageOps

from moderation import allowing, appeals, database, escalation, purging, review, sweeping, uploads
from moderation.canonical import canonical
from moderation.database import db, writing
from moderation.fingerprint import Fingerprint, blocked_views, fingerprint
from moderation.matching import Zone
from moderation.models import Account, Decision, Exemption, Picture, Role, Status
from moderation.reach import plan, reach
from moderation.replica import PICTURES, bump
from moderation.whatif import what_if

from .conftest import moved, near_copy, save, status

pytestmark = pytest.mark.on_both

PUBLISHED, REMOVED, REFUSED = Status.PUBLISHED, Status.REMOVED, Status.REFUSED

OUT = timedelta(seconds=-1)
"""A lease that is over as soon as it is given."""


class Crash(BaseException):
    """As when the process is killed: nothing that catches exceptions catches it."""


def die(*_given: object) -> None:
    raise Crash


@pytest.fixture
def ana(person: Callable[..., int]) -> int:
    return person("ana", Role.MODERATOR)


@pytest.fixture
def entrusted(person: Callable[..., int]) -> int:
    id_ = person("eve", Role.MODERATOR)
    with writing():
        db.session.get_one(Account, id_).entrusted = True
    return id_


@pytest.fixture
def copies(arrive: Callable[[bytes], int], draw: Callable[..., bytes]) -> list[int]:
    """Pictures on show, each a copy of the first drawn one."""
    return [arrive(near_copy(draw(1), scale=1 - place / 20)) for place in range(5)]


def statuses(ids: list[int]) -> list[Status]:
    return [status(id_) for id_ in ids]


def multiply(picture_id: int, number: int) -> None:
    """So many more pictures that are the same in everything."""
    table = Picture.__table__
    with writing():
        version = bump(PICTURES)
        row = db.session.execute(sa.select(table).filter_by(id=picture_id)).one()._asdict()
        del row["id"]
        db.session.execute(sa.insert(table), [row | {"version": version}] * number)


def files(data: bytes, *bits: int, phash: int = 0) -> list[tuple[str, Fingerprint]]:
    """Something to import, each of them so many bits away from a picture."""
    print_ = fingerprint(canonical(data))
    return [(f"{number}.jpg", moved(print_, number, phash)) for number in bits]


# --- how long others wait ----------------------------------------------------------------


@contextmanager
def write_transactions() -> Iterator[list[int]]:
    """How many statements each write transaction takes that begins meanwhile, those that write down actions aside."""
    begun: list[int] = []

    def note(connection: sa.Connection, _cursor: object, statement: str, *_more: object) -> None:
        if not connection.get_execution_options().get("writes"):
            return
        if statement.startswith(("BEGIN", "SET TRANSACTION")):
            begun.append(0)
        # On SQLite each new row may be a statement of its own, by which its id becomes known.
        begun[-1] += not statement.startswith("INSERT INTO actions")

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield begun
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)


def test_a_mark_and_its_undo_hold_others_up_with_no_statement_for_each_copy(parts, arrive, draw, ana):
    longest = []
    for seed, number in ((1, 2), (2, 60)):
        picture = arrive(draw(seed))
        multiply(picture, number)
        with write_transactions() as statements:
            decision = review.mark(parts, picture, ana, None)
            review.undo(parts, decision.id, ana)
        assert sweeping.swept(decision).taken_down == number
        longest.append(max(statements))
    assert longest[0] == longest[1]


def test_an_approval_of_what_was_held_is_taken_back_with_no_statement_for_each_picture(parts, arrive, draw, ana):
    longest = []
    for seed, number in ((1, 2), (2, 60)):
        picture = arrive(draw(seed))
        multiply(picture, number)
        decision = approved_held(parts, picture, ana)
        with write_transactions() as statements:
            review.undo(parts, decision.id, ana)
        assert set(statuses(of_its_member(picture))) == {Status.HELD}
        longest.append(max(statements))
    assert longest[0] == longest[1]


def test_with_known_good_pictures_a_sweep_and_what_it_would_do_ask_no_more_for_each_copy(parts, arrive, draw, ana):
    allowing.add_file(parts, draw(9), "avatar.jpg", "our avatar", ana)
    asked = 0

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        nonlocal asked
        asked += not statement.startswith("INSERT INTO actions")

    numbers = []
    for seed, number in ((1, 2), (2, 60)):
        picture = arrive(draw(seed))
        multiply(picture, number)
        allowing.add_file(parts, draw(seed + 2), "avatar.jpg", "our avatar", ana)
        known = arrive(draw(seed + 2))
        multiply(known, number)
        mirrored = arrive(save(ImageOps.mirror(Image.open(BytesIO(draw(seed + 2))))))
        len(parts.on_show)
        asked = 0
        sa.event.listen(db.engine, "before_cursor_execute", note)
        try:
            for marked, down in ((picture, number), (mirrored, 0)):
                assert len(reach(parts, db.session.get_one(Picture, marked)).copies) == down
                decision = review.mark(parts, marked, ana, None)
                assert sweeping.swept(decision).taken_down == down
        finally:
            sa.event.remove(db.engine, "before_cursor_execute", note)
        numbers.append(asked)
    assert numbers[0] == numbers[1]


def overturned(parts, picture: int, ana: int) -> Decision:
    review.mark(parts, picture, ana, None)
    appeal = appeals.ask(picture, db.session.get_one(Picture, picture).member_id, "It is my knee.", timedelta(days=9))
    return appeals.overturn(parts, appeal.id, ana, "", 99)


def approved(parts, picture: int, ana: int) -> Decision:
    return review.approve(parts, picture, ana, None, of_its_member(picture))


def approved_held(parts, picture: int, ana: int) -> Decision:
    with writing():
        version = bump(PICTURES)
        for held in db.session.scalars(sa.select(Picture).where(Picture.id.in_(of_its_member(picture)))):
            held.status, held.version = Status.HELD, version
    return review.approve_all(parts, of_its_member(picture), ana)


def of_its_member(picture: int) -> list[int]:
    member = sa.select(Picture.member_id).filter_by(id=picture).scalar_subquery()
    return list(db.session.scalars(sa.select(Picture.id).where(Picture.member_id == member)))


@pytest.mark.parametrize("decide", [overturned, approved, approved_held])
def test_what_brings_copies_back_holds_others_up_with_no_statement_for_each_of_them(
    parts, arrive, draw, ana, decide, monkeypatch
):
    read = [0]
    publish = uploads.publish

    def note(*these: object) -> Picture:
        done = publish(*these)
        read[-1] = max(read[-1], len(db.session.identity_map))
        return done

    monkeypatch.setattr(uploads, "publish", note)
    longest = []
    for seed, number in ((1, 2), (2, 60)):
        picture = arrive(draw(seed))
        multiply(picture, number)
        read.append(0)
        with write_transactions() as statements:
            decision = decide(parts, picture, ana)
        assert sum(action.decides for action in decision.actions) == number + 1
        assert db.session.get_one(Picture, max(of_its_member(picture))).status is PUBLISHED
        longest.append(max(statements))
    assert longest[0] == longest[1]
    # Nor is each of them looked through again, by each transaction in which one of them comes on show.
    assert read[-1] < 60


def test_an_import_and_its_undo_hold_others_up_with_no_statement_for_each_file(parts, draw, ana):
    longest = []
    for bits in (range(2), range(2, 42)):
        with write_transactions() as statements:
            decision, _ = review.import_entries(parts, files(draw(1), *bits, phash=100), ana, "")
            review.undo(parts, decision.id, ana)
        assert len(decision.entries) == len(bits)
        assert len({entry.version for entry in decision.entries}) == 1
        longest.append(max(statements))
    assert longest[0] == longest[1]


def test_an_import_keeps_nobody_waiting_while_it_makes_the_views_of_its_entries(parts, draw, ana, monkeypatch):
    writes = []

    def made(print_: Fingerprint) -> object:
        writes.append(db.session.info.get("writing", False))
        return blocked_views(print_)

    monkeypatch.setattr("moderation.blocklist.blocked_views", made)
    review.import_entries(parts, files(draw(1), 1, 2, 3), ana, "")
    assert writes == [False] * 3
    review.import_entries(parts, files(draw(1), 1, 2, 3), ana, "")
    assert len(writes) == 3  # of what is known none are made


def test_of_the_same_picture_twice_in_one_import_the_second_is_known(parts, draw, ana):
    (one,) = files(draw(1), 1)
    decision, known = review.import_entries(parts, [one, ("again.jpg", one[1])], ana, "")
    assert {name: entry.decision_id for name, entry in known.items()} == {"again.jpg": decision.id}
    assert [entry.source for entry in decision.entries] == ["1.jpg"]


# --- coming back while nobody waits --------------------------------------------------------


def undone(parts, picture: int, ana: int) -> Decision:
    return review.undo(parts, review.mark(parts, picture, ana, None).id, ana)


@pytest.mark.parametrize("decide", [undone, overturned, approved_held])
def test_of_very_many_pictures_that_come_back_all_but_the_first_do_after_the_answer(
    parts, another_process, arrive, draw, ana, decide, monkeypatch
):
    monkeypatch.setattr(uploads, "COMING_BACK", 2)
    monkeypatch.setattr(sweeping, "TAKEN_OVER", 3)
    picture = arrive(draw(1))
    multiply(picture, 7)
    ids = of_its_member(picture)
    decide(parts, picture, ana)
    assert statuses(ids) == [Status.REPLACED, PUBLISHED] + [Status.PENDING] * 6
    assert [sweeping.finish_work(another_process) for _ in range(3)] == [3, 3, 0]
    assert statuses(ids) == [Status.REPLACED] * 7 + [PUBLISHED]


def test_a_sweep_that_is_due_does_not_wait_for_the_pictures_that_are(
    parts, another_process, arrive, draw, ana, monkeypatch
):
    monkeypatch.setattr(uploads, "COMING_BACK", 0)
    back = arrive(draw(1))
    undone(parts, back, ana)
    monkeypatch.setattr(review, "sweep", lambda *_these: None)
    marked = arrive(draw(2))
    review.mark(dataclasses.replace(parts, lease=OUT), marked, ana, None)
    done = []
    swept, published = sweeping._sweep, sweeping.publish
    monkeypatch.setattr(sweeping, "_sweep", lambda *these, **how: done.append("sweep") or swept(*these, **how))
    monkeypatch.setattr(sweeping, "publish", lambda *these: done.append("publish") or published(*these))
    assert sweeping.finish_work(another_process) == 2
    assert done == ["sweep", "publish"]


# --- a sweep in several transactions -------------------------------------------------------


@pytest.fixture
def pauses(monkeypatch) -> Callable[[Callable[[], object]], None]:
    """`pauses(work)` has that done in each pause between the batches of a sweep, which are small."""

    def between(work: Callable[[], object]) -> None:
        monkeypatch.setattr(sweeping, "sleep", lambda _seconds: work())

    monkeypatch.setattr(sweeping, "BATCH", 2)
    return between


def test_between_the_batches_of_a_sweep_others_write(parts, another_process, arrive, draw, ana, copies, pauses):
    uploads = []
    pauses(lambda: uploads.append(arrive(near_copy(draw(1), 0.6))))
    decision = review.mark(parts, copies[0], ana, None)
    assert statuses(copies) == [REMOVED] * 5
    assert statuses(uploads) == [REFUSED]
    assert decision.lease is None
    review.undo(another_process, decision.id, ana)
    assert statuses(copies) == [PUBLISHED] * 5


def test_a_sweep_that_breaks_off_between_batches_is_finished_by_another_process(
    parts, another_process, ana, copies, pauses
):
    pauses(die)
    with pytest.raises(Crash):
        review.mark(dataclasses.replace(parts, lease=OUT), copies[0], ana, None)
    assert statuses(copies) == [REMOVED] * 3 + [PUBLISHED] * 2
    assert sweeping.finish_work(another_process) == 1
    assert statuses(copies) == [REMOVED] * 5
    (decision,) = db.session.scalars(sa.select(Decision))
    assert sweeping.swept(decision).taken_down == 4
    review.undo(parts, decision.id, ana)
    assert statuses(copies) == [PUBLISHED] * 5


def test_a_mark_that_is_undone_between_the_batches_of_its_sweep_takes_nothing_more_down(
    parts, another_process, ana, copies, pauses
):
    pauses(lambda: review.undo(another_process, db.session.scalars(sa.select(Decision.id)).one(), ana))
    review.mark(parts, copies[0], ana, None)
    assert statuses(copies) == [PUBLISHED] * 5


def test_what_is_decided_between_the_batches_of_a_sweep_stands(parts, another_process, ana, copies, pauses):
    def spare() -> None:
        with writing():
            decision = db.session.scalars(sa.select(Decision)).one()
            (entry,) = decision.entries
            db.session.add(Exemption(picture_id=copies[4], entry_id=entry.id, decision_id=decision.id))

    pauses(spare)
    review.mark(parts, copies[0], ana, None)
    assert statuses(copies) == [REMOVED] * 4 + [PUBLISHED]


def test_a_release_that_is_undone_between_the_batches_of_its_sweep_leaves_the_sweep_of_the_undo_to_be_done(
    parts, another_process, arrive, draw, ana, entrusted, copies, pauses, monkeypatch
):
    escalation.escalate(parts, copies[0], ana, "")
    for copy in copies[1:]:
        escalation.release_as_fine(parts, copy, entrusted)
    refused = []

    def undo() -> None:
        monkeypatch.setattr(sweeping, "sleep", lambda _seconds: None)
        refused.append(arrive(near_copy(draw(1), 0.6)))
        assert statuses(refused) == [REFUSED]
        release = db.session.scalars(sa.select(sa.func.max(Decision.id))).one()
        monkeypatch.setattr(review, "sweep", die)
        with pytest.raises(Crash):
            review.undo(dataclasses.replace(another_process, lease=OUT), release, entrusted)

    pauses(undo)
    escalation.release_as_indecent(parts, copies[0], entrusted)
    assert sweeping.finish_work(another_process) == 1
    assert statuses([*copies, *refused]) == [Status.ESCALATED, *[PUBLISHED] * 4, Status.ESCALATED]


def test_what_is_purged_between_the_batches_of_a_sweep_is_not_kept_apart(parts, arrive, draw, ana, copies, pauses):
    review.mark(parts, copies[0], ana, None)
    gone = timedelta(0)
    pauses(lambda: purging.purge(parts, purging.Retention(gone, gone, gone, None)))
    escalation.escalate(parts, arrive(draw(1)), ana, "")
    assert statuses(copies) == [Status.ESCALATED] * 2 + [REMOVED] * 3


# --- no statement names more than so many ---------------------------------------------------


@pytest.fixture
def few_at_once(app, monkeypatch) -> Iterator[None]:
    """No statement may look for more than two things, or for more states than there are."""
    longest = 0

    def note(_connection, _cursor, statement: str, *_more: object) -> None:
        nonlocal longest
        lists = re.findall(r" IN \(([?, ]+)\)", re.sub(r"%\(\w+\)s(::\w+)?", "?", statement))
        longest = max([longest, *(one.count("?") for one in lists)])

    monkeypatch.setattr(database, "PART", 2)
    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield
    sa.event.remove(db.engine, "before_cursor_execute", note)
    assert 2 <= longest <= 4


@pytest.mark.usefixtures("few_at_once")
def test_a_mark_takes_down_what_it_would_take_down_of_many_and_spares_many(parts, ana, copies):
    found = reach(parts, db.session.get_one(Picture, copies[0]))
    assert [picture.id for picture in found.copies] == copies[:0:-1]
    review.mark(parts, copies[0], ana, None, spare=[*copies[2:], *copies[2:], 999_999])
    assert statuses(copies) == [REMOVED] * 2 + [PUBLISHED] * 3


@pytest.mark.usefixtures("few_at_once")
def test_what_an_import_of_many_would_do_is_what_it_does(parts, draw, ana, copies):
    new = files(draw(1), 0, 1, 2, 3, 4)
    planned = plan(parts, new)
    assert (planned.new, [picture.id for picture in planned.takes]) == (5, copies[::-1])
    first, _ = review.import_entries(parts, new, ana, "")
    assert statuses(copies) == [REMOVED] * 5
    nothing, known = review.import_entries(parts, new, ana, "")
    assert nothing is None
    assert known == plan(parts, new).known == {name: entry for (name, _), entry in zip(new, first.entries, strict=True)}


@pytest.mark.usefixtures("few_at_once")
def test_all_that_is_on_show_because_of_a_known_good_picture_is_compared_anew(parts, draw, ana, copies):
    known = allowing.add_file(parts, draw(1), "avatar.jpg", "our avatar", ana).known.id
    review.import_entries(parts, files(draw(1), 3), ana, "")
    assert statuses(copies) == [PUBLISHED] * 5
    allowing.remove(parts, known, ana)
    assert statuses(copies) == [REMOVED] * 5


@pytest.mark.usefixtures("few_at_once")
def test_an_upload_near_many_entries_is_kept_apart_if_one_of_them_is_of_an_escalated_picture(
    parts, arrive, draw, ana, copies
):
    review.import_entries(parts, files(draw(1), 1, 2, 3, 4), ana, "")
    escalation.escalate(parts, copies[0], ana, "")
    assert status(arrive(near_copy(draw(1)))) is Status.ESCALATED


@pytest.mark.usefixtures("few_at_once")
def test_what_other_thresholds_would_decide_near_many_entries_is_known(parts, arrive, draw, ana):
    review.import_entries(parts, files(draw(1), 1, 2, 3, 4), ana, "")
    arrive(draw(1))
    stricter = dataclasses.replace(parts.policy, refuse=Zone(0, 0), refuse_correlation=2.0)
    assert what_if(None, parts.policy, stricter).let_off == 1
