"""The grid's pages: copies on one card, orders, and what is told beside a picture."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from moderation import cards, pictures, replica, review, uploads
from moderation.database import writing
from moderation.demo import near_miss
from moderation.models import Role, Status
from moderation.parts import Parts
from tests.conftest import near_copy, save, status


@pytest.fixture
def ana(person: Callable[..., int]) -> int:
    return person("ana", Role.MODERATOR)


def laid_out(parts: Parts, show: str = "undecided", size: int = 50, **asked: object) -> list[tuple[int, list[int]]]:
    return [(card.picture.id, list(card.copies)) for card in cards.page(parts, show, size, **asked).cards]


def test_copies_lie_on_one_card_under_the_newest_and_others_do_not(
    parts: Parts, arrive: Callable, draw: Callable
) -> None:
    first, other, again = arrive(draw(1)), arrive(draw(2)), arrive(near_copy(draw(1)))
    small = arrive(near_copy(draw(1), 0.4))
    assert laid_out(parts) == [(small, [again, first]), (other, [])]


def test_what_is_merely_like_an_undecided_picture_has_a_card_of_its_own(
    parts: Parts, arrive: Callable, draw: Callable
) -> None:
    first, like = arrive(draw(1)), arrive(near_miss(draw(1), parts.policy))
    assert laid_out(parts) == [(like, []), (first, [])]


def test_blank_pictures_are_never_taken_for_copies(parts: Parts, arrive: Callable) -> None:
    from PIL import Image

    white, grey = (arrive(save(Image.new("RGB", (300, 300), colour))) for colour in ("white", "#ddd"))
    assert laid_out(parts) == [(grey, []), (white, [])]


def test_a_decided_copy_is_not_on_the_card(parts: Parts, arrive: Callable, draw: Callable, ana: int) -> None:
    first, second, third = (arrive(near_copy(draw(1), scale)) for scale in (1, 0.8, 0.6))
    review.approve(parts, second, ana, None)
    assert laid_out(parts) == [(third, [first])]
    assert {number for number, copies in laid_out(parts, "all") if not copies} == {first, second, third}


def test_one_approval_is_made_on_all_copies_and_taken_back_at_once(
    parts: Parts, arrive: Callable, draw: Callable, ana: int
) -> None:
    first, second, third = (arrive(near_copy(draw(1), scale)) for scale in (1, 0.8, 0.6))
    decision = review.approve(parts, third, ana, None, [second, first])
    assert len(decision.actions) == 3
    assert laid_out(parts) == []
    review.undo(parts, decision.id, ana)
    assert laid_out(parts) == [(third, [second, first])]


def test_an_approval_of_copies_leaves_out_what_somebody_has_decided_meanwhile(
    parts: Parts, arrive: Callable, draw: Callable, ana: int, person: Callable
) -> None:
    first, second = arrive(draw(1)), arrive(near_copy(draw(1)))
    mark = review.mark(parts, first, person("ben", Role.MODERATOR), None, spare=[second])
    decision = review.approve(parts, second, ana, None, [first])
    assert [action.picture_id for action in decision.actions] == [second]
    assert [status(first), status(second)] == [Status.REMOVED, Status.PUBLISHED]
    assert pictures.find(first).decision_id == mark.id


def test_orders_are_closest_match_and_most_copies(parts: Parts, arrive: Callable, draw: Callable, ana: int) -> None:
    review.mark(parts, arrive(draw(9)), ana, None)
    held = arrive(near_miss(draw(9), parts.policy))
    pair = [arrive(draw(1)), arrive(near_copy(draw(1)))]
    alone = arrive(draw(2))
    assert laid_out(parts) == [(alone, []), (pair[1], [pair[0]]), (held, [])]
    assert laid_out(parts, order="closest")[0] == (held, [])
    assert laid_out(parts, order="copies")[0] == (pair[1], [pair[0]])


def test_pages_go_on_where_the_one_before_ended(parts: Parts, arrive: Callable, draw: Callable) -> None:
    numbers = [arrive(draw(seed)) for seed in range(5)]
    seen, before = [], None
    while True:
        page = cards.page(parts, "undecided", 2, before)
        seen += [card.picture.id for card in page.cards]
        before = page.before
        if before is None:
            break
    assert seen == numbers[::-1]


@pytest.mark.parametrize("show", ["undecided", "all"])
def test_another_order_says_how_many_more_cards_there_are_and_after_all_of_them_what_is_older(
    parts: Parts, arrive: Callable, draw: Callable, monkeypatch: pytest.MonkeyPatch, show: str
) -> None:
    numbers = [arrive(draw(seed)) for seed in range(5)]
    monkeypatch.setattr(cards, "WINDOW", 4)
    first, all_ = (cards.page(parts, show, size, order="closest") for size in (2, 4))
    assert [card.picture.id for card in all_.cards] == numbers[:0:-1]
    assert (first.more, first.before) == (2, None)
    assert (all_.more, all_.before) == (0, numbers[1])
    rest = cards.page(parts, show, 4, all_.before)
    assert [card.picture.id for card in rest.cards] == numbers[:1]
    assert (rest.more, rest.before) == (0, None)


def test_where_the_latest_are_all_there_are_nothing_older_is_promised(
    parts: Parts, arrive: Callable, draw: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(4):
        arrive(draw(seed))
    monkeypatch.setattr(cards, "WINDOW", 4)
    assert [cards.page(parts, "undecided", 4, order=order).before for order in cards.ORDERS] == [None] * 3


def test_the_grid_of_one_member(parts: Parts, draw: Callable, person: Callable) -> None:
    mia, max_ = person("Mia"), person("max")
    mias = [uploads.receive(parts, mia, draw(seed)).id for seed in range(3)]
    uploads.receive(parts, max_, draw(3))
    assert [number for number, _ in laid_out(parts, "all", member="mia")] == mias[::-1]
    assert laid_out(parts, "all", member="nobody") == []


def test_which_of_its_member_s_uploads_within_24_hours_a_card_shows_is_told(
    parts: Parts, draw: Callable, person: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "AT_ONCE", (1, 3))
    mia, max_ = person("mia"), person("max")
    numbers = [uploads.receive(parts, mia, draw(seed)).id for seed in range(4)]
    others = uploads.receive(parts, max_, draw(4)).id
    with writing():
        pictures.find(numbers[0]).created -= timedelta(hours=24)
    page = cards.page(parts, "undecided", 50)
    told = {card.picture.id: card.today for card in page.cards}
    assert told == dict(zip([*numbers, others], (1, 1, 2, 3, 1), strict=True))


def test_a_newcomer_brings_the_numbers_of_the_copies_that_it_stands_for(
    parts: Parts, arrive: Callable, draw: Callable
) -> None:
    first, _, copy = arrive(draw(1)), arrive(draw(2)), arrive(near_copy(draw(1)))
    (card,) = cards.cards(parts, [pictures.find(copy)])
    assert card.copies == [first]


def test_after_a_restore_copies_are_looked_for_anew_though_the_versions_come_again(
    parts: Parts, arrive: Callable, draw: Callable
) -> None:
    first = arrive(draw(1))
    before = replica.moment(replica.PICTURES)
    cards.cards(parts, [pictures.find(first)], before)
    copy = arrive(near_copy(draw(1)))
    (card,) = cards.cards(parts, [pictures.find(copy)], before._replace(epoch="after"))
    assert card.copies == [first]
