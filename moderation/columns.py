"""The types of columns: what Python sees, and how it lies in the database."""

from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.orm import mapped_column


class UTCDateTime(sa.TypeDecorator[datetime]):
    """Times are aware in Python and UTC in the database, which for SQLite means naive."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    return datetime.now(UTC)


def text_enum(kind: type[Enum]) -> sa.Enum:
    """Stored as the member's value in plain text, so that rows are readable and a new member needs no migration."""
    return sa.Enum(
        kind,
        native_enum=False,
        length=20,
        create_constraint=False,
        values_callable=lambda members: [m.value for m in members],
    )


TYPES: dict[Any, Any] = {datetime: UTCDateTime, bytes: sa.LargeBinary}

Id = Annotated[int, mapped_column(primary_key=True)]
Created = Annotated[datetime, mapped_column(default=now)]
