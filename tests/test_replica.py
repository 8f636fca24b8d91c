"""Law 3: the database is the truth, and a copy of a list catches up before it is asked."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image

from moderation import blocklist, database, replica
from moderation.app import create_app
from moderation.blocklist import pack
from moderation.context import parts as current_parts
from moderation.database import db, writing
from moderation.fingerprint import fingerprint
from moderation.models import Counter, Decision, Entry, Kind
from moderation.replica import BLOCKLIST

from .conftest import TESTING, of_their_own
from .lists import POLICY, another_list, found, print_of, show


@pytest.fixture
def block(app) -> Callable[[int], int]:
    """`block(7)` puts the seventh drawn picture on the blocklist, and returns the entry's id."""

    def add(seed: int) -> int:
        with writing():
            entry = blocklist.add(pack(print_of(seed)), Decision(kind=Kind.IMPORT))
            db.session.flush()
            return entry.id

    return add


def withdraw(entry_id: int) -> None:
    with writing():
        blocklist.withdraw(db.session.get_one(Entry, entry_id))


def restore(entry_id: int) -> None:
    with writing():
        blocklist.restore(db.session.get_one(Entry, entry_id))


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that reach the database meanwhile, those that go past SQLAlchemy among them."""
    statements: list[str] = []
    glance = replica.glance

    def glanced(query: sa.Select, values: dict[str, str]) -> tuple | None:
        statements.append(str(query))
        return glance(query, values)

    def note(_connection, _cursor, statement: str, *_more: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    replica.glance = glanced
    try:
        yield statements
    finally:
        replica.glance = glance
        sa.event.remove(db.engine, "before_cursor_execute", note)


# --- the blocklist -----------------------------------------------------------------


def test_what_another_process_blocks_withdraws_and_restores_is_heard_at_the_very_next_look(
    parts, another_process, block
):
    assert found(another_process.blocklist, 1) == []
    entry = block(1)
    assert found(another_process.blocklist, 1) == [entry]
    assert found(parts.blocklist, 1) == [entry]

    withdraw(entry)
    assert found(another_process.blocklist, 1) == found(parts.blocklist, 1) == []

    restore(entry)
    assert found(another_process.blocklist, 1) == found(parts.blocklist, 1) == [entry]


def test_several_changes_between_two_looks_leave_what_is_true_at_the_end(parts, block):
    assert len(parts.blocklist) == 0
    kept, gone = block(1), block(2)
    withdraw(gone)
    restore(gone)
    withdraw(gone)
    withdraw(kept)
    restore(kept)
    assert found(parts.blocklist, 1) == [kept]
    assert found(parts.blocklist, 2) == []
    assert len(parts.blocklist) == 1


def test_a_new_copy_starts_with_what_is_there_and_without_what_was_withdrawn(parts, another_process, block):
    entries = [block(seed) for seed in range(5)]
    withdraw(entries[3])
    assert len(another_process.blocklist) == 4
    assert [found(another_process.blocklist, seed) for seed in range(5)] == [[one] for one in entries[:3]] + [
        [],
        [entries[4]],
    ]


def test_an_entry_that_is_rolled_back_was_never_there(parts, another_process, block):
    decision = Decision(kind=Kind.IMPORT)

    def add_and_fail() -> None:
        with writing():
            blocklist.add(pack(print_of(1)), decision)
            db.session.flush()
            assert found(parts.blocklist, 1) == found(another_process.blocklist, 1) == []
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    assert found(parts.blocklist, 1) == []

    # The next entry gets the id and the version that the lost one had.
    entry = block(2)
    assert found(parts.blocklist, 2) == found(another_process.blocklist, 2) == [entry]
    assert found(parts.blocklist, 1) == []


def test_a_withdrawal_that_is_rolled_back_blocks_on(parts, block):
    entry = block(1)

    def withdraw_and_fail() -> None:
        with writing():
            blocklist.withdraw(db.session.get_one(Entry, entry))
            db.session.flush()
            assert found(parts.blocklist, 1) == [entry]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        withdraw_and_fail()
    assert found(parts.blocklist, 1) == [entry]


def test_a_session_that_has_read_long_ago_does_not_keep_its_copy_from_seeing_what_is_new(parts, block, app):
    seen = db.session.scalars(sa.select(Counter.version).filter_by(name=BLOCKLIST)).one()
    entries = []

    def elsewhere() -> None:
        with app.app_context():
            entries.append(block(1))
            db.session.remove()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert db.session.scalars(sa.select(Counter.version).filter_by(name=BLOCKLIST)).one() == seen
    assert found(parts.blocklist, 1) == entries


@pytest.mark.parametrize("version", [0, 2, 3, 50], ids=["zero", "lower", "equal", "higher"])
def test_a_new_epoch_makes_copies_start_anew(parts, another_process, block, version):
    entries = [block(seed) for seed in range(3)]
    copies = (parts.blocklist, another_process.blocklist)
    assert [len(copy) for copy in copies] == [3, 3]

    # The backup lacks the third entry; what it has was last changed at version 0, 1 and 2 there.
    with writing():
        db.session.execute(sa.delete(Entry).where(Entry.id == entries[2]))
        for new, entry in enumerate(entries[:2]):
            db.session.execute(sa.update(Entry).filter_by(id=entry).values(version=min(new, version)))
    another_list(BLOCKLIST, version)

    for copy in copies:
        assert found(copy, 2) == []
        assert [found(copy, seed) for seed in range(2)] == [[entries[0]], [entries[1]]]
        assert len(copy) == 2


def test_a_look_that_fails_is_made_good_by_the_next(parts, block, monkeypatch):
    block(1)
    with monkeypatch.context() as patch:
        patch.setattr(type(parts.blocklist), "_changes", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            found(parts.blocklist, 1)
    assert len(found(parts.blocklist, 1)) == 1


def test_a_look_that_fails_in_a_new_epoch_is_made_good_by_the_next(parts, block, monkeypatch):
    entry = block(1)
    assert found(parts.blocklist, 1) == [entry]
    another_list(BLOCKLIST, 1)
    with monkeypatch.context() as patch:
        patch.setattr(type(parts.blocklist), "_changes", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            found(parts.blocklist, 1)
    assert found(parts.blocklist, 1) == [entry]


# --- what it costs ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["blocklist", "on_show"])
def test_asking_a_list_that_has_not_changed_costs_one_query(parts, block, name):
    """And one more among the pictures, for what is not kept of those that are found."""
    copy = getattr(parts, name)
    block(1)
    show(2)
    found(copy, 1)
    with counted() as statements:
        assert len(found(copy, 1)) + len(found(copy, 2)) == 1
    read = [one for one in statements if "fingerprints.views" in one]
    assert len(read) == (name == "on_show")
    assert len([one for one in statements if "counters" in one]) == len(statements) - len(read) == 2


def test_a_change_of_one_row_is_read_as_one_row(parts, block):
    for seed in range(5):
        block(seed)
    found(parts.blocklist, 1)
    entry = block(6)
    read = []
    changes = parts.blocklist._changes
    parts.blocklist._changes = lambda *args: read.extend(changes(*args)) or read
    with counted() as statements:
        assert found(parts.blocklist, 6) == [entry]
    assert [change.id for change in read] == [entry]
    assert len(statements) == 3


def test_a_change_of_one_list_is_no_matter_to_the_other(parts, block):
    found(parts.on_show, 1)
    block(1)
    with counted() as statements:
        found(parts.on_show, 1)
    assert len(statements) == 1


def test_a_list_is_asked_in_the_usual_way_where_the_driver_cannot_say(parts, block, monkeypatch):
    monkeypatch.setattr(database, "_compiled", lambda *_: sa.text("SELECT nothing FROM nowhere").compile())
    entry = block(1)
    assert found(parts.blocklist, 1) == [entry]
    block(2)
    assert len(found(parts.blocklist, 2)) == 1


# --- a real second process, and many threads ---------------------------------------------


def answer(instance: Path, questions: object) -> None:
    """In a process of its own: which entries are identical to the picture drawn from the number that comes in."""
    app = create_app(instance, **TESTING)
    with app.app_context():
        questions.send("ready")
        while (seed := questions.recv()) is not None:
            questions.send(found(current_parts().blocklist, seed))
        db.engine.dispose()


def test_a_process_of_its_own_hears_of_everything_at_its_very_next_look(app, instance, block):
    context = of_their_own()
    here, there = context.Pipe()
    process = context.Process(target=answer, args=(instance, there))
    process.start()
    assert here.recv() == "ready"

    def asked(seed: int) -> list[int]:
        here.send(seed)
        return here.recv()

    try:
        assert asked(1) == []
        for _ in range(5):
            entry = block(1)
            assert asked(1) == [entry]
            withdraw(entry)
            assert asked(1) == []
        restore(entry)
        assert asked(1) == [entry]
    finally:
        here.send(None)
        process.join(10)
    assert process.exitcode == 0


def test_while_threads_ask_others_may_write_and_each_hears_its_own(app, parts, block):
    wrong = []

    def work(first: int) -> None:
        with app.app_context():
            try:
                for seed in range(first, first + 4):
                    entry = block(seed)
                    if found(parts.blocklist, seed) != [entry]:
                        wrong.append(seed)
                    withdraw(entry)
                    if found(parts.blocklist, seed):
                        wrong.append(-seed)
            except Exception as error:
                wrong.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=work, args=(100 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(parts.blocklist) == 0


def test_flat_pictures_in_a_list_are_found_as_that_list_has_it(parts, app):
    """By identical pixels among the entries, where they would match every wall; by their hashes too among pictures."""
    flat = fingerprint(Image.new("RGB", (90, 90), "white"))
    other = fingerprint(Image.new("RGB", (90, 80), "white"))
    assert parts.blocklist.weak_by_hash is False
    assert parts.on_show.weak_by_hash is True
    with writing():
        entry = blocklist.add(pack(flat), Decision(kind=Kind.IMPORT))
        db.session.flush()
        entry_id = entry.id
    assert [hit.id for hit in parts.blocklist.near(flat, POLICY)] == [entry_id]
    assert parts.blocklist.near(other, POLICY) == []
