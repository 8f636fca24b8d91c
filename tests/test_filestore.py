"""A file lies under the hash of its content, whole or not at all."""

import errno
import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moderation.filestore import Folder


@pytest.fixture(params=[True, False], ids=["durable", "not durable"])
def store(request, tmp_path: Path) -> Folder:
    return Folder(tmp_path / "pictures", durable=request.param)


def files(store: Folder) -> list[Path]:
    return sorted(path for path in store.root.rglob("*") if path.is_file())


def test_what_was_put_comes_back_under_the_hash_of_its_content(store):
    key = store.put(b"a picture")
    assert key == hashlib.sha256(b"a picture").hexdigest()
    assert store.get(key) == b"a picture"


def test_the_same_content_is_kept_once(store):
    assert store.put(b"twice") == store.put(b"twice")
    assert store.put(b"once") != store.put(b"twice")
    assert len(files(store)) == 2


def test_a_file_that_is_not_there_is_a_key_error(store):
    with pytest.raises(KeyError):
        store.get("0" * 64)


def test_what_one_process_puts_another_gets(store):
    key = store.put(b"shared")
    assert Folder(store.root).get(key) == b"shared"


def test_the_folder_is_made_where_it_is_missing(tmp_path):
    deep = Folder(tmp_path / "a" / "b" / "c")
    assert deep.get(deep.put(b"x")) == b"x"


def test_pictures_are_for_nobody_else_on_the_machine(store):
    store.put(b"private")
    assert [stat.S_IMODE(path.stat().st_mode) & 0o077 for path in files(store)] == [0]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    store = Folder(tmp_path / "pictures", durable=True)

    def full(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.put(b"too much")
    assert files(store) == []
    assert store.get(store.put(b"too much")) == b"too much"


def test_many_may_put_the_same_content_at_once(store):
    contents = [bytes([i % 5]) * 50_000 for i in range(100)]
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(store.put, contents))
    assert [store.get(key) for key in keys] == contents
    assert len(files(store)) == 5


def test_what_cannot_be_cleared_away_keeps_nothing_else_that_was_left(store):
    needed, unneeded = store.put(b"needed"), store.put(b"not needed")
    folder = store._path(needed).parent
    for key in (needed, unneeded):
        store._path(key).rename(store._path(key).with_name(f".{key}.discarded"))
    (folder / ".a folder").mkdir()
    (folder / ".half").write_bytes(b"half")
    (folder / f".{'0' * 64}.discarded").mkdir()
    assert store.tidy(0, lambda keys: keys & {needed}) == 3
    assert files(store) == [store._path(needed)]
    assert len(store.leftovers(0)) == 2
