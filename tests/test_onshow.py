"""The pictures on show: what comes and goes is heard of, and what is not kept in memory is read as it is by then."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from moderation.blocklist import pack
from moderation.database import db, writing
from moderation.fingerprint import Fingerprint
from moderation.matcher import Matcher
from moderation.matching import Hit
from moderation.models import Picture, Status
from moderation.replica import PICTURES, bump

from .lists import POLICY, another_list, found, print_of, show


def move(picture_id: int, status: Status) -> None:
    with writing():
        picture = db.session.get_one(Picture, picture_id)
        picture.status, picture.version = status, bump(PICTURES)


def test_what_another_process_puts_on_show_or_takes_down_is_heard_at_the_very_next_look(parts, another_process):
    assert found(another_process.on_show, 1) == []
    picture = show(1)
    assert found(another_process.on_show, 1) == found(parts.on_show, 1) == [picture]

    move(picture, Status.REMOVED)
    assert found(another_process.on_show, 1) == found(parts.on_show, 1) == []

    move(picture, Status.PENDING)
    assert found(another_process.on_show, 1) == found(parts.on_show, 1) == [picture]


@pytest.mark.parametrize(
    ("status", "swept"),
    [
        (Status.PENDING, True),
        (Status.HELD, True),
        (Status.PUBLISHED, True),
        (Status.REPLACED, True),
        (Status.REFUSED, False),
        (Status.REMOVED, False),
    ],
)
def test_a_sweep_looks_at_what_is_or_may_come_on_show(parts, status, swept):
    picture = show(1, status)
    assert found(parts.on_show, 1) == ([picture] if swept else [])


def test_a_picture_that_is_rolled_back_was_never_there(parts):
    def move_and_fail(picture_id: int) -> None:
        with writing():
            picture = db.session.get_one(Picture, picture_id)
            picture.status, picture.version = Status.REMOVED, bump(PICTURES)
            db.session.flush()
            assert found(parts.on_show, 1) == [picture_id]
            raise ZeroDivisionError

    picture_id = show(1)
    with pytest.raises(ZeroDivisionError):
        move_and_fail(picture_id)
    assert found(parts.on_show, 1) == [picture_id]


@pytest.mark.parametrize("version", [0, 2, 50])
def test_a_new_epoch_of_the_pictures_makes_copies_start_anew(parts, another_process, version):
    pictures = [show(1), show(2)]
    copies = (parts.on_show, another_process.on_show)
    assert [len(copy) for copy in copies] == [2, 2]
    with writing():
        db.session.execute(sa.delete(Picture).where(Picture.id == pictures[1]))
        db.session.execute(sa.update(Picture).values(version=min(1, version)))
    another_list(PICTURES, version)
    for copy in copies:
        assert found(copy, 1) == [pictures[0]]
        assert found(copy, 2) == []


def test_a_picture_without_a_fingerprint_is_found_once_it_has_one(parts):
    picture_id = show(1)
    with writing():
        picture = db.session.get_one(Picture, picture_id)
        row, picture.fingerprint, picture.version = picture.fingerprint_id, None, bump(PICTURES)
    new = type(parts.on_show)()
    assert found(new, 1) == []
    with writing():
        picture = db.session.get_one(Picture, picture_id)
        picture.fingerprint_id, picture.version = row, bump(PICTURES)
    assert found(new, 1) == [picture_id]


@pytest.fixture
def meanwhile(monkeypatch) -> Callable[[Callable[[], object]], None]:
    """`meanwhile(purge)` has that done whenever a list was looked at and what it finds is going to be read."""

    def do(change: Callable[[], object]) -> None:
        matcher_near = Matcher.near

        def near(self: Matcher, *args: Any, **kwargs: Any) -> list[Hit]:
            change()
            return matcher_near(self, *args, **kwargs)

        monkeypatch.setattr(Matcher, "near", near)

    return do


def fingerprint_anew(picture_id: int, print_: Fingerprint | None) -> None:
    with writing():
        picture = db.session.get_one(Picture, picture_id)
        picture.fingerprint, picture.version = pack(print_) if print_ else None, bump(PICTURES)


def with_other_hashes(seed: int, dhash: int = 0) -> Fingerprint:
    """The picture's fingerprint with one bit of its pHash changed, and that of the last view's dHash."""
    views = print_of(seed).views.copy()
    views["phash"][0, 0] ^= np.uint64(1)
    views["dhash"][-1] ^= np.uint64(dhash)
    return dataclasses.replace(print_of(seed), views=views, pixels=bytes(32))


def test_what_is_purged_while_it_is_looked_for_is_not_found(parts, meanwhile):
    pictures = [show(1), show(1)]
    assert found(parts.on_show, 1) == pictures
    meanwhile(lambda: fingerprint_anew(pictures[0], None))
    assert found(parts.on_show, 1) == pictures[1:]


@pytest.mark.parametrize("dhash", [0, 1], ids=["the pHash alone", "a dHash, too"])
def test_what_is_fingerprinted_anew_while_it_is_looked_for_is_found_as_it_is_by_then(parts, meanwhile, dhash):
    picture_id = show(1)
    assert found(parts.on_show, 1) == [picture_id]
    meanwhile(lambda: fingerprint_anew(picture_id, with_other_hashes(1, dhash)))
    (hit,) = parts.on_show.near(dataclasses.replace(print_of(1), pixels=None), POLICY)
    assert (hit.id, hit.dhash, hit.phash) == (picture_id, 0, 1)


def test_what_is_restored_while_it_is_looked_for_is_found_as_it_is_by_then(parts, meanwhile):
    pictures = [show(1), show(1)]
    assert found(parts.on_show, 1) == pictures

    def restore_a_backup() -> None:
        fingerprint_anew(pictures[0], print_of(2))
        another_list(PICTURES, 50)

    meanwhile(restore_a_backup)
    assert found(parts.on_show, 1) == pictures[1:]


def test_a_copy_that_is_wrong_comes_right_where_it_is_asked_however_much_else_changes(parts, meanwhile):
    gone, other, right, busy = show(1), show(1), show(1), show(3)
    assert found(parts.on_show, 1) == [gone, other, right]
    with writing():  # without a word: no version tells of it
        db.session.get_one(Picture, gone).fingerprint = None
        db.session.get_one(Picture, other).fingerprint = pack(with_other_hashes(1, dhash=1))
    meanwhile(lambda: move(busy, Status.PUBLISHED))
    assert found(parts.on_show, 1) == [right, other]
    fingerprint_anew(gone, print_of(1))
    assert found(parts.on_show, 1) == [gone, right, other]
