"""How often different pictures are taken for copies, over all pairs of a folder, at the default settings, all views on.

python -m tests.benchmarks precision --photos DIR
"""

import argparse
import csv
import json
import math
import multiprocessing
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from moderation.canonical import canonical
from moderation.fingerprint import Fingerprint, blocked_views, fingerprint
from moderation.matcher import Matcher
from moderation.matching import Hit, Policy, Verdict, verified
from moderation.multi_index import MultiIndexEngine

from . import photos
from .drawings import low_detail
from .machine import heading, reached

HELD = 1e-5
"""Of the pairs of different pictures, the share that may be held."""

WEAK = 0.01
"""The share of the photographs that may lie below the line of detail."""

COPIES = Path(__file__).with_name("true_copies.csv")
"""Pairs of files that show the same photograph or the same series, each looked at by a person."""

LISTS = (1_000, 10_000, 100_000)
"""Lengths of blocklists for which to say what a rate means."""

POLICY = Policy()


class Found(NamedTuple):
    """A pair that is not let pass: which was blocked, which was uploaded, and how."""

    blocked: str
    uploaded: str
    verdict: Verdict
    hit: Hit


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks precision", description=__doc__.splitlines()[0])
    photos.option(parser)
    parser.add_argument("--faces", default="Faces", help="How the names of faces begin  [default: Faces]")
    parser.add_argument("--copies", type=Path, default=COPIES, help="CSV of pairs that are copies")
    parser.add_argument("--drawn", type=int, default=500, help="Drawn pictures of low detail  [default: 500]")
    parser.add_argument("--json", type=Path, help="Write the figures to this file, too")
    wanted = parser.parse_args(argv)
    paths = photos.files(wanted.photos)
    with multiprocessing.get_context("fork").Pool() as pool:
        prints = dict(zip((path.name for path in paths), pool.map(_fingerprint, paths, chunksize=16), strict=True))
    found, candidates = pairs(prints)
    copies = true_copies(wanted.copies)

    print(heading(), end="\n\n")
    print(f"{len(paths):,} photographs, each blocked and each uploaded; settings as shipped, all views on.\n")
    print(
        "| pairs of | pairs | candidates | held | refused | held per pair | 95 % at most "
        "| refused per pair | 95 % at most |"
    )
    print("| :-- | --: | --: | --: | --: | --: | --: | --: | --: |")
    names = sorted(prints)
    faces = {name for name in names if name.startswith(wanted.faces)}
    figures = {}
    for kind, of_kind in (
        ("all", lambda a, b: True),
        ("two faces", lambda a, b: a in faces and b in faces),
        ("a face, another", lambda a, b: (a in faces) != (b in faces)),
        ("two others", lambda a, b: a not in faces and b not in faces),
    ):
        different = _count(len(names), len(faces), kind) - sum(of_kind(a, b) for a, b in copies)
        strangers = {frozenset((one.blocked, one.uploaded)): one for one in _gravest_last(found) if of_kind(*one[:2])}
        strangers = {pair: one for pair, one in strangers.items() if tuple(sorted(pair)) not in copies}
        held, refused = (
            sum(one.verdict is verdict for one in strangers.values()) for verdict in (Verdict.HOLD, Verdict.REFUSE)
        )
        near = sum(of_kind(a, b) and tuple(sorted((a, b))) not in copies for a, b in candidates)
        figures[kind] = {"pairs": different, "held": held, "refused": refused, "candidates": near}
        print(
            f"| {kind} | {different:,} | {near:,} | {held} | {refused} | {held / different:.1e} "
            f"| {bound(held, different):.1e} | {refused / different:.1e} | {bound(refused, different):.1e} |"
        )
    _consequences(figures["all"])
    _tail(candidates, copies, figures["all"]["pairs"])
    _hits(found, copies)
    weak = [name for name, print_ in prints.items() if print_.weak]
    print(
        f"\nBelow the line of detail: {len(weak)} of {len(paths)} photographs ({len(weak) / len(paths):.2%}), "
        f"under 1 %: {reached(len(weak) / len(paths) < WEAK)}."
    )
    _drawn(wanted.drawn)
    well = figures["all"]["refused"] == 0, figures["all"]["held"] / figures["all"]["pairs"] <= HELD
    print(
        f"\nNo pair refused that is not a copy: {reached(well[0])}. "
        f"Held at most {HELD:.0e} of pairs: {reached(well[1])}."
    )
    if wanted.json:
        wanted.json.write_text(json.dumps({"at": heading(), "figures": figures}))


def pairs(prints: dict[str, Fingerprint]) -> tuple[list[Found], dict[tuple[str, str], float]]:
    """What is held or refused of all ordered pairs, and of all candidates, unordered, the highest share that agrees.

    Every candidate is verified, however many there are: a site looks at the nearest dozen.
    """
    global _prints, _names, _matcher
    _prints, _names = prints, sorted(prints)
    _matcher = Matcher(MultiIndexEngine)
    _matcher.put(
        ((number, replace(prints[name], views=blocked_views(prints[name]))) for number, name in enumerate(_names)),
        weak_by_hash=False,
    )
    found: list[Found] = []
    candidates: dict[tuple[str, str], float] = {}
    with multiprocessing.get_context("fork").Pool() as pool:
        for uploaded, hits in pool.imap_unordered(_asked, _names, chunksize=8):
            for hit in hits:
                pair = (min(uploaded, _names[hit.id]), max(uploaded, _names[hit.id]))
                share = hit.agreement.share if hit.agreement and hit.agreement.telling else 0.0
                candidates[pair] = max(share, candidates.get(pair, 0.0))
                verdict = POLICY.verdict(hit)
                if verdict is not Verdict.PUBLISH:
                    found.append(Found(_names[hit.id], uploaded, verdict, hit))
    return found, candidates


_prints: dict[str, Fingerprint] = {}
_names: list[str] = []
_matcher = Matcher(MultiIndexEngine)


def _asked(name: str) -> tuple[str, list[Hit]]:
    asked = _prints[name]
    hits = [hit for hit in _matcher.near(asked, POLICY) if _names[hit.id] != name]
    return name, [verified(hit, _prints[_names[hit.id]], asked) for hit in hits]


def _fingerprint(path: Path) -> Fingerprint:
    return fingerprint(canonical(path.read_bytes()))


def true_copies(path: Path) -> set[tuple[str, str]]:
    with path.open(newline="") as file:
        return {(min(row["one"], row["other"]), max(row["one"], row["other"])) for row in csv.DictReader(file)}


def bound(hits: int, trials: int) -> float:
    """The upper end of the one-sided 95 % confidence interval of a rate (Poisson; 3 / n without a hit)."""
    low, high = float(hits), hits + 4 * math.sqrt(hits + 1) + 4
    for _ in range(60):
        middle = (low + high) / 2
        at_most = sum(math.exp(-middle + k * math.log(middle) - math.lgamma(k + 1)) for k in range(hits + 1))
        low, high = (middle, high) if at_most > 0.05 else (low, middle)
    return high / trials


def _count(all_: int, faces: int, kind: str) -> int:
    others = all_ - faces
    return {
        "all": math.comb(all_, 2),
        "two faces": math.comb(faces, 2),
        "a face, another": faces * others,
        "two others": math.comb(others, 2),
    }[kind]


def _gravest_last(found: Iterable[Found]) -> list[Found]:
    return sorted(found, key=lambda one: one.verdict.gravity)


def _consequences(figures: dict[str, int]) -> None:
    print("\nPer million uploads of innocents, as measured and at most (95 %):\n")
    print("| entries | held | refused |")
    print("| --: | --: | --: |")
    for length in LISTS:
        cells = []
        for name in ("held", "refused"):
            rates = figures[name] / figures["pairs"], bound(figures[name], figures["pairs"])
            cells.append(" to ".join(f"{1e6 * (1 - math.exp(-rate * length)):,.0f}" for rate in rates))
        print(f"| {length:,} | {cells[0]} | {cells[1]} |")


def _tail(candidates: dict[tuple[str, str], float], copies: set[tuple[str, str]], pairs_: int) -> None:
    """The share that agrees falls off exponentially among candidates; what that says beyond the last of them."""
    shares = np.array([share for pair, share in candidates.items() if pair not in copies])
    start = 0.4
    beyond = shares[shares >= start] - start
    if len(beyond) < 10:
        print("\nToo few candidates to fit a tail.")
        return
    scale = float(beyond.mean())
    rate = len(beyond) / pairs_ * math.exp(-(POLICY.hold_share - start) / scale)
    print(
        f"\nShares of agreeing blocks among candidates that are no copies: {len(beyond)} at {start} or more, on "
        f"average {scale:.3f} above it; an exponential tail from there: {rate:.1e} per pair at {POLICY.hold_share}."
    )


def _hits(found: Iterable[Found], copies: set[tuple[str, str]]) -> None:
    print("\n| blocked | uploaded | verdict | a copy | views | dHash | pHash | share | correlation |")
    print("| :-- | :-- | :-- | :-- | :-- | --: | --: | --: | --: |")
    for one in sorted(found, key=lambda one: (tuple(sorted(one[:2])) in copies, one.blocked, one.uploaded)):
        pixels = one.hit.agreement
        agreement = f"{pixels.share:.2f} | {pixels.correlation:.2f}" if pixels else " | "
        print(
            f"| {one.blocked} | {one.uploaded} | {one.verdict} | {'yes' if tuple(sorted(one[:2])) in copies else 'no'} "
            f"| {one.hit.views} | {one.hit.dhash} | {one.hit.phash} | {agreement} |"
        )


def _drawn(count: int) -> None:
    """Blank, gradient, two-tone, text, logo and silhouette pictures: none may match another one."""
    drawn = {f"{number:03} {kind}": _uploaded(image) for number, (kind, image) in enumerate(low_detail(count))}
    found, _ = pairs(drawn)
    matched = {
        frozenset((one.blocked, one.uploaded))
        for one in found
        if drawn[one.blocked].pixels != drawn[one.uploaded].pixels
    }
    weak = sum(print_.weak for print_ in drawn.values())
    print(
        f"\n{len(drawn)} drawn pictures of low detail, {weak} of them below the line: {len(matched)} pairs of "
        f"different ones match: {reached(not matched)}."
    )
    for pair in sorted(map(sorted, matched))[:20]:
        print(f"- {pair[0]}, {pair[-1]}")


def _uploaded(image: Image.Image) -> Fingerprint:
    return fingerprint(image.convert("RGB"))


if __name__ == "__main__":
    main()
