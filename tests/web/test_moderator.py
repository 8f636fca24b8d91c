"""The console without scripts: every button is a form."""

import html
import re
from collections.abc import Callable
from io import BytesIO

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from moderation import review
from moderation.database import db, writing
from moderation.demo import near_miss
from moderation.models import Counter, Decision, Role, Status
from moderation.parts import Parts
from tests.conftest import near_copy, save, status


def test_the_grid_shows_the_newest_first(sign_in: Callable, arrive: Callable, draw: Callable) -> None:
    numbers = [arrive(draw(seed)) for seed in range(3)]
    page = sign_in("mona", Role.MODERATOR).get("/review/").text
    places = [page.index(f'id="picture-{number}"') for number in numbers]
    assert places == sorted(places, reverse=True)


def test_one_click_takes_every_copy_down_and_says_how_many(sign_in: Callable, arrive: Callable, draw: Callable) -> None:
    copies = [arrive(draw(1)), arrive(near_copy(draw(1))), arrive(near_copy(draw(1), scale=1.4))]
    other = arrive(draw(2))
    mona = sign_in("mona", Role.MODERATOR)
    answer = mona.post(f"/review/pictures/{copies[1]}/mark")
    assert "Indecent: 2 other copies taken down." in answer.text
    assert [status(number) for number in copies] == [Status.REMOVED] * 3
    assert status(other) is Status.PUBLISHED
    assert "refused" in sign_in("max").upload(near_copy(draw(1), scale=0.5)).text


def test_undo_is_offered_at_once_and_in_the_history(sign_in: Callable, arrive: Callable, draw: Callable) -> None:
    number = arrive(draw(1))
    mona = sign_in("mona", Role.MODERATOR)
    answer = mona.post(f"/review/pictures/{number}/mark")
    decision = db.session.query(Decision).one().id
    for page in (answer.text, mona.get("/review/history").text):
        assert f'action="/review/decisions/{decision}/undo"' in page
    assert "Taken back." in mona.post(f"/review/decisions/{decision}/undo").text
    assert status(number) is Status.PUBLISHED


def test_approving_takes_a_picture_off_the_grid_and_leaves_it_on_show(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    number = arrive(draw(1))
    mona = sign_in("mona", Role.MODERATOR)
    assert "OK." in mona.post(f"/review/pictures/{number}/approve").text
    assert f'id="picture-{number}"' not in mona.get("/review/").text
    assert f'id="picture-{number}"' in mona.get("/review/?show=all").text
    assert status(number) is Status.PUBLISHED


def test_a_card_is_kept_for_all_grids_and_has_what_is_each_ones_own(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    number = arrive(draw(1))
    ana, ben = sign_in("ana", Role.MODERATOR), sign_in("ben", Role.MODERATOR)
    ana.post("/review/shield", level=1)

    def card(page: str) -> str:
        return page[page.index("<article") : page.index("</article>")]

    def sent(field: str, page: str) -> set[str]:
        return set(re.findall(rf'name="{field}" value="([^"]*)"', card(page)))

    pages = [(one, one.get(path).text) for path in ("/review/", "/review/?show=all&member=") for one in (ana, ben)]
    for one, page in pages:
        assert "\0" not in page
        assert sent("csrf_token", page) == set(re.findall('"csrf_token" value="([^"]+)"', page))
        assert f"level={1 if one is ana else 3}" in card(page)
    tokens = set.union(*(sent("csrf_token", page) for _, page in pages))
    assert len({token.split(".")[0] for token in tokens}) == 2  # the rest says in which second it was signed
    assert [sent("back", page) for _, page in pages[1:3]] == [{"/review/?"}, {"/review/?show=all&amp;member="}]

    arrive(near_copy(draw(1)))
    assert "2 copies" in card(ben.get("/review/").text)  # as it is now, not as it was kept
    again = ben.post(f"/review/pictures/{number + 1}/mark", json=True)
    assert "Indecent" in again.json["card"]


def test_the_slower_of_two_moderators_is_told_who_decided_what(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    number = arrive(draw(1))
    sign_in("ana", Role.MODERATOR).post(f"/review/pictures/{number}/approve")
    mona = sign_in("mona", Role.MODERATOR)
    answer = mona.post(f"/review/pictures/{number}/mark", seen="")
    assert answer.status_code == 409
    assert "ana approved this picture" in answer.text
    assert status(number) is Status.PUBLISHED
    assert "OK by ana." in mona.get("/review/?show=all").text


def test_the_script_gets_the_card_as_it_is_now(sign_in: Callable, arrive: Callable, draw: Callable) -> None:
    number = arrive(draw(1))
    answer = sign_in("mona", Role.MODERATOR).post(f"/review/pictures/{number}/mark", json=True)
    assert answer.json is not None
    assert f'id="picture-{number}"' in answer.json["card"]
    assert "Undo" in answer.json["card"]


def test_an_open_grid_hears_of_uploads_and_of_what_others_decide(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    mona = sign_in("mona", Role.MODERATOR)
    version = mona.get("/review/changes?since=0").json
    assert version is None or version["cards"] == []
    first = arrive(draw(1))
    news = mona.get("/review/changes?since=0").json
    assert [card["id"] for card in news["cards"]] == [first]
    assert news["counts"]["undecided"] == 1

    nothing = mona.get(f"/review/changes?since={news['version']}")
    assert nothing.status_code == 204
    assert not nothing.data

    sign_in("ana", Role.MODERATOR).post(f"/review/pictures/{first}/mark")
    news = mona.get(f"/review/changes?since={news['version']}").json
    assert [(card["id"], card["undecided"]) for card in news["cards"]] == [(first, False)]
    assert "Marked indecent by ana." in news["cards"][0]["html"]


def test_a_grid_that_was_open_during_a_restore_is_told_to_reload(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    mona = sign_in("mona", Role.MODERATOR)
    changes = re.search(r'data-changes="([^"]+)"', mona.get("/review/").text)[1]
    assert mona.get(f"{changes}&since=0").status_code in (200, 204)
    with writing():
        db.session.execute(sa.update(Counter).values(epoch="after"))
    answer = mona.get(f"{changes}&since=0", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["error"]) == (
        409,
        "The site was restored from a backup. Please reload the page.",
    )


def test_a_long_absence_is_caught_up_in_pieces(
    sign_in: Callable, arrive: Callable, draw: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moderation.web.moderator.CHANGES", 2)
    numbers = {arrive(draw(seed)) for seed in range(5)}
    mona, heard, since = sign_in("mona", Role.MODERATOR), set(), 0
    while (answer := mona.get(f"/review/changes?since={since}")).status_code == 200:
        heard |= {card["id"] for card in answer.json["cards"]}
        since = answer.json["version"]
    assert heard == numbers


def test_a_picture_page_shows_the_distances_to_the_entries_it_came_near(
    sign_in: Callable, arrive: Callable, draw: Callable, parts: Parts, person: Callable
) -> None:
    review.mark(parts, arrive(draw(1)), person("mona", Role.MODERATOR), None)
    number = arrive(near_copy(draw(1)))
    page = sign_in("ana", Role.MODERATOR).get(f"/review/pictures/{number}").text
    assert "of 64 bits" in page
    assert "of 256 bits" in page
    assert "<td>the whole</td>" in page
    assert "<dt>State</dt><dd>Refused</dd>" in page


def test_a_picture_page_says_in_which_views_a_disguised_copy_was_seen_and_how_far_it_agrees(
    sign_in: Callable, arrive: Callable, draw: Callable, parts: Parts, person: Callable
) -> None:
    review.mark(parts, arrive(draw(1)), person("mona", Role.MODERATOR), None)
    image = Image.open(BytesIO(draw(1)))
    edge = image.width // 20
    number = arrive(save(image.crop((edge, edge, image.width - edge, image.height - edge))))
    page = sign_in("ana", Role.MODERATOR).get(f"/review/pictures/{number}").text
    assert "<td>centre against whole</td>" in page
    assert re.search(r"<td>(9\d|100) %</td>", page)


def test_a_refused_picture_that_a_person_finds_fine_comes_on_show(
    sign_in: Callable, arrive: Callable, draw: Callable, parts: Parts, person: Callable
) -> None:
    review.mark(parts, arrive(draw(1)), person("mona", Role.MODERATOR), None)
    number = arrive(near_copy(draw(1)))
    assert status(number) is Status.REFUSED
    ana = sign_in("ana", Role.MODERATOR)
    assert f'id="picture-{number}"' in ana.get("/review/?show=refused").text
    ana.post(f"/review/pictures/{number}/approve")
    assert status(number) is Status.PUBLISHED


@pytest.mark.parametrize(
    "path", ["/review/pictures/99/mark", "/review/decisions/99/undo", "/review/pictures/99/approve"]
)
def test_what_does_not_exist_is_said_plainly(sign_in: Callable, path: str) -> None:
    answer = sign_in("mona", Role.MODERATOR).post(path)
    assert answer.status_code == 404
    assert "There is no" in answer.text


def test_the_rest_is_approved_in_one_decision_that_is_taken_back_at_once(
    sign_in: Callable, arrive: Callable, draw: Callable, parts: Parts, person: Callable
) -> None:
    ana = person("ana", Role.MODERATOR)
    review.mark(parts, arrive(draw(9)), ana, None)
    indecent, fine, held = arrive(draw(1)), arrive(draw(2)), arrive(draw(3))
    review.mark(parts, indecent, ana, None)
    mona = sign_in("mona", Role.MODERATOR)
    answer = mona.post("/review/approve", picture=[str(indecent), str(fine), str(held), "9999"])
    assert "OK: 2 pictures in one decision." in answer.text
    assert status(indecent) is Status.REMOVED
    assert f'id="picture-{fine}"' not in mona.get("/review/").text
    assert "Undo all 2" in mona.get("/review/?show=all").text
    assert mona.post("/review/approve", picture=[str(fine)]).status_code == 409
    mona.post(f"/review/decisions/{db.session.scalar(sa.select(sa.func.max(Decision.id)))}/undo")
    assert f'id="picture-{fine}"' in mona.get("/review/").text


def test_without_a_script_a_large_sweep_is_asked_about_on_a_page_of_its_own(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    first, *others = [arrive(near_copy(draw(1), scale=1 - place / 40)) for place in range(7)]
    ana = sign_in("ana", Role.MODERATOR)
    asked = ana.post(f"/review/pictures/{first}/mark", back="/review/?show=all").text
    assert "This takes down 6 other pictures of 6 members" in asked
    assert 'value="/review/?show=all"' in asked
    assert status(first) is Status.PUBLISHED
    ana.post(f"/review/pictures/{first}/mark", listed=others, take=others[:2])
    assert [status(number) for number in others] == [Status.REMOVED] * 2 + [Status.PUBLISHED] * 4
    ana.post(f"/review/pictures/{others[2]}/mark", listed=others[3:], take=others[3:], only="")
    assert [status(number) for number in others[2:]] == [Status.REMOVED] + [Status.PUBLISHED] * 3


def test_what_somebody_has_found_ok_is_not_swept_up_unasked(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    first, second = arrive(draw(1)), arrive(near_copy(draw(1)))
    sign_in("ben", Role.MODERATOR).post(f"/review/pictures/{second}/approve")
    asked = sign_in("ana", Role.MODERATOR).post(f"/review/pictures/{first}/mark").text
    assert "Somebody has found 1 of them OK." in asked
    assert "OK by ben" in asked
    assert status(first) is status(second) is Status.PUBLISHED


def test_pictures_come_blurred_at_the_level_that_the_moderator_chose(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    number = arrive(draw(1))
    ana = sign_in("ana", Role.MODERATOR)
    assert f'src="/pictures/{number}/thumbnail?level=3"' in ana.get("/review/").text
    sharp, blurred = (ana.get(f"/pictures/{number}/thumbnail{level}") for level in ("", "?level=3"))
    assert len(blurred.data) < len(sharp.data) / 4
    assert sharp.headers["ETag"] != blurred.headers["ETag"]
    ana.post("/review/shield", level=0)
    assert f'src="/pictures/{number}/thumbnail"' in ana.get("/review/").text
    assert "The shield has the levels 0 to 6." in ana.post("/review/shield", level=7).text
    assert ana.get(f"/pictures/{number}/thumbnail?level=7").status_code == 404


def test_the_history_is_filtered_by_person_kind_and_state_and_can_be_had_as_csv(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    first, second = arrive(draw(1)), arrive(draw(2))
    ana, ben = sign_in("ana", Role.MODERATOR), sign_in("ben", Role.MODERATOR)
    ana.post(f"/review/pictures/{first}/mark")
    ben.post(f"/review/pictures/{second}/approve")
    ben.post("/review/decisions/2/undo")

    def listed(query: str) -> list[str]:
        return re.findall(r'id="decision-(\d+)"', ben.get(f"/review/history?{query}").text)

    assert listed("") == ["2", "1"]
    assert listed("by=AN") == ["1"]
    assert listed("kind=approve") == ["2"]
    assert listed("undone=no") == ["1"]
    assert listed("by=ana&kind=approve") == []
    assert "No decision is like that." in ben.get("/review/history?by=nobody").text
    heads, row = ben.get("/review/history.csv?undone=yes").text.splitlines()
    assert heads.startswith("decision,when,by,kind")
    assert re.fullmatch(rf"2,[^,]+,ben,approve,,,{second},,[^,]+,ben", row)


def test_copies_are_one_card_and_one_decision(sign_in: Callable, arrive: Callable, draw: Callable) -> None:
    first, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    ana = sign_in("ana", Role.MODERATOR)
    page = ana.get("/review/").text
    assert f'id="picture-{copy}"' in page
    assert f'id="picture-{first}"' not in page
    assert f'<input type="hidden" name="copy" value="{first}">' in page
    assert ">×2<" in page
    answer = ana.post(f"/review/pictures/{copy}/approve", copy=first)
    assert "OK: 2 pictures in one decision." in answer.text
    assert "All done." in ana.get("/review/").text


def test_an_open_grid_hears_which_cards_a_newcomer_is_a_copy_of(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    first = arrive(draw(1))
    ana = sign_in("ana", Role.MODERATOR)
    version = ana.get("/review/changes?since=0").json["version"]
    arrive(near_copy(draw(1)))
    (card,) = ana.get(f"/review/changes?since={version}").json["cards"]
    assert card["copies"] == [first]


def test_what_somebody_has_decided_on_has_a_page_of_its_own(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    first, second = arrive(draw(1)), arrive(draw(2))
    ana = sign_in("ana", Role.MODERATOR)
    assert "Nobody has decided on a picture yet." in ana.get("/review/?show=decided").text
    ana.post(f"/review/pictures/{first}/approve")
    page = ana.get("/review/?show=decided").text
    assert (f'id="picture-{first}"' in page, f'id="picture-{second}"' in page) == (True, False)


def test_a_near_match_is_told_from_what_could_not_be_compared(
    sign_in: Callable, arrive: Callable, draw: Callable, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = sign_in("ana", Role.MODERATOR)
    ana.post(f"/review/pictures/{arrive(draw(1))}/mark")
    near = arrive(near_miss(draw(1), parts.policy))
    monkeypatch.setattr("moderation.uploads.judge", lambda *_: 1 / 0)
    failed = arrive(draw(2))
    cards = ana.get("/review/?show=held").text.split("<article")[1:]
    chips = {
        card.partition('id="picture-')[2].partition('"')[0]: re.findall(r">(near match|held)<", card) for card in cards
    }
    assert chips == {str(near): ["near match"], str(failed): ["held"]}


def test_a_picture_with_too_little_detail_says_at_marking_what_is_blocked(sign_in: Callable, arrive: Callable) -> None:
    ana = sign_in("ana", Role.MODERATOR)
    number = arrive(save(Image.new("RGB", (200, 200), "teal")))
    answer = ana.post(f"/review/pictures/{number}/mark", json=True)
    assert answer.json["said"] == "Indecent. Too little detail: only identical copies are blocked."


def test_how_a_grid_is_arranged_is_remembered(sign_in: Callable, arrive: Callable, draw: Callable) -> None:
    ana = sign_in("ana", Role.MODERATOR)
    assert 'class="grid size-m"' in ana.get("/review/").text
    ana.get("/review/?size=l&order=copies")
    page = ana.get("/review/").text
    assert 'class="grid size-l"' in page
    assert 'order=copies" aria-current="true"' in page
    assert 'class="grid size-l"' in ana.get("/review/?size=huge").text


def test_an_order_of_its_own_goes_on_to_the_latest_of_all_and_then_with_older_ones_newest_first(
    sign_in: Callable, arrive: Callable, draw: Callable, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["GRID_PAGE"] = 2
    monkeypatch.setattr("moderation.cards.WINDOW", 5)
    numbers = [arrive(draw(seed)) for seed in range(6)][::-1]
    ana = sign_in("ana", Role.MODERATOR)

    def page(path: str) -> tuple[list[int], str, str]:
        """The pictures that it shows, and where it leads on."""
        text = ana.get(path).text
        said, to = re.search(r'<p class="more">(?:<span[^>]*>([^<]*)</span> )?<a[^>]*href="([^"]+)', text).groups()
        return [int(one) for one in re.findall(r'id="picture-(\d+)"', text)], said or "", html.unescape(to)

    shown, said, more = page("/review/?order=closest")
    assert (shown, said) == (numbers[:2], "")
    assert more == f"/review/?show=undecided&order=closest&cards=4#picture-{numbers[1]}"
    assert "Show 2 more" in ana.get("/review/").text
    assert "Show 1 more" in ana.get(more).text
    shown, _, more = page(more)
    assert shown == numbers[:4]
    shown, said, older = page(more)
    assert (shown, said) == (numbers[:5], "These are the latest 5 pictures.")
    assert ana.get("/review/?cards=9999").text.count("<article") == 5
    assert ana.get("/review/?cards=-1").text.count("<article") == 2

    last = ana.get(older).text
    assert re.findall(r'id="picture-(\d+)"', last) == [str(numbers[5])]
    assert 'order=newest" aria-current="true"' in last
    assert 'order=closest" aria-current="true"' in ana.get("/review/").text


def test_the_third_upload_of_a_day_and_an_appeal_are_told_on_the_card(
    sign_in: Callable, draw: Callable, parts: Parts
) -> None:
    mia, ana = sign_in("mia"), sign_in("ana", Role.MODERATOR)
    for seed in range(3):
        mia.upload(draw(seed))
    page = ana.get("/review/?member=MIA").text
    assert page.count("upload today<") == 1
    assert "3rd upload today" in page
    assert "".join(re.findall("<article.*?</article>", page, re.DOTALL)).encode("latin-1")  # kept at a byte a letter
    ana.post("/review/pictures/3/mark")
    mia.upload(near_copy(draw(2)))
    version = ana.get("/review/changes?since=0").json["version"]
    mia.post("/picture/4/appeal", text="It is fine.")
    assert ana.get(f"/review/changes?since={version}").json["counts"]["appeals"] == 1
    assert 'title="Appealed: It is fine.">appealed<' in ana.get("/review/?show=refused").text
