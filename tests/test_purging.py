"""Files go when their time is over, and no file that a row needs; an erased member leaves no picture and no name."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from moderation import (
    accounts,
    allowing,
    appeals,
    blocklist,
    escalation,
    links,
    pictures,
    purging,
    review,
    sweeping,
    uploads,
)
from moderation.columns import now
from moderation.database import db, writing
from moderation.errors import Conflict, Refusal
from moderation.models import (
    Account,
    Appeal,
    Check,
    Decision,
    Entry,
    FingerprintRow,
    Match,
    Picture,
    Role,
    Status,
)
from moderation.purging import Due, Retention

from .conftest import PASSWORD, near_copy, status

RETENTION = Retention(timedelta(days=180), timedelta(days=30), timedelta(days=90), timedelta(days=730))


@pytest.fixture
def mona(person: Callable[..., int]) -> int:
    return person("mona", Role.MODERATOR)


def age(days: int) -> None:
    """All that there is has happened so many days earlier."""
    with writing():
        for kind, names in (
            (Picture, ("created", "published", "down")),
            (Decision, ("created", "undone")),
            (Check, ("created",)),
            (Appeal, ("created",)),
        ):
            for row in db.session.scalars(sa.select(kind)):
                for name in names:
                    moment = getattr(row, name)
                    setattr(row, name, moment and moment - timedelta(days=days))


def picture(picture_id: int) -> Picture:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Picture, picture_id)


def count(kind: type) -> int:
    db.session.rollback()
    return db.session.scalar(sa.select(sa.func.count()).select_from(kind))


def files(parts) -> set[str]:
    return {key for key, _ in parts.store.stored()}


def test_what_is_down_goes_when_appeal_and_retention_are_over_and_its_entry_stays(parts, arrive, draw, mona):
    marked, other = arrive(draw(1)), arrive(draw(2))
    review.mark(parts, marked, mona, None)
    kept = {picture(other).file, picture(other).thumbnail}
    age(209)
    assert purging.due(RETENTION) == Due(0, 0, 0)
    age(2)
    assert purging.due(RETENTION) == Due(1, 0, 0)
    assert picture(marked).purged is None, "a look deletes nothing"

    assert purging.purge(parts, RETENTION) == Due(1, 0, 0, files=2)
    assert files(parts) == kept
    gone = picture(marked)
    assert (gone.status, gone.file, gone.fingerprint_id) == (Status.REMOVED, "", None)
    assert gone.purged
    assert db.session.get_one(Picture, arrive(near_copy(draw(1)))).status is Status.REFUSED
    assert purging.purge(parts, RETENTION) == Due(0, 0, 0)


def test_a_picture_taken_down_late_is_kept_for_as_long_after_the_decision(parts, arrive, draw, mona):
    late = arrive(draw(1))
    age(400)
    review.mark(parts, late, mona, None)
    age(209)
    assert purging.due(RETENTION).quarantined == 0
    age(2)
    assert purging.due(RETENTION).quarantined == 1


def an_entry_restored(parts, arrive, draw, mona) -> int:
    entry = review.mark(parts, arrive(draw(1)), mona, None).entries[0].id
    age(400)
    with writing():
        review.withdraw(entry, mona)
    late = arrive(near_copy(draw(1)))
    age(300)
    review.restore(parts, entry, mona)
    return late


def a_sweep_repeated(parts, arrive, draw, mona) -> int:
    """As when fingerprints are brought up to date: what the older ones did not find is found."""
    entry = review.mark(parts, arrive(draw(1)), mona, None).entries[0]
    with writing():
        review.withdraw(entry.id, mona)
    late = arrive(near_copy(draw(1)))
    age(300)
    with writing():
        blocklist.restore(entry)
        entry.decision.lease = now()
    sweeping.finish_work(parts)
    return late


def a_known_good_picture_removed(parts, arrive, draw, mona) -> int:
    review.mark(parts, arrive(draw(1)), mona, None)
    known = allowing.add_file(parts, draw(1), "logo.jpg", "ours", mona).known.id
    late = arrive(draw(1))
    age(300)
    allowing.remove(parts, known, mona)
    return late


def an_overturn_taken_back(parts, arrive, draw, mona) -> int:
    review.mark(parts, arrive(draw(1)), mona, None)
    refused = arrive(near_copy(draw(1)))
    appeal = appeals.ask(refused, picture(refused).member_id, "It is a landscape.", RETENTION.appeal)
    overturned = appeals.overturn(parts, appeal.id, mona, "", 99).id
    late = arrive(near_copy(draw(1)))
    age(300)
    review.undo(parts, overturned, mona)
    return late


@pytest.mark.on_both
@pytest.mark.parametrize(
    "way", [an_entry_restored, a_sweep_repeated, a_known_good_picture_removed, an_overturn_taken_back]
)
def test_whatever_takes_an_old_picture_down_it_may_be_appealed_and_is_kept_from_then_on(parts, arrive, draw, mona, way):
    late = way(parts, arrive, draw, mona)
    assert status(late) is Status.REMOVED
    purging.purge(parts, RETENTION)
    assert picture(late).purged is None
    assert appeals.may_ask(picture(late), RETENTION.appeal)
    age(181)
    assert not appeals.may_ask(picture(late), RETENTION.appeal)
    age(28)
    purging.purge(parts, RETENTION)
    assert picture(late).purged is None
    age(2)
    purging.purge(parts, RETENTION)
    assert picture(late).purged


def test_a_picture_is_down_since_it_last_went_down_whoever_takes_back_what(parts, arrive, draw, mona):
    with writing():
        accounts.set_entrusted(db.session.get_one(Account, mona), True)
    first = arrive(draw(1))

    def down_for() -> int | None:
        """Days."""
        since = picture(first).down
        return since and (now() - since).days

    mark = review.mark(parts, first, mona, None).id
    appeal = appeals.ask(first, picture(first).member_id, "It is a landscape.", RETENTION.appeal).id
    age(5)
    upheld = appeals.uphold(appeal, mona).id
    assert down_for() == 5
    review.undo(parts, upheld, mona)
    assert down_for() == 5
    overturned = appeals.overturn(parts, appeal, mona, "", 99).id
    assert down_for() is None
    review.undo(parts, overturned, mona)
    assert down_for() == 0
    age(5)
    escalated = escalation.escalate(parts, first, mona, "").id
    assert down_for() is None
    review.undo(parts, escalated, mona)
    assert down_for() == 0
    review.undo(parts, mark, mona)
    assert down_for() is None


def by_a_former_version(*ids: int, down: datetime | None = None) -> None:
    """As a worker of before migration 0019 leaves what it takes down: it does not know the column."""
    with writing():
        db.session.execute(sa.update(Picture).where(Picture.id.in_(ids)).values(down=down))


@pytest.mark.on_both
@pytest.mark.parametrize("noted", [None, 300], ids=["never noted", "noted when it was down before"])
def test_what_a_former_version_took_down_is_down_since_the_decision_that_stands(parts, arrive, draw, mona, noted):
    marked = arrive(draw(1))
    age(400)
    swept = arrive(near_copy(draw(1)))
    review.mark(parts, marked, mona, None)
    by_a_former_version(marked, swept, down=noted and now() - timedelta(days=noted))
    for one in (marked, swept):
        assert appeals.may_ask(picture(one), RETENTION.appeal)
        assert now() - appeals.down_since(picture(one)) < timedelta(hours=1)
    age(209)
    assert not appeals.may_ask(picture(marked), RETENTION.appeal)
    assert purging.due(RETENTION).quarantined == 0
    age(2)
    assert purging.purge(parts, RETENTION).quarantined == 2


@pytest.mark.on_both
def test_what_a_former_version_refused_is_down_since_its_upload_however_old_its_entry(parts, arrive, draw, mona):
    entry = review.mark(parts, arrive(draw(1)), mona, None).entries[0].id
    age(400)
    refused = arrive(near_copy(draw(1)))
    with writing():
        review.withdraw(entry, mona)
    swept = arrive(near_copy(draw(1), 0.5))
    review.restore(parts, entry, mona)
    assert [status(refused), status(swept)] == [Status.REFUSED, Status.REMOVED]
    by_a_former_version(refused, swept)
    for one in (refused, swept):
        assert appeals.down_since(picture(one)) == picture(one).created
        assert appeals.may_ask(picture(one), RETENTION.appeal)
    purging.purge(parts, RETENTION)
    assert [picture(one).purged for one in (refused, swept)] == [None, None]
    age(211)
    purging.purge(parts, RETENTION)
    assert None not in [picture(one).purged for one in (refused, swept)]


def test_a_picture_with_an_open_appeal_stays_until_it_is_decided(parts, arrive, draw, mona):
    marked = arrive(draw(1))
    review.mark(parts, marked, mona, None)
    appeal = appeals.ask(marked, picture(marked).member_id, "It is a landscape.", RETENTION.appeal)
    age(1000)
    assert purging.due(RETENTION).quarantined == 0
    appeals.uphold(appeal.id, mona)
    assert purging.due(RETENTION).quarantined == 0, "just decided"
    age(31)
    assert purging.due(RETENTION).quarantined == 1


def test_an_appeal_keeps_no_picture_that_has_come_back_without_it(parts, person, draw, mona):
    ana = person("ana")
    old = uploads.receive(parts, ana, draw(1)).id
    mark = review.mark(parts, old, mona, None)
    appeals.ask(old, ana, "It is a landscape.", RETENTION.appeal)
    review.undo(parts, mark.id, mona)
    uploads.receive(parts, ana, draw(2))
    assert (status(old), appeals.number_waiting()) == (Status.REPLACED, 0)
    age(91)
    assert purging.purge(parts, RETENTION).replaced == 1


def test_nothing_escalated_is_deleted_until_it_is_released(parts, arrive, draw, mona):
    with writing():
        accounts.set_entrusted(db.session.get_one(Account, mona), True)
    apart = arrive(draw(1))
    escalation.escalate(parts, apart, mona, "a child")
    age(5000)
    assert purging.purge(parts, RETENTION) == Due(0, 0, 0)
    with pytest.raises(Refusal, match="has to be released first"):
        purging.erase(parts, picture(apart).member_id)
    escalation.release_as_indecent(parts, apart, mona)
    age(211)
    assert purging.purge(parts, RETENTION).quarantined == 1


def test_a_replaced_picture_goes_so_long_after_the_newer_one_came(parts, person, draw):
    ana = person("ana")
    old = uploads.receive(parts, ana, draw(1)).id
    age(500)
    new = uploads.receive(parts, ana, draw(2)).id
    assert status(old) is Status.REPLACED
    age(89)
    assert purging.due(RETENTION) == Due(0, 0, 0)
    age(2)
    assert purging.purge(parts, RETENTION).replaced == 1
    assert [one.id for one in pictures.newest("undecided", None, 10)] == [new]
    assert len(parts.on_show) == 1


def test_old_checks_go_but_those_that_something_still_hangs_on(parts, arrive, draw, mona):
    shown, marked = arrive(draw(1)), arrive(draw(2))
    review.mark(parts, marked, mona, None)
    refused = arrive(near_copy(draw(2)))
    age(731)
    only_checks = Retention(timedelta(days=180), None, None, timedelta(days=730))
    assert purging.purge(parts, only_checks) == Due(0, 0, 1)
    assert set(db.session.scalars(sa.select(Check.picture_id))) == {marked, refused}
    assert purging.purge(parts, RETENTION) == Due(2, 0, 2, files=4)
    assert (count(Check), count(Match), count(Entry)) == (0, 0, 1)
    assert status(shown) is Status.PUBLISHED


def test_nothing_is_deleted_that_is_to_be_kept_for_ever(parts, arrive, draw, mona):
    review.mark(parts, arrive(draw(1)), mona, None)
    age(9000)
    for_ever = Retention(timedelta(days=180), None, None, None)
    assert purging.due(for_ever) == purging.purge(parts, for_ever) == Due(0, 0, 0)


def test_a_file_that_another_row_needs_is_never_deleted(parts, arrive, draw, mona):
    """Two members upload the same file; one copy is spared, because somebody found it fine."""
    first, second = arrive(draw(1)), arrive(draw(1))
    assert picture(first).file == picture(second).file
    review.mark(parts, first, mona, None, spare=[second])
    assert [status(first), status(second)] == [Status.REMOVED, Status.PUBLISHED]
    age(400)
    assert purging.purge(parts, RETENTION) == Due(1, 0, 0, files=0)
    assert parts.store.get(picture(second).file)


@pytest.mark.only("sqlite")
def test_which_files_other_rows_need_is_looked_up_without_reading_every_row(parts, arrive, draw):
    arrive(draw(1))
    asked = []

    def note(_connection, _cursor, statement, parameters, *_rest) -> None:
        asked.append((statement, parameters))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert purging.needed(files(parts) | {"0" * 64}) == files(parts)
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    statement, parameters = asked[-1]
    with db.engine.connect() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
    assert "ix_pictures_file" in plan
    assert "ix_pictures_thumbnail" in plan
    assert "SCAN" not in plan


@pytest.mark.parametrize("step", ["put", "commit"])
def test_an_upload_of_the_same_content_keeps_its_files_whenever_a_purge_comes_between_its_steps(
    app, parts, arrive, person, draw, mona, another_process, monkeypatch, step
):
    marked = arrive(draw(1))
    review.mark(parts, marked, mona, None)
    with writing():
        review.withdraw(db.session.scalars(sa.select(Entry.id)).one(), None)
    age(400)
    late, before = person("late"), files(parts)
    db.session.remove()
    done = []

    def purge_elsewhere() -> None:
        with app.app_context():
            done.append(purging.purge(another_process, RETENTION))
            db.session.remove()

    def purge_now() -> None:
        if not done:
            thread = threading.Thread(target=purge_elsewhere)
            thread.start()
            thread.join()

    keep, has = uploads._keep, type(parts.store).has

    def keep_then_purge(*contents):
        keys = keep(*contents)
        purge_now()
        return keys

    def purge_then_look(*key):
        purge_now()
        return has(*key)

    if step == "put":
        monkeypatch.setattr(uploads, "_keep", keep_then_purge)
    else:
        monkeypatch.setattr(type(parts.store), "has", purge_then_look)
    uploaded = uploads.receive(parts, late, draw(1))
    assert done
    assert picture(marked).purged
    assert files(parts) == before == {uploaded.file, uploaded.thumbnail}


def test_what_is_purged_is_not_decided_on_any_more_and_never_comes_back(parts, arrive, draw, mona):
    marked = arrive(draw(1))
    decision = review.mark(parts, marked, mona, None)
    age(400)
    purging.purge(parts, RETENTION)
    with pytest.raises(Conflict, match="is deleted"):
        review.approve(parts, marked, mona, picture(marked).decision_id)
    with pytest.raises(Conflict, match="is deleted"):
        escalation.escalate(parts, marked, mona, "")
    assert not appeals.may_ask(picture(marked), timedelta(days=9000))
    review.undo(parts, decision.id, mona)
    assert status(marked) is Status.REMOVED
    assert db.session.scalars(sa.select(Entry)).one().withdrawn


def test_an_erased_member_leaves_no_picture_and_no_name_and_the_entries_stay(parts, person, draw, mona):
    ana = person("Ana.Maria")
    first = uploads.receive(parts, ana, draw(1)).id
    review.mark(parts, first, mona, None)
    appeals.ask(first, ana, "I, Ana Maria, drew it.", RETENTION.appeal)
    shown = uploads.receive(parts, ana, draw(2)).id

    assert purging.erase(parts, ana) == Due(0, 2, 0, files=4)
    assert files(parts) == set()
    assert count(FingerprintRow) == 1, "the entry's"
    assert [status(first), status(shown)] == [Status.REMOVED, Status.ERASED]
    assert appeals.number_waiting() == 0
    account = db.session.get_one(Account, ana)
    assert (account.name, account.deactivated is None) == (f"(erased {ana})", False)
    assert accounts.authenticate("Ana.Maria", PASSWORD) is None
    assert accounts.authenticate(account.name, "") is None
    with db.engine.connect() as connection:
        for table in db.metadata.sorted_tables:
            assert "maria" not in str(connection.execute(sa.select(table)).all()).lower(), table.name
    assert len(parts.on_show) == 0
    with pytest.raises(Refusal, match="closed"):  # one that was on its way
        uploads.receive(parts, ana, draw(3))
    assert person("Ana.Maria") != ana, "the name is free"


def test_the_only_admin_is_not_erased(parts, person):
    boss = person("boss", Role.ADMIN)
    with pytest.raises(Refusal, match="only admin"):
        purging.erase(parts, boss)
    assert db.session.get_one(Account, boss).name == "boss"


@pytest.mark.only("postgresql")
def test_a_purge_has_postgresql_note_which_pages_an_index_can_answer_for(parts, arrive, draw):
    arrive(draw(1))
    noted = sa.text("SELECT relallvisible FROM pg_class WHERE relname = 'pictures'")
    assert db.session.scalar(noted) == 0
    db.session.rollback()
    purging.purge(parts, RETENTION)
    assert db.session.scalar(noted) == 1


def test_an_erased_account_never_comes_back(parts, person):
    boss, ana = person("boss", Role.ADMIN), person("ana", Role.ADMIN)
    purging.erase(parts, ana)
    account = db.session.get_one(Account, ana)
    for again in (
        accounts.reactivate,
        lambda account: accounts.set_role(account, Role.ADMIN),
        lambda account: accounts.set_entrusted(account, True),
        lambda account: links.issue(account, timedelta(hours=1)),
    ):
        with pytest.raises(Refusal, match="is erased"), writing():
            again(account)
    with writing():  # as a former version could be brought to
        account.role, account.deactivated = Role.ADMIN, None
    with pytest.raises(Refusal, match="only admin"), writing():
        accounts.set_role(db.session.get_one(Account, boss), Role.MEMBER)
