"""Every engine answers alike, entry for entry, distance for distance: as comparing all codes does."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation import multi_index
from moderation.engines import AutoEngine
from moderation.index import BKTreeEngine, Column, Engine, ScanEngine
from moderation.multi_index import MultiIndexEngine

from .benchmarks.machine import held
from .conftest import EVERY_ENGINE
from .memory import in_columns

TOP = 1 << 63
ALL = 2**64 - 1


@pytest.fixture(autouse=True, scope="module")
def buckets_cost_little():
    """Few codes would be compared one by one; here they are looked up as many are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multi_index, "LOOK", 0)
        patch.setattr(multi_index, "BUCKET", 4)
        yield


@pytest.fixture(params=EVERY_ENGINE)
def engine(request) -> Engine:
    """Each test runs on every engine: that is what makes them one interface."""
    return EVERY_ENGINE[request.param]()


def extend(engine: Engine, codes: list[int], first: int = 0) -> None:
    engine.extend(np.array(codes, np.uint64), np.arange(first, first + len(codes), dtype=np.int64))


def near(engine: Engine, code: int, within: int) -> list[tuple[int, int]]:
    ids, distances = engine.near(code, within)
    assert ids.dtype == distances.dtype == np.int64
    assert ids.shape == distances.shape
    return sorted(zip(ids.tolist(), distances.tolist(), strict=True))


def brute_force(codes: list[int], code: int, within: int) -> list[tuple[int, int]]:
    apart = [(i, (other ^ code).bit_count()) for i, other in enumerate(codes)]
    return [(i, bits) for i, bits in apart if bits <= within]


def test_nothing_is_near_in_an_empty_index(engine):
    assert near(engine, 0, 64) == []
    extend(engine, [])
    assert near(engine, ALL, 64) == []


def test_one_code_is_found_at_its_distance_and_not_below(engine):
    extend(engine, [0b111])
    assert near(engine, 0b111, 0) == [(0, 0)]
    assert near(engine, 0, 3) == [(0, 3)]
    assert near(engine, 0, 2) == []


def test_of_two_codes_each_is_found_alone_and_both_together(engine):
    extend(engine, [0, 0b1111])
    assert near(engine, 0b1, 1) == [(0, 1)]
    assert near(engine, 0b111, 1) == [(1, 1)]
    assert near(engine, 0b11, 2) == [(0, 2), (1, 2)]


def test_codes_with_the_top_bit_are_codes_like_others(engine):
    extend(engine, [TOP, TOP | 1, ALL, 0])
    assert near(engine, TOP, 1) == [(0, 0), (1, 1), (3, 1)]
    assert near(engine, ALL, 0) == [(2, 0)]
    assert near(engine, 0, 64) == [(0, 1), (1, 2), (2, 64), (3, 0)]


def test_a_code_answers_for_every_id_it_was_added_with(engine):
    extend(engine, [TOP | 5] * 500)
    extend(engine, [TOP | 4], first=500)
    extend(engine, [TOP | 5] * 500, first=501)
    assert near(engine, TOP | 5, 0) == [(i, 0) for i in range(1001) if i != 500]
    assert len(near(engine, TOP | 4, 1)) == 1001


def test_ids_need_no_order(engine):
    engine.extend(np.array([7, 6], np.uint64), np.array([2**32 - 1, 3], np.int64))
    engine.extend(np.array([7, 7, 6], np.uint64), np.array([40, -1, 2**62], np.int64))
    engine.extend(np.array([7], np.uint64), np.array([1], np.int64))
    assert near(engine, 7, 1) == [(-1, 0), (1, 0), (3, 1), (40, 0), (2**32 - 1, 0), (2**62, 1)]


@pytest.mark.parametrize("within", [0, 1, 8, 14])
def test_thousands_of_codes_as_pictures_have_them(engine, within):
    rng = np.random.default_rng(5)
    centres = rng.integers(0, 2**64, 60, np.uint64)
    flips = np.array([1 << int(bit) for bit in range(64)], np.uint64)[rng.integers(0, 64, (2400, 6))]
    codes = (np.repeat(centres, 40) ^ np.bitwise_xor.reduce(flips, axis=1)).tolist()
    for start in range(0, len(codes), 700):
        extend(engine, codes[start : start + 700], first=start)
    for code in (*centres[:10].tolist(), *codes[:10]):
        assert near(engine, code, within) == brute_force(codes, code, within)


codes_near_each_other = st.lists(st.integers(0, ALL), min_size=1, max_size=3).flatmap(
    lambda centres: st.lists(
        st.builds(
            lambda centre, bits: centre ^ sum(1 << bit for bit in bits),
            st.sampled_from([*centres, 0, TOP, ALL]),
            st.sets(st.integers(0, 63), max_size=17),
        ),
        max_size=40,
    )
)


@pytest.mark.parametrize("name", EVERY_ENGINE)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    codes=codes_near_each_other,
    asked=st.integers(0, ALL),
    flips=st.integers(0, ALL),
    cuts=st.lists(st.integers(0, 40), max_size=3),
)
def test_every_engine_answers_as_comparing_all_codes_does(name, codes, asked, flips, cuts):
    engine, known = EVERY_ENGINE[name](), []
    # Added in several goes, and asked in between: what an answer has built must not be in the way of what comes.
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(codes)], strict=True):
        extend(engine, codes[start:end], first=len(known))
        known += codes[start:end]
        for code in (asked, *known[-1:], *(code ^ (flips & 0x8001_0000_0100_0001) for code in known[:1])):
            for within in range(17):
                assert near(engine, code, within) == brute_force(known, code, within)


def test_several_codes_are_answered_as_each_is_alone(engine):
    rng = np.random.default_rng(6)
    codes = np.concatenate([near_each_other(rng, 300), rng.integers(0, 2**64, 300, np.uint64)])
    engine.extend(codes, np.arange(600))
    asked = np.concatenate([codes[:7], codes[:1], ~codes[-3:]])
    for within in (0, 5, 12, 16, 40):
        places, ids, distances = engine.near_all(asked, within)
        assert places.dtype == ids.dtype == distances.dtype == np.int64
        found = sorted(zip(places.tolist(), ids.tolist(), distances.tolist(), strict=True))
        alone = [(place, *hit) for place, code in enumerate(asked.tolist()) for hit in near(engine, code, within)]
        assert found == alone
    assert [part.tolist() for part in engine.near_all(np.empty(0, np.uint64), 12)] == [[], [], []]


def near_each_other(rng: np.random.Generator, count: int) -> np.ndarray:
    flips = np.uint64(1) << rng.integers(0, 64, (5, count), np.uint64)
    return rng.choice(rng.integers(0, 2**64, 12, np.uint64), count) ^ np.bitwise_xor.reduce(flips)


# --- the multi-index engine -------------------------------------------------------------


@pytest.mark.parametrize("widths", [multi_index.FEW, multi_index.MANY])
@pytest.mark.parametrize("kind", ["uniform", "clustered", "repeated"])
def test_the_multi_index_engine_is_exact_at_every_distance(monkeypatch, widths, kind):
    monkeypatch.setattr(multi_index, "FEW", widths)
    rng = np.random.default_rng(7)
    codes = {
        "uniform": lambda: rng.integers(0, 2**64, 20_000, np.uint64),
        "clustered": lambda: near_each_other(rng, 20_000),
        "repeated": lambda: rng.choice(near_each_other(rng, 9), 20_000),
    }[kind]()
    engine = MultiIndexEngine(tail=500)
    for part in np.split(np.arange(20_000), [15_000, 15_400]):
        engine.extend(codes[part], part)
        engine.settle()
    for within in range(17):
        for code in (*codes[::6_000].tolist(), int(codes[3]) ^ 0x8421_0000_0001_8000):
            bits = np.bitwise_count(codes ^ np.uint64(code))
            wanted = np.flatnonzero(bits <= within)
            assert near(engine, code, within) == list(zip(wanted.tolist(), bits[wanted].tolist(), strict=True))


def test_a_look_that_would_be_long_is_taken_in_parts(monkeypatch):
    rng = np.random.default_rng(8)
    codes = near_each_other(rng, 3_000)
    whole, parts = MultiIndexEngine(tail=10), MultiIndexEngine(tail=10)
    for engine in (whole, parts):
        engine.extend(codes, np.arange(len(codes)))
    once = [part.tolist() for part in whole.near_all(codes[:20], 6)]
    monkeypatch.setattr(multi_index, "AT_ONCE", 150)
    several = [part.tolist() for part in parts.near_all(codes[:20], 6)]
    assert sorted(zip(*several, strict=True)) == sorted(zip(*once, strict=True))


def test_while_codes_are_merged_all_are_found(monkeypatch):
    going_on, of = threading.Event(), multi_index._Index.of

    def slowly(codes: np.ndarray, ids: np.ndarray) -> object:
        assert going_on.wait(10)
        return of(codes, ids)

    engine, codes = MultiIndexEngine(tail=50), list(range(1000))
    extend(engine, codes)
    monkeypatch.setattr(multi_index._Index, "of", slowly)
    extend(engine, [TOP | code for code in range(60)], first=1000)
    extend(engine, [TOP | code for code in range(60, 200)], first=1060)
    codes += [TOP | code for code in range(200)]
    assert engine._merge.is_alive()
    assert near(engine, TOP, 1) == brute_force(codes, TOP, 1)
    going_on.set()
    engine.settle()
    assert len(engine._codes) == 0, "what came during the merge is merged after it, though nothing more comes"
    assert near(engine, TOP, 1) == brute_force(codes, TOP, 1)
    extend(engine, [7], first=1200)
    assert (len(engine), len(engine._codes)) == (1201, 1)
    assert near(engine, TOP, 1) == brute_force([*codes, 7], TOP, 1)


def test_a_merge_that_fails_loses_nothing_and_is_tried_again(monkeypatch):
    engine, codes = MultiIndexEngine(tail=50), list(range(500))
    extend(engine, codes)

    def full(*_: object) -> None:
        raise MemoryError

    told = []
    with monkeypatch.context() as patch:
        patch.setattr(threading, "excepthook", told.append)
        patch.setattr(multi_index._Index, "of", full)
        extend(engine, [TOP | code for code in range(60)], first=500)
        engine.settle()
    codes += [TOP | code for code in range(60)]
    assert [one.exc_type for one in told] == [MemoryError]
    assert near(engine, TOP, 1) == brute_force(codes, TOP, 1)
    extend(engine, [9], first=560)
    engine.settle()
    assert len(engine._codes) == 0
    assert near(engine, TOP, 1) == brute_force([*codes, 9], TOP, 1)


def test_ten_million_codes_take_less_than_sixty_bytes_each():
    rng = np.random.default_rng(9)
    engine = MultiIndexEngine()
    engine.extend(rng.integers(0, 2**64, 600_000, np.uint64), np.arange(600_000))
    tables = engine._index.begins.nbytes
    assert (engine.nbytes - tables) / 600_000 + tables / 10_000_000 < 60


# --- auto ---------------------------------------------------------------------------------


def test_auto_keeps_the_tree_to_so_many_codes_and_then_has_the_other():
    engine = AutoEngine()
    extend(engine, list(range(2000)))
    assert isinstance(engine._engine, BKTreeEngine)
    extend(engine, [ALL], first=2000)
    assert isinstance(engine._engine, MultiIndexEngine)
    assert near(engine, ALL, 0) == [(2000, 0)]
    assert near(engine, 0, 1) == brute_force([*range(2000), ALL], 0, 1)


def test_auto_keeps_no_second_copy_of_the_codes():
    codes, ids = np.random.default_rng(9).integers(0, 2**64, 100_000, np.uint64), np.arange(100_000)
    engine = AutoEngine()
    before = in_columns()
    engine.extend(codes[:1000], ids[:1000])
    engine.extend(codes[1000:], ids[1000:])
    assert len(engine._engine) == 100_000
    assert in_columns() - before < codes.nbytes / 4


def test_codes_beyond_the_first_chunk_are_found(monkeypatch):
    monkeypatch.setattr(ScanEngine, "CHUNK", 8)
    engine = ScanEngine()
    codes = [i * 0x0101_0101_0101 for i in range(8 * 3 + 1)]
    extend(engine, codes)
    for code in codes:
        assert near(engine, code, 3) == brute_force(codes, code, 3)


@pytest.mark.parametrize("many", [20, 100_000])
def test_a_column_that_is_to_reach_further_is_zero_there(many):
    column = Column(np.uint32)
    column.extend(np.array([7, 8, 9], np.uint32))
    column.keep(np.array([0, 2]))
    column.reach(many)
    column.reach(5)
    assert len(column) == many
    assert column.values.nonzero()[0].tolist() == [0, 1]
    assert column.values[:2].tolist() == [7, 9]


def test_room_that_nothing_fills_yet_takes_no_memory():
    column = Column(np.uint64, (4,))
    column.extend(np.ones((1_000_000, 4), np.uint64))
    before = held()
    column.extend(np.ones((1, 4), np.uint64))  # which makes room for a million more
    assert len(column._room) >= 2_000_000
    assert held() - before < 1


def test_a_column_keeps_what_it_holds_while_it_grows():
    column = Column(np.uint64, (4,))
    rows = np.arange(4000, dtype=np.uint64).reshape(-1, 4)
    for start in range(0, 1000, 37):
        column.extend(rows[start : start + 37])
        assert (column.values == rows[: start + 37]).all()
    assert len(column) == 1000
