"""What the statistics' queries share: periods, and counting such that a database goes through little."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from .database import db
from .models import Appeal, Check, Decision, Match, Picture


class Period(NamedTuple):
    """From its start on, up to its end."""

    start: datetime
    end: datetime


EVER = Period(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))

Since = datetime | Period | None
"""From when on something is counted, or in which period; None for all there ever was."""


def start(days: int, moment: datetime) -> datetime:
    """When the first of so many days began, the day of that moment being the last."""
    return datetime.combine(moment.astimezone(UTC).date() - timedelta(days - 1), time(), UTC)


def before(since: datetime, moment: datetime) -> Period:
    """The period before the one from `since` to that moment, equally long."""
    return Period(since - (moment - since), since)


def bounds(since: Since) -> Period:
    """The same as a period with both its ends, for statements that are made once for any."""
    return since if isinstance(since, Period) else EVER._replace(start=since) if since else EVER


def within(kind: type[Check | Match | Picture | Decision | Appeal], since: Since) -> sa.ColumnElement[bool]:
    """Whether it was made in that time."""
    if isinstance(since, Period):
        return sa.and_(kind.created >= since.start, kind.created < since.end)
    return kind.created >= since if since else sa.true()


def unordered(column: Any) -> sa.ColumnElement[int]:
    """The column as no index has it in order: the database begins with the rows that are asked for, and groups those,
    in place of going through all rows group by group."""
    return cast("sa.ColumnElement[int]", column + sa.literal_column("0"))


def count(query: sa.Select[Any]) -> int:
    """The one number that the query finds, or 0."""
    return db.session.scalar(query) or 0


def count_if(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """How many rows that is true of, as a column."""
    return sa.func.count(sa.case((condition, 1)))
