"""Law 2: no copy slips between a mark and an upload, in whatever order the steps of the two come."""

import dataclasses
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image, ImageOps

from moderation import allowing, review, sweeping
from moderation.app import create_app
from moderation.blocklist import Blocklist, pack
from moderation.canonical import canonical
from moderation.columns import now
from moderation.context import parts as current_parts
from moderation.database import db, writing
from moderation.fingerprint import Fingerprint, fingerprint
from moderation.index import BKTreeEngine
from moderation.known_good import KnownGoodList
from moderation.matcher import Matcher
from moderation.matching import Hit, Policy, Verdict, compare
from moderation.models import Account, Action, Check, Decision, Entry, Picture, Role, Status
from moderation.onshow import OnShow
from moderation.parts import Parts
from moderation.replica import PICTURES, bump
from moderation.uploads import receive

from .conftest import TESTING, near_copy, of_their_own, save
from .races import mosaic

RACES = 2000
SLIPPED = (Status.PENDING, Status.HELD, Status.PUBLISHED)


def add_account(name: str, role: Role = Role.MEMBER) -> Account:
    account = Account(name=name, key=name, password="", role=role, session="")
    db.session.add(account)
    return account


def test_the_pictures_of_the_race_match_their_copies_and_nothing_else():
    policy, matcher = Policy(), Matcher(BKTreeEngine)
    prints = {seed: fingerprint(canonical(mosaic(seed))) for seed in range(0, RACES, 7)}
    for seed, print_ in prints.items():
        assert not print_.weak
        assert matcher.near(print_, policy) == []
        matcher.put([(seed, print_)], weak_by_hash=False)
    for seed, print_ in list(prints.items())[:60]:
        copy = fingerprint(canonical(near_copy(mosaic(seed))))
        assert policy.verdict(compare(print_, copy)) is Verdict.REFUSE


# --- two real processes -----------------------------------------------------------------


def show(originals: dict[int, bytes]) -> None:
    """By member, pictures that have been on show before the race begins: all at once, for the race is the test."""
    prints = {member_id: pack(fingerprint(canonical(data))) for member_id, data in originals.items()}
    with writing():
        version = bump(PICTURES)
        db.session.add_all(
            Picture(
                member_id=member_id,
                status=Status.PUBLISHED,
                published=now(),
                fingerprint=print_,
                file="",
                thumbnail="",
                width=96,
                height=96,
                version=version,
            )
            for member_id, print_ in prints.items()
        )


def upload_copies(parts: Parts, race: "Race") -> list[tuple[int, str]]:
    """Each copy as its original is being marked, and where it is once both have returned."""
    copies = [near_copy(mosaic(number)) for number in range(len(race.members))]
    where = sa.select(Picture.status).where(Picture.id == sa.bindparam("id"))
    race.barrier.wait(300)
    seen = []
    for copy in copies:
        race.barrier.wait(60)
        started = time.perf_counter()
        picture_id = receive(parts, race.uploader, copy).id
        race.seconds.value += 0.1 * (time.perf_counter() - started - race.seconds.value)
        db.session.remove()
        race.barrier.wait(60)
        # What is true now, whatever a session has read before.
        with db.engine.connect() as database:
            seen.append((picture_id, database.scalar(where, {"id": picture_id})))
    return seen


def mark_originals(parts: Parts, race: "Race") -> list[int]:
    """Each original as its copy is being uploaded."""
    race.barrier.wait(300)
    of_member = dict(db.session.execute(sa.select(Picture.member_id, Picture.id)).all())
    decisions = []
    for number, member_id in enumerate(race.members):
        # So that the mark writes now well before the upload looks, now well after, whatever the machine's speed.
        delay = 0.6 * race.seconds.value * (number * 0.6180339887 % 1) ** 2
        race.barrier.wait(60)
        time.sleep(delay)
        decisions.append(review.mark(parts, of_member[member_id], race.moderator, None).id)
        db.session.remove()
        race.barrier.wait(60)
    return decisions


@dataclass
class Race:
    """What the two processes share."""

    members: range
    uploader: int
    moderator: int
    barrier: threading.Barrier
    seconds: Any  # that an upload takes

    def run(self, work: Callable[[Parts, "Race"], list], originals: range, instance: Path, answers: Any) -> None:
        """In a process of its own: put a part of the originals on show, then do the work."""
        app = create_app(instance, **TESTING)
        with app.app_context():
            try:
                show({self.members[number]: mosaic(number) for number in originals})
                db.session.remove()
                answers.put((work.__name__, work(current_parts(), self)))
            except BaseException:
                self.barrier.abort()
                answers.put(("failed", traceback.format_exc()))
            db.session.remove()
            db.engine.dispose()


@pytest.mark.in_haste_on("sqlite")
def test_no_copy_slips_between_a_mark_and_an_upload_in_two_processes(app, instance, long, capsys):
    races = RACES if long else RACES // 10
    with writing():
        people = [add_account(f"m{place}") for place in range(races)]
        people += [add_account("uploader"), add_account("moderator", Role.MODERATOR)]
        db.session.flush()
        ids = [account.id for account in people]
    assert ids == list(range(ids[0], ids[0] + races + 2))

    started = time.perf_counter()
    context = of_their_own()
    answers = context.Queue()
    race = Race(range(ids[0], ids[0] + races), ids[-2], ids[-1], context.Barrier(2), context.Value("d", 0.01))
    # Who makes the copies beforehand has fewer originals to upload.
    cut = races * 2 // 5
    workers = [
        context.Process(target=race.run, args=(work, originals, instance, answers))
        for work, originals in ((upload_copies, range(cut)), (mark_originals, range(cut, races)))
    ]
    for worker in workers:
        worker.start()
    try:
        told = dict(answers.get(timeout=300) for _ in workers)
    finally:
        for worker in workers:
            worker.join(10)
            worker.kill()
    assert "failed" not in told, told["failed"]

    copies = told["upload_copies"]
    assert len(copies) == len(told["mark_originals"]) == races
    assert [number for number, (_, status) in enumerate(copies) if status in SLIPPED] == []

    db.session.rollback()
    refused = set(db.session.scalars(sa.select(Check.picture_id).filter_by(verdict=Verdict.REFUSE)))
    swept = db.session.execute(sa.select(Action.picture_id, Action.before).where(Action.entry_id.is_not(None)))
    taken_down = {picture_id: f"taken down while {before}" for picture_id, before in swept}
    ways = Counter("refused at the door" if id_ in refused else taken_down[id_] for id_, _ in copies)
    with capsys.disabled():
        took, upload = time.perf_counter() - started, race.seconds.value * 1000
        print(f"\n{races} races in {took:.0f} s, an upload in {upload:.1f} ms, none slipped: {dict(ways)}")

    assert set(db.session.scalars(sa.select(Picture.status))) == {Status.REFUSED, Status.REMOVED}
    assert not db.session.scalars(sa.select(Decision.id).where(Decision.lease.is_not(None))).all()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Entry)) == races
    # Both ways are tried, and the moments in between as well.
    assert ways["refused at the door"] > races / 40
    assert ways["taken down while published"] > races / 40
    assert ways["taken down while pending"] > 0


# --- each order by hand ---------------------------------------------------------------------


@pytest.fixture
def cast(app) -> tuple[int, ...]:
    """Two members and a moderator."""
    with writing():
        people = [add_account("ana"), add_account("ben"), add_account("cleo", Role.MODERATOR)]
        db.session.flush()
        return tuple(account.id for account in people)


def status(picture_id: int) -> Status:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Picture, picture_id).status


def newest() -> int:
    return db.session.scalar(sa.select(sa.func.max(Picture.id)))


def meanwhile(parts: Parts, *, before: Callable[[], object] | None = None, after: Callable[[], object] | None = None):
    """The parts of a process in whose first look at the blocklist something happens, before or after it has looked."""
    return dataclasses.replace(parts, blocklist=interrupted(Blocklist, before, after)(BKTreeEngine))


def meanwhile_sweeping(parts: Parts, *, before: Callable[[], object] | None = None, after=None) -> Parts:
    """The same for its first look at the pictures on show."""
    return dataclasses.replace(parts, on_show=interrupted(OnShow, before, after)())


def interrupted(replica: type, before: Callable[[], object] | None, after: Callable[[], object] | None) -> type:
    class Interrupted(replica):
        def near(self, *args: object, **more: object) -> list[Hit]:
            nonlocal before, after
            if before:
                before, now = None, before
                now()
            hits = super().near(*args, **more)
            if after:
                after, now = None, after
                now()
            return hits

    return Interrupted


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_mark_made_while_an_upload_looks_takes_the_copy_down(parts, another_process, cast, moment):
    ana, ben, cleo = cast
    marked = receive(another_process, ana, mosaic(1)).id
    assert len(another_process.on_show) == 1  # its copies are up to date until then
    interrupted = meanwhile(parts, **{moment: lambda: review.mark(another_process, marked, cleo, None)})
    copy = receive(interrupted, ben, near_copy(mosaic(1)))
    assert copy.status is Status.REFUSED
    assert copy.published is None


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_upload_made_while_a_mark_looks_is_taken_down(parts, another_process, cast, moment):
    ana, ben, cleo = cast
    marked = receive(parts, ana, mosaic(1)).id
    assert len(another_process.blocklist) == 0
    copies = []
    interrupted = meanwhile_sweeping(
        parts, **{moment: lambda: copies.append(receive(another_process, ben, near_copy(mosaic(1))).id)}
    )
    review.mark(interrupted, marked, cleo, None)
    assert [status(copy) for copy in copies] == [Status.REFUSED]


def test_an_upload_committed_while_a_mark_looks_is_taken_down_where_there_are_known_good_pictures(
    app, parts, another_process, cast
):
    ana, ben, cleo = cast
    allowing.add_file(parts, mosaic(9), "nine.jpg", "", ana)
    marked = receive(parts, ana, mosaic(1)).id

    def die() -> None:
        raise Crash

    def elsewhere() -> None:
        """In a session of its own: that of the mark has begun to read, and sees nothing of this."""
        with app.app_context(), pytest.raises(Crash):
            receive(meanwhile(another_process, before=die), ben, near_copy(mosaic(1)))

    review.mark(meanwhile_sweeping(parts, before=elsewhere), marked, cleo, None)
    assert status(newest()) is Status.REFUSED
    assert newest() != marked


def test_what_is_known_good_no_more_when_an_upload_has_looked_lets_nothing_pass(parts, another_process, cast):
    ana, ben, cleo = cast
    review.mark(parts, receive(parts, ana, mosaic(1)).id, cleo, None)
    known = allowing.add_file(parts, mosaic(1), "one.jpg", "", cleo).known.id
    look = interrupted(KnownGoodList, None, lambda: allowing.remove(another_process, known, cleo))
    receive(dataclasses.replace(parts, known_good=look()), ben, mosaic(1))
    assert status(newest()) is Status.REFUSED


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_near_match_made_while_an_upload_looks_is_held(parts, another_process, cast, moment):
    ana, ben, cleo = cast
    # To this policy, whatever is not exactly the same is no more than near.
    narrow = Policy(refuse=parts.policy.refuse._replace(dhash=0, phash=0), refuse_correlation=2)
    here, there = (dataclasses.replace(one, policy=narrow) for one in (parts, another_process))
    marked = receive(there, ana, mosaic(1)).id
    interrupted = meanwhile(here, **{moment: lambda: review.mark(there, marked, cleo, None)})
    assert receive(interrupted, ben, near_copy(mosaic(1))).status is Status.HELD


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_comes_back_is_compared_anew_where_the_entry_in_its_way_is_taken_back_meanwhile(
    parts, another_process, cast, moment
):
    ana, _, cleo = cast
    marked = receive(parts, ana, mosaic(1)).id
    mark = review.mark(parts, marked, cleo, None).id
    near = fingerprint(canonical(near_copy(mosaic(1))))
    imported = review.import_entries(parts, [("near.jpg", near)], cleo, "")[0].id
    interrupted = meanwhile(parts, **{moment: lambda: review.undo(another_process, imported, cleo)})
    review.undo(interrupted, mark, cleo)
    assert status(marked) is Status.PUBLISHED
    assert db.session.get_one(Picture, marked).decision_id is None


def test_an_approval_is_compared_anew_where_the_entry_in_its_way_is_taken_back_meanwhile(parts, another_process, cast):
    ana, _, cleo = cast
    marked = receive(parts, ana, mosaic(1)).id
    mark = review.mark(parts, marked, cleo, None).id
    copy = receive(parts, ana, near_copy(mosaic(1), 0.8)).id
    near = fingerprint(canonical(near_copy(mosaic(1))))
    imported = review.import_entries(parts, [("near.jpg", near)], cleo, "")[0].id
    assert status(copy) is Status.REFUSED
    review.approve(meanwhile(parts, after=lambda: review.undo(another_process, imported, cleo)), copy, cleo, None)
    assert status(copy) is Status.PUBLISHED
    assert db.session.get_one(Decision, mark).undone is None


def test_what_a_mark_spares_while_it_is_compared_stays(app, parts, another_process, cast):
    ana, ben, cleo = cast
    marked, spared = receive(parts, ana, mosaic(1)).id, receive(parts, ben, near_copy(mosaic(1))).id
    mark = review.mark(parts, marked, cleo, None).id

    def elsewhere() -> None:
        """In a session of its own: that of the comparison has begun to read, and sees nothing of this."""
        with app.app_context():
            review.mark(another_process, marked, cleo, None, spare=[spared])

    # The first of the two that come back is on show again by then.
    look, looks = interrupted(Blocklist, None, None)(BKTreeEngine), iter([lambda: None, elsewhere])
    near = look.near
    look.near = lambda *these, **more: (next(looks, lambda: None)(), near(*these, **more))[1]
    review.undo(dataclasses.replace(parts, blocklist=look), mark, cleo)
    assert (status(marked), status(spared)) == (Status.REMOVED, Status.PUBLISHED)


# --- among very many pictures -------------------------------------------------------------------


def centre_of(data: bytes) -> bytes:
    """A copy that only the view of a part matches."""
    image = Image.open(BytesIO(data))
    edge = image.width // 20
    return save(image.crop((edge, edge, image.width - edge, image.height - edge)), quality=90)


@pytest.fixture
def very_many(monkeypatch, draw) -> list[bytes]:
    """A picture, a mirrored copy of it and its centre, on a site that has more pictures than it sweeps at once."""
    monkeypatch.setattr(sweeping, "AT_ONCE", -1)
    original = draw(5, 300)
    return [original, save(ImageOps.mirror(Image.open(BytesIO(original))), quality=85), centre_of(original)]


def test_among_very_many_whole_copies_are_down_when_the_click_returns_and_the_rest_soon_after(
    parts, another_process, cast, very_many
):
    ana, _, cleo = cast
    marked, mirrored, centre = (receive(parts, member, data).id for member, data in zip(cast, very_many, strict=True))
    decision = review.mark(parts, marked, cleo, None)
    assert [status(id_) for id_ in (marked, mirrored, centre)] == [Status.REMOVED, Status.REMOVED, Status.PUBLISHED]
    # From the click on, its views keep the door.
    assert receive(another_process, ana, centre_of(very_many[0])).status is Status.REFUSED

    assert sweeping.finish_work(another_process) == 1
    assert status(centre) is Status.REMOVED
    assert db.session.get_one(Picture, centre).decision_id == decision.id
    assert sweeping.finish_work(parts) == 0
    review.undo(parts, decision.id, cleo)
    while sweeping.finish_work(parts):
        pass
    assert [status(id_) for id_ in (marked, mirrored, centre)] == [Status.PUBLISHED] * 3


def test_a_process_that_dies_between_the_two_parts_of_a_sweep_leaves_the_second_to_others(
    parts, another_process, cast, very_many
):
    cleo = cast[2]
    marked, _, centre = (receive(parts, member, data).id for member, data in zip(cast, very_many, strict=True))
    review.mark(parts, marked, cleo, None)

    def killed() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweeping.finish_work(meanwhile_sweeping(dataclasses.replace(parts, lease=timedelta(0)), before=killed))
    assert status(centre) is Status.PUBLISHED
    assert sweeping.finish_work(another_process) == 1
    assert status(centre) is Status.REMOVED


def test_an_upload_that_looks_while_the_second_part_of_a_sweep_runs_is_not_shown(
    parts, another_process, cast, very_many
):
    ana, ben, cleo = cast
    marked = receive(parts, ana, very_many[0]).id
    review.mark(parts, marked, cleo, None)
    uploads = []
    interrupted = meanwhile_sweeping(
        parts, after=lambda: uploads.append(receive(another_process, ben, very_many[2]).id)
    )
    assert sweeping.finish_work(interrupted) == 1
    assert [status(upload) for upload in uploads] == [Status.REFUSED]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_mark_made_while_an_approval_looks_takes_the_copy_down(parts, another_process, cast, moment):
    ana, ben, cleo = cast
    first = receive(parts, ana, mosaic(1)).id
    decision = review.mark(parts, first, cleo, None)
    copy = receive(parts, ben, near_copy(mosaic(1))).id
    review.undo(parts, decision.id, cleo)
    assert [status(first), status(copy)] == [Status.PUBLISHED, Status.REFUSED]

    interrupted = meanwhile(parts, **{moment: lambda: review.mark(another_process, first, cleo, None)})
    review.approve(interrupted, copy, cleo, None)
    assert status(copy) is Status.REFUSED


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_mark_made_while_a_late_fingerprint_is_compared_takes_the_copy_down(
    parts, another_process, cast, monkeypatch, moment
):
    ana, ben, cleo = cast
    marked = receive(parts, ana, mosaic(1)).id
    with monkeypatch.context() as patch:
        patch.setattr("moderation.uploads.fingerprint", lambda _image: 1 / 0)
        copy = receive(parts, ben, near_copy(mosaic(1))).id
    assert status(copy) is Status.HELD

    def made_late(image: Image.Image) -> Fingerprint:
        assert len(another_process.on_show) == 1  # which is the last it hears before the fingerprint is there
        return fingerprint(image)

    monkeypatch.setattr("moderation.uploads.fingerprint", made_late)
    interrupted = meanwhile(parts, **{moment: lambda: review.mark(another_process, marked, cleo, None)})
    review.approve(interrupted, copy, cleo, None)
    assert status(copy) is Status.REFUSED


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_mark_made_while_an_undo_looks_takes_the_copy_down(parts, another_process, cast, moment):
    ana, ben, cleo = cast
    first = receive(parts, ana, mosaic(1)).id
    decision = review.mark(parts, first, cleo, None)
    with writing():  # a second copy on show, against which the first mark was withdrawn
        review.withdraw(decision.entries[0].id, cleo)
    second = receive(parts, ben, near_copy(mosaic(1))).id
    assert status(second) is Status.PUBLISHED

    interrupted = meanwhile(parts, **{moment: lambda: review.mark(another_process, second, cleo, None)})
    review.undo(interrupted, decision.id, cleo)
    assert [status(first), status(second)] == [Status.REMOVED, Status.REMOVED]


def test_an_entry_withdrawn_while_its_mark_looks_takes_nothing_down(parts, another_process, cast):
    ana, ben, cleo = cast
    marked = receive(parts, ana, mosaic(1)).id
    copy = receive(parts, ben, near_copy(mosaic(1))).id

    def withdraw() -> None:
        with writing():
            review.withdraw(db.session.scalars(sa.select(Entry.id)).one(), cleo)

    review.mark(meanwhile_sweeping(parts, after=withdraw), marked, cleo, None)
    assert [status(marked), status(copy)] == [Status.REMOVED, Status.PUBLISHED]


class Crash(BaseException):
    """As when the process is killed: nothing that catches exceptions catches it."""


def test_a_check_that_was_overtaken_by_others_shows_nothing(parts, another_process, cast):
    """A process looks, is held up, and when it goes on the picture is pending again: but not as it was looked at."""
    ana, ben, cleo = cast
    marked = receive(another_process, ana, mosaic(1)).id

    def die() -> None:
        raise Crash

    def much() -> None:
        mark = review.mark(another_process, marked, cleo, None)
        assert status(newest()) is Status.REFUSED
        # Another entry comes that covers the copy; then the mark is taken back, and the copy is to be compared anew.
        again = [("again.jpg", fingerprint(canonical(near_copy(mosaic(1), 0.6))))]
        review.import_entries(another_process, again, cleo, "")
        with pytest.raises(Crash):
            review.undo(meanwhile(another_process, before=die), mark.id, cleo)
        assert status(newest()) is Status.PENDING

    copy = receive(meanwhile(parts, after=much), ben, near_copy(mosaic(1))).id
    assert status(copy) is not Status.PUBLISHED

    # Whoever takes the work over finds the second entry.
    with writing():
        db.session.execute(sa.update(Picture).where(Picture.lease.is_not(None)).values(lease=sa.null()))
        late = review.now() - timedelta(seconds=1)
        db.session.execute(sa.update(Picture).filter_by(status=Status.PENDING).values(lease=late))
    sweeping.finish_work(another_process)
    assert {status(marked), status(copy)} <= {Status.REFUSED, Status.REMOVED}
