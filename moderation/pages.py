"""On which pages pictures appear: the CSV that says so, and the pictures that its rows mean."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import Refusal
from .folders import absolute

COLUMNS = ("image", "page")


@dataclass(frozen=True)
class Row:
    """One line: a picture, as the file names it, and a page that it appears on."""

    line: int
    image: str
    page: str


def read(path: Path) -> list[Row]:
    """The rows of a CSV file with the columns image and page, among others. Raises `Refusal` if it is none."""
    try:
        # With or without the byte order mark that spreadsheets write.
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            names = {(name or "").strip().lower(): name for name in lines.fieldnames or ()}
            missing = [column for column in COLUMNS if column not in names]
            if missing:
                raise Refusal(f"{path} has no column {' and no column '.join(missing)}: it needs image and page.")
            image, page = (names[column] for column in COLUMNS)
            return [Row(lines.line_num, (line[image] or "").strip(), (line[page] or "").strip()) for line in lines]
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} is not UTF-8 text. Please save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise Refusal(f"{path} is not a CSV file: {error}.") from error


def resolve(
    rows: Iterable[Row], csv_path: Path, folder: Path, paths: Iterable[Path]
) -> tuple[list[tuple[Path, str]], list[str]]:
    """Pairs of path and page for the rows that mean one of those paths, and a sentence for each that does not.

    A row names its picture by a path, absolute or relative to `folder` or to the CSV's folder, or by a file name
    that only one picture below `folder` has.
    """
    known = set(paths)
    folder, beside = absolute(folder), absolute(csv_path).parent
    named: dict[str, list[Path]] = {}
    for path in known:
        if path.is_relative_to(folder):
            named.setdefault(path.name, []).append(path)

    found: list[tuple[Path, str]] = []
    sentences: list[str] = []
    for row in rows:
        wanted = [absolute(base / row.image) for base in (folder, beside)]
        meant = [path for path in wanted if path in known][:1] or named.get(row.image, [])
        if not row.image or not row.page:
            sentences.append(f"{csv_path}, line {row.line}: the image or the page is missing.")
        elif not meant:
            sentences.append(f"{csv_path}, line {row.line}: there is no picture {row.image} in the index.")
        elif len(meant) > 1:
            sentences.append(f"{csv_path}, line {row.line}: {len(meant)} pictures are called {row.image}.")
        else:
            found.append((meant[0], row.page))
    return found, sentences
