"""Commands for accounts."""

from datetime import timedelta

import click
from flask import current_app

from .. import accounts as domain
from .. import links, purging
from ..context import parts
from ..database import writing
from ..models import Role
from . import with_app, with_new_app
from .common import counted

ROLES = click.Choice([role.value for role in Role])


@click.group()
def accounts() -> None:
    """Who may do what."""


@accounts.command()
@click.argument("name")
@click.option("--role", type=ROLES, default=Role.MEMBER.value, show_default=True)
@click.password_option(help="Asked for where it is not given.")
@with_new_app
def add(name: str, role: str, password: str) -> None:
    """Create an account."""
    with writing():
        account = domain.create(name, password, Role(role))
        name = account.name
    click.echo(f"Added {name}, {role}.")


@accounts.command()
@click.argument("name")
@click.argument("role", type=ROLES)
@with_app
def role(name: str, role: str) -> None:
    """Change what an account may do."""
    with writing():
        domain.set_role(domain.named(name), Role(role))
    click.echo(f"{name} is now {role}.")


@accounts.command()
@click.argument("name")
@click.password_option(help="Asked for where it is not given.")
@with_app
def password(name: str, password: str) -> None:
    """Set a new password; whoever is signed in with the account is signed out."""
    with writing():
        domain.set_password(domain.named(name), password)
    click.echo(f"{name} has a new password.")


@accounts.command()
@click.argument("name")
@click.confirmation_option(prompt="Name and pictures are deleted for good. Go on?")
@with_app
def erase(name: str) -> None:
    """Delete a member's name and pictures. Blocklist entries made of them stay, and so do the decisions."""
    done = purging.erase(parts(), domain.named(name).id)
    click.echo(f"{name} is erased: {counted(done.replaced, 'picture', 'pictures')}, {done.files} files.")


@accounts.command()
@click.argument("name")
@click.option("--site", default="http://127.0.0.1:8000", show_default=True, help="Where people open the site.")
@with_app
def link(name: str, site: str) -> None:
    """Print a link with which that person sets a new password, once. It is shown this once."""
    hours = current_app.config["LINK_HOURS"]
    with writing():
        secret = links.issue(domain.named(name), timedelta(hours=hours))
    click.echo(f"{site.rstrip('/')}/password/{secret}")
    click.echo(f"It works once, within {hours:g} hours.", err=True)


@accounts.command(name="sign-out")
@click.argument("name")
@with_app
def sign_out(name: str) -> None:
    """Sign a person out, wherever that is."""
    with writing():
        domain.sign_out(domain.named(name))
    click.echo(f"{name} is signed out everywhere.")


@accounts.command(name="list")
@with_app
def list_() -> None:
    """Everybody, by name."""
    for account in domain.everybody():
        click.echo(f"{account.name}\t{account.role}")
