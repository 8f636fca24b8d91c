"""Trouble with database, folders and output: a sentence and exit code 2, which no verdict of `check` has."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from moderation import database
from moderation.cli import main

pytestmark = pytest.mark.only("sqlite")


@pytest.fixture
def picture(tmp_path: Path, draw) -> str:
    (tmp_path / "picture.jpg").write_bytes(draw(1))
    return str(tmp_path / "picture.jpg")


def run(instance: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--instance", str(instance)])


def refused(result: Result, sentence: str) -> None:
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert result.stderr.startswith(f"Error: {sentence}")
    assert result.stderr.count("\n") == 1


def test_who_only_reads_does_not_wait_for_a_writer_and_who_writes_is_told(instance, picture, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(instance / "moderation.sqlite", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        for words in (["check", picture], ["blocklist", "list"], ["accounts", "list"], ["audit", "verify"], ["doctor"]):
            assert run(instance, *words).exit_code == 0
        refused(run(instance, "tokens", "add", "chat"), "The database cannot be used: database is locked.")


def test_a_file_that_is_no_database_is_said(instance, picture):
    (instance / "moderation.sqlite").write_bytes(b"no database at all" * 500)
    refused(run(instance, "check", picture), "The database cannot be used: file is not a database.")


def test_a_database_that_cannot_be_opened_is_said(tmp_path, picture):
    (tmp_path / "site" / "moderation.sqlite").mkdir(parents=True)
    (tmp_path / "site" / "config.py").touch()
    refused(run(tmp_path / "site", "check", picture), "The database cannot be used: unable to open database file.")


def test_a_secret_key_that_cannot_be_read_is_said(instance, picture):
    (instance / "secret_key").unlink()
    (instance / "secret_key").mkdir()
    refused(run(instance, "check", picture), f"{instance / 'secret_key'}: Is a directory.")


def test_a_database_of_a_later_version_is_said(instance, picture):
    with closing(sqlite3.connect(instance / "moderation.sqlite")) as later, later:
        later.execute("UPDATE alembic_version SET version_num = '9999'")
    refused(run(instance, "check", picture), "The database is of a later version of moderation (revision 9999).")


def test_output_that_cannot_be_written_is_said(instance, picture):
    words = [sys.executable, "-m", "moderation", "check", picture, "--instance", str(instance)]
    with Path("/dev/full").open("wb") as full:
        said = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
        silent = subprocess.run(words, stdout=full, stderr=full)
    assert (said.returncode, said.stderr) == (2, "Error: No space left on device.\n")
    assert silent.returncode == 2


def test_who_reads_no_further_is_told_nothing(instance, picture):
    words = [sys.executable, "-m", "moderation", "check", picture, "--instance", str(instance)]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        answer = subprocess.run(words, stdout=closed, stderr=subprocess.PIPE)
    assert (answer.returncode, answer.stderr) == (141, b"")


def test_a_check_that_is_interrupted_is_no_verdict(instance, tmp_path, draw):
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "0.jpg").write_bytes(draw(1))
    for number in range(1, 4000):  # ten seconds and more, of which one is waited for
        (tmp_path / "many" / f"{number}.jpg").hardlink_to(tmp_path / "many" / "0.jpg")
    words = [sys.executable, "-m", "moderation", "check", str(tmp_path / "many"), "--instance", str(instance)]
    check = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests themselves run in the background, they and all that they start would be deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert check.stdout.readline()
    time.sleep(0.1)
    os.killpg(check.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, errors = check.communicate(timeout=60)
    assert (check.returncode, errors) == (130, "\nAborted!\n")


CTRL_C_WHILE_A_CONNECTION_IS_PUT_BACK = """
import sys
from sqlalchemy.pool import base
from moderation.cli import main

def interrupted(*_, **__):
    raise KeyboardInterrupt

base._ConnectionFairy._reset = interrupted
main(sys.argv[1:])
"""


def test_wherever_ctrl_c_comes_one_word_is_said_of_it(instance):
    words = [sys.executable, "-c", CTRL_C_WHILE_A_CONNECTION_IS_PUT_BACK, "blocklist", "list", "--instance", instance]
    answer = subprocess.run(words, capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (130, "\nAborted!\n")


def test_a_question_that_is_interrupted_is_no_answer(instance):
    ours, theirs = os.openpty()
    erase = subprocess.Popen(
        [sys.executable, "-m", "moderation", "accounts", "erase", "ana", "--instance", str(instance)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        asked = b""
        while b"[y/N]" not in asked:
            asked += os.read(ours, 1000)
        # Just before it reads, Python notes the signal and reads all the same: a person presses again.
        for _ in range(60):
            erase.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                erase.wait(1)
                break
        assert erase.returncode == 130
    finally:
        erase.kill()
        os.close(ours)
        os.close(theirs)
