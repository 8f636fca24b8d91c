"""Commands for the tokens of other software."""

import click

from .. import tokens as domain
from ..database import writing
from . import with_app, with_new_app


@click.group()
def tokens() -> None:
    """Which other software may ask for verdicts."""


@tokens.command()
@click.argument("name")
@with_new_app
def add(name: str) -> None:
    """Make a token and print it. It is shown this once."""
    with writing():
        secret = domain.create(name)
    click.echo(secret)
    click.echo("This is the only time that the token is shown.", err=True)


@tokens.command()
@click.argument("name")
@with_app
def revoke(name: str) -> None:
    """Let the software with that token in no more."""
    with writing():
        domain.revoke(name)
    click.echo(f"The token {name} is revoked.")


@tokens.command(name="list")
@with_app
def list_() -> None:
    """All tokens by name, revoked ones too; never the tokens themselves."""
    for token in domain.everything():
        state = f"revoked {token.revoked:%Y-%m-%d %H:%M}" if token.revoked else "valid"
        click.echo(f"{token.name}\t{token.created:%Y-%m-%d %H:%M}\t{state}")
