"""Why a picture is down, in the words that the law of the EU has for it."""

from collections.abc import Callable

import pytest

from moderation import review
from moderation.canonical import canonical
from moderation.database import db
from moderation.demo import near_miss
from moderation.fingerprint import fingerprint
from moderation.models import Picture, Role
from moderation.parts import Parts
from moderation.statements import statement
from tests.conftest import near_copy


@pytest.fixture
def ana(person: Callable[..., int]) -> int:
    return person("ana", Role.MODERATOR)


def said(picture_id: int) -> dict[str, object]:
    db.session.rollback()
    return statement(db.session.get_one(Picture, picture_id)) or {}


def test_who_or_what_found_and_decided(parts: Parts, arrive: Callable, draw: Callable, ana: int) -> None:
    marked, swept, fine = arrive(draw(1)), arrive(near_copy(draw(1))), arrive(draw(2))
    review.mark(parts, marked, ana, None)
    refused, held = arrive(near_copy(draw(1), scale=0.5)), arrive(near_miss(draw(1), parts.policy))
    review.mark(parts, held, ana, None)
    names = "automated_detection", "automated_decision", "decision_visibility"
    by_person, by_machine = "AUTOMATED_DECISION_NOT_AUTOMATED", "AUTOMATED_DECISION_FULLY"
    removed, disabled = ["DECISION_VISIBILITY_CONTENT_REMOVED"], ["DECISION_VISIBILITY_CONTENT_DISABLED"]
    assert [tuple(said(one)[name] for name in names) for one in (marked, swept, refused, held)] == [
        ("No", by_person, removed),
        ("Yes", by_machine, removed),
        ("Yes", by_machine, disabled),
        ("Yes", by_person, disabled),
    ]
    assert said(fine) == {}
    assert said(marked)["incompatible_content_ground"] == review.INDECENT
    assert not [word for word in ("ana ", "Hash", "bits", "entry") if word in str(said(swept))]


def test_what_was_found_fine_and_comes_near_to_something_else_is_down_by_comparison(
    parts: Parts, arrive: Callable, draw: Callable, ana: int
) -> None:
    review.mark(parts, arrive(draw(1)), ana, None)
    refused = arrive(near_copy(draw(1)))
    review.import_entries(parts, [("other.jpg", fingerprint(canonical(near_copy(draw(1), 0.8))))], ana, "")
    review.approve(parts, refused, ana, None)
    told = said(refused)
    assert (told["automated_detection"], told["automated_decision"]) == ("Yes", "AUTOMATED_DECISION_FULLY")
    assert told["decision_facts"].startswith("Automatic comparison found it")
