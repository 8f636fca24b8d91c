"""A site in one file: all of it, of one moment, while it runs; and read back whole or not at all."""

import hashlib
import json
import shutil
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa

from moderation import accounts, audit, backup, restoring, review, uploads
from moderation.app import create_app
from moderation.context import parts as current_parts
from moderation.database import db, writing
from moderation.errors import Refusal
from moderation.filestore import Folder
from moderation.models import Account, Counter, Entry, Picture, Role, Status

from .conftest import PASSWORD, TESTING, copied, near_copy, on_postgres


@pytest.fixture
def site(parts, person, draw, arrive):
    """A site on which something of each kind has happened: what to look for in its copy."""
    mona = person("mona", Role.MODERATOR)
    first = arrive(draw(1))
    review.mark(parts, first, mona, None)
    refused = arrive(near_copy(draw(1)))
    kept = arrive(draw(2))
    review.approve(parts, kept, mona, None)
    return {"marked": first, "refused": refused, "kept": kept}


@pytest.fixture
def other(make_instance):
    """A function that runs another, on an empty site of its own."""
    app = create_app(make_instance("other"), **TESTING)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def rows() -> dict[str, list]:
    """Everything that is in the current site's database, but for the epochs and the log, which go on."""
    with db.engine.connect() as connection:
        found = {}
        for table in backup.tables(connection):
            if table.name == "audit":
                continue
            columns = [column for column in table.columns if column.name != "epoch"]
            order = table.primary_key.columns
            found[table.name] = [backup.plain(row) for row in connection.execute(sa.select(*columns).order_by(*order))]
    found["counters"] = [row for row in found["counters"] if row[0] != "audit"]
    return found


def epochs() -> set[str]:
    db.session.rollback()
    return set(db.session.scalars(sa.select(Counter.epoch)))


def takes_uploads(draw) -> int:
    """A newcomer's copy of what was marked is refused, another picture not; the newcomer's number."""
    with writing():
        new = accounts.create("newcomer", PASSWORD, Role.MEMBER)
        db.session.flush()
        new_id = new.id
    assert uploads.receive(current_parts(), new_id, near_copy(draw(1), 0.8)).status is Status.REFUSED
    assert uploads.receive(current_parts(), new_id, draw(9)).status is Status.PUBLISHED
    return new_id


def test_a_restored_site_has_every_row_and_picture_and_works(site, app, parts, other, tmp_path, draw):
    file = tmp_path / "site.tar"
    with app.app_context():
        written = backup.backup(parts, file)
        before, old_epochs, logged = rows(), epochs(), audit.verify().id - 1
        assert audit.listed(1)[0].kind == audit.Event.BACKUP
        pictures = {row[0]: parts.store.get(row[0]) for row in db.session.execute(sa.select(Picture.file))}
    assert (written.missing, written.pictures) == (0, 6)
    assert file.stat().st_mode & 0o077 == 0

    found = restoring.examine(file)
    assert restoring.is_empty()
    restoring.load(current_parts(), found)
    assert not restoring.is_empty()
    assert rows() == before
    assert not epochs() & old_epochs
    assert audit.verify().id == logged + 1
    assert audit.listed(1)[0].kind == audit.Event.RESTORED
    assert {key: current_parts().store.get(key) for key in pictures} == pictures

    assert accounts.authenticate("mona", PASSWORD)
    new_id = takes_uploads(draw)
    review.undo(current_parts(), db.session.get_one(Picture, site["marked"]).decision_id, None)
    assert uploads.receive(current_parts(), new_id, near_copy(draw(1), 0.9)).status is Status.PUBLISHED


def test_a_site_moves_to_the_other_database_by_its_backup(
    site, app, database, parts, postgres, empty_postgres, empty_sqlite, tmp_path, draw
):
    file = tmp_path / "site.tar"
    with app.app_context():
        backup.backup(parts, file)
        before = rows()
        db.session.remove()
    with copied(postgres, empty_postgres) as url:
        if database == "sqlite":
            moved = on_postgres(tmp_path / "moved", url)
        else:
            moved = Path(shutil.copytree(empty_sqlite, tmp_path / "moved"))
        there = create_app(moved, **TESTING)
        with there.app_context():
            assert db.engine.dialect.name != ("sqlite" if database == "sqlite" else "postgresql")
            restoring.load(current_parts(), restoring.examine(file))
            assert rows() == before
            assert audit.verify()
            takes_uploads(draw)
            db.session.remove()
            db.engine.dispose()


def test_a_process_that_has_read_the_list_before_reads_it_anew_after_a_restore(site, parts, draw, tmp_path, arrive):
    backup.backup(parts, tmp_path / "early.tar")
    entry = db.session.scalars(sa.select(Entry)).one()
    with writing():
        review.withdraw(entry.id, None)
    assert len(parts.blocklist) == 0
    with db.engine.connect() as connection:
        version = connection.scalar(sa.select(Counter.version).filter_by(name="blocklist"))
    for _ in range(3):  # as many changes since, so that the versions alone would tell nothing
        review.restore(parts, entry.id, None)
        with writing():
            review.withdraw(entry.id, None)
    assert version

    db.session.remove()
    restoring.load(parts, restoring.examine(tmp_path / "early.tar"))
    assert len(parts.blocklist) == 1
    assert db.session.get_one(Picture, arrive(near_copy(draw(1), 0.8))).status is Status.REFUSED


def test_a_backup_without_pictures_has_none_and_restores_beside_the_store(site, parts, tmp_path):
    written = backup.backup(parts, tmp_path / "site.tar", pictures=False)
    assert written.pictures == 0
    assert backup.MANIFEST in content_of(tmp_path / "site.tar")
    before = rows()
    db.session.remove()
    restoring.load(parts, restoring.examine(tmp_path / "site.tar"))
    assert rows() == before


def test_picture_files_that_are_missing_or_damaged_are_counted_and_the_rest_is_kept(site, parts, tmp_path):
    gone, damaged = (db.session.get_one(Picture, site[one]).file for one in ("kept", "refused"))
    parts.store.discard([gone], lambda keys: set())
    parts.store._path(damaged).write_bytes(b"half of i")
    steps = []
    written = backup.backup(parts, tmp_path / "site.tar", step=lambda: steps.append(1))
    assert (written.pictures, written.missing, len(steps)) == (4, 2, 6)
    assert restoring.examine(tmp_path / "site.tar").missing == 2


def test_no_file_is_written_over_and_none_is_left_half_written(site, parts, tmp_path, monkeypatch):
    taken = tmp_path / "taken.tar"
    taken.write_text("mine")
    with pytest.raises(Refusal, match="exists already"):
        backup.backup(parts, taken)
    assert taken.read_text() == "mine"
    with pytest.raises(Refusal, match="cannot be written"):
        backup.backup(parts, tmp_path / "nowhere" / "site.tar")
    monkeypatch.setattr(Folder, "get", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        backup.backup(parts, tmp_path / "site.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["instance", "taken.tar"]


def test_rows_that_are_written_while_it_runs_are_left_out_whole(parts, arrive, draw, tmp_path, monkeypatch):
    """The picture arrives after the first row was read: the backup has no part of it."""
    arrive(draw(1))
    add_rows, late = backup._Writer._add_rows, []

    def and_meanwhile(self, table):
        number = add_rows(self, table)
        if not late:
            late.append(arrive(draw(2)))
        return number

    monkeypatch.setattr(backup._Writer, "_add_rows", and_meanwhile)
    backup.backup(parts, tmp_path / "site.tar")
    found = restoring.examine(tmp_path / "site.tar")
    assert (found.rows["pictures"], found.rows["accounts"], found.rows["checks"], found.pictures) == (1, 1, 1, 2)


def test_what_is_no_backup_or_damaged_is_refused_with_a_sentence_and_changes_nothing(site, parts, tmp_path, rng):
    good = tmp_path / "site.tar"
    backup.backup(parts, good)
    whole = good.read_bytes()
    before = rows()
    bad = tmp_path / "bad.tar"

    def refused(content: bytes, match: str = "damaged|not a backup|cannot be read") -> None:
        bad.write_bytes(content)
        with pytest.raises(Refusal, match=match):
            restoring.examine(bad)

    refused(b"")
    refused(b"GIF89a" * 1000)
    refused(tar({"hello.txt": b"hello"}), "not a backup")
    for twentieth in range(1, 20):
        refused(whole[: len(whole) * twentieth // 20])
    with tarfile.open(good) as tar_file:
        every = tar_file.getmembers()
    for part in every:
        place = part.offset_data + rng.randrange(part.size)
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.randrange(8)
        if part.name == backup.MANIFEST:  # which has a figure that nothing else says: how many were missing
            continue
        refused(bytes(changed))
    with pytest.raises(Refusal, match="cannot be read"):
        restoring.examine(tmp_path / "nowhere.tar")
    assert rows() == before


def test_a_backup_whose_rows_do_not_fit_leaves_the_site_as_it_was(site, parts, tmp_path):
    """One that was tampered with, all its sums made anew."""
    backup.backup(parts, tmp_path / "site.tar")
    content = content_of(tmp_path / "site.tar")
    name = next(one for one in content if one.startswith("rows/actions/"))
    lines = [json.loads(line) for line in content[name].splitlines()]
    lines[0][1] = 4711  # a decision that is not there
    content[name] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    manifest = json.loads(content[backup.MANIFEST])
    manifest["sha256"][name] = hashlib.sha256(content[name]).hexdigest()
    content[backup.MANIFEST] = json.dumps(manifest).encode()
    bad = tmp_path / "bad.tar"
    bad.write_bytes(tar(content))
    before, old = rows(), epochs()
    db.session.remove()
    with pytest.raises(Refusal, match="do not fit"):
        restoring.load(parts, restoring.examine(bad))
    assert (rows(), epochs()) == (before, old)


def test_a_part_with_a_path_is_never_unpacked(parts, tmp_path, site):
    backup.backup(parts, tmp_path / "site.tar")
    content = content_of(tmp_path / "site.tar")
    bad = tmp_path / "bad.tar"
    bad.write_bytes(tar({**content, "pictures/../../evil.jpg": b"x"}))
    with pytest.raises(Refusal, match="damaged"):
        restoring.examine(bad)
    assert not list(tmp_path.rglob("evil*"))


def test_large_tables_are_written_in_pieces(parts, person, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "PIECE", 500)
    for number in range(20):
        person(f"member{number}")
    backup.backup(parts, tmp_path / "site.tar")
    pieces = [name for name in content_of(tmp_path / "site.tar") if name.startswith("rows/accounts/")]
    assert len(pieces) > 5
    db.session.remove()
    restoring.load(parts, restoring.examine(tmp_path / "site.tar"))
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Account)) == 20


def content_of(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as made:
        return {one.name: made.extractfile(one).read() for one in made}


def tar(content: dict[str, bytes]) -> bytes:
    file = BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            made.addfile(info, BytesIO(data))
    return file.getvalue()
