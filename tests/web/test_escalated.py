"""Escalated pictures in the browser: nobody sees them, save the people whom an admin has named."""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from moderation.database import db, writing
from moderation.demo import near_miss
from moderation.models import Picture, Role, Status
from moderation.parts import Parts
from moderation.shield import blank
from tests.conftest import near_copy, status
from tests.web.conftest import Browser


@pytest.fixture
def ana(sign_in: Callable) -> Browser:
    return sign_in("ana", Role.MODERATOR)


@pytest.fixture
def escalated(ana: Browser, arrive: Callable, draw: Callable) -> int:
    number = arrive(draw(1))
    page = ana.get(f"/review/pictures/{number}/escalate").text
    assert "An admin has to name somebody" in page
    answer = ana.post(f"/review/pictures/{number}/escalate", reason="looks like a child")
    assert f"Picture {number} is escalated and kept apart." in answer.text
    return number


@pytest.fixture
def eve(sign_in: Callable) -> Browser:
    root, eve = sign_in("root", Role.ADMIN), sign_in("eve", Role.MODERATOR)
    number = root.get("/admin/people?q=eve").text.partition("/admin/people/")[2].partition('"')[0]
    assert "eve sees escalated pictures from now on." in root.post(f"/admin/people/{number}/entrust", entrusted="").text
    return eve


def test_moderators_admins_and_its_member_get_a_blank(
    escalated: int, ana: Browser, sign_in: Callable, app: object
) -> None:
    root = sign_in("root", Role.ADMIN)
    owner = Browser(app)  # type: ignore[arg-type]
    owner.sign_in("member0")
    for who in (ana, root, owner):
        for path in ("", "/thumbnail", "?level=3"):
            assert who.get(f"/pictures/{escalated}{path}").data == blank()
        for path in ("", f"/{escalated}", f"/{escalated}/file"):
            assert who.get(f"/review/escalated/{path.lstrip('/')}").status_code == 403
    assert ana.get("/blocklist/1/look").data == blank()
    assert ana.get(f"/review/search?picture={escalated}").status_code == 404
    assert "Being reviewed" in owner.get("/picture").text
    for page in ("/review/?show=all", "/review/near", "/review/appeals"):
        assert f"/pictures/{escalated}" not in ana.get(page).text
    assert ">Undo<" not in ana.get("/review/history").text


def test_a_grid_that_is_open_learns_that_it_is_gone(escalated: int, ana: Browser) -> None:
    (card,) = ana.get("/review/changes?since=0").json["cards"]
    assert card["status"] == "escalated"
    assert "Kept apart" in card["html"]
    assert "<img" not in card["html"]


def test_the_named_person_sees_a_list_without_pictures_and_one_picture_on_request(
    escalated: int, eve: Browser, draw: Callable
) -> None:
    listed = eve.get("/review/escalated/").text
    assert "looks like a child" in listed
    assert "/file" not in listed
    assert "thumbnail" not in listed
    page = eve.get(f"/review/escalated/{escalated}").text
    assert f'src="/review/escalated/{escalated}/file?level=6"' in page
    sharp = eve.get(f"/review/escalated/{escalated}/file").data
    assert sharp != blank()
    assert eve.get(f"/review/escalated/{escalated}/file?level=6").data not in (sharp, blank())
    assert eve.get(f"/review/pictures/{escalated}").location == f"/review/escalated/{escalated}"


@pytest.mark.parametrize(("button", "after"), [("fine", Status.PUBLISHED), ("indecent", Status.REMOVED)])
def test_the_named_person_releases_it(escalated: int, eve: Browser, button: str, after: Status) -> None:
    answer = eve.post(f"/review/escalated/{escalated}/release", **{button: ""})
    assert f"Picture {escalated} is released as {button}" in answer.text
    assert status(escalated) is after
    assert "Nothing is escalated" in eve.get("/review/escalated/").text


def test_the_entry_of_what_was_released_as_indecent_says_so_and_has_no_button(escalated: int, eve: Browser) -> None:
    assert ">Withdraw<" in eve.get("/blocklist/1").text
    eve.post(f"/review/escalated/{escalated}/release", indecent="")
    page = eve.get("/blocklist/1").text
    assert "Went when its picture was released" in page
    assert ">Restore<" not in page
    assert "Escalate the picture again." in eve.post("/blocklist/1/restore").text


def test_a_member_whose_upload_is_kept_apart_hears_what_others_hear(
    escalated: int, sign_in: Callable, draw: Callable, parts: Parts
) -> None:
    mia = sign_in("mia")
    for picture in (near_copy(draw(1)), near_miss(draw(1), parts.policy)):
        assert "A person will look at your picture before it is shown." in mia.upload(picture).text


def test_who_is_entrusted_no_more_sees_nothing_at_once(escalated: int, eve: Browser, browser: Callable) -> None:
    root = browser()
    root.sign_in("root")
    number = root.get("/admin/people?q=eve").text.partition("/admin/people/")[2].partition('"')[0]
    root.post(f"/admin/people/{number}/entrust")
    assert eve.get("/review/escalated/").status_code == 403


def test_its_member_cannot_tell_it_from_one_that_is_held(
    escalated: int, sign_in: Callable, draw: Callable, parts: Parts
) -> None:
    mia = sign_in("mia")
    uploaded = []
    for picture in (near_copy(draw(1)), draw(2)):
        mia.upload(picture)
        uploaded.append(int(mia.get("/picture").text.partition('id="upload-')[2].partition('"')[0]))
    move(uploaded[1], Status.HELD)
    assert [status(one) for one in uploaded] == [Status.ESCALATED, Status.HELD]
    for path in ("", "/thumbnail", "?level=3"):
        answers = [mia.get(f"/pictures/{one}{path}") for one in uploaded]
        apart, held = ((answer.status, answer.data, headers(answer)) for answer in answers)
        assert apart == held


def move(picture_id: int, to: Status) -> None:
    with writing():
        db.session.get_one(Picture, picture_id).status = to


def headers(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name != "X-Request-ID"}
