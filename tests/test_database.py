"""Writers queue instead of failing, a failed write leaves nothing, and what is stored comes back as it was."""

import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from moderation.app import create_app, migrate
from moderation.database import db, tune, writing
from moderation.fingerprint import Fingerprint
from moderation.models import Account, Counter, Decision, FingerprintRow, Kind, Role, Status
from moderation.replica import BLOCKLIST, PICTURES, bump
from moderation.views import VIEW

from .conftest import TESTING, of_their_own, version


def account(name: str) -> Account:
    return Account(name=name, key=name, password="", role=Role.MEMBER, session="")


def names() -> set[str]:
    db.session.rollback()
    return set(db.session.scalars(sa.select(Account.name)))


# --- how it is opened ----------------------------------------------------------


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 20_000), ("synchronous", 0)]
)
def test_every_connection_is_prepared(app, pragma, value):
    for _ in range(2):
        with db.engine.connect() as one, db.engine.connect() as other:
            assert [c.exec_driver_sql(f"PRAGMA {pragma}").scalar() for c in (one, other)] == [value, value]


@pytest.mark.only("sqlite")
def test_taking_stock_waits_for_nobody_who_writes(app):
    def stock() -> int:
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 20_000
            return int(connection.exec_driver_sql("SELECT count(*) FROM sqlite_stat1").scalar())

    with writing():
        db.session.add(account("ana"))
    before = stock()
    with writing():
        bump(PICTURES)
        began = time.monotonic()
        tune()
        assert time.monotonic() - began < 5
    assert stock() == before
    tune()
    assert stock() > before


@pytest.mark.only("postgresql")
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("transaction_isolation", "repeatable read"),
        ("timezone", "UTC"),
        ("lock_timeout", "20s"),
        ("synchronous_commit", "off"),
    ],
)
def test_every_connection_to_postgresql_is_prepared(app, setting, value):
    for _ in range(2):
        with db.engine.connect() as one, db.engine.connect() as other:
            assert [c.exec_driver_sql(f"SHOW {setting}").scalar().lower() for c in (one, other)] == [value.lower()] * 2


@pytest.mark.parametrize("durable", [True, False])
def test_a_durable_database_waits_for_the_disk_where_a_transaction_must_settle(instance, database, durable):
    app = create_app(instance, **(TESTING | {"DURABLE": durable}))
    asked, waits, passes, never = {
        "sqlite": ("PRAGMA synchronous", 2, 1, 0),
        "postgresql": ("SHOW synchronous_commit", "on", "off", "off"),
    }[database]
    with app.app_context():
        migrate()

        def told(settle: bool) -> object:
            with writing(settle=settle):
                bump(BLOCKLIST)
                return db.session.connection().exec_driver_sql(asked).scalar()

        with db.engine.connect() as connection:
            assert connection.exec_driver_sql(asked).scalar() == (waits if durable else never)
        for settle in (True, False, True, True, False):
            assert told(settle) == ((waits if settle else passes) if durable else never)
        db.session.remove()
        db.engine.dispose()


def test_a_row_that_points_to_nothing_is_not_accepted(app):
    with pytest.raises(sa.exc.IntegrityError), writing():
        db.session.add(Decision(kind=Kind.MARK, by_id=12345))
    assert db.session.scalars(sa.select(Decision)).all() == []


# --- how one writes --------------------------------------------------------------


def raise_many(instance: Path, times: int) -> None:
    """In a process of its own: read, dawdle, write what was read plus one."""
    app = create_app(instance, **TESTING)
    with app.app_context():
        for _ in range(times):
            db.session.scalars(sa.select(Account)).all()  # a read that is let go: what counts is read inside
            with writing():
                counter = db.session.get_one(Counter, PICTURES)
                seen = counter.version
                time.sleep(0.001)
                counter.version = seen + 1
        db.session.remove()
        db.engine.dispose()


def test_two_processes_that_read_and_then_write_wait_for_each_other(app, instance):
    context = of_their_own()
    workers = [context.Process(target=raise_many, args=(instance, 100)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert version(PICTURES) == 200


def test_threads_that_read_and_then_write_wait_for_each_other(app):
    failures = []

    def work() -> None:
        with app.app_context():
            try:
                for _ in range(40):
                    version(BLOCKLIST)
                    with writing():
                        seen = version(BLOCKLIST)
                        assert bump(BLOCKLIST) == seen + 1
            except Exception as error:
                failures.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert version(BLOCKLIST) == 160


def test_readers_do_not_wait_for_a_writer_and_see_only_what_is_committed(app):
    with writing():
        db.session.add(account("ana"))
        db.session.flush()
        started = time.monotonic()
        with db.engine.connect() as reader:
            assert reader.scalar(sa.select(sa.func.count()).select_from(Account)) == 0
        assert time.monotonic() - started < 1
    with db.engine.connect() as reader:
        assert reader.scalar(sa.select(sa.func.count()).select_from(Account)) == 1


def raised_by_somebody_else() -> None:
    with db.engine.connect() as other:
        other.execute(sa.update(Counter).filter_by(name=PICTURES).values(version=41))
        other.commit()


def test_a_writer_starts_from_what_is_true_now_and_not_from_what_it_had_read(app):
    assert version(PICTURES) == 0
    raised_by_somebody_else()
    assert version(PICTURES) == 0  # the transaction that read before sees no change
    with writing():
        assert bump(PICTURES) == 42


def write_and_fail(error: type[BaseException]) -> None:
    with writing():
        db.session.add(account("ana"))
        bump(PICTURES)
        db.session.flush()
        raise error


def test_a_writer_starts_from_what_is_true_now_and_not_from_what_it_wrote_before(app):
    with writing():
        counter = db.session.get_one(Counter, PICTURES)
        counter.version = 5
    raised_by_somebody_else()
    with writing():
        assert db.session.get_one(Counter, PICTURES).version == 41
    assert counter.version == 41


def test_an_error_rolls_back_everything(app):
    with pytest.raises(ZeroDivisionError):
        write_and_fail(ZeroDivisionError)
    assert names() == set()
    assert version(PICTURES) == 0


def test_an_error_that_is_no_exception_rolls_back_as_well(app):
    with pytest.raises(KeyboardInterrupt):
        write_and_fail(KeyboardInterrupt)
    assert names() == set()


def test_after_an_error_the_next_write_goes_through(app):
    with pytest.raises(sa.exc.IntegrityError), writing():
        db.session.add_all([account("ana"), account("ana")])
    with writing():
        db.session.add(account("ben"))
    assert names() == {"ben"}


def test_a_change_made_outside_a_write_transaction_is_not_smuggled_in(app):
    db.session.add(account("ana"))
    with pytest.raises(RuntimeError, match="outside"), writing():
        pass
    assert names() == set()


def test_a_write_inside_a_write_does_not_lose_what_the_outer_one_has_written(app):
    def write_twice() -> None:
        with writing():
            db.session.add(account("ana"))
            db.session.flush()
            with writing():
                db.session.add(account("ben"))

    # Either both are kept, or whoever nests them is told: never half of it in silence.
    with pytest.raises(RuntimeError):
        write_twice()
    assert names() == set()


def test_a_transaction_that_only_reads_leaves_the_writers_alone(app):
    version(PICTURES)
    done = threading.Event()

    def write() -> None:
        with app.app_context():
            with writing():
                bump(PICTURES)
            db.session.remove()
            done.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert done.wait(5)
    thread.join()


# --- lists have versions -----------------------------------------------------------


def test_each_list_counts_for_itself(app):
    with writing():
        assert [bump(BLOCKLIST), bump(BLOCKLIST), bump(PICTURES)] == [1, 2, 1]
    assert (version(BLOCKLIST), version(PICTURES)) == (2, 1)


def test_a_list_that_does_not_exist_has_no_version(app):
    with pytest.raises(sa.exc.NoResultFound), writing():
        bump("wishes")


# --- what columns hold ---------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 2**31, 2**63 - 1, 2**63, 2**64 - 1])
def test_codes_of_64_bits_come_back_as_they_were(app, code):
    views = np.zeros(2, VIEW)
    views["box"] = 255
    views["dhash"] = code
    views["phash"] = [code, 0, 2**64 - 1, code]
    with writing():
        db.session.add(
            FingerprintRow(recipe=2, views=views.tobytes(), detail=100, aspect=1.5, luminance=b"", pixels=b"\xff" * 32)
        )
    row = db.session.scalars(sa.select(FingerprintRow)).one()
    back = Fingerprint.unpack(row.views, row.detail, row.pixels, row.recipe)
    assert [int(value) for value in back.views["dhash"]] == [code, code]
    assert back.views["phash"].tolist() == [[code, 0, 2**64 - 1, code]] * 2
    assert row.pixels == b"\xff" * 32


def test_times_are_aware_and_in_utc(app):
    moment = datetime(2025, 3, 30, 2, 30, 15, 123456, timezone(timedelta(hours=5, minutes=45)))
    with writing():
        db.session.add(Decision(kind=Kind.IMPORT, undone=moment))
    db.session.expunge_all()
    decision = db.session.scalars(sa.select(Decision)).one()
    assert decision.undone == moment
    assert decision.undone.tzinfo is UTC
    assert decision.lease is None
    assert timedelta(0) <= datetime.now(UTC) - decision.created < timedelta(minutes=1)
    raw = db.session.execute(sa.text("SELECT undone FROM decisions")).scalar()
    assert str(raw).removesuffix("+00:00") == "2025-03-29 20:45:15.123456"


def test_times_compare_in_the_database_as_they_do_in_python(app):
    moments = [datetime(2025, 1, 1, hour, tzinfo=timezone(timedelta(hours=zone))) for hour, zone in ((1, 5), (0, 0))]
    with writing():
        db.session.add_all(Decision(kind=Kind.IMPORT, lease=moment) for moment in moments)
    early = db.session.scalars(sa.select(Decision.lease).where(Decision.lease < moments[1])).all()
    assert early == moments[:1]


def test_enums_are_stored_as_the_words_people_read(app):
    with writing():
        db.session.add(account("ana"))
        db.session.add(Decision(kind=Kind.WITHDRAW))
    assert db.session.execute(sa.text("SELECT role FROM accounts")).scalar() == "member"
    assert db.session.execute(sa.text("SELECT kind FROM decisions")).scalar() == "withdraw"
    assert db.session.scalars(sa.select(Account.role)).one() is Role.MEMBER
    assert max(len(word) for enum in (Role, Kind, Status) for word in enum) <= 20
