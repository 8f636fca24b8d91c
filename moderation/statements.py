"""The statement of reasons for a picture that is down, in the field names and values of the EU's transparency database.

Regulation (EU) 2022/2065 (Digital Services Act), Article 17, asks for one; the names are those of the database that
Article 24(5) sets up. It holds nothing about people: no name, no distance, no other picture.
"""

import sqlalchemy as sa

from .appeals import down_since
from .database import db
from .models import DOWN, Action, Picture, Status
from .review import INDECENT

PICTURE = "CONTENT_TYPE_IMAGE"
SEXUAL = "STATEMENT_CATEGORY_PORNOGRAPHY_OR_SEXUALIZED_CONTENT"
OURSELVES = "SOURCE_VOLUNTARY"  # nobody's notice led to it
TERMS = "DECISION_GROUND_INCOMPATIBLE_CONTENT"  # with the terms of this site

VISIBILITY = {
    Status.REFUSED: "DECISION_VISIBILITY_CONTENT_DISABLED",
    Status.REMOVED: "DECISION_VISIBILITY_CONTENT_REMOVED",
}

Statement = dict[str, str | list[str]]


def statement(picture: Picture) -> Statement | None:
    """Why the picture is down; None where it is not."""
    if picture.status not in DOWN:
        return None
    by_person, held = _by_person(picture), _was_held(picture)
    if by_person:
        facts = "A moderator looked at the picture and decided."
        facts = f"Automatic comparison held it as like a picture that breaks the rules. {facts}" if held else facts
    else:
        facts = "Automatic comparison found it very like a picture that a moderator has found to break the rules."
    return {
        "puid": f"picture-{picture.id}",
        "decision_visibility": [VISIBILITY[picture.status]],
        "decision_ground": TERMS,
        "incompatible_content_ground": rule(picture),
        "incompatible_content_explanation": "The rules of this site do not allow such profile pictures.",
        "category": SEXUAL,
        "content_type": [PICTURE],
        "content_date": f"{picture.created:%Y-%m-%d}",
        "application_date": f"{down_since(picture):%Y-%m-%d}",
        "decision_facts": facts,
        "source_type": OURSELVES,
        "automated_detection": "Yes" if held or not by_person else "No",
        "automated_decision": "AUTOMATED_DECISION_NOT_AUTOMATED" if by_person else "AUTOMATED_DECISION_FULLY",
    }


def rule(picture: Picture) -> str:
    """The rule that it breaks, as it was given with the decision."""
    return picture.decision.reason if picture.decision and picture.decision.reason else INDECENT


def _by_person(picture: Picture) -> bool:
    """Whether somebody decided on this very picture, rather than on one that it is a copy of.

    Not where it was found fine: then comparison has found something else.
    """
    decision = picture.decision
    return decision is not None and not decision.kind.fine and _action(picture, Action.entry_id.is_(None))


def _was_held(picture: Picture) -> bool:
    return picture.decision is not None and _action(picture, Action.before == Status.HELD)


def _action(picture: Picture, *that: sa.ColumnElement[bool]) -> bool:
    wanted = sa.select(Action.id).filter_by(picture_id=picture.id, decision_id=picture.decision_id)
    return db.session.scalar(wanted.where(*that).limit(1)) is not None
