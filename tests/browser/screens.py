"""Pictures of every screen: `python -m tests.browser.screens OUT`, light and dark, phone to very wide.

`python -m tests.browser.screens README` makes those that README shows, beside this file. All pictures are drawn.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

from moderation import accounts, allowing, appeals, demo, escalation, pictures, review, uploads
from moderation.app import create_app, migrate
from moderation.context import parts
from moderation.database import db, writing
from moderation.drawing import draw
from moderation.models import Account, Picture, Role, Status
from tests.browser.conftest import launched, served, signed_in

SIZES = {"phone": (360, 740), "tablet": (1024, 768), "desktop": (1440, 900), "wide": (2560, 1440)}

SHOTS = [(size, scheme) for size in ("phone", "tablet", "desktop") for scheme in ("light", "dark")] + [
    ("wide", "light")
]

IN_README = (
    (Role.MODERATOR, "grid", 900),
    (Role.MODERATOR, "near-match", 760),
    (Role.ADMIN, "statistics", 1500),
)
"""Who sees the screen, its name, and how much of it is shown, in pixels from the top."""

WINDOW = timedelta(days=30)


@dataclass(frozen=True)
class Screen:
    """A page, and what to do on it before it is looked at."""

    name: str
    path: str
    act: Callable[[Page], object] = lambda page: None
    whole: bool = True  # to its end, however long it is
    alike: bool = False  # made of what other screens are made of: for the eye alone


def furnish(instance: Path) -> dict[Role | None, Sequence[Screen]]:
    """The demo's site on that instance; by role, None for who is not signed in, its screens."""
    app = create_app(instance, DURABLE=False)
    with app.app_context():
        migrate()
        demo.furnish(parts(), None)
        numbers = _happen()
        db.session.remove()
        db.engine.dispose()
    return _screens(**numbers)


def _happen() -> dict[str, int]:
    """What the demo lacks for every screen to have something on it; the numbers of what is to be seen."""
    admin, moderator = (accounts.named(person.name).id for person in demo.PEOPLE[:2])
    refused = pictures.newest("refused", None, 1)[0]
    ask = "This is my own painting, there is nothing indecent in it."
    appeals.ask(refused.id, refused.member_id, ask, WINDOW)
    shown = next(one.id for one in pictures.newest("undecided", None, 50) if one.status is Status.PUBLISHED)
    with writing():
        accounts.set_entrusted(db.session.get_one(Account, admin), True)
    members = [accounts.named(name).id for name in demo.CROWD]
    # The same photograph on many accounts, which a mark would take down: it asks first.
    same = [uploads.receive(parts(), member, _copy(900, place)).id for place, member in enumerate(members[:9])]
    review.approve(parts(), same[2], moderator, None)
    kept = uploads.receive(parts(), members[10], _copy(901, 0)).id
    escalation.escalate(parts(), kept, moderator, "May show a child")
    allowing.add_file(parts(), _copy(902, 0), "avatar-1.png", "Default avatar", admin)
    allowing.add_file(parts(), _copy(903, 0), "avatar-2.png", "Default avatar", admin)
    member = accounts.named(demo.PEOPLE[2].name).id
    first = uploads.receive(parts(), member, _copy(904, 0)).id
    review.mark(parts(), first, moderator, None, note="The third one in a week.\nWorth a look at the other accounts.")
    uploads.receive(parts(), member, _copy(904, 1))
    uploads.receive(parts(), member, _copy(905, 0))
    return {
        "held": pictures.held(1)[0].id,
        "refused": refused.id,
        "shown": shown,
        "same": same[-1],
        "kept": kept,
        "again": first,
        "person": db.session.get_one(Picture, refused.id).member_id,
        "moderator": moderator,
    }


def _copy(seed: int, place: int) -> bytes:
    """A drawn picture, saved once more for each place."""
    file = BytesIO()
    draw(seed, 480 - 12 * place).save(file, "JPEG", quality=88 - 3 * place)
    return file.getvalue()


def _screens(
    held: int, refused: int, shown: int, same: int, kept: int, again: int, person: int, moderator: int
) -> dict[Role | None, Sequence[Screen]]:
    return {
        None: [
            Screen("sign-in", "/sign-in"),
            Screen("sign-in-wrong", "/sign-in", _wrong_password, alike=True),
            Screen("sign-up", "/sign-up"),
        ],
        Role.MEMBER: [
            Screen("member", "/picture"),
            Screen("member-appeal", "/picture", _open_details),
            Screen("member-preview", "/picture", _choose_a_file),
            Screen("error-not-for-you", "/review/"),
        ],
        Role.MODERATOR: [
            Screen("grid", "/review/", whole=False),
            Screen("grid-large", "/review/?size=l", whole=False, alike=True),
            Screen("grid-small", "/review/?size=s", whole=False, alike=True),
            Screen("grid-all", "/review/?show=all&size=m", whole=False),
            Screen("grid-decided", "/review/?show=decided", whole=False, alike=True),
            Screen("grid-decided-small", "/review/?show=decided&size=s", whole=False, alike=True),
            Screen("grid-of-hana", "/review/?show=all&size=m&member=hana", whole=False, alike=True),
            Screen("grid-of-nobody", "/review/?member=nobody", whole=False, alike=True),
            Screen("grid-arrange", "/review/", _arrange, whole=False),
            Screen("grid-menu", "/review/", _menu, whole=False),
            Screen("grid-keys", "/review/", lambda page: page.keyboard.press("?"), whole=False),
            Screen("grid-selected", "/review/", _select, whole=False),
            Screen("grid-asks", "/review/?show=all", _ask(same), whole=False),
            Screen("grid-hidden", "/review/", lambda page: page.locator("#hide-all").click(), whole=False, alike=True),
            Screen("escalate", f"/review/pictures/{shown}/escalate"),
            Screen("near-matches", "/review/near"),
            Screen("near-match", f"/review/cases/{held}"),
            Screen("appeals", "/review/appeals"),
            Screen("appeal", f"/review/cases/{refused}"),
            Screen("blocklist", "/blocklist/"),
            Screen("blocklist-never-hit", "/blocklist/?show=never%20hit", alike=True),
            Screen("blocklist-noisy", "/blocklist/?show=noisy"),
            Screen("blocklist-entry", "/blocklist/1"),
            Screen("known-good", "/blocklist/known-good", alike=True),
            Screen("similar", f"/review/search?picture={same}"),
            Screen("search", "/review/search"),
            Screen("history", "/review/history"),
            Screen("history-filtered", "/review/history?kind=mark&undone=yes", alike=True),
            Screen("history-empty", "/review/history?by=nobody", alike=True),
            Screen("picture", f"/review/pictures/{shown}"),
            Screen("picture-refused", f"/review/pictures/{refused}"),
            Screen("picture-note-too-long", f"/review/pictures/{shown}", _long_note),
            Screen("picture-marked", f"/review/pictures/{again}", alike=True),
        ],
        Role.ADMIN: [
            Screen("statistics", "/admin/?days=7"),
            Screen("what-if", "/admin/?dhash=4&phash=24", alike=True),
            Screen("people", "/admin/people"),
            Screen("person", f"/admin/people/{person}"),
            Screen("person-moderator", f"/admin/people/{moderator}", alike=True),
            Screen("reversal", f"/admin/people/{moderator}/decisions?since=2026-01-01T00:00"),
            Screen("settings", "/admin/settings"),
            Screen("audit", "/admin/audit"),
            Screen("import", "/admin/import"),
            Screen("import-preview", "/admin/import", _preview_import),
            Screen("known-good-admin", "/blocklist/known-good"),
            Screen("escalated", "/review/escalated/"),
            Screen("escalated-picture", f"/review/escalated/{kept}"),
            Screen("error-not-found", "/nowhere"),
        ],
    }


# --- what is done before a look -------------------------------------------------


def _wrong_password(page: Page) -> None:
    page.get_by_label("Name").fill("marek")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()


def _open_details(page: Page) -> None:
    for summary in page.locator("details.appeal summary").all():
        summary.click()


def _choose_a_file(page: Page) -> None:
    page.get_by_label("Picture file").set_input_files(_file("holiday.jpg", 906))
    page.locator("#preview").wait_for()


def _arrange(page: Page) -> None:
    button = page.locator(".arrange summary")
    if button.is_visible():  # where there is room, all of it is in sight
        button.click()


def _menu(page: Page) -> None:
    page.locator(".card .menu summary").first.click()


def _select(page: Page) -> None:
    for key in ("j", "v", "j", "v", "j", "v"):
        page.keyboard.press(key)


def _ask(picture: int) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.locator(f"#picture-{picture}").get_by_role("button", name="Indecent").click()
        page.locator(".ask").wait_for()

    return act


def _long_note(page: Page) -> None:
    page.get_by_label("Note for other moderators").fill("Have seen this one before, on another account. " * 12)
    page.get_by_role("button", name="OK").click()
    page.get_by_role("alert").wait_for()


def _preview_import(page: Page) -> None:
    page.get_by_label("Picture files").set_input_files([_file("a.jpg", 900), _file("b.jpg", 907), _file("c.jpg", 904)])
    page.get_by_role("button", name="Preview").click()
    page.locator("#plan h2").wait_for()


def _file(name: str, seed: int) -> dict[str, object]:
    return {"name": name, "mimeType": "image/jpeg", "buffer": _copy(seed, 2)}


# --- the camera -------------------------------------------------------------------


def visit(page: Page, screen: Screen) -> None:
    """Open it and do what is to be done there."""
    page.goto(screen.path)
    screen.act(page)
    page.locator("img").evaluate_all(
        "images => Promise.all(images.map((one) => { one.loading = 'eager'; return one.decode().catch(() => null); }))"
    )
    page.wait_for_timeout(100)


def enter(chromium: Browser, address: str, role: Role | None, **options: object) -> tuple[BrowserContext, Page]:
    """A browser in which somebody of that role is signed in; nobody, where there is no role."""
    context = chromium.new_context(base_url=address, **options)
    if role is None:
        return context, context.new_page()
    person = next(one for one in demo.PEOPLE if one.role is role)
    return context, signed_in(context, person.name, person.password)


def look(size: str, scheme: str) -> dict[str, object]:
    width, height = SIZES[size]
    return {"viewport": {"width": width, "height": height}, "color_scheme": scheme}


def for_readme() -> None:
    """What README shows, small enough to be kept with the code."""
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        screens = furnish(Path(folder))
        with served(Path(folder)) as address, launched() as chromium:
            for role, name, high in IN_README:
                (screen,) = [one for one in screens[role] if one.name == name]
                context, page = enter(chromium, address, role, **look("desktop", "light"))
                visit(page, screen)
                page.set_viewport_size({"width": 1440, "height": high})
                shot = Image.open(BytesIO(page.screenshot())).convert("RGB")
                shot.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                    here / f"{name}.png", optimize=True
                )
                context.close()


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        screens = furnish(Path(folder))
        with served(Path(folder)) as address, launched() as chromium:
            for size, scheme in SHOTS:
                for role, some in screens.items():
                    context, page = enter(chromium, address, role, **look(size, scheme))
                    for screen in some:
                        visit(page, screen)
                        page.screenshot(path=out / f"{screen.name}-{size}-{scheme}.png", full_page=screen.whole)
                    context.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screens", description=__doc__.splitlines()[0])
    parser.add_argument("out", help="A folder for the pictures, or README for those that README shows")
    wanted = parser.parse_args().out
    for_readme() if wanted == "README" else main(Path(wanted))
