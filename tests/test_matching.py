"""How near is near, which hit counts, and what is known of a fingerprint that came and went."""

import dataclasses
import itertools
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation import matching
from moderation.drawing import draw
from moderation.fingerprint import Fingerprint, fingerprint
from moderation.index import ScanEngine
from moderation.matching import Hit, Matcher, Policy, Verdict, Zone, against, compare, decide, verified
from moderation.verify import ENOUGH, Agreement
from moderation.views import ASKED_KINDS, BLOCKED_KINDS, COMPARABLE, VIEW, Cut, Turn, number

from .conftest import EVERY_ENGINE

POLICY = Policy(refuse=Zone(10, 40), hold=Zone(12, 54), widest=14)
WIDE = Policy(widest=64, candidate=1000)
WHOLE, CENTRE, HALF = number(Cut.WHOLE), number(Cut.CENTRE), number(Cut.LEFT_HALF)
MIRRORED = number(Cut.WHOLE, Turn.MIRRORED)
PUBLISH, HOLD, REFUSE = Verdict


def bits(n: int, first: int = 0) -> int:
    return ((1 << n) - 1) << first


def known(*hashes: tuple[int, ...], detail: int = 100, pixels: bytes | None = None) -> Fingerprint:
    """A fingerprint whose views have those dHashes, pHashes with so many bits set, and numbers: WHOLE unless given."""
    views = np.zeros(len(hashes), VIEW)
    for row, (dhash, phash, *view) in enumerate(hashes):
        words = [bits(phash) >> shift & bits(64) for shift in (0, 64, 128, 192)]
        views[row] = (view[0] if view else WHOLE, (0, 0, 255, 255), dhash, words)
    return Fingerprint(views, detail, None, pixels)


def hit(dhash: int, phash: int, id_: int = 1, view: int = WHOLE, asked: int = WHOLE, **more: object) -> Hit:
    return Hit(id_, view, asked, dhash, phash, **more)


def found(hits: list[Hit]) -> list[tuple[int, int, int]]:
    return [(one.id, one.dhash, one.phash) for one in hits]


def agreeing(share: float, correlation: float, blocks: int = 64) -> Agreement:
    return Agreement(share, correlation, blocks)


@pytest.fixture(params=EVERY_ENGINE)
def matcher(request) -> Matcher:
    return Matcher(EVERY_ENGINE[request.param])


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


# --- the matcher ---------------------------------------------------------------


def test_a_known_fingerprint_is_found_within_the_distance_and_not_beyond(matcher):
    matcher.put([(7, known((bits(14) | 1 << 63, 50)))], weak_by_hash=False)
    assert found(matcher.near(known((1 << 63, 0)), POLICY)) == [(7, 14, 50)]
    assert matcher.near(known((1 << 63, 0)), dataclasses.replace(POLICY, widest=13)) == []


def test_a_candidate_may_be_further_in_one_hash_the_nearer_it_is_in_the_other(matcher):
    matcher.put(
        [(1, known((bits(14), 68))), (2, known((bits(14), 69))), (3, known((0, 96))), (4, known((0, 97)))], False
    )
    assert {one.id for one in matcher.near(known((0, 0)), POLICY)} == {1, 3}


def test_a_wide_zone_to_hold_in_widens_the_candidates(matcher):
    matcher.put([(1, known((bits(12), 90)))], False)
    assert matcher.near(known((0, 0)), POLICY) == []
    assert found(matcher.near(known((0, 0)), Policy(hold=Zone(12, 90)))) == [(1, 12, 90)]


def test_hits_come_gravest_then_nearest_first_and_once_each(matcher):
    matcher.put([(1, known((bits(9), 0))), (2, known((bits(3), 5), (0, 9))), (3, known((bits(3), 5)))], False)
    matcher.put([(4, known((0, 60)))], False)
    assert found(matcher.near(known((0, 0)), POLICY)) == [(2, 0, 9), (3, 3, 5), (1, 9, 0), (4, 0, 60)]


def test_of_views_that_refuse_alike_the_plainest_is_told(matcher):
    matcher.put([(1, known((0, 0, number(Cut.TRIMMED)), (bits(5), 9, WHOLE)))], False)
    (one,) = matcher.near(known((0, 0)), POLICY)
    assert (one.view, one.dhash) == (WHOLE, 5)


def test_asked_with_several_views_each_counts(matcher):
    matcher.put([(1, known((0, 0))), (2, known((bits(30, 30), 0)))], False)
    asked = known((bits(2), 0), (bits(31, 30), 0, HALF))
    hits = {one.id: (one.asked, one.dhash) for one in matcher.near(asked, POLICY)}
    assert hits == {1: (WHOLE, 2), 2: (HALF, 1)}


def test_views_that_no_disguise_brings_together_are_not_compared(matcher):
    matcher.put([(1, known((0, 0, number(Cut.FLATTENED)))), (2, known((0, 0, CENTRE)))], False)
    assert [one.id for one in matcher.near(known((0, 0)), POLICY)] == [2]
    assert [one.id for one in matcher.near(known((0, 0, HALF)), POLICY)] == []
    assert [one.id for one in matcher.near(known((0, 0, number(Cut.FLATTENED))), POLICY)] == [1]


@pytest.mark.parametrize("name", EVERY_ENGINE)
def test_pictures_on_show_are_found_for_a_blocked_one_as_the_blocked_one_is_for_them(name):
    blocked = known((0, 0), (bits(20), 0, CENTRE), (bits(20, 40), 0, number(Cut.FLATTENED)))
    shown = {
        1: known((bits(3), 0)),
        2: known((bits(22), 0)),
        3: known((bits(22), 0, HALF)),
        4: known((bits(3), 0, HALF)),
        5: known((bits(40), 0), (bits(22, 40), 0, number(Cut.FLATTENED))),
    }
    entry = Matcher(EVERY_ENGINE[name], BLOCKED_KINDS)
    entry.put([(0, blocked)], weak_by_hash=False)
    on_show = Matcher(EVERY_ENGINE[name], ASKED_KINDS, known_are_uploads=True)
    on_show.put(shown.items(), weak_by_hash=True)
    swept = {one.id: one for one in on_show.near(blocked, POLICY)}
    asked = {id_: hits[0] for id_, print_ in shown.items() if (hits := entry.near(print_, POLICY))}
    assert swept == {id_: dataclasses.replace(one, id=id_) for id_, one in asked.items()}
    assert set(swept) == {1, 2, 4, 5}
    assert {one.id for one in on_show.near(blocked, POLICY, direct=True)} == {1, 5}
    on_show.drop(5)
    assert {one.id for one in on_show.near(blocked, POLICY, direct=True)} == {1}


def test_a_weak_fingerprint_is_found_by_identical_pixels_only(matcher):
    matcher.put([(1, known((0, 0), detail=49, pixels=b"a" * 32))], weak_by_hash=False)
    assert 1 in matcher
    assert matcher.near(known((0, 0)), POLICY) == []
    assert matcher.near(known((0, 0), detail=0, pixels=b"b" * 32), POLICY) == []
    (one,) = matcher.near(known((bits(40), 0), detail=0, pixels=b"a" * 32), POLICY)
    assert (one.id, one.identical) == (1, True)


def test_a_list_may_have_its_weak_fingerprints_found_by_their_hashes(matcher):
    matcher.put([(1, known((0, 0), detail=49, pixels=b"a" * 32))], weak_by_hash=True)
    assert [(one.dhash, one.weak) for one in matcher.near(known((1, 0)), POLICY)] == [(1, True)]
    assert matcher.near(known((1, 0)), POLICY, by_hash=False) == []


def test_who_asks_with_too_little_detail_gets_weak_hits(matcher):
    matcher.put([(1, known((0, 0)))], weak_by_hash=False)
    assert [(one.dhash, one.weak) for one in matcher.near(known((0, 0), detail=49), POLICY)] == [(0, True)]


def test_identical_pixels_are_found_for_every_fingerprint_that_has_them(matcher):
    same = known((0, 0), pixels=b"a" * 32)
    matcher.put([(1, same), (2, same)], weak_by_hash=False)
    matcher.put([(3, known((0, 0), pixels=None))], weak_by_hash=False)
    identical = {one.id: one.identical for one in matcher.near(same, POLICY)}
    assert identical == {1: True, 2: True, 3: False}
    matcher.drop(1)
    assert [one.id for one in matcher.near(same, POLICY, by_hash=False)] == [2]


def test_a_fingerprint_without_pixels_is_identical_to_nothing(matcher):
    matcher.put([(1, known((bits(30), 0), pixels=None))], weak_by_hash=False)
    assert matcher.near(known((0, 0), pixels=None), POLICY) == []


def test_what_was_dropped_is_never_found_until_it_is_put_again(matcher):
    print_ = known((5, 3), (6, 4), pixels=b"a" * 32)
    matcher.put([(1, print_), (2, known((5, 3)))], weak_by_hash=False)
    matcher.drop(1)
    assert 1 not in matcher
    assert [one.id for one in matcher.near(print_, WIDE)] == [2]

    matcher.put([(1, print_)], weak_by_hash=False)
    assert [one.id for one in matcher.near(print_, WIDE)] == [1, 2]
    matcher.drop(1)
    matcher.drop(1)
    matcher.drop(99)
    assert [one.id for one in matcher.near(print_, WIDE)] == [2]
    assert len(matcher) == 1


def test_what_is_put_again_is_found_as_it_is_now_and_not_as_it_was(matcher):
    matcher.put([(1, known((0, 0), pixels=b"a" * 32))], weak_by_hash=False)
    matcher.put([(1, known((bits(40), 0), pixels=b"b" * 32))], weak_by_hash=False)
    assert matcher.near(known((0, 0), pixels=b"a" * 32), POLICY) == []
    assert [one.id for one in matcher.near(known((bits(40), 0)), POLICY)] == [1]
    assert len(matcher) == 1


def test_of_a_long_list_no_more_than_a_batch_is_held_that_is_not_kept(matcher, monkeypatch):
    monkeypatch.setattr(matching, "BATCH", 10)
    alive: weakref.WeakSet[Fingerprint] = weakref.WeakSet()

    def coming() -> Iterator[tuple[int, Fingerprint]]:
        for id_ in range(100):
            alive.add(one := known((0x1F * id_, id_)))
            yield id_, one
            assert len(alive) <= 2 * matching.BATCH

    matcher.put(coming(), weak_by_hash=False)
    assert len(matcher) == 100
    assert found(matcher.near(known((0x1F * 42, 42)), Policy()))[0] == (42, 0, 0)


def test_what_came_before_an_error_is_known_and_the_whole_list_can_be_put_again(matcher, monkeypatch):
    monkeypatch.setattr(matching, "BATCH", 10)
    prints = [(id_, known((id_, 6 * id_))) for id_ in range(40)]

    def coming() -> Iterator[tuple[int, Fingerprint]]:
        yield from prints[:25]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        matcher.put(coming(), weak_by_hash=False)
    for _ in range(2):
        there = {id_ for id_, one in prints if id_ in matcher}
        for id_, one in prints:
            assert (id_ in [hit.id for hit in matcher.near(one, Policy())]) == (id_ in there)
        matcher.put(prints, weak_by_hash=False)
    assert (len(there), len(matcher)) == (40, 40)


def test_of_one_fingerprint_put_twice_at_once_the_later_counts(matcher):
    matcher.put([(1, known((0, 0))), (1, known((bits(40), 0)))], weak_by_hash=False)
    assert matcher.near(known((0, 0)), POLICY) == []
    assert [one.id for one in matcher.near(known((bits(40), 0)), POLICY)] == [1]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(known((bits(40), 0), pixels=b"a" * 32), id="dHash"),
        pytest.param(known((0, 30), pixels=b"a" * 32), id="pHash"),
        pytest.param(known((0, 0), pixels=b"b" * 32), id="pixels"),
        pytest.param(known((0, 0), pixels=b"a" * 32, detail=10), id="detail"),
        pytest.param(known((0, 0), (0, 0), pixels=b"a" * 32), id="views"),
    ],
)
def test_what_is_put_again_as_it_is_takes_no_room_and_anything_else_is_put(matcher, other):
    one = known((0, 0), pixels=b"a" * 32)
    for _ in range(3):
        matcher.put([(1, one)], weak_by_hash=True)
    assert len(matcher._owner) == 1
    matcher.put([(1, other), (1, one)], weak_by_hash=True)
    assert len(matcher._owner) == 1
    matcher.put([(1, other)], weak_by_hash=True)
    assert len(matcher._owner) == 1 + len(other.views)
    assert [found.id for found in matcher.near(other, POLICY)] == [1]


def test_a_list_on_which_much_comes_and_goes_does_not_grow(matcher, monkeypatch):
    monkeypatch.setattr(matching, "ROOM", 50)
    for id_ in range(1000):
        matcher.put([(id_, known((id_, 0), (bits(40), 3), pixels=b"%032d" % id_))], weak_by_hash=False)
        if id_ >= 3:
            matcher.drop(id_ - 3)
    assert len(matcher) == 3
    assert len(matcher._owner) <= 50 + 3 * 8
    assert {one.id for one in matcher.near(known((bits(40), 3)), WIDE)} == {997, 998, 999}


def test_putting_nothing_is_fine(matcher):
    matcher.put([], weak_by_hash=False)
    assert len(matcher) == 0
    assert matcher.near(known((0, 0), pixels=b"a" * 32), WIDE) == []


prints = st.builds(
    lambda dhashes, detail, pixels: known(
        *((sum(1 << b for b in s), len(s) * 9) for s in dhashes), detail=detail, pixels=pixels
    ),
    st.lists(st.sets(st.sampled_from([0, 1, 20, 21, 40, 62, 63]), max_size=5), min_size=1, max_size=2),
    st.sampled_from([10, 90]),
    st.sampled_from([b"a" * 32, b"b" * 32, b"c" * 32]),
)
changes = st.lists(st.tuples(st.integers(1, 5), st.none() | prints), max_size=12)


@pytest.fixture(scope="module", params=[matching.ROOM, -1000], ids=["", "clearing away at every chance"])
def room(request) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "ROOM", request.param)
        yield


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("name", EVERY_ENGINE)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(changes=changes, asked=prints, within=st.integers(0, 16), weak_by_hash=st.booleans())
def test_a_matcher_knows_what_was_put_and_not_dropped_and_nothing_else(name, changes, asked, within, weak_by_hash):
    matcher, there = Matcher(EVERY_ENGINE[name]), {}
    for id_, print_ in changes:
        if print_ is None:
            matcher.drop(id_)
            there.pop(id_, None)
        else:
            matcher.put([(id_, print_)], weak_by_hash)
            there[id_] = print_

    expected = {}
    for id_, print_ in there.items():
        if print_.pixels == asked.pixels:
            expected[id_] = (True, 0)
        elif weak_by_hash or not print_.weak:
            nearest = [
                int(np.bitwise_count(one["dhash"] ^ other["dhash"])) for one in print_.views for other in asked.views
            ]
            if min(nearest) <= within:
                expected[id_] = (False, None)
    found = matcher.near(asked, Policy(Zone(0, 0), Zone(0, 0), Zone(0, 0), within, 1000))
    assert {one.id: one.identical for one in found} == {id_: same for id_, (same, _) in expected.items()}
    assert all(one.dhash <= within for one in found)
    assert all(one.weak == (asked.weak or there[one.id].weak) for one in found if not one.identical)
    assert len(matcher) == len(there)


anything = st.lists(
    st.tuples(st.sampled_from([0, 1, 3, bits(20)]), st.sampled_from([0, 20, 45]), st.integers(0, (len(Cut) << 3) - 1)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    there=st.lists(anything, max_size=5),
    asked=anything,
    uploads=st.booleans(),
    direct=st.booleans(),
)
def test_each_is_found_in_its_gravest_pair_of_views_however_they_are_kept_apart(there, asked, uploads, direct):
    best = {}
    for id_, one in enumerate(there):
        for (dhash, phash, view), (its_dhash, its_phash, its_view) in itertools.product(one, asked):
            views = (its_view, view) if uploads else (view, its_view)
            pair = hit((dhash ^ its_dhash).bit_count(), abs(phash - its_phash), id_, *views)
            near = pair.dhash <= POLICY.widest and pair.rank <= POLICY.candidate
            if near and COMPARABLE[views] and (pair.direct or not direct):
                best[id_] = max(best.get(id_, gravity(pair)), gravity(pair))
    matchers = [
        Matcher(ScanEngine, *kinds, known_are_uploads=uploads) for kinds in ([BLOCKED_KINDS], [ASKED_KINDS], [])
    ]
    for matcher in matchers:
        matcher.put([(id_, known(*one)) for id_, one in enumerate(there)], weak_by_hash=False)
    first, second, third = (matcher.near(known(*asked), POLICY, direct=direct) for matcher in matchers)
    assert first == second == third
    assert {one.id: gravity(one) for one in first} == best


def gravity(pair: Hit) -> tuple[int, ...]:
    """Of pairs that refuse anyway, the plainest counts; else the nearest."""
    verdict, plain = POLICY.verdict(pair), -max(pair.view, pair.asked)
    return verdict.gravity, plain if verdict is REFUSE else 0, -pair.rank, plain


def test_a_policy_is_a_value():
    assert dataclasses.replace(POLICY, widest=12) == Policy(Zone(10, 40), Zone(12, 54), widest=12)
