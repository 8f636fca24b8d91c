"""Commands for accounts."""

import click

from .. import accounts as domain
from .. import purging
from ..context import parts
from ..database import writing
from ..models import Role
from . import with_app
from .common import counted

ROLES = click.Choice([role.value for role in Role])


@click.group()
def accounts() -> None:
    """Who may do what."""


@accounts.command()
@click.argument("name")
@click.option("--role", type=ROLES, default=Role.MEMBER.value, show_default=True)
@click.password_option(help="Asked for where it is not given.")
@with_app
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


@accounts.command(name="list")
@with_app
def list_() -> None:
    """Everybody, by name."""
    for account in domain.everybody():
        click.echo(f"{account.name}\t{account.role}")
