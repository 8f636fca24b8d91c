"""`moderation tokens`: who else may ask for verdicts."""

from collections.abc import Callable
from contextvars import Context
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask

from moderation import tokens
from moderation.cli import main
from moderation.database import db
from moderation.errors import Conflict
from moderation.models import Token

Run = Callable[..., Result]


@pytest.fixture
def run(instance: Path) -> Run:
    """Run `moderation tokens` with those words on the instance, and expect that exit code."""

    def invoke(*words: str, code: int = 0) -> Result:
        words = ("--instance", str(instance), "tokens", *words)
        # Outside of the test's own application context, as in a process of its own.
        result = Context().run(CliRunner().invoke, main, words, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    return invoke


def works(secret: str) -> bool:
    db.session.rollback()
    return tokens.is_valid(secret)


def test_a_token_works_until_it_is_revoked(app: Flask, run: Run) -> None:
    secret = run("add", "chat").stdout.strip()
    assert works(secret)
    assert not works(secret[:-1])
    assert not works(secret.swapcase())

    assert run("revoke", "chat").stdout == "The token chat is revoked.\n"
    assert not works(secret)


def test_two_tokens_are_independent_of_each_other(app: Flask, run: Run) -> None:
    chat, importer = (run("add", name).stdout.strip() for name in ("chat", "importer"))
    run("revoke", "chat")
    assert not works(chat)
    assert works(importer)


def test_a_token_is_printed_once_and_only_its_hash_is_kept(app: Flask, run: Run, instance: Path) -> None:
    added = run("add", "chat")
    secret = added.stdout.strip()
    assert secret.startswith("mod_")
    assert len(secret) >= len("mod_") + 43  # 256 bits, six to a character
    assert "only time" in added.stderr
    assert secret not in run("list").output
    kept = db.session.execute(sa.select(Token.__table__)).one()
    assert secret not in str(kept)
    assert secret.removeprefix("mod_").encode() not in b"".join(
        file.read_bytes() for file in instance.rglob("*") if file.is_file()
    )


def test_the_list_says_which_tokens_are_valid(run: Run) -> None:
    assert run("list").stdout == ""
    run("add", "importer")
    run("add", "chat")
    run("revoke", "importer")
    chat, importer = (line.split("\t") for line in run("list").stdout.splitlines())
    assert (chat[0], chat[2]) == ("chat", "valid")
    assert importer[0] == "importer"
    assert importer[2].startswith("revoked 2")


def test_a_name_is_given_once_even_after_its_token_was_revoked(run: Run) -> None:
    run("add", "chat")
    sentence = "Error: There is or was a token named chat. Please choose another name.\n"
    assert run("add", "chat", code=2).stderr == sentence
    run("revoke", "chat")
    assert run("add", "chat", code=2).stderr == sentence


def test_of_two_who_take_a_name_at_once_one_is_told(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens.create("chat")
    monkeypatch.setattr(tokens, "_find", lambda _: None)  # as the second saw it before the first had written
    with pytest.raises(Conflict, match="named chat"):
        tokens.create("chat")
    db.session.rollback()


@pytest.mark.parametrize("name", ["", " chat", "-chat", "a b", "a\n", "\x1b[2J", "x" * 41])
def test_a_name_that_will_not_do_is_said(run: Run, name: str) -> None:
    assert "A name has 1 to 40 letters" in run("add", "--", name, code=2).stderr


def test_what_cannot_be_revoked_is_said(run: Run) -> None:
    assert run("revoke", "chat", code=2).stderr == "Error: There is no token named chat.\n"
    run("add", "chat")
    run("revoke", "chat")
    assert run("revoke", "chat", code=2).stderr == "Error: The token chat was revoked already.\n"
