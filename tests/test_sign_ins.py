"""Signed-in browsers: how long they stay so, and what ends them; links that set a password."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from moderation import accounts, links, sign_ins
from moderation.columns import now
from moderation.database import db, writing
from moderation.errors import NotFound, Refusal
from moderation.models import Account, PasswordLink, Role, SignIn
from moderation.sign_ins import Lifetime

from .conftest import PASSWORD

LIFETIME = Lifetime(idle=timedelta(hours=12), most=timedelta(days=7))
DAY = timedelta(days=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[timedelta], None]]:
    """`clock(timedelta(hours=1))` lets so much time pass."""
    passed = timedelta()

    def later() -> datetime:
        return now() + passed

    def let_pass(time: timedelta) -> None:
        nonlocal passed
        passed += time

    monkeypatch.setattr(sign_ins, "now", later)
    monkeypatch.setattr(links, "now", later)
    return let_pass


@pytest.fixture
def mia(person: Callable[..., int]) -> int:
    return person("mia")


def account(account_id: int) -> Account:
    return db.session.get_one(Account, account_id)


def begin(account_id: int) -> str:
    with writing():
        return sign_ins.begin(account(account_id), LIFETIME)


def stands(secret: str, doing: bool = True) -> bool:
    return sign_ins.current(secret, LIFETIME, doing) is not None


@pytest.mark.on_both
def test_whoever_does_something_stays_signed_in_but_not_for_ever(clock: Callable, mia: int) -> None:
    secret = begin(mia)
    for _ in range(16):
        clock(timedelta(hours=10))
        assert stands(secret)
    clock(timedelta(hours=10))  # seven days and two hours
    assert not stands(secret)


def test_whoever_does_nothing_is_signed_out(clock: Callable, mia: int) -> None:
    secret = begin(mia)
    clock(timedelta(hours=12, minutes=1))
    assert not stands(secret)


def test_a_page_that_is_only_open_keeps_nobody_signed_in(clock: Callable, mia: int) -> None:
    secret = begin(mia)
    for _ in range(11):
        clock(timedelta(hours=1))
        assert stands(secret, doing=False)
    clock(timedelta(hours=2))
    assert not stands(secret, doing=False)


def test_each_browser_is_signed_in_for_itself(mia: int) -> None:
    one, other = begin(mia), begin(mia)
    sign_ins.end(one)
    assert not stands(one)
    assert stands(other)
    assert len(sign_ins.listed(mia, LIFETIME)) == 1


@pytest.mark.parametrize("end", ["password", "deactivate", "everywhere"])
def test_a_new_password_deactivation_and_signing_out_everywhere_end_them_all(mia: int, person, end: str) -> None:
    secrets, other = [begin(mia) for _ in range(3)], begin(person("max"))
    with writing():
        if end == "password":
            accounts.set_password(account(mia), "another long password")
        elif end == "deactivate":
            accounts.deactivate(account(mia))
        else:
            accounts.sign_out(account(mia))
    assert not any(stands(secret) for secret in secrets)
    assert stands(other)


@pytest.mark.on_both
def test_what_is_kept_of_a_secret_is_its_hash_and_old_ones_go(clock: Callable, mia: int) -> None:
    secrets = [begin(mia) for _ in range(3)]
    assert len(set(secrets)) == 3
    assert min(len(secret) for secret in secrets) >= 43  # 256 bits
    kept = [row.hash for row in db.session.scalars(sa.select(SignIn))]
    assert not [secret for secret in secrets if secret.encode() in kept]
    clock(timedelta(days=8))
    begin(mia)
    assert len(db.session.scalars(sa.select(SignIn)).all()) == 1


# --- links ---------------------------------------------------------------------------


def issue(account_id: int) -> str:
    with writing():
        return links.issue(account(account_id), DAY)


NEW = "a password of her own"


def redeem(secret: str, password: str = NEW) -> None:
    with writing():
        links.redeem(secret, password)


def test_a_link_sets_a_password_once(mia: int) -> None:
    secret, signed_in = issue(mia), begin(mia)
    redeem(secret)
    assert accounts.authenticate("mia", NEW)
    assert accounts.authenticate("mia", PASSWORD) is None
    assert not stands(signed_in)
    with pytest.raises(NotFound, match="used already"):
        redeem(secret)


def test_a_password_that_will_not_do_does_not_use_the_link_up(mia: int) -> None:
    secret = issue(mia)
    with pytest.raises(Refusal, match="10 to 200 characters"):
        redeem(secret, "short")
    redeem(secret)


@pytest.mark.on_both
def test_a_link_is_good_for_its_time_and_until_there_is_another(clock: Callable, mia: int) -> None:
    first = issue(mia)
    second = issue(mia)
    with pytest.raises(NotFound):
        redeem(first)
    clock(DAY)
    with pytest.raises(NotFound):
        redeem(second)
    assert accounts.authenticate("mia", PASSWORD)


def test_a_link_outlives_signing_out_everywhere_but_no_new_password(mia: int) -> None:
    secret = issue(mia)
    with writing():
        accounts.sign_out(account(mia))
    assert links.whose(secret).id == mia
    with writing():
        accounts.set_password(account(mia), "another long password")
    with pytest.raises(NotFound):
        redeem(secret)


def test_a_deactivated_account_gets_no_link_and_an_earlier_one_is_no_good(mia: int) -> None:
    secret = issue(mia)
    with writing():
        accounts.deactivate(account(mia))
    with pytest.raises(Refusal, match="deactivated"):
        issue(mia)
    with pytest.raises(NotFound):
        redeem(secret)


def test_what_is_kept_of_a_link_is_its_hash(app: Flask, mia: int) -> None:
    secret = issue(mia)
    assert len(secret) >= 43
    (row,) = db.session.scalars(sa.select(PasswordLink))
    assert secret.encode() not in row.hash


def test_the_last_admin_cannot_be_locked_out(person: Callable) -> None:
    root = person("root", Role.ADMIN)
    for change in (lambda one: accounts.set_role(one, Role.MODERATOR), accounts.deactivate):
        with pytest.raises(Refusal, match="only admin"), writing():
            change(account(root))
    other = person("other", Role.ADMIN)
    with writing():
        accounts.deactivate(account(other))
    with pytest.raises(Refusal, match="only admin"), writing():
        accounts.set_role(account(root), Role.MEMBER)
    redeem(issue(root))  # which the command line can make where nobody can sign in
    assert accounts.authenticate("root", NEW)
