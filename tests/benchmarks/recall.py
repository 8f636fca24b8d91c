"""How many disguised copies of blocked pictures are found, by attack, at the default settings.

python -m tests.benchmarks recall --photos DIR
"""

import argparse
import itertools
import json
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import imagehash
import numpy as np
from PIL import Image

from moderation.canonical import canonical
from moderation.context import parts
from moderation.database import db
from moderation.fingerprint import fingerprint
from moderation.judging import judge
from moderation.matching import Verdict

from . import photos
from .attacks import ATTACKS, GROUPS, Attack, blocked
from .machine import heading, reached
from .site import block, fill, site

try:
    import pdqhash
except ImportError:
    pdqhash = None

REFUSED = 0.97
"""In the first three groups, the share of each attack that is to be refused, not only held."""

NAIVE, PDQ = 10, 31
"""Bits within which the plain method, and the industry's default, say that two pictures are the same."""


class Outcome(NamedTuple):
    attack: str
    verdict: Verdict  # by the picture's own entry
    view: str | None
    others: int  # entries of other pictures that matched, too
    naive: bool
    pdq: bool


@dataclass(frozen=True)
class Peers:
    """The hashes of an original that other methods would have blocked."""

    dhash: imagehash.ImageHash
    pdq: np.ndarray | None

    @classmethod
    def of(cls, image: Image.Image) -> "Peers":
        return cls(imagehash.dhash(image), pdqhash.compute(np.asarray(image.convert("RGB")))[0] if pdqhash else None)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks recall", description=__doc__.splitlines()[0])
    photos.option(parser)
    parser.add_argument("--number", type=int, default=300, help="Blocked photographs  [default: 300]")
    parser.add_argument("--others", type=int, default=100_000, help="Further entries  [default: 100,000]")
    parser.add_argument("--only", nargs="+", help="Names of attacks  [default: all]")
    parser.add_argument("--json", type=Path, help="Write the figures to this file, too")
    wanted = parser.parse_args(argv)
    shapes = len({attack.shape for attack in ATTACKS})
    paths = photos.spread(photos.files(wanted.photos), wanted.number * shapes)
    attacks = [attack for attack in ATTACKS if not wanted.only or attack.name in wanted.only]
    with tempfile.TemporaryDirectory(prefix="moderation-benchmark-") as place, site(Path(place)):
        outcomes = measure(paths, attacks, wanted.others)
    print(heading(), end="\n\n")
    print(
        f"{wanted.number} photographs for each attack, blocked among {wanted.others:,} other entries; settings as "
        f"shipped. `found` is refused or held. dHash: naive, within {NAIVE} bits; PDQ: within {PDQ}.\n"
    )
    print("| attack | refused | found | to reach | | dHash | PDQ | most often seen in |")
    print("| :-- | --: | --: | --: | :-- | --: | --: | :-- |")
    for group, of_group in itertools.groupby(attacks, key=lambda attack: attack.group):
        print(f"| **{group}** | | | | | | | |")
        for attack in of_group:
            print(row(attack, [one for one in outcomes if one.attack == attack.name]))
    strangers = sum(one.others for one in outcomes)
    print(f"\nEntries of other pictures that matched, in {len(outcomes):,} uploads: {strangers}.")
    if wanted.json:
        wanted.json.write_text(json.dumps({"at": heading(), "outcomes": outcomes}))


def measure(paths: Sequence[Path], attacks: Sequence[Attack], others: int) -> list[Outcome]:
    """The outcome of every attack on every photograph, on the site that is there.

    Those of one shape are blocked in it alone: another would hide what becomes of this one.
    """
    global _entries
    shapes = sorted({attack.shape for attack in attacks})
    work = [
        (path, shape, [attack.name for attack in attacks if attack.shape == shape])
        for start, shape in enumerate(shapes)
        for path in paths[start :: len(shapes)]
    ]
    prints = [fingerprint(canonical(blocked(_open(path), shape))) for path, shape, _ in work]
    fill(others, prints[:200], np.random.default_rng(1))
    _entries = {path: id_ for (path, _, _), id_ in zip(work, block(prints), strict=True)}
    len(parts().blocklist)  # read before the processes part, who share it then
    db.session.remove()
    db.engine.dispose()
    with multiprocessing.get_context("fork").Pool() as pool:
        return [one for some in pool.imap_unordered(_attacked, work, chunksize=2) for one in some]


_entries: dict[Path, int] = {}


def _attacked(work: tuple[Path, str, Sequence[str]]) -> list[Outcome]:
    path, shape, names = work
    image = _open(path)
    peers = Peers.of(Image.open(BytesIO(blocked(image, shape))))
    return [_outcome(attack, image, path, peers) for attack in ATTACKS if attack.name in names]


def _outcome(attack: Attack, image: Image.Image, path: Path, peers: Peers) -> Outcome:
    data = attack(image, sum(path.name.encode()))
    plain = Peers.of(Image.open(BytesIO(data)))
    naive = bool(peers.dhash - plain.dhash <= NAIVE)
    pdq = peers.pdq is not None and int((peers.pdq != plain.pdq).sum()) <= PDQ
    verdicts = [(hit, parts().policy.verdict(hit)) for hit in judge(parts(), fingerprint(canonical(data))).hits]
    own = _entries[path]
    (mine, verdict), *_ = [*((hit, verdict) for hit, verdict in verdicts if hit.id == own), (None, Verdict.PUBLISH)]
    others = sum(hit.id != own and verdict is not Verdict.PUBLISH for hit, verdict in verdicts)
    return Outcome(attack.name, verdict, mine and mine.views, others, naive, pdq)


def _open(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


def row(attack: Attack, outcomes: Iterable[Outcome]) -> str:
    outcomes = list(outcomes)
    refused, found, naive, pdq = (
        sum(said) / len(outcomes)
        for said in (
            [one.verdict is Verdict.REFUSE for one in outcomes],
            [one.verdict is not Verdict.PUBLISH for one in outcomes],
            [one.naive for one in outcomes],
            [one.pdq for one in outcomes],
        )
    )
    target = GROUPS[attack.group]
    well = found >= target and (refused >= REFUSED or attack.group not in list(GROUPS)[:3])
    views = Counter(one.view for one in outcomes if one.verdict is not Verdict.PUBLISH).most_common(1)
    told = reached(well) if target else ""
    return (
        f"| {attack.name} | {refused:.1%} | {found:.1%} | {f'{target:.1%}' if target else ''} | {told} | {naive:.1%} | "
        f"{f'{pdq:.1%}' if pdqhash else 'not installed'} | {views[0][0] if views else ''} |"
    )


if __name__ == "__main__":
    main()
