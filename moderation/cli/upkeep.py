"""Commands that keep an instance in order."""

import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import click
from flask import current_app

from .. import backup as writing_down
from .. import doctor as examining
from .. import purging, refingerprinting, restoring
from ..app import migrate, migrate_back
from ..context import parts
from ..database import db, tune
from ..errors import Refusal
from ..schema import revisions
from . import instance_option, site, with_app
from .common import AnyPath, command, complain, counted, progress, quietly


@click.command()
@click.argument("file", type=AnyPath)
@click.option("--no-pictures", is_flag=True, help="The database alone.")
@with_app
def backup(file: Path, no_pictures: bool) -> None:
    """Write the whole site to one new file, while it runs: what is in its database, and the pictures.

    The settings and the secret key are not in it: keep `config.py` and `secret_key` yourself.

    Exit code 1 where picture files are missing from the store or damaged: the backup has all the rest.
    """
    with db.engine.connect() as connection:
        number = 0 if no_pictures else sum(1 for _ in writing_down.keys(connection))
    with progress(number, "Backing up") as step:
        written = writing_down.backup(parts(), file, not no_pictures, step)
    click.echo(f"{file}: {counted(written.rows, 'row', 'rows')}, {counted(written.pictures, 'picture', 'pictures')}.")
    if written.missing:
        files = counted(written.missing, "picture file is", "picture files are")
        complain(f"{files} missing from the store, or damaged, and not in it. Which: {command('doctor', '--deep')}")
        sys.exit(1)


@click.command()
@click.argument("file", type=AnyPath)
@click.option("--replace", is_flag=True, help="Even if that overwrites a site.")
@instance_option
def restore(file: Path, replace: bool) -> None:
    """Read a backup back, into an empty site, whichever database it has; with --replace, in the place of another.

    It is looked through first, and loaded whole or not at all. No picture file is deleted.
    """
    found = restoring.examine(file)
    if found.revision not in revisions():
        raise Refusal(f"{file} was written by a later version of moderation. Please update this one first.")
    with site(begin=True):
        _restore(found, replace)
    rows = counted(sum(found.rows.values()), "row", "rows")
    click.echo(
        f"Restored what was backed up on {found.created}: {rows}, {counted(found.pictures, 'picture', 'pictures')}."
    )


def _restore(found: restoring.Backup, replace: bool) -> None:
    _look(found, replace)

    def go_back() -> None:
        """To the tables of the backup, once its pictures are there: that may take hours, and others run meanwhile."""
        _look(found, replace)
        migrate_back(found.revision)

    with progress(found.pictures, "Restoring") as step:
        try:
            restoring.load(parts(), found, step, replace, go_back)
        finally:
            migrate()
    tune()


def _look(found: restoring.Backup, replace: bool) -> None:
    """Raises `Refusal` where the backup may not go into what is there."""
    empty = restoring.is_empty()
    if not empty and not replace:
        raise Refusal(restoring.TAKEN)
    if not empty and found.revision != revisions()[-1]:
        raise Refusal(
            f"{found.path} is of an earlier version of moderation: it can be restored into an empty site only."
        )


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@with_app
def purge(dry_run: bool) -> None:
    """Delete what is kept no longer, by the settings QUARANTINE_DAYS, REPLACED_DAYS and CHECK_DAYS.

    Pictures that are escalated, or about which an appeal waits, stay. Blocklist entries keep what they need.
    """
    retention = _retention()
    done = purging.due(retention) if dry_run else purging.purge(parts(), retention)
    quarantined = counted(done.quarantined, "picture", "pictures")
    checks = counted(done.checks, "old check", "old checks")
    what = f"{quarantined} that had been refused or taken down, {done.replaced} that had been replaced, {checks}"
    click.echo(f"Would be deleted: {what}." if dry_run else f"Deleted: {what}; {counted(done.files, 'file', 'files')}.")


def _retention() -> purging.Retention:
    def days(name: str) -> timedelta | None:
        number = current_app.config[name]
        return None if number is None else timedelta(days=number)

    appeal = timedelta(days=current_app.config["APPEAL_DAYS"])
    return purging.Retention(appeal, days("QUARANTINE_DAYS"), days("REPLACED_DAYS"), days("CHECK_DAYS"))


@click.command()
@click.option("--dry-run", is_flag=True, help="Only look.")
@click.option("--deep", is_flag=True, help="Read every stored picture, not a sample.")
@click.option(
    "--grace",
    default=1.0,
    show_default=True,
    metavar="HOURS",
    type=click.FloatRange(0),
    help="A file so young may be an upload on its way.",
)
@click.option("--orphans", is_flag=True, help="Delete files that belong to nothing, however many they are.")
@with_app
def doctor(dry_run: bool, deep: bool, grace: float, orphans: bool) -> None:
    """Find what crashes and faults have left, mend it where nothing is lost by that, and report the rest.

    The site may run meanwhile. Exit code 1 where something is left that it cannot mend.

    Where more files belong to nothing than to a row, the database may be another site's: they stay, unless --orphans
    says that it is the right one.
    """
    quietly()
    left = mended = 0
    sample = None if deep else examining.SAMPLE
    for finding in examining.examine(parts(), not dry_run, grace * 3600, sample, orphans):
        click.echo(f"{'Mended' if finding.mended else 'LEFT'}: {finding.sentence}")
        for name in finding.files:
            click.echo(f"  {name}")
        mended, left = mended + finding.mended, left + (not finding.mended)
    if left:
        complain(f"{counted(left, 'thing is', 'things are')} left.")
        sys.exit(1)
    click.echo("All is well." if not mended else "All is well now.")


@click.command()
@with_app
def refingerprint() -> None:
    """Bring fingerprints of an older version up to date from the stored pictures. The site may run meanwhile.

    Broken off, it goes on where it was. Running servers then sweep again what the entries concerned may match now.
    """
    quietly()
    made: Counter[refingerprinting.Source] = Counter()
    with progress(refingerprinting.count(), "Fingerprinting") as step:
        for source in refingerprinting.refingerprint(parts()):
            made[source] += 1
            step()
    from_pictures, without = made[refingerprinting.Source.PICTURE], made[refingerprinting.Source.LUMINANCE]
    if not from_pictures + without:
        click.echo("All fingerprints are up to date.")
        return
    done = counted(from_pictures + without, "fingerprint is", "fingerprints are")
    click.echo(f"{done} up to date now; {without} without the picture, from what was kept of it.")
