"""Limits: so many at once, then one after another, whichever process counts."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from moderation import limiting
from moderation.columns import now
from moderation.database import db
from moderation.errors import TooMany
from moderation.limiting import Limit, give_back, is_spent, spend
from moderation.models import Use

FIVE = Limit("five", 5, timedelta(minutes=10), "Too much of it.")
TWO = Limit("two", 2, timedelta(minutes=10), "Too much of the other.")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """`clock(90)` lets so many seconds pass."""
    passed = timedelta()
    started = now()

    def stopped() -> datetime:
        return started + passed

    def let_pass(seconds: float) -> None:
        nonlocal passed
        passed += timedelta(seconds=seconds)

    monkeypatch.setattr(limiting, "now", stopped)
    return let_pass


def test_what_is_used_up_comes_back_one_after_another(app: Flask, clock: Callable) -> None:
    assert [spend((FIVE, "ana")) for _ in range(5)] == [False, False, False, False, True]
    with pytest.raises(TooMany, match=r"Too much of it\. Please wait 2 minutes and try again\.") as refusal:
        spend((FIVE, "ana"))
    assert refusal.value.headers == {"Retry-After": "120"}
    clock(119)
    with pytest.raises(TooMany, match=r"Please wait 1 second and try again\."):
        spend((FIVE, "ana"))
    clock(1)
    assert spend((FIVE, "ana"))
    with pytest.raises(TooMany):
        spend((FIVE, "ana"))
    clock(600)
    assert [spend((FIVE, "ana")) for _ in range(5)] == [False, False, False, False, True]


def test_each_counts_alone(app: Flask, clock: Callable) -> None:
    for _ in range(5):
        spend((FIVE, "ana"))
    assert not spend((FIVE, "ben"))
    assert not spend((TWO, "ana"))


def test_of_several_limits_none_is_used_up_where_one_is_spent(app: Flask, clock: Callable) -> None:
    spend((TWO, "here"))
    spend((TWO, "here"))
    for _ in range(3):
        with pytest.raises(TooMany, match="of the other"):
            spend((FIVE, "ana"), (TWO, "here"))
    assert [spend((FIVE, "ana")) for _ in range(5)][-1]


def test_what_is_given_back_does_not_count(app: Flask, clock: Callable) -> None:
    for _ in range(20):
        spend((TWO, "ana"))
        give_back(TWO, "ana")
    assert not spend((TWO, "ana"))
    assert not is_spent(TWO, "ana")
    assert spend((TWO, "ana"))
    assert is_spent(TWO, "ana")
    assert not is_spent(TWO, "ben")


def test_no_limit_is_none(app: Flask) -> None:
    free = Limit("free", 0, timedelta(minutes=10), "")
    assert not any(spend((free, "ana")) for _ in range(100))
    give_back(free, "ana")
    assert not is_spent(free, "ana")
    assert not db.session.scalars(sa.select(Use)).all()


def test_many_at_once_are_not_more_than_one_after_another(app: Flask) -> None:
    done: list[bool] = []

    def ask() -> None:
        with app.app_context():
            for _ in range(4):
                try:
                    spend((FIVE, "ana"))
                    done.append(True)
                except TooMany:
                    done.append(False)
            db.session.remove()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 11 + [True] * 5


def test_rows_that_say_nothing_any_more_go_and_no_name_lies_in_the_others(app: Flask, clock: Callable) -> None:
    for number in range(20):
        spend((FIVE, f"somebody {number}"))
    clock(3600)
    spend((FIVE, "ana"))
    (row,) = db.session.scalars(sa.select(Use)).all()
    assert len(row.key) == 64
    assert "ana" not in row.key
