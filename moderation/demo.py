"""A throw-away site that lives: people, a week of pictures and decisions, and members who keep uploading."""

import itertools
import logging
import secrets
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa
from PIL import Image, ImageDraw

from . import accounts, review, uploads
from .canonical import canonical, canonical_pixels
from .columns import now
from .database import db, writing
from .drawing import draw, draw_indecent
from .errors import Refusal
from .fingerprint import fingerprint
from .folders import find
from .matcher import against
from .matching import Policy, Verdict
from .models import Account, Check, Decision, Entry, Occasion, Picture, Role, Status
from .parts import Parts

log = logging.getLogger(__name__)


class Person(NamedTuple):
    name: str
    password: str
    role: Role


PEOPLE = (
    Person("rosa", "demo-admin", Role.ADMIN),
    Person("marek", "demo-moderator", Role.MODERATOR),
    Person("anna", "demo-member", Role.MEMBER),
    Person("tomasz", "demo-member", Role.MEMBER),
    Person("leila", "demo-member", Role.MEMBER),
)
"""Whom to sign in as."""

CROWD = (
    *("alice", "amir", "bruno", "carla", "chidi", "dana", "elif", "emil", "fatou", "felix", "grace", "hana", "ivan"),
    *("jonas", "kasia", "luca", "maya", "nils", "olga", "pablo", "quynh", "ravi", "sofia", "yuki"),
)
"""The other members."""

CHAPTERS = 3
"""How many pictures are marked while furnishing."""

NEW = 14
"""Pictures that are like no other, before each of them."""

WIDTH = 600
"""Of drawn pictures, in pixels."""

SPAN = timedelta(days=6.5)
"""The time over which the furnishing is spread afterwards."""

BUSY = (3, 2, 4, 6, 5, 3, 5)
"""How the furnishing is shared among equal parts of that time."""

LATER = 1000
"""Pictures are numbered: those that are uploaded to the furnished site from here on."""


LEFT_OUT = "A picture was left out: %s"


def furnish(parts: Parts, photos: Path | None) -> None:
    """Give an empty site people and a history: pictures on show, held, refused, taken down, a decision taken back.

    The pictures are drawn, or come from below the folder `photos`; what stands for an indecent one is always drawn.
    Raises `Refusal` if there are no pictures in the folder.
    """
    paths = _pictures(photos)
    _settle()
    began = now()
    crowd, moderator = _Crowd(parts, paths, 0), accounts.named(PEOPLE[1].name).id
    for chapter in range(CHAPTERS):
        new = [crowd.upload_new() for _ in range(NEW)]
        indecent = _jpeg(draw_indecent(chapter, WIDTH))
        marked, _ = crowd.upload(indecent), crowd.upload(near_copy(indecent, crowd.rng))
        for picture_id in new[: NEW // 2]:
            review.approve(parts, picture_id, moderator, seen=None)
        review.mark(parts, marked, moderator, seen=None)
        for copy in (near_copy(indecent, crowd.rng), near_copy(indecent, crowd.rng), near_miss(indecent, parts.policy)):
            crowd.upload(copy)
        if chapter == 0:
            mistake = review.mark(parts, new[-1], moderator, seen=None)
            review.undo(parts, mistake.id, moderator)
    crowd.upload(_jpeg(draw_indecent(CHAPTERS, WIDTH)))
    for _ in range(NEW // 2):
        crowd.upload_new()
    _spread(began)


def keep_uploading(
    parts: Parts,
    photos: Path | None,
    stop: threading.Event,
    every: float = 4.0,
    members: Sequence[str] | None = None,
) -> None:
    """Upload a picture every so many seconds, until told to stop: mostly new ones, now and then a copy.

    The members take turns: all that there are, or those named.
    """
    crowd = _Crowd(parts, _pictures(photos), LATER, members)
    for number in itertools.count(1):
        if stop.wait(every):
            return
        try:
            crowd.upload_something(number)
        except (Refusal, OSError) as error:
            log.warning(LEFT_OUT, error)
        except Exception:  # The demo is there to go on.
            log.exception("An upload of the demo failed.")
        finally:
            db.session.remove()


def near_copy(data: bytes, rng: np.random.Generator) -> bytes:
    """The same picture resized and saved again, as somebody would who hopes to slip it through."""
    image = canonical(data)
    scale = float(rng.uniform(0.5, 0.9))
    return _jpeg(image.resize((round(image.width * scale), round(image.height * scale))), int(rng.integers(50, 85)))


def near_miss(data: bytes, policy: Policy, step: int = 2) -> bytes:
    """The picture with so much of it covered that it is held, not refused; as it is, where nothing will do.

    Tried in steps of so many per cent.
    """
    image = canonical(data)
    known = fingerprint(image)
    for percent in range(16, 60, step):
        covered = image.copy()
        across, down = image.width * percent // 200, image.height * percent // 200
        middle = (
            image.width // 2 - across,
            image.height // 2 - down,
            image.width // 2 + across,
            image.height // 2 + down,
        )
        ImageDraw.Draw(covered).ellipse(middle, (250, 250, 250))
        saved = _jpeg(covered)
        hit = against(known, fingerprint(canonical_pixels(saved)), policy)
        if hit and policy.verdict(hit) is Verdict.HOLD:
            return saved
    return data


class _Crowd:
    """The members at work: whose turn it is, and which picture comes next."""

    def __init__(self, parts: Parts, paths: list[Path], first: int, names: Sequence[str] | None = None) -> None:
        self.rng = np.random.default_rng(first)
        self._parts = parts
        self._paths = paths
        self._numbers = itertools.count(first)
        everybody = sa.select(Account.id).filter_by(role=Role.MEMBER).order_by(Account.id)
        chosen = everybody if names is None else everybody.where(Account.name.in_(names))
        self._turns = self._take_turns(list(db.session.scalars(chosen)))

    def upload(self, data: bytes) -> int:
        """Have the next member upload it; the picture's id."""
        return uploads.receive(self._parts, next(self._turns), data).id

    def upload_new(self) -> int:
        """Upload the next new picture that is of use; in a folder of photographs, not every one may be."""
        for number in itertools.islice(self._numbers, 100):
            try:
                return self.upload(self._new(number))
            except (Refusal, OSError) as error:
                log.warning(LEFT_OUT, error)
        raise Refusal("A hundred pictures in a row could not be used.")

    def upload_something(self, turn: int) -> None:
        member_id = next(self._turns)
        uploads.receive(self._parts, member_id, self._something(turn, member_id))

    def _something(self, turn: int, member_id: int) -> bytes:
        """A new picture, mostly; each sixth is a copy of a marked one, and a few are of other kinds."""
        blocked = self._blocked() if turn % 6 == 0 else None
        if blocked:
            return near_miss(blocked, self._parts.policy) if turn % 18 == 0 else near_copy(blocked, self.rng)
        shown = self._shown(member_id) if turn % 10 == 5 else None
        if shown:
            return near_copy(shown, self.rng)
        if turn % 9 == 4:
            return _jpeg(draw_indecent(next(self._numbers), WIDTH))
        return self._new(next(self._numbers))

    def _new(self, number: int) -> bytes:
        if self._paths:
            return self._paths[number % len(self._paths)].read_bytes()
        return _jpeg(draw(number, WIDTH))

    def _blocked(self) -> bytes | None:
        """A picture that was marked, the latest as likely as all the others together."""
        marked = sa.select(Picture.file).join(Entry, Entry.picture_id == Picture.id).where(Entry.withdrawn.is_(None))
        files = db.session.scalars(marked.order_by(Entry.id.desc())).all()
        return self._one_of(files[:1] if self.rng.random() < 0.5 else files)

    def _shown(self, member_id: int) -> bytes | None:
        """A picture that another member has on show."""
        shown = sa.select(Picture.file).where(Picture.status == Status.PUBLISHED, Picture.member_id != member_id)
        return self._one_of(db.session.scalars(shown.order_by(Picture.id)).all())

    def _one_of(self, files: Sequence[str]) -> bytes | None:
        return self._parts.store.get(files[int(self.rng.integers(len(files)))]) if files else None

    def _take_turns(self, members: list[int]) -> Iterator[int]:
        while True:
            yield from self.rng.permutation(members).tolist()


def _settle() -> None:
    """The accounts of everybody."""
    with writing():
        people = [accounts.create(*person) for person in PEOPLE]
        # Hashing a password is slow on purpose, and nobody signs in as one of the crowd: it has the last one's.
        shared = people[-1].password
        for name in CROWD:
            session = secrets.token_hex(16)
            db.session.add(Account(name=name, key=name, password=shared, role=Role.MEMBER, session=session))


def _pictures(photos: Path | None) -> list[Path]:
    """The picture files below the folder, in an order that is mixed but always the same."""
    if photos is None:
        return []
    paths = find(photos).paths
    if not paths:
        raise Refusal(f"There are no pictures in {photos}.")
    return [paths[number] for number in np.random.default_rng(0).permutation(len(paths))]


def _jpeg(image: Image.Image, quality: int = 88) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _spread(began: datetime) -> None:
    """Move all that has happened since then, as if it had taken `SPAN`; the order of things stays."""
    ended = now()
    shares = np.cumsum((0, *BUSY)) / sum(BUSY)
    parts_of_it = np.linspace(0, 1, len(shares))

    def moved(moment: datetime) -> datetime:
        passed = np.interp((moment - began) / (ended - began), shares, parts_of_it)
        return ended - SPAN * (1 - float(passed))

    with writing():
        db.session.execute(sa.update(Account).values(created=ended - SPAN))
        uploaded = {}
        for picture in db.session.scalars(sa.select(Picture)):
            picture.created = uploaded[picture.id] = moved(picture.created)
            # What took a moment takes a moment still.
            picture.published = picture.published and picture.created + timedelta(seconds=1)
            because = moved(picture.decision.created) if picture.decision else picture.created
            picture.down = picture.down and because + timedelta(seconds=1)
        for check in db.session.scalars(sa.select(Check)):
            at_once = check.occasion is Occasion.UPLOAD
            check.created = uploaded[check.picture_id] + timedelta(seconds=1) if at_once else moved(check.created)
        for decision in db.session.scalars(sa.select(Decision)):
            decision.created = moved(decision.created)
            decision.undone = decision.undone and moved(decision.undone)
        for entry in db.session.scalars(sa.select(Entry)):
            entry.created = entry.decision.created
            entry.withdrawn = entry.withdrawn and entry.decision.undone
