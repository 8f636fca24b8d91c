"""Charts: what is drawn, and that the table beneath says the same."""

import re
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest

from moderation.breakdown import Day, Distance, Distances
from moderation.web import charts
from moderation.web.charts import Bar, Series, Threshold

FIRST = date(2025, 12, 30)
SERIES = (Series("Kept", 1), Series("Refused", 2))


def days(*numbers: tuple[int, int, int]) -> list[Day]:
    return [Day(FIRST + timedelta(place), *one) for place, one in enumerate(numbers)]


def parse(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)  # noqa: S314 - our own


def rows(chart: ElementTree.Element) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in chart.iter("tr")]


def pieces(chart: ElementTree.Element, series: str) -> list[float]:
    """The heights of one series' pieces, from left to right."""
    found = [one for one in chart.iter("rect") if one.get("class") == series]
    return [float(one.get("height", "")) for one in found]


def texts(chart: ElementTree.Element, kind: str) -> list[str]:
    return [one.text or "" for one in chart.iter("text") if (one.get("class") or "").startswith(kind)]


@pytest.mark.parametrize(
    ("most", "marks"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (5, [0, 1, 2, 3, 4, 5]),
        (6, [0, 2, 4, 6]),
        (11, [0, 5, 10, 15]),
        (100, [0, 20, 40, 60, 80, 100]),
        (101, [0, 50, 100, 150]),
        (1234, [0, 500, 1000, 1500]),
    ],
)
def test_ticks_are_round_and_reach_beyond_the_highest_bar(most: int, marks: list[int]) -> None:
    assert list(charts.ticks(most)) == marks


@pytest.mark.parametrize("most", range(0, 4000, 37))
def test_ticks_are_neither_too_few_nor_too_many(most: int) -> None:
    marks = charts.ticks(most)
    assert 2 <= len(marks) <= 6
    assert marks[-1] >= most


def test_the_table_has_the_numbers_of_the_bars() -> None:
    chart = parse(charts.uploads_per_day(days((10, 2, 1), (0, 0, 0), (1234, 4, 0))))
    assert rows(chart) == [
        ["Uploaded", "Let in or waiting", "Taken down later", "Refused at the door", "All"],
        ["30 December 2025", "7", "1", "2", "10"],
        ["31 December 2025", "0", "0", "0", "0"],
        ["1 January 2026", "1,230", "0", "4", "1,234"],
    ]
    said = chart.find("svg").get("aria-label")
    assert said == (
        "Uploads, 30 December 2025 to 1 January 2026: 1,244 in all, 6 refused at the door, 1 taken down later."
    )
    titles = [title.text for title in chart.iter("title")]
    assert titles[0] == "30 December 2025: 7 let in or waiting, 1 taken down later, 2 refused at the door"
    assert len(titles) == 3


def test_bars_are_as_high_as_their_numbers_and_stand_on_each_other() -> None:
    bars = [Bar("a", "A", (6, 4)), Bar("b", "B", (0, 5))]
    chart = parse(charts.chart("", "Letter", SERIES, bars))
    assert pieces(chart, "series-1") == [0.6 * charts.PLOT - 1]
    assert pieces(chart, "series-2") == [0.4 * charts.PLOT - 1, 0.5 * charts.PLOT - 1]
    low, high, other = (float(one.get("y")) for one in chart.iter("rect") if (one.get("class") or "")[:6] == "series")
    assert (low - high, other - high) == (0.4 * charts.PLOT, 0.5 * charts.PLOT)


def test_one_of_a_hundred_thousand_is_still_seen() -> None:
    chart = parse(charts.chart("", "Letter", SERIES, [Bar("a", "A", (99_999, 1)), Bar("b", "B", (0, 0))]))
    assert pieces(chart, "series-2") == [2]
    assert texts(chart, "end")[-1] == "100k"


def test_long_times_are_drawn_in_weeks_that_end_with_the_last_day() -> None:
    short = charts.uploads_per_day(days(*[(1, 0, 0)] * 92))
    assert len(rows(parse(short))) == 1 + 92
    assert "a bar is" not in short
    weeks = charts.uploads_per_day(days(*[(2, 1, 0)] * 93))
    assert "a bar is a week" in weeks
    found = rows(parse(weeks))[1:]
    assert len(found) == 14
    assert found[0] == ["30 to 31 December 2025", "2", "0", "2", "4"]
    assert found[1] == ["1 to 7 January 2026", "7", "0", "7", "14"]
    assert found[-1] == ["26 March to 1 April 2026", "7", "0", "7", "14"]
    assert sum(int(row[-1]) for row in found) == 2 * 93
    assert len(rows(parse(charts.uploads_per_day(days(*[(2, 1, 0)] * 900))))) < charts.MOST_BARS


@pytest.mark.parametrize("number", [1, 7, 15, 30, 90])
def test_labels_do_not_run_into_each_other_on_a_telephone(number: int) -> None:
    chart = parse(charts.uploads_per_day(days(*[(1, 0, 0)] * number)))
    shown = [one for one in chart.iter("text") if one.get("class") in ("middle", "end") and " " in (one.text or "")]
    assert 1 <= len(shown) <= 6
    last = FIRST + timedelta(number - 1)
    assert shown[-1].text == f"{last.day} {last:%b}"


def test_distances_are_drawn_with_both_thresholds() -> None:
    found = Distances([Distance(bits, bits == 0, bits == 1, 2 * bits) for bits in range(5)], 40, 21)
    chart = parse(charts.distances(found, 1, 2))
    assert rows(chart)[0] == ["Distance", "Refused", "Held", "Not confirmed", "All"]
    assert rows(chart)[2] == ["1 bit apart", "0", "1", "2", "3"]
    lines = [one for one in chart.iter("g") if one.get("class") == "threshold"]
    assert {one.find("text").text: one.find("line").get("x1") for one in lines} == {
        "refuse within 1": "40.000%",
        "hold within 2": "60.000%",
    }
    assert "refused within 1 bits and held within 2" in (chart.find("svg").get("aria-label") or "")


def test_no_threshold_runs_through_the_other_ones_label() -> None:
    bars = [Bar(str(number), str(number), (1,)) for number in range(15)]
    lines = (Threshold(11, "refuse"), Threshold(13, "hold"))
    chart = parse(charts.chart("", "Distance", SERIES[:1], bars, lines))
    tops = {one.find("text").text: one for one in chart.iter("g") if one.get("class") == "threshold"}
    assert float(tops["refuse"].find("line").get("y1")) > float(tops["hold"].find("text").get("y"))


def test_nothing_in_a_chart_is_forbidden_by_the_content_security_policy() -> None:
    chart = charts.uploads_per_day(days((3, 1, 0)))
    assert not re.search(r"style=|<style|<script|\son\w+=|href", chart)
    assert parse(chart).find("svg").get("role") == "img"


def test_what_is_drawn_is_escaped() -> None:
    chart = charts.chart('"&', "<th>", (Series("<b>", 1),), [Bar("<i>", '<u>"', (1,))], unit="<s>")
    assert not re.search(r"<(b|i|u|s|th)>", chart)
    assert rows(parse(chart)) == [["<th>", "<b>", "All"], ['<u>"', "1", "1"]]
