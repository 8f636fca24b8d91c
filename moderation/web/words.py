"""Figures and states in plain words, for the templates."""

import re
from datetime import datetime

from markupsafe import Markup

from ..columns import now
from ..matching import Hit
from ..models import Caution, Decision, Kind, Match, Status
from ..reach import found_ok
from ..sweeping import swept
from ..views import labels

STATUS = {
    Status.PENDING: "being checked",
    Status.HELD: "near match",
    Status.PUBLISHED: "on show",
    Status.REPLACED: "replaced by its member",
    Status.REFUSED: "refused",
    Status.REMOVED: "taken down",
    Status.ESCALATED: "escalated",
    Status.ERASED: "erased with its member",
}


def status(value: Status) -> str:
    return STATUS[value]


def ago(moment: datetime) -> str:
    """How long ago, as short as a card wants it: "just now", "5 min", "3 h", "2 d"."""
    seconds = (now() - moment).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "just now"


def exact(moment: datetime) -> str:
    return f"{moment:%A, %d %B %Y, %H:%M:%S} UTC"


def timed(moment: datetime, said: str) -> Markup:
    """A time in those words; the exact one shows when the pointer rests on them."""
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment.isoformat(), exact(moment), said)


def when(moment: datetime) -> Markup:
    """How long ago, in a sentence: "just now", "5 min ago"."""
    said = ago(moment)
    return timed(moment, said if said == "just now" else f"{said} ago")


def count(number: int, one: str, many: str) -> str:
    """`3 | count("copy", "copies")` is "3 copies"."""
    return f"{number:,} {one if number == 1 else many}"


def file_name(sent: str | None) -> str:
    """The name that a file was sent under, as it may be shown and stored: its last part, cut in the middle if long.

    What is not printed, line ends and marks that turn text around among it, is replaced.
    """
    last = re.split(r"[/\\]", sent or "")[-1].strip()
    plain = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in last) or "a file"
    return plain if len(plain) <= 80 else f"{plain[:60]}…{plain[-19:]}"


def ordinal(number: int) -> str:
    """`3 | ordinal` is "3rd"."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def decided(decision: Decision) -> str:
    """What was said, in one or two words."""
    return what(decision.kind)


def what(kind: Kind) -> str:
    """A kind of decision, in one or two words."""
    return {
        Kind.MARK: "Indecent",
        Kind.APPROVE: "OK",
        Kind.IMPORT: "Imported",
        Kind.WITHDRAW: "Withdrawn",
        Kind.UPHOLD: "Appeal upheld",
        Kind.OVERTURN: "Appeal overturned",
        Kind.ESCALATE: "Escalated",
    }[kind]


def by(decision: Decision) -> str:
    return decision.by.name if decision.by else "the command line"


def seen_in(match: Match) -> str:
    """In which views the entry and the picture came near to each other; "the whole" where neither is a part."""
    words = labels(match.view, match.asked)
    return "the whole" if words == "whole" else words


def nearness(match: Match | Hit) -> str:
    """How near, as sentences: in which view, what differs, how far the pixels agree."""
    if match.identical:
        return "The very same picture."
    words = labels(match.view, match.asked)
    where = "As a whole" if words == "whole" else f"Seen as {words}"
    outlines = _graded(match.dhash, (4, "agree"), (10, "almost agree"), (64, "agree in part"))
    details = _graded(match.phash, (24, "do too"), (40, "almost"), (54, "in part"), (256, "hardly"))
    share = match.share if isinstance(match, Match) else match.agreement and match.agreement.share
    agree = "" if share is None else f" Laid over each other, {share:.0%} of the picture agrees."
    return (
        f"{where}, the outlines {outlines} (dHash: {match.dhash} of 64 bits differ) "
        f"and the details {details} (pHash: {match.phash} of 256).{agree}"
    )


def _graded(bits: int, *grades: tuple[int, str]) -> str:
    return next(word for most, word in grades if bits <= most)


def why_held(value: Caution) -> str:
    """Why an upload waits for a person, whatever its verdict."""
    who = "its member" if value is Caution.MEMBER else "accounts at the same address"
    return (
        f"Held because {who} had several pictures refused or held within an hour: somebody may be trying what passes."
    )


def percent(share: float | None) -> str:
    """A share as "87%"; "<1%" and ">99%" where rounding would say none or all."""
    if share is None:
        return "–"
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"


def milliseconds(value: float) -> str:
    return f"{value:.1f} ms" if value < 10 else f"{value:,.0f} ms"


def duration(seconds: float) -> str:
    """As long as it takes to say it: "40 s", "12 min", "3 h", "2 d"."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def change(value: float | None, before: float | None) -> str:
    """How a figure differs from the one of the period before: "+12%", "as before", "77 times as much"."""
    if value is None or before is None or (before == 0 and value == 0):
        return ""
    if before == 0:
        return "none before"
    ratio = value / before
    if ratio >= 10:
        return f"{ratio:,.0f} times as much"
    return "as before" if abs(ratio - 1) < 0.005 else f"{ratio - 1:+.0%}"


def day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"


FILTERS = {
    "status": status,
    "ago": ago,
    "exact": exact,
    "timed": timed,
    "when": when,
    "count": count,
    "ordinal": ordinal,
    "decided": decided,
    "what": what,
    "by": by,
    "seen_in": seen_in,
    "nearness": nearness,
    "swept": swept,
    "why_held": why_held,
    "found_ok": found_ok,
    "percent": percent,
    "milliseconds": milliseconds,
    "duration": duration,
    "change": change,
    "day": day,
}
