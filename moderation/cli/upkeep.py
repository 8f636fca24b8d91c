"""Commands that keep an instance in order."""

from collections import Counter

import click

from .. import refingerprinting
from ..context import parts
from . import with_app
from .common import counted, progress, quietly


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
