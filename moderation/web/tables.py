"""What can be had of the statistics as CSV."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple
from datetime import datetime

from .. import breakdown, stats
from ..context import parts

EXPORTED = 100_000
"""Rows of a CSV at most."""

Table = tuple[Sequence[str], Iterable[Sequence[object]]]


def _uploads(since: datetime | None, moment: datetime) -> Table:
    rows = ((day.date, day.uploads, day.refused, day.removed) for day in breakdown.per_day(since, moment))
    return ("day", "uploads", "refused", "removed"), rows


def _stopped(since: datetime | None, moment: datetime) -> Table:
    return ("day", "refused", "marked"), (astuple(day) for day in breakdown.stopped_per_day(since, moment))


def _figures(since: datetime | None, moment: datetime) -> Table:
    """What the cards say, and what they would have said of the period before."""
    periods = stats.compared(since, moment)

    def row(name: str, of: Callable[[stats.Figures], object]) -> Sequence[object]:
        return name, *(of(figures) if figures else "" for figures in periods)

    rows = [
        row("uploads", lambda one: one.uploads),
        row("refused", lambda one: one.outcomes.refused),
        row("removed", lambda one: one.outcomes.removed),
        row("stopped_at_the_door", lambda one: one.outcomes.stopped),
        row("marked", lambda one: one.marked),
        row("swept", lambda one: one.swept),
        row("could_not_be_compared", lambda one: one.failures.pictures),
        row("check_p50_milliseconds", lambda one: one.check_times and one.check_times.p50),
        row("check_p95_milliseconds", lambda one: one.check_times and one.check_times.p95),
        row("decision_median_seconds", lambda one: one.decision_times and one.decision_times.median),
        row("decision_p90_seconds", lambda one: one.decision_times and one.decision_times.p90),
        row("appeals_upheld", lambda one: one.appeals.upheld),
        row("appeals_overturned", lambda one: one.appeals.overturned),
        row("false_positive_rate", lambda one: one.false_positives),
        row("near_matches_waiting_at_its_end", lambda one: one.waiting),
        row("entries_in_force_at_its_end", lambda one: one.entries.in_force),
    ]
    return ("figure", "in_this_period", "in_the_one_before"), rows


def _distances(since: datetime | None, moment: datetime) -> Table:
    found = breakdown.distances(since, parts().policy.widest).by_bits
    return ("dhash_bits", "refused", "held", "unconfirmed"), (astuple(one) for one in found)


def _entries(since: datetime | None, moment: datetime) -> Table:
    found = breakdown.most_matched(since, EXPORTED)
    rows = ((one.entry.id, one.entry.decision.reason, one.matches, one.members, one.last_match) for one in found)
    return ("entry", "reason", "matches", "members", "last_match"), rows


def _views(since: datetime | None, moment: datetime) -> Table:
    return ("view", "hits"), breakdown.by_view(since)


def _moderators(since: datetime | None, moment: datetime) -> Table:
    rows = (astuple(one) for one in breakdown.moderators(since))
    return ("name", "marked", "approved", "appeals", "undone"), rows


def _offenders(since: datetime | None, moment: datetime) -> Table:
    found = breakdown.offenders(since, EXPORTED)
    rows = ((one.account.name, one.refused, one.removed, one.uploads) for one in found)
    return ("name", "refused", "removed", "uploads"), rows


TABLES: dict[str, Callable[[datetime | None, datetime], Table]] = {
    "figures": _figures,
    "uploads": _uploads,
    "stopped": _stopped,
    "distances": _distances,
    "entries": _entries,
    "views": _views,
    "moderators": _moderators,
    "offenders": _offenders,
}
"""What can be had as CSV, by name."""
