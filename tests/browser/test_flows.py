"""What moderators, members and admins do beside the grid, in real browsers."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from moderation import accounts, appeals, escalation, review
from moderation.blocklist import unpack
from moderation.database import db, writing
from moderation.demo import near_miss
from moderation.judging import judge
from moderation.matching import Verdict, Zone
from moderation.models import Account, Picture, Role, Status
from moderation.parts import Parts
from moderation.uploads import receive
from tests.browser.conftest import intercept
from tests.conftest import configure, near_copy, status


def test_a_near_match_is_claimed_taken_over_and_found_to_be_none(
    window: Callable, parts: Parts, arrive: Callable, draw: Callable
) -> None:
    ana, ben = window("ana", Role.MODERATOR), window("ben", Role.MODERATOR)
    ana.get_by_role("link", name="Recent").click()
    review.mark(parts, arrive(draw(1)), accounts.named("ana").id, None)
    held = arrive(near_miss(draw(1), parts.policy))
    ben.reload()
    ben.get_by_role("link", name="Near matches 1").click()
    ben.get_by_role("link", name="Begin with the first").click()
    expect(ben.get_by_text("the outlines")).to_contain_text("of 64 bits differ")
    expect(ben.get_by_role("link", name="Blocklist entry 1")).to_be_visible()

    ana.goto(ben.url)
    expect(ana.get_by_text("ben is looking at this picture.")).to_be_visible()
    expect(ana.get_by_role("button", name="Not a match")).to_have_count(0)
    ana.get_by_role("button", name="Take over").click()
    ana.get_by_role("button", name="Not a match").click()
    expect(ana.get_by_text("Nothing is held.")).to_be_visible()
    assert status(held) is Status.PUBLISHED
    ben.reload()
    expect(ben.get_by_text("This picture is decided: on show.")).to_be_visible()


def test_who_loses_a_case_while_typing_is_told_by_whom_and_keeps_what_was_typed(
    window: Callable, parts: Parts, arrive: Callable, draw: Callable, person: Callable
) -> None:
    review.mark(parts, arrive(draw(1)), person("first", Role.MODERATOR), None)
    held = arrive(near_miss(draw(1), parts.policy))
    ana, rosa = window("ana", Role.MODERATOR), window("rosa", Role.MODERATOR)
    ana.clock.install()
    ana.goto(f"/review/cases/{held}")
    ana.get_by_label("Note for other moderators").fill("The third one in a week.")
    with ana.expect_response("**/claim"):
        ana.clock.fast_forward("05:00")
    expect(ana.get_by_role("alert")).to_have_count(0)

    intercept(ana, "**/claim")
    ana.clock.fast_forward("05:00")
    expect(ana.get_by_role("alert")).to_contain_text("could not be renewed")
    ana.unroute("**/claim")

    rosa.goto(ana.url)
    rosa.get_by_role("button", name="Take over").click()
    expect(rosa.get_by_role("button", name="Not a match")).to_be_enabled()
    ana.clock.fast_forward("05:00")
    expect(ana.get_by_role("alert")).to_contain_text("rosa has taken this over.")
    for button in ("Indecent", "Not a match"):
        expect(ana.get_by_role("button", name=button, exact=True)).to_be_disabled()
    expect(ana.get_by_label("Note for other moderators")).to_have_value("The third one in a week.")
    expect(ana.get_by_label("Note for other moderators")).to_be_editable()
    ana.get_by_label("If indecent").press("Enter")
    assert status(held) is Status.HELD

    rosa.get_by_role("button", name="Not a match").click()
    expect(rosa.get_by_text("Nothing is held.")).to_be_visible()
    ana.goto(f"/review/cases/{held}")
    expect(ana.get_by_text("This picture is decided")).to_be_visible()
    intercept(ana, "**/claim")
    with ana.expect_event("requestfailed"):
        ana.clock.fast_forward("05:00")
    ana.evaluate("fetch(location.href)")  # by when the page has heard of it
    assert ana.get_by_role("alert").count() == 0, "there is nothing that anybody could take over"


def test_what_is_escalated_leaves_every_open_grid_and_only_the_named_see_it(
    window: Callable, arrive: Callable, draw: Callable
) -> None:
    number, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    ana, ben, eve = (window(name, Role.MODERATOR) for name in ("ana", "ben", "eve"))
    with writing():
        accounts.set_entrusted(db.session.get_one(Account, accounts.named("eve").id), True)
    card = ana.locator(f"#picture-{copy}")
    card.locator("summary").click()
    card.get_by_role("link", name="Escalate…").click()
    ana.get_by_label("Why, in a few words").fill("May show a child")
    ana.get_by_role("button", name="Escalate").click()
    expect(ana.get_by_text("is escalated and kept apart, with 1 copy of it.")).to_be_visible()
    expect(ana.locator(".grid .card")).to_have_count(0)
    expect(ben.locator(f"#picture-{copy}")).to_contain_text("Kept apart")
    expect(ben.locator(f"#picture-{copy} img")).to_have_count(0)
    assert ben.goto("/review/escalated/").status == 403

    eve.goto("/review/")
    eve.get_by_role("link", name="Escalated 2").click()
    expect(eve.locator("main img")).to_have_count(0)
    eve.get_by_role("link", name=f"Picture {copy}").click()
    expect(eve.locator("main img")).not_to_be_visible()
    eve.get_by_role("button", name="It is fine").click()
    expect(eve.get_by_text("Nothing is escalated.")).to_be_visible()
    assert [status(one) for one in (number, copy)] == [Status.PUBLISHED] * 2


def test_an_admin_withdraws_restores_and_takes_back_all_that_an_account_decided(
    window: Callable, parts: Parts, arrive: Callable, draw: Callable
) -> None:
    ana, root = window("ana", Role.MODERATOR), window("root", Role.ADMIN)
    numbers = [arrive(draw(seed)) for seed in range(3)]
    ana.reload()
    for number in numbers[:2]:
        ana.locator(f"#picture-{number}").get_by_role("button", name="Indecent").click()
        expect(ana.locator(f"#picture-{number}")).to_contain_text("Indecent: no other copies on show.")
    root.goto("/blocklist/")
    root.get_by_role("button", name="Withdraw entry 1").click()
    expect(root.get_by_text("Entry 1 is withdrawn: it blocks no more.")).to_be_visible()
    root.goto("/blocklist/?show=withdrawn")
    root.get_by_role("button", name="Restore entry 1").click()
    expect(root.get_by_text("Entry 1 blocks again.")).to_be_visible()

    root.get_by_text("More", exact=True).click()
    root.get_by_role("link", name="People").click()
    root.get_by_role("link", name="ana").click()
    root.get_by_role("link", name="Take back decisions…").click()
    root.get_by_label("Since, in UTC").fill("2020-01-01T00:00")
    root.get_by_role("button", name="Show what that is").click()
    expect(root.get_by_text("2 decisions about 2 pictures. 2 of them are down now")).to_be_visible()
    root.get_by_role("button", name="Take back all 2").click()
    expect(root.get_by_text("Took back 2 decisions of ana.")).to_be_visible()
    assert [status(number) for number in numbers] == [Status.PUBLISHED] * 3
    root.get_by_label("State").select_option("taken back")
    root.get_by_role("button", name="Show").click()
    expect(root.locator(".history li")).to_have_count(2)
    with root.expect_download() as download:
        root.get_by_role("link", name="CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == 3


SAVED = ((0.9, 80), (0.3, 20), (0.12, 8))
"""How copies are saved again: scale and quality. The last is too far away for stricter thresholds."""


@pytest.fixture
def by_hashes(instance: Path) -> None:
    """A site on which the thresholds alone decide, as pixels never do."""
    configure(instance, "REFUSE_CORRELATION = 2.0")


@pytest.mark.own_site
@pytest.mark.usefixtures("by_hashes")
def test_the_what_if_number_equals_a_recount(window: Callable, parts: Parts, arrive: Callable, draw: Callable) -> None:
    root = window("root", Role.ADMIN)
    assert parts.policy.refuse_correlation == 2.0
    for seed in range(3):
        review.mark(parts, arrive(draw(seed)), accounts.named("root").id, None)
    files = [near_copy(draw(seed), scale, quality) for seed in range(3) for scale, quality in SAVED]
    for data in (*files, *(near_miss(draw(seed), parts.policy) for seed in range(3)), draw(5), draw(6)):
        arrive(data)
    root.goto("/admin/")
    root.get_by_label("Refuse within dHash bits").fill("4")
    root.get_by_label("and pHash bits").fill("24")
    root.get_by_role("button", name="Count").click()

    db.session.rollback()
    other = replace(parts, policy=replace(parts.policy, refuse=Zone(4, 24)))
    later = db.session.scalars(sa.select(Picture).where(Picture.id > 3))
    counted = Counter(judge(other, unpack(one.fingerprint)).verdict for one in later if one.fingerprint)
    refused = counted[Verdict.REFUSE]
    assert 0 < refused < len(files)
    sentence = f"{refused} upload{'' if refused == 1 else 's'} of 17 would have been refused instead of 9"
    expect(root.locator("#what-if ~ p", has_text="would have been refused")).to_contain_text(sentence)
    expect(root.get_by_text(f"and {counted[Verdict.HOLD]} held instead of 3.")).to_be_visible()


def test_a_name_of_forty_letters_makes_no_page_wider_than_a_phone(
    window: Callable, parts: Parts, person: Callable, draw: Callable
) -> None:
    name = "Maximiliane_Wilhelmine_von_Hohenmarschen"
    member, moderator = person(name), person(f"X{name[1:]}", Role.MODERATOR)
    data = [draw(1), near_copy(draw(1)), near_miss(draw(1), parts.policy), draw(2), near_copy(draw(2)), draw(3)]
    review.mark(parts, receive(parts, member, data[0]).id, moderator, None)
    _, refused, held, shown, copy, kept = [1, *(receive(parts, member, one).id for one in data[1:])]
    review.mark(parts, receive(parts, member, draw(4)).id, moderator, None)
    appeals.ask(refused, member, "It is my knee.", timedelta(days=1))
    escalation.escalate(parts, kept, moderator, "May show a child")
    root = window("root", Role.ADMIN, viewport={"width": 360, "height": 740})
    with writing():
        accounts.set_entrusted(db.session.get_one(Account, accounts.named("root").id), True)
    wide = {}
    for page in (
        *("/review/", f"/review/?member={name}", "/review/near", "/review/appeals", "/review/history", "/blocklist/1"),
        *(f"/review/cases/{held}", f"/review/cases/{refused}", f"/review/pictures/{shown}"),
        *(f"/review/search?picture={copy}", f"/review/pictures/{shown}/escalate", f"/review/escalated/{kept}"),
        *("/review/escalated/", "/admin/people", f"/admin/people/{member}", f"/admin/people/{moderator}"),
        *(f"/admin/people/{moderator}/decisions?since=2020-01-01T00:00", "/admin/?days=7", "/admin/audit"),
    ):
        assert root.goto(page).ok, page
        wide[page] = root.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert {page: beyond for page, beyond in wide.items() if beyond > 0} == {}
