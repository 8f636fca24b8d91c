"""How near is near, which hit counts, and what pixels say of it."""

import dataclasses
import itertools

import numpy as np
import pytest

from moderation.drawing import draw
from moderation.fingerprint import fingerprint
from moderation.matcher import against
from moderation.matching import Policy, Verdict, Zone, compare, decide, verified
from moderation.verify import ENOUGH, Agreement
from moderation.views import Cut, Turn, number

from .prints import CENTRE, HALF, POLICY, WHOLE, bits, found, hit, known

MIRRORED = number(Cut.WHOLE, Turn.MIRRORED)
PUBLISH, HOLD, REFUSE = Verdict


def agreeing(share: float, correlation: float, blocks: int = 64) -> Agreement:
    return Agreement(share, correlation, blocks)


# --- zones -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dhash", "phash", "verdict"),
    [
        (0, 0, REFUSE),
        (10, 40, REFUSE),
        (11, 0, HOLD),
        (0, 41, HOLD),
        (11, 41, HOLD),
        (12, 54, HOLD),
        (13, 0, PUBLISH),
        (0, 55, PUBLISH),
        (12, 55, PUBLISH),
        (13, 54, PUBLISH),
        (64, 256, PUBLISH),
    ],
)
def test_a_zone_includes_its_borders_and_both_hashes_must_lie_in_it(dhash, phash, verdict):
    assert POLICY.verdict(hit(dhash, phash)) is verdict


@pytest.mark.parametrize(
    ("dhash", "phash", "verdict"), [(0, 0, HOLD), (10, 40, HOLD), (12, 54, HOLD), (13, 0, PUBLISH), (0, 55, PUBLISH)]
)
def test_with_too_little_detail_a_near_match_is_held_and_never_refused(dhash, phash, verdict):
    assert POLICY.verdict(hit(dhash, phash, weak=True)) is verdict


@pytest.mark.parametrize("weak", [True, False])
def test_identical_pixels_are_refused_however_little_is_in_them(weak):
    assert POLICY.verdict(hit(0, 0, identical=True, weak=weak)) is REFUSE
    assert POLICY.verdict(hit(40, 200, identical=True, weak=weak)) is REFUSE


@pytest.mark.parametrize(
    "zones",
    [
        {"refuse": Zone(11, 40), "hold": Zone(10, 54)},
        {"refuse": Zone(10, 55), "hold": Zone(12, 54)},
        {"hold": Zone(13, 54), "widest": 12},
        {"refuse": Zone(10, 40), "hold": Zone(12, 39)},
        {"widest": 9},
    ],
)
def test_zones_that_do_not_lie_inside_each_other_are_no_policy(zones):
    with pytest.raises(ValueError, match="inside each other"):
        Policy(**zones)


def test_zones_may_coincide():
    narrow = Policy(refuse=Zone(10, 40), hold=Zone(10, 40), widest=10)
    assert narrow.verdict(hit(10, 40)) is REFUSE
    assert narrow.verdict(hit(10, 41)) is PUBLISH


def test_verdicts_are_ordered_by_gravity():
    assert PUBLISH.gravity < HOLD.gravity < REFUSE.gravity


def test_the_gravity_of_many_hits_at_once_is_that_of_each():
    pairs = [(WHOLE, WHOLE), (WHOLE, MIRRORED), (CENTRE, WHOLE), (CENTRE, HALF)]
    hits = [
        hit(dhash, phash, view=view, asked=asked, weak=weak)
        for dhash, phash, (view, asked), weak in itertools.product(range(15), range(35, 60), pairs, (True, False))
    ]
    columns = [[getattr(one, name) for one in hits] for name in ("dhash", "phash", "direct", "weak")]
    gravities = POLICY.gravities(*map(np.array, columns))
    assert set(gravities) == {verdict.gravity for verdict in Verdict}
    assert gravities.tolist() == [POLICY.verdict(one).gravity for one in hits]


# --- several hits ------------------------------------------------------------


def test_the_gravest_hit_decides_wherever_it_stands():
    hits = [hit(0, 50, 1), hit(10, 40, 2), hit(14, 0, 3)]
    for order in itertools.permutations(hits):
        assert decide(order, POLICY) == (REFUSE, hits[1])


def test_of_equally_grave_hits_the_nearest_is_named():
    hits = [hit(3, 30, 1), hit(9, 4, 2), hit(8, 4, 3)]
    for order in itertools.permutations(hits):
        assert decide(order, POLICY) == (REFUSE, hits[2])


def test_without_a_hit_that_matters_a_picture_is_published_and_no_hit_is_named():
    assert decide([], POLICY) == (PUBLISH, None)
    assert decide([hit(13, 0), hit(0, 200)], POLICY) == (PUBLISH, None)


def test_a_weak_hit_does_not_hide_a_grave_one():
    assert decide([hit(0, 0, 1, weak=True), hit(9, 39, 2)], POLICY) == (REFUSE, hit(9, 39, 2))


# --- pixels ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "correlation", "verdict"),
    [(0.7, 0.5, HOLD), (0.69, 0.91, PUBLISH), (1.0, 0.91, HOLD), (1.0, 0.92, REFUSE), (0.5, 0.92, REFUSE)],
)
@pytest.mark.parametrize("views", [(WHOLE, WHOLE), (CENTRE, WHOLE), (WHOLE, HALF), (MIRRORED, WHOLE)])
def test_pixels_that_agree_hold_and_that_agree_closely_refuse_in_any_views(share, correlation, verdict, views):
    assert POLICY.verdict(hit(12, 70, 1, *views, agreement=agreeing(share, correlation))) is verdict


def test_where_hardly_anything_could_be_compared_the_pixels_say_nothing():
    assert POLICY.verdict(hit(12, 70, agreement=agreeing(1, 1, ENOUGH - 1))) is PUBLISH
    assert POLICY.verdict(hit(12, 70, agreement=agreeing(1, 1, ENOUGH))) is REFUSE


@pytest.mark.parametrize(("dhash", "phash"), [(10, 40), (6, 0), (0, 25)])
def test_what_the_hashes_refuse_and_the_pixels_contradict_is_held(dhash, phash):
    assert POLICY.verdict(hit(dhash, phash, agreement=agreeing(0.4, 0.49))) is HOLD
    assert POLICY.verdict(hit(dhash, phash, agreement=agreeing(0.4, 0.5))) is REFUSE
    assert POLICY.verdict(hit(dhash, phash, agreement=agreeing(0, 0, ENOUGH - 1))) is REFUSE
    assert POLICY.open(hit(dhash, phash))


def test_pixels_that_differ_let_nothing_pass_that_the_hashes_hold():
    assert POLICY.verdict(hit(12, 54, agreement=agreeing(0.1, 0.1))) is HOLD


def test_of_pictures_as_near_as_copies_are_nobody_looks_at_the_pixels():
    assert not POLICY.open(hit(5, 24))
    assert POLICY.verdict(hit(5, 24, agreement=agreeing(0.1, 0.1))) is REFUSE
    assert not POLICY.open(hit(64, 256, identical=True))
    assert POLICY.open(hit(5, 24, weak=True))


@pytest.mark.parametrize("views", [(CENTRE, WHOLE), (WHOLE, HALF), (number(Cut.INNER), WHOLE)])
def test_hashes_of_parts_alone_never_refuse_and_hold_only_where_no_pixels_can_be_compared(views):
    assert POLICY.verdict(hit(0, 0, 1, *views)) is HOLD
    assert POLICY.verdict(hit(6, 40, 1, *views)) is HOLD
    assert POLICY.verdict(hit(7, 0, 1, *views)) is PUBLISH
    assert POLICY.verdict(hit(0, 0, 1, *views, agreement=agreeing(0.1, 0.1))) is PUBLISH


def test_pixels_of_flat_pictures_never_refuse():
    assert POLICY.verdict(hit(0, 0, weak=True, agreement=agreeing(1, 1))) is HOLD


# --- two fingerprints ----------------------------------------------------------


def test_comparing_two_pictures_takes_the_whole_of_both():
    one = known((bits(20), 0), (bits(9), 7, CENTRE))
    other = known((bits(12), 3), (bits(20), 0, HALF))
    assert found([compare(one, other)]) == [(0, 8, 3)]


def test_comparing_sees_identical_pixels_and_low_detail():
    flat = known((0, 0), detail=49, pixels=b"a" * 32)
    same = compare(flat, flat)
    assert same.identical
    assert same.weak
    assert compare(known((0, 0)), flat).weak
    assert not compare(known((0, 0)), known((0, 0))).identical
    assert not compare(known((0, 0), detail=50), known((0, 0), detail=50)).weak


def test_a_disguised_copy_is_told_with_the_views_in_which_it_was_seen():
    picture = draw(3, 240)
    left, top, right, bottom = 24, 24, picture.width - 24, picture.height - 24
    seen = against(fingerprint(picture), fingerprint(picture.crop((left, top, right, bottom))), Policy())
    assert seen.views == "centre against whole"
    assert Policy().verdict(seen) is REFUSE
    assert seen.agreement.share > 0.9
    mirrored = against(fingerprint(picture), fingerprint(picture.transpose(0)), Policy())
    assert mirrored.views == "whole, mirrored against whole"
    assert against(fingerprint(picture), fingerprint(draw(4, 240)), Policy()) is None


def test_without_luminances_a_hit_is_what_its_hashes_say():
    picture = fingerprint(draw(3, 240))
    plain = hit(3, 8, boxes=((0, 0, 1, 1), (0, 0, 1, 1)))
    assert verified(plain, dataclasses.replace(picture, luminance=None), picture) is plain
    assert verified(hit(3, 8), picture, picture).agreement is None
    assert verified(plain, picture, picture).agreement.correlation > 0.99
