"""The settings as an admin sees them: from the comments beside them, so that there is one description."""

from moderation import config, settings


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
