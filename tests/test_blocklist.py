"""The blocklist: what is added blocks, what is withdrawn does not, and nothing is forgotten."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from functools import cache

import pytest
import sqlalchemy as sa
from PIL import Image

from moderation import blocklist
from moderation.columns import now
from moderation.database import db, writing
from moderation.drawing import draw_indecent
from moderation.fingerprint import Fingerprint, fingerprint
from moderation.matching import Policy, Verdict
from moderation.models import Decision, Entry, Kind
from moderation.replica import BLOCKLIST
from tests.conftest import version

POLICY = Policy()
WALL = Image.new("RGB", (90, 90), (240, 240, 235))


@cache
def print_of(seed: int, scale: float = 1.0) -> Fingerprint:
    image = draw_indecent(seed, 200)
    return fingerprint(image.resize((round(image.width * scale), round(image.height * scale))))


@pytest.fixture
def block(app) -> Callable[..., int]:
    def add(print_: Fingerprint, **more: object) -> int:
        with writing():
            entry = blocklist.add(blocklist.pack(print_), Decision(kind=Kind.IMPORT), **more)
            db.session.flush()
            return entry.id

    return add


def test_a_near_copy_of_an_entry_is_found_and_another_picture_is_not(parts, block):
    entry = block(print_of(1))
    hits = parts.blocklist.near(print_of(1, scale=0.6), POLICY)
    assert [hit.id for hit in hits] == [entry]
    assert parts.policy.verdict(hits[0]) is Verdict.REFUSE
    assert parts.blocklist.near(print_of(2), POLICY) == []


def test_the_same_picture_blocked_twice_is_found_twice(parts, block):
    entries = [block(print_of(1)), block(print_of(1))]
    assert [hit.id for hit in parts.blocklist.near(print_of(1), POLICY)] == entries


def test_a_withdrawn_entry_stays_in_the_database_with_the_time_of_its_withdrawal(parts, block):
    entry_id = block(print_of(1))
    with writing():
        blocklist.withdraw(db.session.get_one(Entry, entry_id))
    entry = db.session.get_one(Entry, entry_id)
    assert timedelta(0) <= now() - entry.withdrawn < timedelta(minutes=1)
    assert parts.blocklist.near(print_of(1), POLICY) == []

    with writing():
        blocklist.restore(db.session.get_one(Entry, entry_id))
    assert db.session.get_one(Entry, entry_id).withdrawn is None
    assert [hit.id for hit in parts.blocklist.near(print_of(1), POLICY)] == [entry_id]


def test_a_withdrawal_remembers_the_decision_it_belongs_to(block):
    entry_id = block(print_of(1))
    with writing():
        decision = Decision(kind=Kind.WITHDRAW)
        db.session.add(decision)
        db.session.flush()
        blocklist.withdraw(db.session.get_one(Entry, entry_id), decision)
        decision_id = decision.id
    assert [entry.id for entry in db.session.get_one(Decision, decision_id).withdrawals] == [entry_id]


@pytest.mark.on_both
def test_every_change_raises_the_version_and_marks_its_row(app, block):
    seen = []
    entry_id = block(print_of(1))
    for change in (blocklist.withdraw, blocklist.restore):
        seen.append((version(BLOCKLIST), db.session.get_one(Entry, entry_id).version))
        with writing():
            change(db.session.get_one(Entry, entry_id))
    seen.append((version(BLOCKLIST), db.session.get_one(Entry, entry_id).version))
    assert seen == [(1, 1), (2, 2), (3, 3)]


def test_an_entry_says_where_it_came_from(block):
    entry = db.session.get_one(Entry, block(print_of(1), source="poster.jpg"))
    assert (entry.source, entry.picture_id, entry.decision.kind) == ("poster.jpg", None, Kind.IMPORT)


@pytest.mark.on_both
def test_the_fingerprint_comes_back_as_it_was_blocked(block):
    entry = db.session.get_one(Entry, block(print_of(1)))
    back = blocklist.unpack(entry.fingerprint)
    assert back.views.tobytes() == print_of(1).views.tobytes()
    assert entry.fingerprint.luminance == print_of(1).luminance.tobytes()
    assert (back.detail, back.pixels, back.recipe) == (print_of(1).detail, print_of(1).pixels, print_of(1).recipe)


def test_a_fingerprint_without_its_luminance_is_not_stored(block):
    with pytest.raises(ValueError, match="luminance"):
        blocklist.pack(dataclasses.replace(print_of(1), luminance=None))


def test_a_blank_wall_blocks_itself_alone(parts, block):
    entry = block(fingerprint(WALL))
    assert [hit.identical for hit in parts.blocklist.near(fingerprint(WALL.copy()), POLICY)] == [True]
    for other in (Image.new("RGB", (90, 90), (240, 240, 236)), Image.new("RGB", (91, 90), (240, 240, 235))):
        assert parts.blocklist.near(fingerprint(other), POLICY) == []
    assert parts.blocklist.near(print_of(1), POLICY) == []
    assert entry in {hit.id for hit in parts.blocklist.near(fingerprint(WALL), POLICY)}


def known(*seeds: int) -> dict[bytes | None, int]:
    """By their pixels, the entries of those drawn pictures."""
    return {pixels: entry.id for pixels, entry in blocklist.known(map(print_of, seeds)).items()}


def test_an_entry_is_known_by_its_exact_pixels_one_that_blocks_before_one_that_was_withdrawn(block):
    first, second = block(print_of(1)), block(print_of(1))
    assert known(1, 2) == {print_of(1).pixels: first}
    for withdrawn, other in ((first, second), (second, first)):
        with writing():
            blocklist.withdraw(db.session.get_one(Entry, withdrawn))
        assert known(1) == {print_of(1).pixels: other}


def test_an_entry_whose_decision_was_taken_back_never_was_known(block):
    entry_id = block(print_of(1))
    with writing():
        entry = db.session.get_one(Entry, entry_id)
        blocklist.withdraw(entry)
        entry.decision.undone = now()
    assert known(1) == {}


def test_what_has_no_hash_of_pixels_is_known_as_nothing(block):
    print_ = print_of(1)
    without = Fingerprint(print_.views, print_.detail, print_.luminance, None)
    block(without)
    assert blocklist.known([without]) == {}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Entry)) == 1
