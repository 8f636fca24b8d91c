"""Members who try what passes: after a few pictures that did not, the answer tells them nothing any more."""

from datetime import timedelta
from typing import cast

import sqlalchemy as sa

from . import limiting
from .columns import now
from .database import db
from .limiting import Limit
from .matching import Verdict
from .models import Caution, Check, Occasion, Picture, Status
from .parts import Patience

WITHIN = timedelta(hours=1)
"""So far back attempts count."""

# On the tables rather than the classes, as in `uploads`. What could not be compared says nothing about the member.
_CHECKS, _PICTURES = (cast(sa.Table, model.__table__) for model in (Check, Picture))
_ATTEMPTS = (
    sa.select(sa.func.count())
    .select_from(_CHECKS.join(_PICTURES, _CHECKS.c.picture_id == _PICTURES.c.id))
    .where(
        _PICTURES.c.member_id == sa.bindparam("member"),
        _PICTURES.c.created > sa.bindparam("since", type_=_PICTURES.c.created.type),
        _CHECKS.c.occasion == Occasion.UPLOAD,
        _CHECKS.c.verdict != Verdict.PUBLISH,
        _CHECKS.c.failure.is_(None),
    )
)


def caution(patience: Patience, member_id: int, origin: str, attempt: bool) -> Caution | None:
    """Why an upload is held whatever the verdict, if it is; as part of the write transaction that brings it somewhere.

    An attempt is an upload that was refused or held, or would have been. `origin` is the address that it came from, if
    that is known; attempts from there, by whatever account, are counted too.
    """
    limit = Limit("attempts", patience.address, WITHIN, "")
    spent = bool(origin) and limiting.is_spent(limit, origin)
    if origin and attempt and not spent:
        limiting.take(limit, origin)
    if patience.member and attempts(member_id) >= patience.member:
        return Caution.MEMBER
    return Caution.ADDRESS if spent else None


def tells_nothing(picture: Picture) -> bool:
    """Whether the answer to an upload is the same whatever the verdict, for caution."""
    cautious = sa.select(Check.id).where(Check.picture_id == picture.id, Check.caution.is_not(None)).limit(1)
    return picture.status in (Status.HELD, Status.ESCALATED) and db.session.scalar(cautious) is not None


def attempts(member_id: int) -> int:
    """How many of the member's latest uploads were refused or held, or would have been."""
    return int(db.session.execute(_ATTEMPTS, {"member": member_id, "since": now() - WITHIN}).scalar_one())
