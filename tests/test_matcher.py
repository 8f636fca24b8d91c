"""What is known of a fingerprint that came and went, on every engine."""

import dataclasses
import gc
import itertools
import tracemalloc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation import matcher as module
from moderation.fingerprint import Fingerprint
from moderation.index import ScanEngine
from moderation.matcher import Matcher, Outdated
from moderation.matching import Hit, Policy, Verdict, Zone
from moderation.views import ASKED_KINDS, BLOCKED_KINDS, COMPARABLE, Cut, number

from .conftest import EVERY_ENGINE
from .memory import in_columns
from .prints import CENTRE, HALF, POLICY, WHOLE, bits, found, hit, known

WIDE = Policy(widest=64, candidate=1000)
REFUSE = Verdict.REFUSE


@pytest.fixture(params=EVERY_ENGINE)
def matcher(request) -> Matcher:
    return Matcher(EVERY_ENGINE[request.param])


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
    monkeypatch.setattr(module, "BATCH", 10)
    alive: weakref.WeakSet[Fingerprint] = weakref.WeakSet()

    def coming() -> Iterator[tuple[int, Fingerprint]]:
        for id_ in range(100):
            alive.add(one := known((0x1F * id_, id_)))
            yield id_, one
            assert len(alive) <= 2 * module.BATCH

    matcher.put(coming(), weak_by_hash=False)
    assert len(matcher) == 100
    assert found(matcher.near(known((0x1F * 42, 42)), Policy()))[0] == (42, 0, 0)


def test_what_came_before_an_error_is_known_and_the_whole_list_can_be_put_again(matcher, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 10)
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
    assert len(matcher._ids) == 1
    matcher.put([(1, other), (1, one)], weak_by_hash=True)
    assert len(matcher._ids) == 1
    matcher.put([(1, other)], weak_by_hash=True)
    assert len(matcher._ids) == 2
    assert [found.id for found in matcher.near(other, POLICY)] == [1]


def test_a_list_on_which_much_comes_and_goes_does_not_grow(matcher, monkeypatch):
    monkeypatch.setattr(module, "ROOM", 50)
    for id_ in range(1000):
        matcher.put([(id_, known((id_, 0), (bits(40), 3), pixels=b"%032d" % id_))], weak_by_hash=False)
        if id_ >= 3:
            matcher.drop(id_ - 3)
    assert len(matcher) == 3
    assert len(matcher._ids) <= 50 + 3 * 2
    assert {one.id for one in matcher.near(known((bits(40), 3)), WIDE)} == {997, 998, 999}


@pytest.mark.parametrize(("read", "of_view"), [(None, 45), (lambda _: {}, 9)], ids=["all", "what finds it"])
def test_what_is_kept_of_a_picture_is_little_more_than_its_views(read, of_view):
    rng, matcher = np.random.default_rng(4), Matcher(ScanEngine, ASKED_KINDS, True, read)
    before = in_columns()
    tracemalloc.start()
    try:
        for start in range(0, 6000, 100):
            codes = rng.integers(1 << 62, size=(100, 9)).tolist()
            prints = [known(*((code, 9) for code in some), pixels=rng.bytes(32)) for some in codes]
            matcher.put(enumerate(prints, start), weak_by_hash=True)
        del codes, prints
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0] + in_columns() - before
    finally:
        tracemalloc.stop()
    # A view is stored in 45 bytes, 9 without its box and pHash; its code once more, with its row, for the engine.
    assert kept / len(matcher) < 9 * (of_view + 8 + 4 + 1) + 80


@pytest.mark.parametrize(
    "meanwhile",
    [
        {1: known((0, 3))},
        {1: known((0, 3)), 2: known((3, 5), (9, 9))},
        {1: known((0, 3)), 2: known((3, 5), (9, 9), (9, 9, HALF))},
        {1: known((0, 3)), 2: known((3, 5), (9, 9, HALF), (8, 8, HALF))},
    ],
    ids=["gone", "fewer views", "another view", "another code"],
)
def test_of_what_is_read_it_is_said_where_it_is_not_what_was_put(meanwhile):
    stored = {1: known((0, 3)), 2: known((3, 5), (9, 9, HALF), (9, 9, HALF))}
    matcher = Matcher(
        ScanEngine, ASKED_KINDS, True, lambda ids: {id_: stored[id_].views for id_ in ids if id_ in stored}
    )
    matcher.put(stored.items(), weak_by_hash=True)
    matcher.put([(7, known((1 << 63, 0)))], weak_by_hash=True)
    matcher.drop(7)
    assert found(matcher.near(known((0, 0)), POLICY)) == [(1, 0, 3), (2, 2, 5)]
    stored = meanwhile
    with pytest.raises(Outdated) as caught:
        matcher.near(known((0, 0)), POLICY)
    assert caught.value.ids == [2]
    matcher.drop(2)
    assert found(matcher.near(known((0, 0)), POLICY)) == [(1, 0, 3)]
    assert matcher.near(known((bits(40), 0)), POLICY) == []


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


@pytest.fixture(scope="module", params=[module.ROOM, -1000], ids=["", "clearing away at every chance"])
def room(request) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROOM", request.param)
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
    prints = dict(enumerate(known(*one) for one in there))
    matchers = [
        Matcher(ScanEngine, *kinds, known_are_uploads=uploads) for kinds in ([BLOCKED_KINDS], [ASKED_KINDS], [])
    ]
    reading = Matcher(ScanEngine, ASKED_KINDS, uploads, lambda ids: {id_: prints[id_].views for id_ in ids})
    for matcher in (*matchers, reading):
        matcher.put(prints.items(), weak_by_hash=False)
    first, *others = (matcher.near(known(*asked), POLICY, direct=direct) for matcher in (*matchers, reading))
    assert others == [first] * 3
    assert {one.id: gravity(one) for one in first} == best


def gravity(pair: Hit) -> tuple[int, ...]:
    """Of pairs that refuse anyway, the plainest counts; else the nearest."""
    verdict, plain = POLICY.verdict(pair), -max(pair.view, pair.asked)
    return verdict.gravity, plain if verdict is REFUSE else 0, -pair.rank, plain


def test_a_policy_is_a_value():
    assert dataclasses.replace(POLICY, widest=12) == Policy(Zone(10, 40), Zone(12, 54), widest=12)
