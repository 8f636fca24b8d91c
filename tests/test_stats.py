"""Every figure, counted by hand, also after something was taken back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from statistics import median

import pytest
import sqlalchemy as sa

from moderation import appeals, blocklist, breakdown, counting, review, stats, uploads
from moderation.breakdown import Day, Distance
from moderation.columns import now
from moderation.counting import Period
from moderation.database import db, writing
from moderation.engines import AutoEngine
from moderation.matching import Hit, Policy, Verdict, Zone
from moderation.models import (
    Account,
    Check,
    Decision,
    Entry,
    FingerprintRow,
    Kind,
    Match,
    Occasion,
    Picture,
    Role,
    Status,
)
from moderation.parts import Parts
from moderation.stats import Appeals, CheckTimes, Entries, Failures, Outcomes
from tests.conftest import near_copy

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
Make = Callable[..., int]


@pytest.fixture
def member(app: object) -> Make:
    """An account that nobody signs in to: its password takes no time to hash."""
    names = (f"member{number}" for number in count())

    def make(name: str = "") -> int:
        with writing():
            name = name or next(names)
            account = Account(name=name, key=name.casefold(), password="", role=Role.MEMBER, session="")
            db.session.add(account)
            db.session.flush()
            return account.id

    return make


@pytest.fixture
def upload(parts: Parts, member: Make) -> Make:
    """Uploads a file, by a member of its own or by the one given; returns the picture's number."""
    return lambda data, by=None, parts=parts: uploads.receive(parts, by or member(), data).id


@pytest.fixture
def mona(member: Make) -> int:
    return member("mona")


@pytest.fixture
def cautious(parts: Parts) -> Parts:
    """The same site, but where near copies are held instead of refused."""
    return replace(parts, policy=Policy(Zone(-1, -1), Zone(12, 54), refuse_correlation=2))


@pytest.fixture
def add_entry(app: object) -> Make:
    """An entry by hand, that no picture ever comes near to by itself."""

    def add(source: str = "seized.jpg", at: datetime = NOW) -> int:
        with writing():
            decision = Decision(created=at, kind=Kind.IMPORT, by_id=None, reason="Nudity")
            row = FingerprintRow(recipe=1, views=b"", detail=0, luminance=b"", aspect=1.0)
            entry = Entry(created=at, fingerprint=row, decision=decision, source=source, version=0)
            db.session.add(entry)
            db.session.flush()
            return entry.id

    return add


@pytest.fixture
def add_check(member: Make) -> Make:
    """A picture with its check by hand, by a member of its own or the one given."""

    def add(
        at: datetime = NOW,
        status: Status = Status.PUBLISHED,
        milliseconds: float = 1,
        by: int | None = None,
        occasion: Occasion = Occasion.UPLOAD,
        failure: str | None = None,
        near: tuple[tuple[int, int, Verdict], ...] = (),
    ) -> int:
        by = by or member()
        with writing():
            picture = Picture(
                created=at, member_id=by, status=status, file="f", thumbnail="t", width=1, height=1, version=0
            )
            db.session.add(picture)
            db.session.flush()
            matches = [
                Match(
                    created=at,
                    entry_id=entry,
                    view=0,
                    asked=0,
                    dhash=bits,
                    phash=0,
                    identical=False,
                    verdict=verdict,
                )
                for entry, bits, verdict in near
            ]
            check = Check(
                created=at,
                picture_id=picture.id,
                occasion=occasion,
                verdict=Verdict.PUBLISH,
                candidates=len(matches),
                milliseconds=milliseconds,
                failure=failure,
                matches=matches,
            )
            db.session.add(check)
            return picture.id

    return add


def status(picture_id: int) -> Status:
    db.session.rollback()
    return uploads.get(picture_id).status


def test_nothing_has_happened_yet(app: object) -> None:
    figures = stats.figures(None)
    assert figures == stats.Figures(
        0, Outcomes(0, 0), 0, 0, 0, Failures(0, 0), None, Entries(0, 0), None, Appeals(0, 0, 0)
    )
    assert figures.outcomes.stopped is None
    assert breakdown.per_day(None, NOW) == [Day(date(2026, 3, 10), 0, 0, 0)]
    assert breakdown.distances(None, 2) == breakdown.Distances([Distance(bits, 0, 0, 0) for bits in range(3)], 0, 0)
    assert breakdown.most_matched(None, 50) == []


def test_stopped_at_the_door_goes_by_the_state_that_pictures_came_to(
    parts: Parts, upload: Make, draw: Callable, mona: int
) -> None:
    first = upload(draw(1))
    upload(draw(2))
    mark = review.mark(parts, first, mona, None).id
    copies = [upload(near_copy(draw(1), scale=scale)) for scale in (0.6, 0.8)]
    assert [status(copy) for copy in copies] == [Status.REFUSED] * 2
    assert stats.outcomes(None) == Outcomes(refused=2, removed=1)
    assert stats.outcomes(None).stopped == pytest.approx(2 / 3)

    review.approve(parts, copies[0], mona, None)
    assert stats.outcomes(None) == Outcomes(refused=1, removed=1)

    review.undo(parts, mark, mona)
    assert status(first) is Status.PUBLISHED
    assert stats.outcomes(None) == Outcomes(refused=1, removed=0)
    assert stats.outcomes(None).stopped == 1

    review.approve(parts, copies[1], mona, None)
    assert stats.outcomes(None) == Outcomes(0, 0)


def test_held_and_then_marked_counts_as_refused(
    parts: Parts, cautious: Parts, upload: Make, draw: Callable, mona: int
) -> None:
    review.mark(parts, upload(draw(1)), mona, None)
    held = upload(near_copy(draw(1)), parts=cautious)
    assert stats.waiting() == 1
    assert stats.outcomes(None) == Outcomes(refused=0, removed=1)

    mark = review.mark(cautious, held, mona, None).id
    assert stats.waiting() == 0
    assert stats.outcomes(None) == Outcomes(refused=1, removed=1)
    assert stats.marked(None) == 2

    review.undo(cautious, mark, mona)
    assert stats.waiting() == 1
    assert stats.outcomes(None) == Outcomes(refused=0, removed=1)
    assert stats.marked(None) == 1


def test_the_copies_of_a_mark_count_as_swept_for_as_long_as_it_stands_on_them(
    parts: Parts, upload: Make, draw: Callable, mona: int
) -> None:
    copies = [upload(draw(1)), upload(near_copy(draw(1))), upload(near_copy(draw(1), scale=1.3))]
    mark = review.mark(parts, copies[1], mona, None).id
    assert (stats.marked(None), stats.swept(None)) == (1, 2)

    approval = review.approve(parts, copies[0], mona, mark).id
    assert status(copies[0]) is Status.PUBLISHED
    assert (stats.marked(None), stats.swept(None)) == (1, 1)

    # Taken down again, but for itself.
    second = review.mark(parts, copies[0], mona, approval).id
    assert status(copies[0]) is Status.REMOVED
    assert (stats.marked(None), stats.swept(None)) == (2, 1)

    review.undo(parts, second, mona)
    review.undo(parts, approval, mona)
    assert status(copies[0]) is Status.REMOVED
    assert (stats.marked(None), stats.swept(None)) == (1, 2)

    review.undo(parts, mark, mona)
    assert (stats.marked(None), stats.swept(None)) == (0, 0)

    # What went as a copy then goes as the one that is marked now, and takes the other two along.
    review.mark(parts, copies[0], mona, None)
    assert [status(copy) for copy in copies] == [Status.REMOVED] * 3
    assert (stats.marked(None), stats.swept(None)) == (1, 2)


def test_a_sweep_that_only_holds_takes_nothing_down(
    parts: Parts, cautious: Parts, upload: Make, draw: Callable, mona: int
) -> None:
    first, copy = upload(draw(1)), upload(near_copy(draw(1)))
    review.mark(cautious, first, mona, None)
    assert status(copy) is Status.HELD
    assert (stats.swept(None), stats.waiting()) == (0, 1)


def test_an_entry_that_is_restored_sweeps_too(parts: Parts, upload: Make, draw: Callable, mona: int) -> None:
    mark = review.mark(parts, upload(draw(1)), mona, None).id
    with writing():
        withdrawal = review.withdraw(db.session.query(Entry).one().id, mona).id
    copy = upload(near_copy(draw(1)))
    assert (status(copy), stats.swept(None)) == (Status.PUBLISHED, 0)

    review.undo(parts, withdrawal, mona)
    assert (status(copy), stats.swept(None)) == (Status.REMOVED, 1)
    review.undo(parts, mark, mona)
    assert (status(copy), stats.swept(None)) == (Status.PUBLISHED, 0)


def test_a_picture_that_an_entry_held_and_then_took_down_counts_once(
    parts: Parts, cautious: Parts, upload: Make, draw: Callable, mona: int
) -> None:
    first, copy = upload(draw(1)), upload(near_copy(draw(1)))
    review.mark(cautious, first, mona, None)
    assert (status(copy), stats.swept(None)) == (Status.HELD, 0)
    with writing():
        withdrawal = review.withdraw(db.session.query(Entry).one().id, mona).id
    review.undo(parts, withdrawal, mona)
    assert (status(copy), stats.swept(None)) == (Status.REMOVED, 1)


def test_being_compared_again_is_not_another_upload(parts: Parts, upload: Make, draw: Callable, mona: int) -> None:
    number = upload(draw(1))
    upload(draw(2))
    assert stats.uploads(None) == 2
    review.undo(parts, review.mark(parts, number, mona, None).id, mona)
    assert db.session.query(Check).count() == 3
    assert stats.uploads(None) == 2


def test_a_picture_that_could_not_be_compared_waits_until_it_could(
    parts: Parts, upload: Make, draw: Callable, mona: int
) -> None:
    class Broken(blocklist.Blocklist):
        def near(self, *_args: object, **_more: object) -> list[Hit]:
            raise OSError

    broken = replace(parts, blocklist=Broken(AutoEngine))
    first, second = (upload(draw(seed), parts=broken) for seed in (1, 2))
    with writing():
        uploads.get(second).status = Status.PENDING
    uploads.publish(broken, second)  # fails once more
    assert stats.failures(None) == Failures(pictures=2, waiting=2)
    assert stats.waiting() == 2

    approval = review.approve(parts, first, mona, None).id
    assert status(first) is Status.PUBLISHED
    assert stats.failures(None) == Failures(pictures=2, waiting=1)
    # Held again, but compared by now.
    review.undo(parts, approval, mona)
    assert (status(first), stats.waiting()) == (Status.HELD, 2)
    assert stats.failures(None) == Failures(pictures=2, waiting=1)

    review.mark(parts, second, mona, None)
    assert stats.failures(None) == Failures(pictures=2, waiting=0)
    assert stats.failures(datetime.now(UTC) + timedelta(1)) == Failures(0, 0)


def test_check_times_are_those_of_uploads_that_could_be_compared(add_check: Make, member: Make) -> None:
    max_ = member("max")
    add_check(by=max_, milliseconds=7)
    assert stats.check_times(None) == CheckTimes(7, 7)
    for number in (4, 1, 3, 2, *range(5, 7), *range(8, 21)):
        add_check(by=max_, milliseconds=number)
    add_check(by=max_, milliseconds=900, occasion=Occasion.REVIEW)
    add_check(by=max_, milliseconds=900, failure="OSError")
    assert stats.check_times(None) == CheckTimes(p50=10, p95=19)


def test_check_times_are_those_of_the_latest_uploads(add_check: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moderation.stats.TIMED", 3)
    for days, milliseconds in ((1, 20), (4, 900), (2, 10), (3, 30)):
        add_check(NOW - timedelta(days), milliseconds=milliseconds)
    assert stats.check_times(None) == CheckTimes(p50=20, p95=30)
    assert stats.check_times(Period(NOW - timedelta(5), NOW - timedelta(2.5))) == CheckTimes(p50=30, p95=900)


def test_distances_beyond_the_widest_are_told_where_that_time_has_them(add_check: Make, add_entry: Make) -> None:
    entry = add_entry()
    add_check(NOW - timedelta(9), near=((entry, 15, Verdict.HOLD),))
    add_check(NOW, near=((entry, 3, Verdict.REFUSE), (entry, 3, Verdict.PUBLISH)))
    bits = {bar.bits: (bar.refused, bar.held, bar.unconfirmed) for bar in breakdown.distances(None, 12).by_bits}
    assert {distance: numbers for distance, numbers in bits.items() if any(numbers)} == {3: (1, 0, 1), 15: (0, 1, 0)}
    assert list(bits) == list(range(16))
    assert len(breakdown.distances(NOW - timedelta(1), 12).by_bits) == 13


def test_entries_in_force_and_withdrawn(parts: Parts, upload: Make, draw: Callable, mona: int) -> None:
    marks = [review.mark(parts, upload(draw(seed)), mona, None).id for seed in (1, 2, 3)]
    assert stats.entries() == Entries(in_force=3, withdrawn=0)
    with writing():
        withdrawal = review.withdraw(db.session.query(Entry).first().id, mona).id
    review.undo(parts, marks[1], mona)
    assert stats.entries() == Entries(in_force=1, withdrawn=2)
    review.undo(parts, withdrawal, mona)
    assert stats.entries() == Entries(in_force=2, withdrawn=1)


def test_what_waited_then_is_what_was_said_then(
    parts: Parts, cautious: Parts, upload: Make, member: Make, draw: Callable, mona: int
) -> None:
    """After each step it is noted how many wait; in the end the same is reckoned of each moment from what is stored."""
    said: list[tuple[str, datetime, int]] = []

    def note(step: str) -> None:
        db.session.rollback()
        said.append((step, now(), stats.waiting()))

    note("nothing is there")
    mark = review.mark(parts, upload(draw(1)), mona, None)
    near, other = upload(near_copy(draw(1)), parts=cautious), upload(near_copy(draw(1)), parts=cautious)
    note("two come near to it")
    approval = review.approve(cautious, near, mona, None)
    note("one is fine")
    review.undo(cautious, approval.id, mona)
    note("it is not, perhaps")
    review.mark(parts, near, mona, None, spare=[other])
    note("it is indecent")
    review.approve(cautious, other, mona, None)
    note("the other is fine")
    shown = upload(draw(2))
    sweep = review.mark(cautious, upload(near_copy(draw(2))), mona, None)
    note("a mark holds what is on show")
    review.undo(parts, sweep.id, mona)
    note("the mark is taken back")
    again = review.mark(cautious, upload(near_copy(draw(2))), mona, None)
    note("and made again")
    review.approve(cautious, shown, mona, None)
    note("what it holds is fine")
    review.undo(parts, again.id, mona)
    note("taken back, it holds nothing")
    review.undo(parts, mark.id, mona)
    note("the first mark too")
    upload(draw(3))
    one = review.mark(cautious, upload(near_copy(draw(3))), mona, None)
    note("a mark holds one picture")
    two = review.mark(cautious, upload(near_copy(draw(3), 0.9), parts=cautious), mona, None)
    note("two marks hold one picture")
    review.undo(cautious, one.id, mona)
    note("the second still does")
    review.undo(cautious, two.id, mona)
    note("nothing does")
    assert max(waiting for _, _, waiting in said) == 2
    assert [(step, stats.waiting(moment)) for step, moment, _ in said] == [(step, waiting) for step, _, waiting in said]


def test_what_blocked_then_is_what_was_said_then(parts: Parts, upload: Make, draw: Callable, mona: int) -> None:
    said: list[tuple[datetime, Entries]] = []

    def note() -> None:
        db.session.rollback()
        said.append((now(), stats.entries()))

    note()
    first, second = (review.mark(parts, upload(draw(seed)), mona, None) for seed in (1, 2))
    note()
    with writing():
        withdrawal = review.withdraw(first.entries[0].id, mona)
    note()
    review.undo(parts, withdrawal.id, mona)
    note()
    review.undo(parts, second.id, mona)
    note()
    assert [one for _, one in said] == [Entries(0, 0), Entries(2, 0), Entries(1, 1), Entries(2, 0), Entries(1, 1)]
    assert [stats.entries(moment) for moment, _ in said] == [one for _, one in said]


def test_what_an_entry_brought_about(parts: Parts, upload: Make, member: Make, draw: Callable, mona: int) -> None:
    quiet, busy = upload(draw(2)), upload(draw(1))
    for number in (busy, quiet):
        review.mark(parts, number, mona, None, "Nudity")
    max_, tom = member("max"), member("tom")
    for by, scale in ((max_, 0.6), (max_, 0.7), (tom, 0.8)):
        copy = upload(near_copy(draw(1), scale=scale), by)
        assert status(copy) is Status.REFUSED

    first, second = breakdown.most_matched(None, 50)
    assert (first.entry.picture_id, first.matches, first.members) == (busy, 3, 2)
    assert first.last_match == db.session.query(Check).order_by(Check.id.desc()).first().created
    assert (first.entry.decision.reason, first.entry.decision.by.name) == ("Nudity", "mona")
    assert (second.entry.picture_id, second.matches, second.members, second.last_match) == (quiet, 0, 0, None)
    assert [row.entry.picture_id for row in breakdown.most_matched(None, 1)] == [busy]

    # Found fine, the copy is compared again, and the entry is not held against it any more.
    review.approve(parts, copy, mona, None)
    assert breakdown.most_matched(None, 1)[0].matches == 3


def test_entries_are_ranked_by_the_matches_of_the_time_asked_for(add_entry: Make, add_check: Make) -> None:
    earlier, lately, never = (add_entry(source) for source in ("a.jpg", "b.jpg", "c.jpg"))
    month = NOW - timedelta(30)
    for _ in range(3):
        add_check(at=month, near=((earlier, 3, Verdict.REFUSE),))
    add_check(near=((lately, 11, Verdict.HOLD), (never, 9, Verdict.PUBLISH)))
    add_check(at=NOW - timedelta(1), near=((lately, 0, Verdict.REFUSE), (earlier, 14, Verdict.PUBLISH)))

    def told(since: datetime | None) -> list[tuple[int, int, int, datetime | None]]:
        found = breakdown.most_matched(since, 50)
        return [(row.entry.id, row.matches, row.members, row.last_match) for row in found]

    assert told(None) == [(earlier, 3, 3, month), (lately, 2, 2, NOW), (never, 0, 0, None)]
    assert told(NOW - timedelta(7)) == [(lately, 2, 2, NOW), (never, 0, 0, None), (earlier, 0, 0, month)]


def test_only_a_withdrawal_that_stands_alone_can_be_restored(
    parts: Parts, upload: Make, draw: Callable, mona: int
) -> None:
    mark = review.mark(parts, upload(draw(1)), mona, None).id
    assert not breakdown.most_matched(None, 1)[0].entry.restorable
    with writing():
        withdrawal = review.withdraw(db.session.query(Entry).one().id, mona).id
    assert breakdown.most_matched(None, 1)[0].entry.restorable
    review.undo(parts, withdrawal, mona)
    assert not breakdown.most_matched(None, 1)[0].entry.restorable
    with writing():
        review.withdraw(db.session.query(Entry).one().id, mona)
    assert breakdown.most_matched(None, 1)[0].entry.restorable
    review.undo(parts, mark, mona)
    assert not breakdown.most_matched(None, 1)[0].entry.restorable


def test_every_day_is_there(add_check: Make) -> None:
    for at, state in (
        (datetime(2026, 3, 5, 23, 59, 59, tzinfo=UTC), Status.PUBLISHED),
        (datetime(2026, 3, 8, 0, 0, 0, tzinfo=UTC), Status.REFUSED),
        (datetime(2026, 3, 8, 23, 59, 59, tzinfo=UTC), Status.REMOVED),
        (datetime(2026, 3, 8, 12, tzinfo=UTC), Status.HELD),
        (NOW, Status.REFUSED),
    ):
        add_check(at=at, status=state)
    since = counting.start(4, NOW)
    assert since == datetime(2026, 3, 7, tzinfo=UTC)
    lately = [
        Day(date(2026, 3, 7), 0, 0, 0),
        Day(date(2026, 3, 8), uploads=3, refused=1, removed=1),
        Day(date(2026, 3, 9), 0, 0, 0),
        Day(date(2026, 3, 10), 1, 1, 0),
    ]
    assert breakdown.per_day(since, NOW) == lately
    before = [Day(date(2026, 3, 5), 1, 0, 0), Day(date(2026, 3, 6), 0, 0, 0)]
    assert breakdown.per_day(None, NOW) == before + lately


def test_what_was_refused_and_marked_is_told_by_the_day_it_was_done(
    parts: Parts, upload: Make, draw: Callable, mona: int
) -> None:
    moment = now()
    first = upload(draw(1))
    assert [(day.refused, day.marked) for day in breakdown.stopped_per_day(None, moment)] == [(0, 0)]
    decision = review.mark(parts, first, mona, None)
    upload(near_copy(draw(1)))
    week = breakdown.stopped_per_day(counting.start(7, moment), moment)
    assert [(day.refused, day.marked) for day in week] == [(0, 0)] * 6 + [(1, 1)]
    review.undo(parts, decision.id, mona)
    assert breakdown.stopped_per_day(None, moment)[-1].marked == 0


def test_what_is_older_is_not_counted(parts: Parts, upload: Make, draw: Callable, mona: int) -> None:
    copies = [upload(draw(1)), upload(near_copy(draw(1)))]
    review.mark(parts, copies[0], mona, None)
    upload(near_copy(draw(1), scale=0.9))
    tomorrow = datetime.now(UTC) + timedelta(1)
    for since, expected in ((None, (3, 1, 2, 1, 1)), (tomorrow, (0, 0, 0, 0, 0))):
        outcomes = stats.outcomes(since)
        found = (stats.uploads(since), outcomes.refused, outcomes.removed, stats.marked(since), stats.swept(since))
        assert found == expected
    assert stats.check_times(tomorrow) is None
    assert breakdown.distances(tomorrow, 14).checks == 0
    assert breakdown.most_matched(tomorrow, 1)[0].matches == 0


def test_distances_of_all_candidates_by_what_each_led_to(add_entry: Make, add_check: Make) -> None:
    one, two = add_entry(), add_entry()
    add_check(near=((one, 0, Verdict.REFUSE), (two, 3, Verdict.PUBLISH)))
    add_check(near=((one, 3, Verdict.HOLD),))
    add_check(near=((two, 3, Verdict.PUBLISH),))
    add_check()
    add_check()
    add_check(failure="OSError")
    found = breakdown.distances(None, 4)
    assert (found.checks, found.without_candidate) == (5, 2)
    assert found.by_bits == [
        Distance(0, refused=1, held=0, unconfirmed=0),
        Distance(1, 0, 0, 0),
        Distance(2, 0, 0, 0),
        Distance(3, refused=0, held=1, unconfirmed=2),
        Distance(4, 0, 0, 0),
    ]
    assert len(breakdown.distances(None, 1).by_bits) == 4  # recorded while more was


def test_people_by_name_with_what_became_of_their_pictures(add_check: Make, member: Make) -> None:
    zoe, ann, a_b = member("Zoe"), member("ann"), member("a_b")
    for state in (Status.REPLACED, Status.PUBLISHED, Status.REFUSED, Status.REMOVED, Status.REMOVED):
        add_check(by=zoe, status=state)
    add_check(by=ann)

    def told(*asked: object) -> list[tuple[int, int, int, int]]:
        return [(one.account.id, one.uploads, one.refused, one.removed) for one in breakdown.people(*asked)]

    assert told("", "", 9) == [(a_b, 0, 0, 0), (ann, 1, 0, 0), (zoe, 5, 1, 2)]
    assert told("", "ann", 9) == [(zoe, 5, 1, 2)]
    assert told("", "", 2) == [(a_b, 0, 0, 0), (ann, 1, 0, 0)]
    assert told(" ZO", "", 9) == [(zoe, 5, 1, 2)]
    assert told("_", "", 9) == [(a_b, 0, 0, 0)]
    assert told("%", "", 9) == []


def test_days_begin_at_midnight_utc_wherever_the_clock_is_read() -> None:
    late = datetime(2026, 3, 11, 1, tzinfo=UTC).astimezone(tz=None)
    assert counting.start(1, late) == datetime(2026, 3, 11, tzinfo=UTC)
    assert counting.start(7, late) == datetime(2026, 3, 5, tzinfo=UTC)


def test_the_numbers_of_the_tables_add_up(parts: Parts, upload: Make, draw: Callable, mona: int) -> None:
    for seed in range(4):
        upload(draw(seed))
    review.mark(parts, db.session.scalars(sa.select(Picture.id).limit(1)).one(), mona, None)
    upload(near_copy(draw(0)))
    days = breakdown.per_day(None, datetime.now(UTC))
    assert sum(day.uploads for day in days) == stats.uploads(None) == 5
    assert sum(day.refused for day in days) == stats.outcomes(None).refused == 1
    assert sum(day.removed for day in days) == stats.outcomes(None).removed == 1


def test_appeals_and_the_share_of_refusals_that_were_wrong(
    parts: Parts, upload: Make, draw: Callable, mona: Make, member: Make
) -> None:
    with writing():
        db.session.get_one(Account, mona).role = Role.MODERATOR
    ben = member("ben")
    review.mark(parts, upload(draw(1)), mona, None)
    refused = [upload(near_copy(draw(1), scale=scale)) for scale in (0.9, 0.8, 0.7)]
    asked = [appeals.ask(one, db.session.get_one(Picture, one).member_id, "No!", timedelta(1)).id for one in refused]
    appeals.overturn(parts, asked[0], ben, "", 9)
    appeals.uphold(asked[1], ben)
    figures = stats.figures(None)
    assert figures.appeals == Appeals(upheld=1, overturned=1, waiting=1)
    assert figures.false_positives == 1 / 3
    assert [(one.name, one.marked, one.appeals) for one in breakdown.moderators(None)] == [
        ("ben", 0, 2),
        ("mona", 1, 0),
    ]
    assert breakdown.by_view(None) == [("whole", 3)]


def test_time_to_decision_is_from_the_upload_to_the_first_decision(
    parts: Parts, upload: Make, draw: Callable, mona: int
) -> None:
    for seed, minutes in enumerate((1, 2, 3, 4, 60)):
        number = upload(draw(seed))
        decision = review.approve(parts, number, mona, None)
        with writing():
            decision.created = db.session.get_one(Picture, number).created + timedelta(minutes=minutes)
    times = stats.decision_times(None)
    assert times
    assert times.median == pytest.approx(3 * 60)
    assert 4 * 60 < times.p90 < 60 * 60
    assert times.one_in == 1


def test_time_to_decision_is_told_by_some_of_very_many_decisions_spread_evenly(
    parts: Parts, upload: Make, draw: Callable, mona: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    took = {}
    for seed in range(7):
        number = upload(draw(seed))
        decision = review.approve(parts, number, mona, None)
        took[decision.id] = 60 * (seed + 1)
        with writing():
            decision.created = db.session.get_one(Picture, number).created + timedelta(minutes=seed + 1)
    monkeypatch.setattr("moderation.stats.TIMED", 3)
    times = stats.decision_times(None)
    assert times
    assert times.one_in == 2
    assert times.median == pytest.approx(median(seconds for id_, seconds in took.items() if id_ % 2 == 0))


def test_a_member_is_a_repeat_offender_from_the_second_time_on(
    parts: Parts, upload: Make, draw: Callable, mona: int, member: Make
) -> None:
    review.mark(parts, upload(draw(1)), mona, None)
    eve, once = member("eve"), member("once")
    for scale in (0.9, 0.8):
        upload(near_copy(draw(1), scale=scale), eve)
    upload(draw(4), eve)
    upload(near_copy(draw(1)), once)
    assert [(one.account.name, one.refused, one.removed, one.uploads) for one in breakdown.offenders(None, 9)] == [
        ("eve", 2, 0, 3)
    ]


def test_the_period_before_is_equally_long_and_apart(add_check: Make) -> None:
    since = NOW - timedelta(days=7)
    for days in (1, 6, 8, 13, 15):
        add_check(at=NOW - timedelta(days=days))
    assert (stats.uploads(since), stats.uploads(counting.before(since, NOW))) == (2, 2)
