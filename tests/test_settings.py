"""The settings: what a site has chosen; and as an admin sees them, from the comments beside them."""

from datetime import timedelta
from pathlib import Path

import pytest

from moderation import config, logs, purging, settings
from moderation.app import create_app
from moderation.columns import now
from moderation.engines import ENGINES
from moderation.errors import Refusal
from moderation.parts import Parts


def test_every_setting_is_there_with_its_effect_once():
    there = [setting.name for group in settings.groups() for setting in group.settings]
    assert there == [name for name in vars(config) if name.isupper()]
    assert all(group.effect and group.section for group in settings.groups())


def test_settings_of_which_one_comment_speaks_stand_together():
    (refuse,) = [group for group in settings.groups() if group.settings[0].name == "REFUSE_DHASH"]
    assert refuse.section == "matching"
    assert refuse.effect.startswith("A picture is refused when")
    assert [(one.name, one.default, one.says) for one in refuse.settings] == [
        ("REFUSE_DHASH", config.REFUSE_DHASH, "of the dHash's 64"),
        ("REFUSE_PHASH", config.REFUSE_PHASH, "and of the pHash's 256, which confirms"),
    ]


def test_nothing_that_lets_somebody_in_is_shown():
    values = {
        "SECRET_KEY": "hush",
        "DATABASE_URL": "postgresql+psycopg://site:hush@db.example/site",
        "SITE_NAME": "",
        "GRID_PAGE": 48,
    }
    assert [settings.shown(name, values) for name in values] == [
        "set, and not shown",
        "postgresql+psycopg://site:…@db.example/site",
        "empty",
        "48",
    ]


def test_the_environment_counts_more_than_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.read(tmp_path) == {}
    (tmp_path / "config.py").write_text("from datetime import date\nyear = date.today().year\nGRID_PAGE = 24\n")
    assert settings.read(tmp_path) == {"GRID_PAGE": 24}
    monkeypatch.setenv("MODERATION_GRID_PAGE", "12")
    assert settings.read(tmp_path) == {"GRID_PAGE": 12}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("SIGN_UP", "False", False),
        ("SIGN_UP", "false", False),
        ("METRICS_LOCAL", "1", True),
        ("SECURE_COOKIES", "auto", "auto"),
        ("SECURE_COOKIES", "True", True),
        ("QUARANTINE_DAYS", "None", None),
        ("CHECK_DAYS", "null", None),
        ("CHECK_DAYS", "0.5", 0.5),
        ("WORKERS", "3", 3),
        ("MAX_UPLOAD_MB", "2.5", 2.5),
        ("SECRET_KEY", "12345678901234567890", "12345678901234567890"),
        ("SITE_NAME", "true", "true"),
        ("HOSTS", "", ""),
    ],
)
def test_the_environment_says_what_it_reads_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    monkeypatch.setenv(f"MODERATION_{name}", text)
    (found,) = settings.read(tmp_path).values()
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("SIGNUP = False", "SIGNUP: there is no such setting. Is SIGN_UP meant?"),
        ("COLOUR = 'red'", "COLOUR: there is no such setting."),
        ("SIGN_UP = 'no'", "SIGN_UP is True or False; 'no' is not."),
        ("HOSTS = ['example.org']", "HOSTS is a text; ['example.org'] is not."),
        ("INDEX_ENGINE = 'btree'", "INDEX_ENGINE is auto or bktree or multi; 'btree' is not."),
        ("WORKERS = 'two'", "WORKERS is a whole number above 0; 'two' is not."),
        ("WORKERS = True", "WORKERS is a whole number above 0; True is not."),
        ("WORKERS = 0", "WORKERS is a whole number above 0; 0 is not."),
        ("GRID_PAGE = 1.5", "GRID_PAGE is a whole number above 0; 1.5 is not."),
        ("LIMIT_UPLOADS = -1", "LIMIT_UPLOADS is a whole number, 0 or more; -1 is not."),
        ("SESSION_HOURS = None", "SESSION_HOURS is a number, 0 or more; None is not."),
        ("CHECK_DAYS = 'never'", "CHECK_DAYS is a number, 0 or more, or None; 'never' is not."),
        ("LEASE_SECONDS = 1e300", "LEASE_SECONDS is at most 100000; 1e+300 is not."),
        ("MAX_UPLOAD_MB = float('inf')", "MAX_UPLOAD_MB is at most 100000; inf is not."),
        ("QUARANTINE_DAYS = 1_000_000", "QUARANTINE_DAYS is at most 100000, or None; 1000000 is not."),
        ("SIGN_UP = Fals", "goes wrong: name 'Fals' is not defined."),
        ("DATABASE_URL = open('/no/secret').read()", "goes wrong: [Errno 2] No such file or directory: '/no/secret'."),
        ("SIGN_UP = (", ", line 1: '(' was never closed."),
    ],
)
def test_what_cannot_be_a_setting_is_refused_by_name(tmp_path: Path, line: str, sentence: str) -> None:
    (tmp_path / "config.py").write_text(line)
    with pytest.raises(Refusal) as refusal:
        settings.read(tmp_path)
    assert str(refusal.value).startswith(f"{tmp_path / 'config.py'}")
    assert str(refusal.value).endswith(sentence)


@pytest.mark.parametrize(
    "line", ["SECRET_KEY = b'TOPSECRET'", "DATABASE_URL = ('postgresql+psycopg://site:TOPSECRET@db/site',)"]
)
def test_of_a_secret_that_cannot_be_a_setting_nothing_is_said(tmp_path: Path, line: str) -> None:
    (tmp_path / "config.py").write_text(line)
    with pytest.raises(Refusal) as refusal:
        settings.read(tmp_path)
    assert str(refusal.value).endswith(f"{line.split()[0]} is a text; what is there is not.")
    assert "TOPSECRET" not in str(refusal.value)


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://site:x@db:port/site", "postgresql+psycopg://site:x@db:TOPSECRET@db"]
)
def test_an_address_of_a_database_that_is_none_is_refused_by_the_name_of_the_setting(tmp_path: Path, url: str) -> None:
    (tmp_path / "config.py").write_text(f"DATABASE_URL = {url!r}")
    with pytest.raises(Refusal) as refusal:
        create_app(tmp_path)
    assert str(refusal.value) == "DATABASE_URL: the port in it is not a number."


def test_a_file_that_cannot_be_read_is_not_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "config.py").symlink_to(tmp_path / "not mounted")
    with pytest.raises(Refusal, match="No such file"):
        settings.read(tmp_path)


def test_a_variable_that_is_nearly_a_setting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INSTANCE", "PHOTOS", "PORT", "PORT_8000_TCP_ADDR", "SERVICE_HOST"):
        monkeypatch.setenv(f"MODERATION_{name}", "elsewhere")
    assert settings.read(tmp_path) == {}
    monkeypatch.setenv("MODERATION_SIGNUP", "false")
    with pytest.raises(Refusal, match=r"^MODERATION_SIGNUP: there is no such setting. Is SIGN_UP meant\?$"):
        settings.read(tmp_path)


def test_what_comes_with_the_web_framework_may_be_set_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text("SECRET_KEY_FALLBACKS = ['old']\n")
    assert settings.read(tmp_path, ["SECRET_KEY_FALLBACKS"]) == {"SECRET_KEY_FALLBACKS": ["old"]}
    with pytest.raises(Refusal):
        settings.read(tmp_path)


def test_the_most_days_lead_to_dates_that_there_are(parts: Parts) -> None:
    most = timedelta(days=settings.MOST)
    assert purging.purge(parts, purging.Retention(most, most, most, most)).checks == 0
    assert now() + most > now()


def test_every_default_is_a_value_that_may_be_chosen() -> None:
    for name, value in settings.DEFAULTS.items():
        settings._check(name, name, value)
    assert settings.CHOICES["INDEX_ENGINE"] == tuple(ENGINES)
    assert settings.CHOICES["LOG_FORMAT"] == logs.FORMATS
