"""Pictures of every screen: `python -m tests.browser.screens OUT`, in light and dark, on phone, tablet and desktop."""

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import BrowserContext

from moderation import appeals, demo, pictures
from moderation.app import create_app, migrate
from moderation.context import parts
from moderation.database import db
from moderation.models import Role, Status
from tests.browser.conftest import launched, served, signed_in

SIZES = {"phone": (360, 740), "tablet": (1024, 768), "desktop": (1440, 900)}


WINDOW = timedelta(days=30)


def furnish(instance: Path) -> dict[Role, list[tuple[str, str]]]:
    """The demo's site on that instance; by role, the paths of its screens and what to call them."""
    app = create_app(instance, DURABLE=False)
    with app.app_context():
        migrate()
        demo.furnish(parts(), None)
        refused = pictures.newest("refused", None, 1)[0]
        appeals.ask(refused.id, refused.member_id, "This is my own painting, there is nothing indecent in it.", WINDOW)
        held, refused = pictures.held(1)[0].id, refused.id
        shown = next(one.id for one in pictures.newest("undecided", None, 50) if one.status is Status.PUBLISHED)
        db.session.remove()
        db.engine.dispose()
    return {
        Role.MEMBER: [("member", "/picture")],
        Role.MODERATOR: [
            ("grid", "/review/"),
            ("grid-all", "/review/?show=all"),
            ("blocklist", "/blocklist/"),
            ("blocklist-entry", "/blocklist/1"),
            ("near-matches", "/review/near"),
            ("near-match", f"/review/cases/{held}"),
            ("appeals", "/review/appeals"),
            ("appeal", f"/review/cases/{refused}"),
            ("similar", f"/review/search?picture={shown}"),
            ("history", "/review/history"),
            ("picture", f"/review/pictures/{shown}"),
            ("picture-refused", f"/review/pictures/{refused}"),
        ],
        Role.ADMIN: [
            ("statistics", "/admin/"),
            ("people", "/admin/people"),
            ("audit-log", "/admin/audit/"),
            ("what-if", "/admin/?dhash=4&phash=24"),
            ("take-back", "/admin/people/2/decisions?since=2026-01-01T00:00"),
            ("error", "/nowhere"),
        ],
    }


def shoot(context: BrowserContext, role: Role, screens: list[tuple[str, str]], out: Path, mark: str) -> None:
    person = next(one for one in demo.PEOPLE if one.role is role)
    page = signed_in(context, person.name, person.password)
    for name, path in screens:
        page.goto(path)
        page.wait_for_load_state("networkidle") if name != "grid" else page.wait_for_timeout(600)
        page.screenshot(path=out / f"{name}-{mark}.png", full_page=not name.startswith("grid"))


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        screens = furnish(Path(folder))
        with served(Path(folder)) as address, launched() as chromium:
            for size, (width, height) in SIZES.items():
                for scheme in ("light", "dark"):
                    options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
                    mark = f"{size}-{scheme}"
                    with chromium.new_context(base_url=address, **options) as context:
                        context.new_page().goto("/sign-in")
                        context.pages[0].screenshot(path=out / f"sign-in-{mark}.png")
                    for role, paths in screens.items():
                        with chromium.new_context(base_url=address, **options) as context:
                            shoot(context, role, paths, out, mark)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
