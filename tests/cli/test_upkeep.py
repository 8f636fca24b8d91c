"""The commands that keep an instance in order."""

import pytest
from click.testing import CliRunner

from moderation.cli import main
from moderation.uploads import receive
from tests.test_refingerprinting import make_old


@pytest.fixture
def run(instance, monkeypatch):
    monkeypatch.setenv("MODERATION_INSTANCE", str(instance))

    def invoke(*words: str) -> str:
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        return result.stdout

    return invoke


def test_refingerprint_says_what_it_did_and_the_second_time_that_there_is_nothing_to_do(run, parts, person, draw):
    kept, lost = (receive(parts, person(f"m{seed}"), draw(seed)) for seed in (1, 2))
    for path in parts.store.root.rglob(f"{lost.file}*"):
        path.unlink()
    make_old()
    assert kept.file != lost.file
    assert (
        run("refingerprint") == "2 fingerprints are up to date now; 1 without the picture, from what was kept of it.\n"
    )
    assert run("refingerprint") == "All fingerprints are up to date.\n"
