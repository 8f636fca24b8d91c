"""Tables for spreadsheets. Who downloads one is written down."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from flask import Response
from flask_login import current_user

from .. import audit
from ..database import writing

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """The table as the CSV file of that name."""
    file = StringIO()
    csv.writer(file).writerows([heads, *([_harmless(cell) for cell in row] for row in rows)])
    with writing():
        audit.record(audit.Event.EXPORT, current_user.id, table=name)
    disposition = f'attachment; filename="{name}.csv"'
    return Response(file.getvalue(), mimetype="text/csv", headers={"Content-Disposition": disposition})


def _harmless(cell: object) -> object:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
