"""The tables, and the words that their columns hold."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship, validates

from . import shield
from .columns import Created, Id, now, text_enum
from .database import Base, db
from .matching import Verdict

# Flask-SQLAlchemy makes its model class at run time, where a type checker cannot see it.
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class Role(StrEnum):
    """What an account may do; each role includes those before it."""

    MEMBER = "member"
    MODERATOR = "moderator"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        return list(Role).index(self) >= list(Role).index(other)


class Status(StrEnum):
    """Where a picture is in its life."""

    PENDING = "pending"  # committed, not yet matched: a moment, unless its process died
    HELD = "held"  # a near match, waits for a moderator
    PUBLISHED = "published"  # on show
    REPLACED = "replaced"  # was on show until its member's next picture was
    REFUSED = "refused"  # never was on show, and will not be
    REMOVED = "removed"  # was on show and was taken down
    ESCALATED = "escalated"  # may be against the law: kept apart, for entrusted people alone
    ERASED = "erased"  # its member was erased, and this with its member


SWEPT = (Status.PENDING, Status.HELD, Status.PUBLISHED, Status.REPLACED)
"""Pictures that are or may come on show, or still lie before moderators: a mark's sweep covers them."""


DOWN = (Status.REFUSED, Status.REMOVED)
"""Pictures that are shown to nobody but their members and those who decide."""


class Kind(StrEnum):
    """What a person decided."""

    MARK = "mark"  # this picture is indecent
    APPROVE = "approve"  # this picture is fine
    IMPORT = "import"  # these pictures, from a folder, are indecent
    WITHDRAW = "withdraw"  # this entry blocks no more
    UPHOLD = "uphold"  # an appeal is wrong: this picture stays down
    OVERTURN = "overturn"  # an appeal is right: this picture is fine
    ESCALATE = "escalate"  # this picture may be against the law

    @property
    def fine(self) -> bool:
        """Whether a person has looked at the picture and found it fine."""
        return self in (Kind.APPROVE, Kind.OVERTURN)


class Occasion(StrEnum):
    """Why a picture was checked."""

    UPLOAD = "upload"
    REVIEW = "review"  # it may come on show again by a decision


class Caution(StrEnum):
    """Why an upload was held whatever the verdict: nobody shall tune a disguise against the answers."""

    MEMBER = "member"  # who had several pictures refused or held within the hour
    ADDRESS = "address"  # from which several accounts together had


class Counter(Model):
    """The version of a list: raised in the transaction that changes a row, so that versions commit in order.

    The epoch changes when the list is another one (a restored backup): copies start anew.
    """

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    epoch: Mapped[str] = mapped_column(sa.String(36))
    version: Mapped[int]


class Account(Model):
    __tablename__ = "accounts"

    id: Mapped[Id]
    created: Mapped[Created]
    name: Mapped[str] = mapped_column(sa.String(40))
    key: Mapped[str] = mapped_column(sa.String(120), unique=True)  # the name as it is compared: case folded
    password: Mapped[str] = mapped_column(sa.String(200))  # argon2id, with its parameters
    role: Mapped[Role] = mapped_column(text_enum(Role))
    session: Mapped[str] = mapped_column(sa.String(32))  # signs out everywhere when it changes
    deactivated: Mapped[datetime | None]  # since when nobody can sign in to it
    entrusted: Mapped[bool] = mapped_column(default=False, server_default=sa.false())  # with escalated pictures
    shield: Mapped[int] = mapped_column(default=shield.USUAL, server_default=str(shield.USUAL))  # a level of `shield`

    @hybrid_property
    def erased(self) -> bool:
        """Whether nothing but its number is left: it never comes back."""
        return self.password == ""


class Token(Model):
    """What lets other software in. Revoked, never deleted."""

    __tablename__ = "tokens"

    id: Mapped[Id]
    created: Mapped[Created]
    name: Mapped[str] = mapped_column(sa.String(40), unique=True)
    hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)  # SHA-256 of the token, which is not kept
    revoked: Mapped[datetime | None]


class SignIn(Model):
    """A browser in which somebody is signed in."""

    __tablename__ = "sign_ins"

    hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)  # SHA-256 of what its cookie carries
    account_id: Mapped[int] = mapped_column(sa.ForeignKey("accounts.id"), index=True)
    created: Mapped[Created] = mapped_column(index=True)
    seen: Mapped[datetime]  # when it last did something, to the minute

    account: Mapped[Account] = relationship()


class PasswordLink(Model):
    """Lets whoever has the link set the account's password, once."""

    __tablename__ = "password_links"

    hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)  # SHA-256 of what it ends with
    account_id: Mapped[int] = mapped_column(sa.ForeignKey("accounts.id"), unique=True)
    created: Mapped[Created]
    expires: Mapped[datetime]


class Use(Model):
    """How much of a limit somebody has used up: all of it comes back by then."""

    __tablename__ = "uses"

    key: Mapped[str] = mapped_column(sa.String(64), primary_key=True)  # a hash of the limit's name and whose it is
    until: Mapped[datetime] = mapped_column(index=True)


class Record(Model):
    """A row of the audit log: what was done, chained to the row before. Nothing changes or removes it.

    It holds the ids of accounts and not their names, so that a person can be forgotten and the chain still holds.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # counted, without a gap
    created: Mapped[Created]
    by_id: Mapped[int | None] = mapped_column(index=True)  # whose doing; None: the command line, or moderation itself
    kind: Mapped[str] = mapped_column(sa.String(20), index=True)  # an `audit.Event`
    account_id: Mapped[int | None] = mapped_column(index=True)  # the account that it was done to
    about: Mapped[str] = mapped_column(sa.Text)  # JSON
    hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32))  # SHA-256 of the row before's and all of the above

    by: Mapped[Account | None] = relationship(primaryjoin=lambda: foreign(Record.by_id) == Account.id, viewonly=True)
    account: Mapped[Account | None] = relationship(
        primaryjoin=lambda: foreign(Record.account_id) == Account.id, viewonly=True
    )


class FingerprintRow(Model):
    """A fingerprint, as `fingerprint.Fingerprint` describes it."""

    __tablename__ = "fingerprints"

    id: Mapped[Id]
    recipe: Mapped[int]
    views: Mapped[bytes]  # packed `views.VIEW`s, those that an upload asks with
    detail: Mapped[int]
    aspect: Mapped[float] = mapped_column(server_default="1")  # width divided by height
    luminance: Mapped[bytes] = mapped_column(deferred=True)  # large, and seldom wanted
    pixels: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32), index=True)


_UNDONE = sa.text("undone IS NOT NULL")


class Decision(Model):
    """What a person said of pictures; it owns everything that followed, so that all of it can be taken back."""

    __tablename__ = "decisions"

    id: Mapped[Id]
    created: Mapped[Created] = mapped_column(index=True)
    kind: Mapped[Kind] = mapped_column(text_enum(Kind))
    by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("accounts.id"), index=True)  # None: the command line
    reason: Mapped[str] = mapped_column(sa.String(200), default="")  # its member may read it
    note: Mapped[str] = mapped_column(
        sa.String(500), default="", server_default=sa.text("''")
    )  # for moderators and admins alone
    undone: Mapped[datetime | None]
    undone_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("accounts.id"))
    # Until when the process that wrote this has to finish it; None when it is finished.
    lease: Mapped[datetime | None] = mapped_column(index=True)

    by: Mapped[Account | None] = relationship(foreign_keys=by_id)
    undone_by: Mapped[Account | None] = relationship(foreign_keys=undone_by_id)
    actions: Mapped[list["Action"]] = relationship(back_populates="decision", order_by="Action.id")
    entries: Mapped[list["Entry"]] = relationship(  # added by it
        back_populates="decision", foreign_keys="Entry.decision_id", order_by="Entry.id"
    )
    withdrawals: Mapped[list["Entry"]] = relationship(foreign_keys="Entry.withdrawal_id", order_by="Entry.id")

    __table_args__ = (sa.Index("ix_decisions_undone", "undone", "id", sqlite_where=_UNDONE, postgresql_where=_UNDONE),)


class Picture(Model):
    """An uploaded profile picture. Its files may be another picture's too: they are named by their content."""

    __tablename__ = "pictures"

    id: Mapped[Id]
    created: Mapped[Created]
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("accounts.id"))
    status: Mapped[Status] = mapped_column(text_enum(Status))
    published: Mapped[datetime | None]  # when it first came on show
    down: Mapped[datetime | None]  # since when it is refused or taken down; None where it is not
    fingerprint_id: Mapped[int | None] = mapped_column(sa.ForeignKey("fingerprints.id"), index=True)
    purged: Mapped[datetime | None]  # since when files and fingerprint are deleted
    file: Mapped[str] = mapped_column(sa.String(64), index=True)  # empty when purged
    thumbnail: Mapped[str] = mapped_column(sa.String(64), index=True)
    width: Mapped[int]
    height: Mapped[int]
    # The decision that stands: of a person on this picture, or of a person on another that swept this one up.
    decision_id: Mapped[int | None] = mapped_column(sa.ForeignKey("decisions.id"))
    lease: Mapped[datetime | None] = mapped_column(index=True)  # while pending: until when its process has time
    version: Mapped[int] = mapped_column(index=True)  # of the list of pictures, when this row last changed

    member: Mapped[Account] = relationship()
    fingerprint: Mapped[FingerprintRow | None] = relationship()
    decision: Mapped[Decision | None] = relationship()
    appeal: Mapped["Appeal | None"] = relationship(back_populates="picture")

    __table_args__ = (
        sa.Index("ix_pictures_decision_id_id", "decision_id", "id"),
        sa.Index("ix_pictures_member_id_id", "member_id", "id"),
        sa.Index("ix_pictures_status_id", "status", "id"),
        sa.Index("ix_pictures_status_created_member_id", "status", "created", "member_id"),
        sa.Index("ix_pictures_created", "created"),
    )

    @validates("status")
    def _note_when_it_goes_down(self, _name: str, status: Status) -> Status:
        """Whatever moves it: what brought it down may be years older, or no decision at all."""
        if status not in DOWN:
            self.down = None
        elif self.status not in DOWN:
            self.down = now()
        return status


class Entry(Model):
    """A blocked fingerprint. Withdrawn, never deleted: every process must hear of the withdrawal."""

    __tablename__ = "entries"

    id: Mapped[Id]
    created: Mapped[Created]
    fingerprint_id: Mapped[int] = mapped_column(sa.ForeignKey("fingerprints.id"), index=True)
    decision_id: Mapped[int] = mapped_column(sa.ForeignKey("decisions.id"), index=True)
    picture_id: Mapped[int | None] = mapped_column(sa.ForeignKey("pictures.id"))  # the one that was marked
    source: Mapped[str | None] = mapped_column(sa.String(255))  # or the file's name
    withdrawn: Mapped[datetime | None] = mapped_column(index=True)
    withdrawal_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("decisions.id"), index=True
    )  # that last withdrew it
    # Packed `views.VIEW`s that it is known by; None for those of the fingerprint: it is of an older recipe.
    views: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    version: Mapped[int] = mapped_column(index=True)  # of the blocklist, when this row last changed

    fingerprint: Mapped[FingerprintRow] = relationship()
    decision: Mapped[Decision] = relationship(back_populates="entries", foreign_keys=decision_id)
    withdrawal: Mapped[Decision | None] = relationship(foreign_keys=withdrawal_id, overlaps="withdrawals")
    picture: Mapped[Picture | None] = relationship()

    __table_args__ = (sa.Index("ix_entries_created", "created", "withdrawn"),)

    @property
    def apart(self) -> bool:
        """Whether what it blocks is escalated, and shown to nobody."""
        return self.decision.kind is Kind.ESCALATE

    @property
    def suspended(self) -> bool:
        """Whether appeals have shown it wrong too often."""
        return bool(self.withdrawn and self.withdrawal and self.withdrawal.kind is Kind.OVERTURN)

    @property
    def restorable(self) -> bool:
        """Whether it can block again by itself: not where its decision was taken back, or its picture released."""
        if not self.withdrawn or not self.withdrawal or self.decision.undone:
            return False
        return self.withdrawal.kind in (Kind.WITHDRAW, Kind.OVERTURN)


class KnownGood(Model):
    """A picture that is never refused or held. Removed, never deleted: every process must hear of it."""

    __tablename__ = "known_good"

    id: Mapped[Id]
    created: Mapped[Created]
    fingerprint_id: Mapped[int] = mapped_column(sa.ForeignKey("fingerprints.id"), index=True)
    note: Mapped[str] = mapped_column(sa.String(200))
    by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("accounts.id"))  # the admin who added it
    picture_id: Mapped[int | None] = mapped_column(sa.ForeignKey("pictures.id"))
    source: Mapped[str | None] = mapped_column(sa.String(255))  # or the file's name
    decision_id: Mapped[int | None] = mapped_column(sa.ForeignKey("decisions.id"), index=True)  # or what added it
    removed: Mapped[datetime | None]
    removal_id: Mapped[int | None] = mapped_column(sa.ForeignKey("decisions.id"), index=True)  # the mark that did
    version: Mapped[int] = mapped_column(index=True)  # of the list, when this row last changed

    fingerprint: Mapped[FingerprintRow] = relationship()
    by: Mapped[Account | None] = relationship()
    picture: Mapped[Picture | None] = relationship()
    decision: Mapped[Decision | None] = relationship(foreign_keys=decision_id)
    removal: Mapped[Decision | None] = relationship(foreign_keys=removal_id)


_SWEPT_UP = sa.text("entry_id IS NOT NULL")

HELD_OR_LET_GO = sa.text("(\"before\" = 'held' OR \"after\" = 'held')")
"""Actions that made a picture wait, or wait no more. In the words of its index: else a database does not use that."""

_HELD = ("decision_id", "picture_id", "before", "after")


class Action(Model):
    """What a decision did to one picture, and how that picture was before."""

    __tablename__ = "actions"

    id: Mapped[Id]
    decision_id: Mapped[int] = mapped_column(sa.ForeignKey("decisions.id"), index=True)
    picture_id: Mapped[int] = mapped_column(sa.ForeignKey("pictures.id"), index=True)
    entry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("entries.id"))  # swept up near this one
    # Whether the decision stands on the picture from now on; not so where it was only held, or gave way to another.
    decides: Mapped[bool] = mapped_column(default=True)
    before: Mapped[Status] = mapped_column(text_enum(Status))
    before_decision_id: Mapped[int | None]
    after: Mapped[Status] = mapped_column(text_enum(Status))

    decision: Mapped[Decision] = relationship(back_populates="actions")
    picture: Mapped[Picture] = relationship()

    __table_args__ = (
        sa.Index("ix_actions_swept", "decision_id", "picture_id", sqlite_where=_SWEPT_UP, postgresql_where=_SWEPT_UP),
        sa.Index("ix_actions_held", *_HELD, sqlite_where=HELD_OR_LET_GO, postgresql_where=HELD_OR_LET_GO),
    )


class Exemption(Model):
    """A person has found this picture fine although it comes near that entry: the two are never compared again."""

    __tablename__ = "exemptions"

    picture_id: Mapped[int] = mapped_column(sa.ForeignKey("pictures.id"), primary_key=True)
    entry_id: Mapped[int] = mapped_column(sa.ForeignKey("entries.id"), primary_key=True)
    decision_id: Mapped[int] = mapped_column(sa.ForeignKey("decisions.id"), primary_key=True, index=True)


class Appeal(Model):
    """A member asks for another look at a picture that was refused or taken down."""

    __tablename__ = "appeals"

    id: Mapped[Id]
    created: Mapped[Created]
    picture_id: Mapped[int] = mapped_column(sa.ForeignKey("pictures.id"), unique=True)
    text: Mapped[str] = mapped_column(sa.String(500))
    # That had brought it down when somebody decided. Until then another may: ask `appeals.cause`.
    entry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("entries.id"), index=True)
    decision_id: Mapped[int | None] = mapped_column(sa.ForeignKey("decisions.id"), index=True)  # the last on it

    picture: Mapped[Picture] = relationship(back_populates="appeal")
    entry: Mapped[Entry | None] = relationship()
    decision: Mapped[Decision | None] = relationship()

    @property
    def outcome(self) -> str:
        """Upheld or overturned; empty while nobody has decided, or when that was taken back."""
        if self.decision is None or self.decision.undone:
            return ""
        return "overturned" if self.decision.kind is Kind.OVERTURN else "upheld"


class Claim(Model):
    """Somebody has opened a picture to decide on it."""

    __tablename__ = "claims"

    picture_id: Mapped[int] = mapped_column(sa.ForeignKey("pictures.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(sa.ForeignKey("accounts.id"))
    until: Mapped[datetime]

    account: Mapped[Account] = relationship()


_FAILED = sa.text("failure IS NOT NULL")


class Check(Model):
    """One comparison of a picture with the blocklist, and what came of it."""

    __tablename__ = "checks"

    id: Mapped[Id]
    created: Mapped[Created]
    picture_id: Mapped[int] = mapped_column(sa.ForeignKey("pictures.id"), index=True)
    occasion: Mapped[Occasion] = mapped_column(text_enum(Occasion))
    verdict: Mapped[Verdict] = mapped_column(text_enum(Verdict))
    entry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("entries.id"))  # that brought the verdict about
    known_good_id: Mapped[int | None] = mapped_column(sa.ForeignKey("known_good.id"))  # that let it pass
    candidates: Mapped[int] = mapped_column(default=0)  # all within the widest distance; the nearest are `matches`
    milliseconds: Mapped[float] = mapped_column(default=0.0)
    failure: Mapped[str | None] = mapped_column(sa.String(200))  # why it could not be done: the picture was held
    caution: Mapped[Caution | None] = mapped_column(text_enum(Caution))  # why it was held, whatever the verdict

    matches: Mapped[list["Match"]] = relationship(back_populates="check", order_by="Match.id")

    __table_args__ = (
        sa.Index("ix_checks_entry_id_created", "entry_id", "created"),
        # For the statistics: what they count is in the index, so that the rows need not be read.
        sa.Index("ix_checks_occasion_created", "occasion", "created", "failure", "milliseconds"),
        sa.Index("ix_checks_created_candidates", "created", "failure", "candidates"),
        sa.Index("ix_checks_verdict_created", "verdict", "created"),
        sa.Index("ix_checks_failed", "picture_id", sqlite_where=_FAILED, postgresql_where=_FAILED),
    )


class Match(Model):
    """One candidate of a check: how near the picture came to the entry, in which view of each."""

    __tablename__ = "matches"

    id: Mapped[Id]
    created: Mapped[datetime]  # as its check was: the statistics count matches in an index alone
    check_id: Mapped[int] = mapped_column(sa.ForeignKey("checks.id"), index=True)
    entry_id: Mapped[int] = mapped_column(sa.ForeignKey("entries.id"), index=True)
    view: Mapped[int]  # the entry's, a number of `views`
    asked: Mapped[int] = mapped_column(server_default="0")  # the picture's
    dhash: Mapped[int]
    phash: Mapped[int]
    share: Mapped[float | None]  # of the blocks that agree, and their mean correlation; None: pixels not compared
    correlation: Mapped[float | None]
    blocks: Mapped[int | None]  # textured ones that took part; None where not compared, and in rows older than this
    identical: Mapped[bool]
    verdict: Mapped[Verdict] = mapped_column(text_enum(Verdict))  # that this candidate alone leads to

    check: Mapped[Check] = relationship(back_populates="matches")
    entry: Mapped[Entry] = relationship()

    __table_args__ = (
        sa.Index("ix_matches_verdict_created", "verdict", "created", "entry_id", "check_id"),
        sa.Index("ix_matches_verdict_dhash_created", "verdict", "dhash", "created"),
    )
