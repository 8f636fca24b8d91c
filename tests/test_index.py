"""Every engine answers alike, entry for entry, distance for distance: as comparing all codes does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.index import ENGINES, Column, Engine, ScanEngine

TOP = 1 << 63
ALL = 2**64 - 1


@pytest.fixture(params=ENGINES)
def engine(request) -> Engine:
    """Each test runs on every engine: that is what makes them one interface."""
    return ENGINES[request.param]()


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
    engine.extend(np.array([7, 7, 6], np.uint64), np.array([40, -1, 2**62], np.int64))
    assert near(engine, 7, 1) == [(-1, 0), (40, 0), (2**62, 1)]


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


@pytest.mark.parametrize("name", ENGINES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    codes=codes_near_each_other,
    asked=st.integers(0, ALL),
    flips=st.integers(0, ALL),
    cuts=st.lists(st.integers(0, 40), max_size=3),
)
def test_every_engine_answers_as_comparing_all_codes_does(name, codes, asked, flips, cuts):
    engine, known = ENGINES[name](), []
    # Added in several goes, and asked in between: what an answer has built must not be in the way of what comes.
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(codes)], strict=True):
        extend(engine, codes[start:end], first=len(known))
        known += codes[start:end]
        for code in (asked, *known[-1:], *(code ^ (flips & 0x8001_0000_0100_0001) for code in known[:1])):
            for within in range(17):
                assert near(engine, code, within) == brute_force(known, code, within)


def test_codes_beyond_the_first_chunk_are_found(monkeypatch):
    monkeypatch.setattr(ScanEngine, "CHUNK", 8)
    engine = ScanEngine()
    codes = [i * 0x0101_0101_0101 for i in range(8 * 3 + 1)]
    extend(engine, codes)
    for code in codes:
        assert near(engine, code, 3) == brute_force(codes, code, 3)


def test_a_column_keeps_what_it_holds_while_it_grows():
    column = Column(np.uint64, (4,))
    rows = np.arange(4000, dtype=np.uint64).reshape(-1, 4)
    for start in range(0, 1000, 37):
        column.extend(rows[start : start + 37])
        assert (column.values == rows[: start + 37]).all()
    assert len(column) == 1000
