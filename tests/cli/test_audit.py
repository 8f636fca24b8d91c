"""`moderation audit`: the log on the command line."""

import json
import shlex
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask

from moderation.cli import main
from moderation.database import db
from moderation.models import Record
from tests.conftest import PASSWORD


@pytest.fixture
def audit(app: Flask, instance: Path):
    runner = CliRunner()
    runner.invoke(main, ["accounts", "add", "mia", "--password", PASSWORD, "--instance", str(instance)])

    def run(*arguments: str) -> Result:
        return runner.invoke(main, ["audit", *arguments, "--instance", str(instance)])

    return run


def test_the_log_is_proved_whole_and_says_how_to_prove_it_again(audit, instance) -> None:
    result = audit("verify")
    assert result.exit_code == 0, result.output
    assert "The audit log is whole: 1 row." in result.output
    words = shlex.split(result.output.partition(": moderation ")[2])
    assert words[-2:] == ["--instance", str(instance)]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert "written anew" in audit("verify", "--head", f"1:{'00' * 32}").output


def test_a_broken_log_is_exit_code_1_and_the_row(audit) -> None:
    with db.engine.connect() as connection:
        connection.execute(sa.update(Record.__table__).values(by_id=5))
        connection.commit()
    result = audit("verify")
    assert result.exit_code == 1
    assert "Row 1 of the audit log was changed" in result.output


def test_a_head_that_is_none_is_refused(audit) -> None:
    result = audit("verify", "--head", "yesterday")
    assert result.exit_code == 2
    assert "A head is a row's number" in result.output


def test_rows_are_listed_for_people_and_for_programs(audit) -> None:
    line = audit("list").output
    assert "the command line: account mia  role member" in line
    (row,) = [json.loads(line) for line in audit("list", "--json").output.splitlines()]
    assert (row["row"], row["kind"], row["account"], row["about"]) == (1, "account", "mia", {"role": "member"})
    assert audit("list", "--kind", "mark").output == ""
    assert audit("list", "--person", "nobody").output == ""
