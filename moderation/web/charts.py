"""Charts: numbers to drawings that need no script, each with its numbers as a table beneath.

Across, places are percentages and the drawing takes what width there is; letters stay as large as they are. Colours
and letters are the style sheet's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TypeVar

from markupsafe import Markup, escape

from ..breakdown import Day, Distances, Stopped

PLOT = 200
"""Height of the bars' room, in CSS pixels."""

LINE = 18
"""Height of a line of letters."""

NARROW, WIDE = 280, 640
"""Widths that the axis' labels must fit: a telephone's, and what is wide by the style sheet."""

MOST_BARS = 92
"""Of more days than these, several share a bar."""


D = TypeVar("D")

UNITS = {1: "", 7: "a bar is a week", 28: "a bar is four weeks"}
"""What is said below a chart, by how many days share a bar."""


@dataclass(frozen=True)
class Bar:
    label: str  # short, for the axis
    title: str  # in full
    values: tuple[int, ...]  # one for each series, lowest first


@dataclass(frozen=True)
class Series:
    name: str
    colour: int  # of the style sheet's --series-1 to --series-4


@dataclass(frozen=True)
class Threshold:
    """A line across the chart, behind so many bars."""

    bars: int
    label: str


def uploads_per_day(days: Sequence[Day]) -> Markup:
    """What became of the uploads of each day; of a long time, of several days together."""
    length = _together(days)
    spans = list(_spans(days, length))
    series = (Series("Let in or waiting", 1), Series("Taken down later", 3), Series("Refused at the door", 2))
    bars = [
        Bar(
            _short(span[0].date),
            _long(span[0].date, span[-1].date),
            (
                sum(day.uploads - day.refused - day.removed for day in span),
                sum(day.removed for day in span),
                sum(day.refused for day in span),
            ),
        )
        for span in spans
    ]
    kept, removed, refused = (sum(bar.values[number] for bar in bars) for number in range(3))
    said = (
        f"Uploads, {_long(days[0].date, days[-1].date)}: {kept + removed + refused:,} in all, "
        f"{refused:,} refused at the door, {removed:,} taken down later."
    )
    return chart(said, "Uploaded", series, bars, unit=UNITS[length])


def stopped_per_day(days: Sequence[Stopped]) -> Markup:
    """What was refused automatically and what moderators marked, on each day; of a long time, of several together."""
    length = _together(days)
    series = (Series("Refused automatically", 2), Series("Marked by moderators", 1))
    bars = [
        Bar(
            _short(span[0].date),
            _long(span[0].date, span[-1].date),
            (sum(day.refused for day in span), sum(day.marked for day in span)),
        )
        for span in _spans(days, length)
    ]
    refused, marked = (sum(bar.values[number] for bar in bars) for number in range(2))
    said = f"{_long(days[0].date, days[-1].date)}: {refused:,} refused automatically, {marked:,} marked by moderators."
    return chart(said, "Day", series, bars, unit=UNITS[length])


def bar(number: int, most: int) -> Markup:
    """A thin bar for a table's cell, as long as the number is of the most; the number itself stands beside it."""
    width = f"{100 * number / most:.1f}%" if most else "0"
    drawn = _tag("rect", width=width, height="100%", class_="series-1")
    return _tag("svg", drawn, class_="share", height="8", aria_hidden="true")


def distances(found: Distances, refuse_within: int, hold_within: int) -> Markup:
    """How many candidates came how near, and where refusing and holding end."""
    series = (Series("Refused", 2), Series("Held", 3), Series("Not confirmed", 4))
    bars = [
        Bar(str(at.bits), f"{at.bits} bit{'' if at.bits == 1 else 's'} apart", (at.refused, at.held, at.unconfirmed))
        for at in found.by_bits
    ]
    lines = (
        Threshold(refuse_within + 1, f"refuse within {refuse_within}"),
        Threshold(hold_within + 1, f"hold within {hold_within}"),
    )
    candidates = sum(sum(bar.values) for bar in bars)
    said = (
        f"Candidates by distance, 0 to {len(bars) - 1} bits: {candidates:,} in all. "
        f"Pictures are refused within {refuse_within} bits and held within {hold_within}."
    )
    return chart(said, "Distance", series, bars, lines, "distance in bits of 64")


def chart(
    said: str,
    first: str,
    series: Sequence[Series],
    bars: Sequence[Bar],
    lines: Sequence[Threshold] = (),
    unit: str = "",
) -> Markup:
    """Stacked bars with axes, a legend, and a table whose first column has that name."""
    return _tag(
        "figure",
        _legend(series),
        _drawing(said, series, bars, lines, unit),
        _table(first, series, bars),
        class_="chart",
    )


def ticks(most: int) -> range:
    """Round numbers from 0 to the first that is no less than `most`: three to six of them, or 0 and 1."""
    step = next(step for step in _round_numbers() if step * 5 >= most)
    return range(0, max(-(-most // step), 1) * step + 1, step)


def _round_numbers() -> Iterable[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _drawing(said: str, series: Sequence[Series], bars: Sequence[Bar], lines: Sequence[Threshold], unit: str) -> Markup:
    marks = ticks(max(sum(bar.values) for bar in bars))
    top = LINE * len(lines) + 8
    bottom = top + PLOT
    return _tag(
        "svg",
        *(_grid_line(number, bottom - PLOT * number / marks[-1]) for number in marks),
        *(
            _column(series, bar, _part(place, len(bars)), _part(1, len(bars)), top, PLOT / marks[-1])
            for place, bar in enumerate(bars)
        ),
        *_axis(bars, bottom + LINE),
        # The last line's label highest, so that no line runs through another's label.
        *(_threshold(line, len(bars), LINE * row, bottom) for row, line in enumerate(reversed(lines), start=1)),
        _tag("text", unit, x="50%", y=bottom + 2 * LINE + 2, class_="middle") if unit else "",
        role="img",
        aria_label=said,
        height=bottom + LINE * (2 if unit else 1) + 8,
    )


def _grid_line(number: int, y: float) -> Markup:
    return _tag(
        "g",
        _tag("line", x1="0", x2="100%", y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid-line" if number else "base-line"),
        _tag("text", _brief(number), x=-8, y=f"{y + 4:.1f}", class_="end"),
    )


def _column(series: Sequence[Series], bar: Bar, left: float, width: float, top: int, scale: float) -> Markup:
    """A bar from bottom to top, on a ground as high as the chart that shows its title."""
    pieces, y = [], float(top + PLOT)
    for one, value in zip(series, bar.values, strict=True):
        # Never too thin to be seen, however tall the others are.
        height = max(value * scale, 2) if value else 0
        y -= height
        if value:
            gap = 1 if height > 4 else 0
            pieces.append(
                _tag(
                    "rect",
                    x=f"{left + width * 0.1:.3f}%",
                    width=f"{width * 0.8:.3f}%",
                    y=f"{y:.1f}",
                    height=f"{height - gap:.1f}",
                    class_=f"series-{one.colour}",
                )
            )
    told = ", ".join(f"{value:,} {one.name.lower()}" for one, value in zip(series, bar.values, strict=True))
    return _tag(
        "g",
        _tag("title", f"{bar.title}: {told}"),
        _tag("rect", x=f"{left:.3f}%", width=f"{width:.3f}%", y=top, height=PLOT, class_="ground"),
        *pieces,
        class_="column",
    )


def _axis(bars: Sequence[Bar], y: int) -> Iterable[Markup]:
    """As many labels as a narrow screen has room for, the last bar's always; more of them where it is wide."""
    letters = max(len(bar.label) for bar in bars) * 7
    # Centred below a thin bar, the last label would stick out.
    flush = letters > NARROW / len(bars) + 24
    wide = -(-len(bars) * (letters + 12) // WIDE)
    narrow = -(-len(bars) * (letters + (28 if flush else 12)) // (NARROW * wide)) * wide
    for place, bar in enumerate(bars):
        from_last = len(bars) - 1 - place
        if from_last % wide == 0:
            at, side = (100, "end") if flush and not from_last else (_part(place + 0.5, len(bars)), "middle")
            yield _tag(
                "text", bar.label, x=f"{at:.3f}%", y=y, class_=side if from_last % narrow == 0 else f"{side} wide"
            )


def _threshold(line: Threshold, bars: int, y: int, bottom: int) -> Markup:
    x = _part(line.bars, bars)
    side, away = ("end", -6) if x > 20 else ("start", 6)
    return _tag(
        "g",
        _tag("line", x1=f"{x:.3f}%", x2=f"{x:.3f}%", y1=y - 12, y2=bottom),
        _tag("text", line.label, x=f"{x:.3f}%", dx=away, y=y - 2, class_=side),
        class_="threshold",
    )


def _legend(series: Sequence[Series]) -> Markup:
    return _tag(
        "ul",
        *(_tag("li", _tag("span", class_=f"swatch series-{one.colour}"), one.name) for one in series),
        class_="legend",
    )


def _table(first: str, series: Sequence[Series], bars: Sequence[Bar]) -> Markup:
    head = [_tag("th", name, scope="col", class_="number") for name in (*(one.name for one in series), "All")]
    rows = [
        _tag(
            "tr",
            _tag("th", bar.title, scope="row"),
            *(_tag("td", f"{value:,}", class_="number") for value in (*bar.values, sum(bar.values))),
        )
        for bar in bars
    ]
    table = _tag("table", _tag("thead", _tag("tr", _tag("th", first, scope="col"), *head)), _tag("tbody", *rows))
    # It scrolls, and so must be reachable by keyboard.
    return _tag("details", _tag("summary", "Show as a table"), _tag("div", table, class_="scroll", tabindex=0))


def _together(days: Sequence[object]) -> int:
    """How many days share a bar."""
    return next((length for length in (1, 7) if len(days) <= length * MOST_BARS), 28)


def _spans(days: Sequence[D], length: int) -> Iterable[Sequence[D]]:
    """So many days at a time. The last is a whole one."""
    for end in range((len(days) - 1) % length + 1, len(days) + 1, length):
        yield days[max(end - length, 0) : end]


def _short(day: date) -> str:
    return f"{day.day} {day:%b}"


def _long(first: date, last: date) -> str:
    """A day, or from when to when: "3 November 2025", "3 to 9 November 2025", "27 October to 2 November 2025"."""
    if first == last:
        return f"{first.day} {first:%B %Y}"
    begins = f"{first.day}"
    if first.month != last.month or first.year != last.year:
        begins += f" {first:%B}"
    if first.year != last.year:
        begins += f" {first.year}"
    return f"{begins} to {_long(last, last)}"


def _brief(number: int) -> str:
    """A round number in at most five letters."""
    if number >= 1_000_000:
        return f"{number / 1_000_000:g}M"
    return f"{number / 1000:g}k" if number >= 10_000 else f"{number:,}"


def _part(number: float, of: int) -> float:
    return 100 * number / of


def _tag(name: str, *inside: str, **attributes: object) -> Markup:
    """An element. What is not markup is escaped; an underscore in an attribute's name is a dash, at its end nothing."""
    # Joined as plain strings, each escaped by itself: a page has thousands of them.
    written = "".join([f'{_begun(key)}{escape(value)}"' for key, value in attributes.items()])
    return Markup(f"<{name}{written}>{''.join(map(escape, inside))}</{name}>")  # noqa: S704


@cache
def _begun(key: str) -> str:
    return f' {key.removesuffix("_").replace("_", "-")}="'
