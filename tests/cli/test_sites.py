"""Where a site begins, and where there is none."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from moderation.cli import main
from tests.conftest import PASSWORD

BEGIN = [
    ["accounts", "add", "ana", "--password", PASSWORD],
    ["tokens", "add", "chat"],
    ["blocklist", "import", "."],
]

OTHERS = [
    ["accounts", "erase", "ana", "--yes"],
    ["accounts", "link", "ana"],
    ["accounts", "list"],
    ["accounts", "password", "ana", "--password", PASSWORD],
    ["accounts", "role", "ana", "admin"],
    ["accounts", "sign-out", "ana"],
    ["audit", "list"],
    ["audit", "verify"],
    ["backup", "site.tar"],
    ["blocklist", "import", ".", "--preview"],
    ["blocklist", "list"],
    ["blocklist", "undo", "1"],
    ["blocklist", "withdraw", "1"],
    ["check", "picture.jpg"],
    ["doctor"],
    ["purge"],
    ["refingerprint"],
    ["tokens", "list"],
    ["tokens", "revoke", "chat"],
]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODERATION_INSTANCE", raising=False)
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--instance", str(folder), *words])


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_a_folder_without_a_site_is_refused_and_nothing_is_made_there(place: Path, words: list[str]) -> None:
    photos = place / "photos"
    photos.mkdir()
    for folder in (photos, place / "typing mistake"):
        result = run(folder, *words)
        assert (result.exit_code, result.output) == (2, f"Error: There is no site in {folder}.\n")
    assert below(place) == ["photos"]


@pytest.mark.parametrize("words", BEGIN, ids=" ".join)
def test_a_site_may_begin_and_that_is_said_once(place: Path, words: list[str]) -> None:
    began = run(place / "site", *words)
    assert began.exit_code == 0, began.output
    assert f"Began a new site in {place / 'site'}.\n" in began.stderr
    assert "Began" not in run(place / "site", *words).output
    assert run(place / "site", "doctor").output == "All is well.\n"


@pytest.mark.parametrize(
    "line", ["SITE_NAME = 'Soon'", "DATABASE_URL = 'sqlite:///mistyped.sqlite'", "DATABASE_URL = 'sqlite:////no/such'"]
)
def test_settings_alone_are_no_site_and_nothing_is_made_beside_them(place: Path, line: str) -> None:
    (place / "config.py").write_text(line)
    result = run(place, "accounts", "list")
    assert (result.exit_code, result.output) == (2, f"Error: There is no site in {place}.\n")
    assert below(place) == ["config.py"]


@pytest.mark.parametrize(
    "url", ["sqlite:///own.sqlite", "sqlite:///own.sqlite?timeout=5", "sqlite:///file:{}/own.sqlite?uri=true"]
)
def test_a_site_is_where_its_settings_say(place: Path, url: str) -> None:
    (place / "config.py").write_text(f"DATABASE_URL = {url.format(place)!r}")
    assert run(place, *BEGIN[0]).exit_code == 0
    assert run(place, "accounts", "list").output == "ana\tmember\n"
    assert (place / "own.sqlite").is_file()


def test_a_database_without_tables_is_no_site(place: Path) -> None:
    site = place / "site"
    site.mkdir()
    (site / "config.py").write_text("SITE_NAME = 'Before it is restored'\n")
    (site / "pictures" / "ab").mkdir(parents=True)
    (site / "pictures" / "ab" / f"ab{'0' * 62}.jpg").write_bytes(b"x")
    for _ in range(2):
        result = run(site, "doctor", "--grace", "0")
        assert (result.exit_code, result.output) == (2, f"Error: There is no site in {site}.\n")
    assert list((site / "pictures").rglob("*.jpg"))


def test_a_backup_that_is_refused_begins_no_site(place: Path) -> None:
    assert "cannot be read" in run(place / "site", "restore", "nowhere.tar").output
    assert below(place) == []


def test_a_site_can_not_begin_in_or_below_a_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "file").touch()
    for folder in (place / "file", place / "file" / "site"):
        monkeypatch.setenv("MODERATION_INSTANCE", str(folder))
        for words, sentence in ((BEGIN[1], f"The folder {folder} cannot be made: "), (OTHERS[2], "There is no site")):
            result = CliRunner().invoke(main, words)
            assert result.exit_code == 2
            assert result.output.startswith(f"Error: {sentence}")
