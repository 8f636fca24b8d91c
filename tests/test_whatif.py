"""What other thresholds would have decided is what comparing every upload again with them decides."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from moderation import review
from moderation.blocklist import unpack
from moderation.database import db
from moderation.demo import near_miss
from moderation.judging import judge
from moderation.matching import Policy, Verdict, Zone
from moderation.models import Picture, Role
from moderation.parts import Parts
from moderation.whatif import what_if

from .conftest import near_copy

OTHERS = (Zone(0, 0), Zone(4, 24), Zone(10, 40), Zone(12, 54))


@pytest.fixture
def ana(person: Callable[..., int]) -> int:
    return person("ana", Role.MODERATOR)


@pytest.fixture(scope="module")
def misses(draw: Callable) -> list[bytes]:
    """One of each picture that is blocked: to find how much of it has to be covered takes long."""
    return [near_miss(draw(seed), Policy()) for seed in range(3)]


@pytest.fixture
def uploaded(parts: Parts, arrive: Callable, draw: Callable, ana: int, misses: list[bytes]) -> list[int]:
    """Copies of all kinds of three blocked pictures, and pictures that are none."""
    for seed in range(3):
        review.mark(parts, arrive(draw(seed)), ana, None)
    copies = [near_copy(draw(seed), scale, quality) for seed in range(3) for scale, quality in ((0.9, 80), (0.3, 20))]
    return [arrive(data) for data in (*copies, *misses, *(draw(seed) for seed in range(3, 8)))]


def recount(parts: Parts, policy: Policy, numbers: list[int]) -> Counter[Verdict]:
    pictures = db.session.scalars(sa.select(Picture).where(Picture.id.in_(numbers)))
    with_policy = replace(parts, policy=policy)
    return Counter(
        judge(with_policy, unpack(picture.fingerprint)).verdict for picture in pictures if picture.fingerprint
    )


@pytest.mark.parametrize("refuse", OTHERS, ids=str)
def test_the_number_equals_a_recount(parts: Parts, uploaded: list[int], refuse: Zone) -> None:
    hold = Zone(max(12, refuse.dhash), max(54, refuse.phash))
    # By the hashes alone, so that the thresholds are what decides.
    in_force = replace(parts.policy, refuse_correlation=2.0)
    other = replace(in_force, refuse=refuse, hold=hold)
    found = what_if(None, in_force, other)
    now, then = recount(parts, in_force, uploaded), recount(parts, other, uploaded)
    assert (found.refused, found.held) == (now[Verdict.REFUSE], now[Verdict.HOLD])
    assert (found.refused_then, found.held_then) == (then[Verdict.REFUSE], then[Verdict.HOLD])
    assert found.refused_then - found.refused == found.newly_refused - found.let_off
    assert found.checked == len(uploaded) + 3


@pytest.mark.on_both
def test_what_a_person_has_found_fine_since_is_counted(parts: Parts, uploaded: list[int], ana: int) -> None:
    stricter = replace(parts.policy, refuse=Zone(-1, -1), refuse_correlation=2.0)
    before = what_if(None, parts.policy, stricter)
    assert before.let_off > 0
    assert before.let_off_fine == 0
    review.approve(parts, uploaded[0], ana, None)
    assert what_if(None, parts.policy, stricter).let_off_fine == 1
