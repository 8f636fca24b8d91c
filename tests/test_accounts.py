"""Accounts: what a name and a password may be, who gets in, and that there is always an admin."""

import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from moderation import accounts
from moderation.database import db, writing
from moderation.errors import Conflict, NotFound, Refusal
from moderation.models import Role

from .conftest import PASSWORD


@pytest.fixture(autouse=True)
def quick_hashing(monkeypatch) -> Iterator[None]:
    """The same hash with less work in it: some of these tests make many accounts."""
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(accounts, "_hasher", quick)
    accounts._nobody.cache_clear()
    yield
    accounts._nobody.cache_clear()


@pytest.fixture
def ana(person):
    return accounts.named("Ana") if person("Ana") else None


def create(name: str, password: str = PASSWORD) -> None:
    with writing():
        accounts.create(name, password, Role.MEMBER)


# --- names -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bo", "Zoë", "李小龙", "a.b-c_d", "0day", "x" * 40, "  padded \n"])
def test_a_name_may_be(app, name):
    create(name)
    assert accounts.named(name).name == name.strip()


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a",
        "x" * 41,
        "_ana",
        "-ana",
        ".ana",
        "two words",
        "a/b",
        "ana\n",
        "an\u200ba",
        "a<b>",
        "ana@home",
        "a\0b",
    ],
)
def test_a_name_may_not_be(app, name):
    if name == "ana\n":  # surrounding white space is taken off
        create(name)
        assert accounts.everybody()[0].name == "ana"
        return
    with pytest.raises(Refusal, match="A name has 2 to 40"):
        create(name)
    assert accounts.everybody() == []


@pytest.mark.parametrize("name", ["ana", "ANA", " aNa "])
def test_a_name_is_taken_in_every_spelling(ana, name):
    with pytest.raises(Conflict, match="is taken"):
        create(name)
    assert len(accounts.everybody()) == 1


def test_names_that_fold_alike_are_one_name(app):
    create("Straße")
    with pytest.raises(Conflict):
        create("STRASSE")


def test_a_name_whose_folded_form_is_long_is_no_accident(app):
    name = "\u0390" * 40  # each folds to three characters
    create(name)
    key = accounts.named(name).key
    assert len(key) <= accounts.Account.__table__.c.key.type.length


def test_somebody_is_found_by_name_in_any_case(ana):
    assert accounts.named("aNA").id == ana.id
    assert accounts.find("ben") is None
    with pytest.raises(NotFound, match="no account named ben"):
        accounts.named("ben")


def test_everybody_is_listed_by_name(app):
    for name in ("Cleo", "ana", "Ben"):
        create(name)
    assert [account.name for account in accounts.everybody()] == ["ana", "Ben", "Cleo"]


# --- passwords -------------------------------------------------------------------


def test_the_right_password_lets_in_and_a_wrong_one_does_not(ana):
    assert accounts.authenticate("ANA", PASSWORD).id == ana.id
    assert accounts.authenticate("ana", PASSWORD + " ") is None
    assert accounts.authenticate("ana", "") is None
    assert accounts.authenticate("ben", PASSWORD) is None


@pytest.mark.parametrize("length", [9, 201])
def test_a_password_has_10_to_200_characters(app, length):
    with pytest.raises(Refusal, match="A password has 10 to 200 characters"):
        create("ana", "p" * length)
    assert accounts.find("ana") is None


@pytest.mark.parametrize("length", [10, 200])
def test_a_password_may_be_as_short_or_long_as_is_said(app, length):
    password = ("žluťoučký kůň úpěl " * 11)[:length]
    create("ana", password)
    assert accounts.authenticate("ana", password)
    assert accounts.authenticate("ana", password[:-1]) is None


@pytest.mark.parametrize(
    "password",
    ["1234567890", "qwertyuiop", "Password123!", "aaaaaaaaaaaa", "iloveyou1234", "ana.ana.ana", "moderation1"],
)
def test_a_password_that_is_easy_to_guess_is_refused(app, password):
    with pytest.raises(Refusal, match="too easy to guess"):
        create("ana", password)
    assert accounts.find("ana") is None


def test_no_password_takes_long_to_look_at(app):
    started = time.perf_counter()
    create("ana", "a@4b8c({[e3g69i1!|l1|7o0s$5t+7x%z2" * 5)
    assert time.perf_counter() - started < 2


def test_passwords_are_kept_as_argon2id_with_salt(app):
    create("ana")
    create("ben")
    kept = [account.password for account in accounts.everybody()]
    assert all(password.startswith("$argon2id$") for password in kept)
    assert kept[0] != kept[1]
    assert PASSWORD not in "".join(kept)


def test_a_name_that_nobody_has_takes_as_long_as_a_wrong_password(app, monkeypatch):
    monkeypatch.undo()  # with all the work in it
    accounts._nobody.cache_clear()
    accounts.authenticate("nobody", "wrong password")
    create("ana")

    def seconds(name: str) -> float:
        started = time.perf_counter()
        assert accounts.authenticate(name, "wrong password") is None
        return time.perf_counter() - started

    known, unknown = (min(seconds(name) for _ in range(3)) for name in ("ana", "nobody"))
    assert known / 3 < unknown < known * 3


def test_an_account_whose_stored_password_is_broken_lets_nobody_in(ana):
    with writing():
        db.session.execute(sa.update(accounts.Account).values(password="broken"))
    assert accounts.authenticate("ana", PASSWORD) is None


def test_a_new_password_ends_the_sessions_and_the_old_password(ana):
    before = ana.session
    with writing():
        accounts.set_password(accounts.named("ana"), "another long password")
    assert accounts.named("ana").session != before
    assert accounts.authenticate("ana", PASSWORD) is None
    assert accounts.authenticate("ana", "another long password")


def test_a_refused_password_changes_nothing(ana):
    before = (ana.password, ana.session)
    with pytest.raises(Refusal), writing():
        accounts.set_password(accounts.named("ana"), "short")
    account = accounts.named("ana")
    assert (account.password, account.session) == before


# --- roles -----------------------------------------------------------------------


def test_each_role_includes_those_before_it():
    included = [[one.includes(other) for other in Role] for one in Role]
    assert included == [[True, False, False], [True, True, False], [True, True, True]]


def test_the_last_admin_stays_an_admin(person):
    person("ana", Role.ADMIN)
    with pytest.raises(Refusal, match="ana is the only admin"), writing():
        accounts.set_role(accounts.named("ana"), Role.MODERATOR)
    assert accounts.named("ana").role is Role.ADMIN

    person("ben", Role.ADMIN)
    with writing():
        accounts.set_role(accounts.named("ana"), Role.MEMBER)
    assert [account.role for account in accounts.everybody()] == [Role.MEMBER, Role.ADMIN]
    assert accounts.has_admin()


def test_making_the_only_admin_an_admin_is_fine(person):
    person("ana", Role.ADMIN)
    with writing():
        accounts.set_role(accounts.named("ana"), Role.ADMIN)


def test_a_new_site_has_no_admin(person):
    person("ana", Role.MODERATOR)
    assert not accounts.has_admin()
