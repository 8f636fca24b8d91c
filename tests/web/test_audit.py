"""The audit log in the browser: every change says who, and so does every download."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from moderation import audit
from moderation.database import db, writing
from moderation.models import Record, Role
from tests.conftest import PASSWORD
from tests.web.conftest import Browser


def log(*kinds: str) -> list[tuple[str, int | None, int | None]]:
    db.session.rollback()
    found = db.session.scalars(sa.select(Record).order_by(Record.id))
    return [(row.kind, row.by_id, row.account_id) for row in found if row.kind in kinds]


@pytest.fixture
def rosa(sign_in: Callable) -> Browser:
    return sign_in("rosa", Role.ADMIN)


def test_what_an_admin_does_to_an_account_is_that_admins_doing(rosa: Browser, person: Callable) -> None:
    mona = person("mona", Role.MODERATOR)
    rosa.post(f"/admin/people/{mona}/entrust", entrusted="on")
    rosa.post(f"/admin/people/{mona}/role", role="member")
    rosa.post(f"/admin/people/{mona}/deactivate")
    rosa.post(f"/admin/people/{mona}/deactivate", again="on")
    wanted = ("entrust", "role", "deactivate", "reactivate")
    assert log(*wanted) == [(kind, 1, mona) for kind in wanted]


def test_whoever_signs_up_opens_the_own_account(browser: Callable) -> None:
    browser().post("/sign-up", name="mia", password=PASSWORD)
    assert log("account") == [("account", 1, 1)]


def test_a_long_row_is_folded_and_all_of_it_is_there(rosa: Browser) -> None:
    with writing():
        audit.record(audit.Event.SETTINGS, None, changed={f"SETTING_{number}": [None, number] for number in range(40)})
    page = rosa.get("/admin/audit/?kind=settings").text
    assert "<summary>changed SETTING_0: None → 0;" in page
    assert "SETTING_9: None → 9</details>" in page


def test_every_table_that_is_downloaded_is_written_down(app: Flask, rosa: Browser) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if str(rule).endswith(".csv")]
    assert len(rules) >= 3
    for number, rule in enumerate(rules, 1):
        answer = rosa.get(str(rule).replace("<name>", "moderators"))
        assert answer.status_code == 200, rule
        assert answer.mimetype == "text/csv"
        assert log("export") == [("export", 1, None)] * number, rule


def test_a_cell_that_a_spreadsheet_would_take_for_a_formula_is_none(rosa: Browser, arrive, draw, parts) -> None:
    from moderation import review

    review.mark(parts, arrive(draw(1)), 1, None, reason="=HYPERLINK(1)")
    assert "'=HYPERLINK(1)" in rosa.get("/review/history.csv").text


def test_the_page_shows_who_did_what_filtered_and_paged(app: Flask, rosa: Browser, person: Callable) -> None:
    app.config["GRID_PAGE"] = 5
    person("mona", Role.MODERATOR)
    for number in range(6):
        with writing():
            audit.record(audit.Event.EXPORT, 1, table=f"table {number}")
    first = rosa.get("/admin/audit/").text
    assert "table 5" in first
    assert "table 0" not in first
    older = re.search(r'href="(/admin/audit/\?before=\d+)"', first)[1]
    assert "table 0" in rosa.get(older).text
    only_accounts = rosa.get("/admin/audit/?kind=account").text
    assert "mona" in only_accounts
    assert "table 1" not in only_accounts
    monas = rosa.get("/admin/audit/audit.csv?person=mon").text.splitlines()
    assert len(monas) == 2
    assert "No row is like that." in rosa.get("/admin/audit/?kind=mark").text
