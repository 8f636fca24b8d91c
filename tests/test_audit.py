"""The audit log: written with what it tells of, chained, and broken for everybody to see where somebody touches it."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from moderation import accounts, allowing, appeals, audit, claims, escalation, reversal, review, tokens
from moderation.audit import Broken, Event
from moderation.columns import now
from moderation.database import db, writing
from moderation.errors import Refusal
from moderation.models import Account, Counter, Decision, Entry, Record, Role
from moderation.parts import Parts
from moderation.replica import AUDIT

from .conftest import near_copy


@pytest.fixture
def ana(person: Callable[..., int]) -> int:
    return person("ana", Role.MODERATOR)


@pytest.fixture
def root(person: Callable[..., int]) -> int:
    return person("root", Role.ADMIN)


def rows(*events: Event) -> list[tuple[str, int | None, int | None, dict[str, object]]]:
    """What the log says, in order: kind, by, account, about; of all kinds or some."""
    db.session.rollback()
    found = db.session.scalars(sa.select(Record).order_by(Record.id)).all()
    return [
        (row.kind, row.by_id, row.account_id, json.loads(row.about))
        for row in found
        if not events or row.kind in events
    ]


def kinds() -> list[str]:
    return [row[0] for row in rows()]


# --- what is written down ----------------------------------------------------------


def test_a_mark_is_written_down_with_its_entry_and_its_sweep_as_that_decisions_doing(
    parts: Parts, arrive: Callable, draw: Callable, ana: int
) -> None:
    picture, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    decision = review.mark(parts, picture, ana, None)
    assert rows(Event.MARK) == [
        ("mark", ana, None, {"decision": decision.id, "pictures": [picture], "entries": [decision.entries[0].id]})
    ]
    assert rows(Event.SWEEP) == [("sweep", None, None, {"of": decision.id, "pictures": [copy]})]


def test_approving_and_undoing_are_written_down(parts: Parts, arrive: Callable, draw: Callable, ana: int) -> None:
    picture = arrive(draw(1))
    decision = review.approve(parts, picture, ana, None)
    review.undo(parts, decision.id, ana)
    about = {"decision": decision.id, "pictures": [picture]}
    assert rows(Event.APPROVE, Event.UNDO) == [("approve", ana, None, about), ("undo", ana, None, about)]


def test_an_entry_is_withdrawn_and_restored_on_record(parts: Parts, arrive: Callable, draw: Callable, ana: int) -> None:
    entry = review.mark(parts, arrive(draw(1)), ana, None).entries[0].id
    with writing():
        withdrawal = review.withdraw(entry, ana).id
    review.restore(parts, entry, ana)
    about = {"decision": withdrawal, "withdrawn": [entry]}
    assert rows(Event.WITHDRAW, Event.RESTORE) == [("withdraw", ana, None, about), ("restore", ana, None, about)]


def test_appeals_escalations_and_releases_are_written_down(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, root: int
) -> None:
    first, second = arrive(draw(1)), arrive(draw(2))
    for picture in (first, second):
        review.mark(parts, picture, root, None)
    member = {one: db.session.get_one(review.Picture, one).member_id for one in (first, second)}
    upheld, overturned = (appeals.ask(one, member[one], "It is fine.", timedelta(1)).id for one in (first, second))
    appeals.uphold(upheld, ana)
    appeals.overturn(parts, overturned, ana, "", 3)
    third, fourth = arrive(draw(3)), arrive(draw(4))
    with writing():
        accounts.set_entrusted(accounts.named("ana"), True, root)
    for picture in (third, fourth):
        escalation.escalate(parts, picture, ana, "")
    escalation.release_as_fine(parts, third, ana)
    escalation.release_as_indecent(parts, fourth, ana)
    wanted = (Event.UPHOLD, Event.OVERTURN, Event.ENTRUST, Event.ESCALATE, Event.RELEASE)
    assert [(kind, by) for kind, by, _, _ in rows(*wanted)] == [
        ("uphold", ana),
        ("overturn", ana),
        ("entrust", root),
        ("escalate", ana),
        ("escalate", ana),
        ("release", ana),
        ("release", ana),
    ]


def test_a_reversal_is_written_down_decision_by_decision(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, root: int
) -> None:
    began = now()
    made = [review.approve(parts, arrive(draw(seed)), ana, None).id for seed in (1, 2)]
    assert reversal.take_back(parts, ana, began, root) == 2
    reversed_ = rows(Event.REVERSAL)
    assert [(by, about["decision"]) for _, by, _, about in reversed_] == [(root, made[1]), (root, made[0])]


def test_a_claim_taken_over_is_written_down_and_a_renewed_one_is_not(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, root: int
) -> None:
    picture = arrive(draw(1))
    claims.claim(picture, ana)
    claims.claim(picture, ana)
    claims.claim(picture, root)
    assert rows(Event.TAKE_OVER) == []
    claims.claim(picture, root, take_over=True)
    assert rows(Event.TAKE_OVER) == [("take over", root, ana, {"picture": picture})]


def test_known_good_pictures_come_and_go_on_record(parts: Parts, arrive: Callable, draw: Callable, root: int) -> None:
    picture = arrive(draw(1))
    known = allowing.add_picture(parts, picture, "", root).known.id
    allowing.remove(parts, known, root)
    assert rows(Event.ALLOW, Event.DISALLOW) == [
        ("allow", root, None, {"known_good": known, "picture": picture}),
        ("disallow", root, None, {"known_good": known}),
    ]


def test_what_is_done_to_accounts_and_tokens_is_written_down_and_no_secret_with_it(app: Flask, root: int) -> None:
    with writing():
        mia = accounts.create("mia", "a password of mia's", Role.MEMBER, own=True).id
    with writing():
        account = accounts.named("mia")
        accounts.set_role(account, Role.MODERATOR, root)
        accounts.set_role(account, Role.MODERATOR, root)
        accounts.set_password(account, "another password of hers", root)
        accounts.deactivate(account, root)
        accounts.reactivate(account, root)
    with writing():
        secret = tokens.create("chat")
    with writing():
        tokens.revoke("chat")
    assert rows()[1:] == [
        ("account", mia, mia, {"role": "member"}),
        ("role", root, mia, {"role": "moderator", "before": "member"}),
        ("password", root, mia, {}),
        ("deactivate", root, mia, {}),
        ("reactivate", root, mia, {}),
        ("token", None, None, {"token": 1}),
        ("revoke", None, None, {"token": 1}),
    ]
    kept = str(rows())
    assert not [one for one in ("password of", secret, "mia", "argon2") if one in kept]


def test_other_settings_than_at_the_last_start_are_written_down_without_their_secrets(app: Flask) -> None:
    first = {"GRID_PAGE": 48, "SECRET_KEY": "hidden", "DATABASE_URL": "postgresql://me:hidden@host/site"}
    for settings in (first, first, first | {"GRID_PAGE": 20}):
        with writing():
            audit.notice_settings(settings)
    url = "postgresql://me:***@host/site"
    assert [about for _, _, _, about in rows(Event.SETTINGS)] == [
        {"changed": {"DATABASE_URL": [None, url], "GRID_PAGE": [None, 48]}},
        {"changed": {"GRID_PAGE": [48, 20]}},
    ]


# --- with what it tells of, and not without ------------------------------------------


def test_what_is_rolled_back_is_not_written_down(app: Flask, root: int) -> None:
    before = kinds()

    def entrust_and_demote() -> None:
        with writing():
            accounts.set_entrusted(accounts.named("root"), True, root)
            accounts.set_role(accounts.named("root"), Role.MEMBER, root)

    with pytest.raises(Refusal, match="only admin"):
        entrust_and_demote()
    assert kinds() == before
    with writing():
        accounts.set_entrusted(accounts.named("root"), True, root)
    assert kinds() == [*before, "entrust"]
    audit.verify()


def test_where_the_log_cannot_be_written_nothing_is_done(
    parts: Parts, arrive: Callable, draw: Callable, ana: int
) -> None:
    picture = arrive(draw(1))
    with writing():
        db.session.execute(sa.delete(Counter).filter_by(name=AUDIT))
    with pytest.raises(sa.exc.NoResultFound):
        review.mark(parts, picture, ana, None)
    db.session.rollback()
    assert not db.session.scalars(sa.select(Decision)).all()
    assert not db.session.scalars(sa.select(Entry)).all()


def test_rows_are_never_changed_or_removed_by_the_program(app: Flask, ana: int) -> None:
    with pytest.raises(RuntimeError, match="nothing changes or removes it"), writing():
        db.session.scalars(sa.select(Record)).one().kind = "mark"
    with pytest.raises(RuntimeError, match="nothing changes or removes it"), writing():
        db.session.delete(db.session.scalars(sa.select(Record)).one())


def test_many_who_write_at_once_make_one_chain(app: Flask, ana: int) -> None:
    def write() -> None:
        with app.app_context():
            for _ in range(8):
                with writing():
                    audit.record(Event.EXPORT, ana, table="history")
            db.session.remove()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit.verify().id == 1 + 4 * 8


# --- what proves it ------------------------------------------------------------------


@pytest.fixture
def ten(app: Flask, ana: int) -> None:
    """A log of ten rows; the first is ana's account."""
    for number in range(9):
        with writing():
            audit.record(Event.EXPORT, ana, table=f"table {number}")


def tamper(statement: sa.Executable) -> None:
    """Behind the program's back."""
    with db.engine.connect() as connection:
        connection.execute(statement)
        connection.commit()
    db.session.rollback()  # what was read before is not seen as it was
    db.session.expire_all()


LOG = Record.__table__


def test_a_whole_log_is_whole(ten: None) -> None:
    head = audit.verify()
    assert head.id == 10
    assert audit.verify(audit.parse_head(str(head))).hash == head.hash


def test_an_empty_log_is_whole(app: Flask) -> None:
    assert audit.verify().id == 0


@pytest.mark.parametrize(
    "change",
    [
        {"by_id": 99},
        {"by_id": None},
        {"kind": "mark"},
        {"kind": "no such kind"},
        {"account_id": 1},
        {"about": '{"table":"another"}'},
        {"about": "no JSON"},
        {"created": datetime(2020, 1, 1, tzinfo=UTC)},
        {"hash": bytes(32)},
    ],
)
def test_a_row_that_was_changed_is_named(ten: None, change: dict[str, object]) -> None:
    tamper(sa.update(LOG).where(LOG.c.id == 4).values(**change))
    with pytest.raises(Broken, match="Row 4 of the audit log was changed"):
        audit.verify()


def test_a_time_that_is_none_is_a_change_too(ten: None) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("only SQLite keeps such a thing in a column of times")
    tamper(sa.text("UPDATE audit SET created = 'yesterday' WHERE id = 7"))
    with pytest.raises(Broken, match="Row 7 of the audit log was changed"):
        audit.verify()


def test_a_changed_row_with_a_fitting_hash_breaks_the_next(ten: None) -> None:
    before, row = (db.session.get_one(Record, id_) for id_ in (3, 4))
    fitting = audit._chained(before.hash, 4, row.created, 99, row.kind, row.account_id, row.about)
    db.session.rollback()
    tamper(sa.update(LOG).where(LOG.c.id == 4).values(by_id=99, hash=fitting))
    with pytest.raises(Broken, match="Row 5 of the audit log was changed, or is not the one that followed row 4"):
        audit.verify()


@pytest.mark.parametrize(("gone", "named"), [([1], 1), ([6], 6), ([10], 10), ([8, 9, 10], 8)])
def test_a_row_that_was_removed_is_named(ten: None, gone: list[int], named: int) -> None:
    tamper(sa.delete(LOG).where(LOG.c.id.in_(gone)))
    with pytest.raises(Broken, match=f"Row {named} of the audit log is missing"):
        audit.verify()


def test_a_row_that_was_put_in_is_named(ten: None) -> None:
    last = db.session.get_one(Record, 10)
    created = now()
    hash_ = audit._chained(last.hash, 11, created, 1, "mark", None, "{}")
    db.session.rollback()
    tamper(sa.insert(LOG).values(id=11, created=created, by_id=1, kind="mark", about="{}", hash=hash_))
    with pytest.raises(Broken, match="Row 11 of the audit log was put in"):
        audit.verify()


def test_a_log_that_was_written_anew_is_found_out_by_a_head_that_was_kept(ten: None) -> None:
    head = audit.verify()
    written = list(audit._rows())
    before = audit.FIRST
    for id_, created, _, kind, account_id, about, _ in written:
        before = audit._chained(before, id_, created, None, kind, account_id, about)
        tamper(sa.update(LOG).where(LOG.c.id == id_).values(by_id=None, hash=before))
    assert audit.verify().id == 10  # which is what README says
    with pytest.raises(Broken, match="written anew"):
        audit.verify(head)


def test_an_end_that_was_cut_off_with_its_counter_is_found_out_by_a_head_that_was_kept(ten: None) -> None:
    head = audit.verify()
    tamper(sa.delete(LOG).where(LOG.c.id > 8))
    tamper(sa.update(Counter.__table__).where(Counter.__table__.c.name == AUDIT).values(version=8))
    assert audit.verify().id == 8
    with pytest.raises(Broken, match="Row 9 of the audit log is missing, and all up to row 10"):
        audit.verify(head)


def test_a_person_can_be_forgotten_and_the_chain_still_holds(ten: None, ana: int) -> None:
    with writing():
        db.session.execute(sa.update(Account).filter_by(id=ana).values(name="erased", key="erased"))
    assert audit.listed(1)[0].by.name == "erased"
    tamper(sa.delete(Account.__table__).where(Account.__table__.c.id == ana))
    assert audit.verify().id == 10
    assert audit.listed(1)[0].by is None


def test_rows_are_found_by_person_and_kind(ten: None, ana: int, root: int) -> None:
    with writing():
        accounts.set_entrusted(accounts.named("ana"), True, root)
    assert [row.id for row in audit.listed(99, person="AN", kinds=["entrust", "account"])] == [12, 1]
    assert [row.id for row in audit.listed(99, person="roo")] == [12, 11]
    assert [row.id for row in audit.listed(3, before=9)] == [8, 7, 6]
    assert audit.told(audit.listed(1)[0]) == "entrusted True"
