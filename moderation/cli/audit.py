"""Commands for the audit log."""

import json
import sys

import click

from .. import audit as domain
from ..errors import Refusal
from . import with_app
from .common import command, complain, emit, json_option, plain


@click.group()
def audit() -> None:
    """Who did what, to what and when."""


@audit.command()
@click.option("--head", metavar="ROW:HASH", help="What an earlier run printed: up to there it has to be the same log.")
@with_app
def verify(head: str | None) -> None:
    """Prove that no row was changed, removed or put in.

    Exit code 1 if one was: the first is named. Whoever can write to the database can write the whole log anew: keep
    what this prints somewhere else, and show it with --head.
    """
    try:
        seen = domain.parse_head(head) if head else None
    except ValueError:
        raise Refusal(
            f"A head is a row's number, a colon and its hash, as `{command('audit', 'verify')}` prints it."
        ) from None
    try:
        end = domain.verify(seen)
    except domain.Broken as broken:
        complain(str(broken))
        sys.exit(1)
    click.echo(f"The audit log is whole: {end.id} {'row' if end.id == 1 else 'rows'}.")
    click.echo(f"To prove later that none of them was changed: {command('audit', 'verify', '--head', end)}")


@audit.command(name="list")
@click.option("--person", default="", help="Only what people did, or what was done to them, whose names hold this.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice([event.value for event in domain.Event]))
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="Rows at most, the latest.")
@json_option
@with_app
def list_(person: str, kinds: tuple[str, ...], limit: int, as_json: bool) -> None:
    """The rows, the latest last."""
    for row in reversed(domain.listed(limit, None, person, kinds)):
        by = row.by.name if row.by else None
        account = row.account.name if row.account else None
        if as_json:
            emit(
                row=row.id,
                when=row.created.isoformat(),
                by=by,
                by_id=row.by_id,
                kind=row.kind,
                account=account,
                account_id=row.account_id,
                about=json.loads(row.about),
                hash=row.hash.hex(),
            )
            continue
        who = by or (f"account {row.by_id}" if row.by_id else "the command line")
        whom = f" {account or f'account {row.account_id}'}" if row.account_id else ""
        when = f"{row.created:%Y-%m-%d %H:%M:%S}"
        click.echo(plain(f"{row.id}  {when}  {who}: {row.kind}{whom}  {domain.told(row)}".rstrip()))
