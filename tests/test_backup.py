"""A site in one file: all of it, of one moment, while it runs; and read back whole or not at all."""

import hashlib
import json
import shutil
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa

from moderation import accounts, audit, backup, purging, restoring, review, uploads
from moderation.app import create_app, migrate, migrate_back
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


@pytest.mark.parametrize("trouble", [IsADirectoryError(21, "Is a directory"), OSError(5, "Input/output error")])
def test_a_picture_file_that_cannot_be_read_is_left_out_of_a_backup_that_has_the_rest(
    site, parts, tmp_path, monkeypatch, trouble
):
    bad, get = db.session.get_one(Picture, site["kept"]).file, Folder.get

    def faulty(self, key: str) -> bytes:
        if key == bad:
            raise trouble
        return get(self, key)

    monkeypatch.setattr(Folder, "get", faulty)
    written = backup.backup(parts, tmp_path / "site.tar")
    assert (written.pictures, written.missing) == (5, 1)
    assert restoring.examine(tmp_path / "site.tar").missing == 1


def test_files_of_a_member_who_is_erased_while_a_backup_runs_are_not_missed(site, parts, tmp_path):
    member = db.session.get_one(Picture, site["kept"]).member_id
    parts.store._path(db.session.get_one(Picture, site["refused"]).file).unlink()
    erased = []

    def erase() -> None:
        if not erased:
            erased.append(purging.erase(parts, member).files)

    db.session.remove()
    written = backup.backup(parts, tmp_path / "site.tar", step=erase)
    assert erased == [2]
    assert (written.pictures, written.missing) == (3, 1), "that of a member who stays is missed"


def test_of_two_backups_to_one_name_the_one_that_is_done_first_has_it(site, parts, tmp_path):
    file, done = tmp_path / "site.tar", []

    def another() -> None:
        if not done:
            backup.backup(parts, file)
            done.append(file.read_bytes())

    with pytest.raises(Refusal, match="was written meanwhile"):
        backup.backup(parts, file, step=another)
    assert [file.read_bytes()] == done
    assert restoring.examine(file).pictures == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["instance", "site.tar"]


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


def test_a_database_that_fails_during_a_restore_is_no_word_against_the_backup(site, parts, tmp_path, monkeypatch):
    backup.backup(parts, tmp_path / "site.tar")
    found, before = restoring.examine(tmp_path / "site.tar"), rows()
    for kind in (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.DatabaseError):
        full = kind("INSERT", {}, Exception("database or disk is full"))

        def fail(*_, full=full) -> None:
            raise full

        monkeypatch.setattr(restoring, "continue_numbers", fail)
        db.session.remove()
        with pytest.raises(kind) as raised:
            restoring.load(parts, found)
        assert raised.value is full
        assert rows() == before


def test_a_counter_that_was_lost_is_there_after_a_restore(site, parts, tmp_path):
    backup.backup(parts, tmp_path / "site.tar")
    before = rows()
    with writing():
        db.session.execute(sa.delete(Counter).where(Counter.name.in_(["audit", "pictures"])))
    restoring.load(parts, restoring.examine(tmp_path / "site.tar"))
    assert rows() == before
    assert audit.verify()


def test_pictures_that_are_deleted_while_a_restore_runs_are_there_after_it(site, parts, tmp_path):
    backup.backup(parts, tmp_path / "site.tar")
    picture = db.session.get_one(Picture, site["kept"])
    keys, member, steps = (picture.file, picture.thumbnail), picture.member_id, []

    def erase_at_the_end() -> None:
        steps.append(1)
        if len(steps) == 6:
            assert purging.erase(parts, member).files == 2

    db.session.remove()
    restoring.load(parts, restoring.examine(tmp_path / "site.tar"), erase_at_the_end)
    assert len(steps) == 6
    assert db.session.get_one(Picture, site["kept"]).file == keys[0]
    assert all(parts.store.has(key) for key in keys)


def test_a_disk_that_is_full_when_the_rows_are_restored_is_said_as_it_is(site, parts, tmp_path, monkeypatch):
    backup.backup(parts, tmp_path / "site.tar")
    found, before = restoring.examine(tmp_path / "site.tar"), rows()
    key = db.session.get_one(Picture, site["kept"]).file

    def lose_it() -> None:
        parts.store._path(key).unlink()

        def full(*_, **__) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Folder, "put", full)

    db.session.remove()
    with pytest.raises(Refusal, match="All rows are restored, but maybe not all pictures: No space left on device"):
        restoring.load(parts, found, prepare=lose_it)
    assert rows() == before


def test_a_site_that_begins_while_a_restore_runs_is_not_overwritten_unasked(
    site, app, parts, other, person, tmp_path, draw
):
    with app.app_context():
        backup.backup(parts, tmp_path / "site.tar")
        db.session.remove()
    found = restoring.examine(tmp_path / "site.tar")
    with pytest.raises(Refusal, match="There is a site here already"):
        restoring.load(current_parts(), found, replace=False, prepare=lambda: person("newadmin", Role.ADMIN))
    assert accounts.authenticate("newadmin", PASSWORD)
    assert "mona" not in db.session.scalars(sa.select(Account.name)).all()
    restoring.load(current_parts(), found)
    assert accounts.authenticate("mona", PASSWORD)


def test_rows_are_loaded_into_the_tables_of_their_revision_alone(site, app, parts, other, tmp_path):
    with app.app_context():
        db.session.remove()
        migrate_back("0018")
        backup.backup(parts, tmp_path / "old.tar")
        db.engine.dispose()
    found = restoring.examine(tmp_path / "old.tar")

    def and_forth() -> None:
        migrate_back(found.revision)
        migrate()  # as every command does that runs meanwhile

    with pytest.raises(Refusal, match="brought the tables up to date meanwhile"):
        restoring.load(current_parts(), found, prepare=and_forth)
    assert restoring.is_empty()


@pytest.mark.parametrize(
    "head",
    [
        {},
        {"created": None},
        {"revision": ["0001"]},
        {"created": "2020", "revision": "0001", "tables": None},
        {"created": "2020", "revision": "0001", "tables": ["accounts"]},
        {"created": "2020", "revision": "0001", "tables": {"accounts": None}},
        {"created": "2020", "revision": "0001", "tables": {"accounts": [["id"]]}},
    ],
)
def test_a_backup_whose_description_makes_no_sense_is_refused_in_a_sentence(tmp_path, head):
    content = {backup.HEAD: json.dumps({"moderation backup": backup.FORMAT, **head}).encode()}
    (tmp_path / "bad.tar").write_bytes(tar(content))
    with pytest.raises(Refusal, match="is damaged: its description cannot be read"):
        restoring.examine(tmp_path / "bad.tar")


def test_a_part_that_says_it_is_huge_is_refused_in_a_sentence(tmp_path):
    info = tarfile.TarInfo("name")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**62
    (tmp_path / "bad.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    with pytest.raises(Refusal, match="is not a backup of moderation, or it is damaged"):
        restoring.examine(tmp_path / "bad.tar")


@pytest.mark.parametrize("part", [backup.HEAD, backup.MANIFEST])
@pytest.mark.parametrize("made", [b"[]", b"null", b"7", b'"text"', b"[" * 100_000])
def test_a_description_of_another_kind_is_refused_in_a_sentence(site, parts, tmp_path, part, made):
    backup.backup(parts, tmp_path / "site.tar")
    (tmp_path / "bad.tar").write_bytes(tar({**content_of(tmp_path / "site.tar"), part: made}))
    with pytest.raises(Refusal, match="is damaged: its description cannot be read"):
        restoring.examine(tmp_path / "bad.tar")


@pytest.mark.parametrize(
    "line",
    [b"[" * 100_000, b"7", b"{}", b"[null]", None],
    ids=["deep", "a number", "no list", "too short", "too large"],
)
def test_rows_of_another_kind_do_not_fit(site, parts, tmp_path, line):
    backup.backup(parts, tmp_path / "site.tar")
    content = content_of(tmp_path / "site.tar")
    name = next(one for one in content if one.startswith("rows/accounts/"))
    first, *rest = content[name].splitlines()
    line = line or json.dumps([2**80, *json.loads(first)[1:]]).encode()
    content[name] = b"".join(one + b"\n" for one in (line, *rest))
    manifest = json.loads(content[backup.MANIFEST])
    manifest["sha256"][name] = hashlib.sha256(content[name]).hexdigest()
    content[backup.MANIFEST] = json.dumps(manifest).encode()
    (tmp_path / "bad.tar").write_bytes(tar(content))
    before = rows()
    db.session.remove()
    with pytest.raises(Refusal, match="do not fit"):
        restoring.load(parts, restoring.examine(tmp_path / "bad.tar"))
    assert rows() == before


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
