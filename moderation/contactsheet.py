"""A contact sheet: a picture and those that were found like it, side by side in one PNG."""

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from .canonical import FOLDER_FORMATS, canonical
from .errors import Refusal
from .folders import FOLDER_LIMITS, load

COLUMNS = 5
MOST = 60
"""Pictures on a sheet, with the one asked for; the heading says how many there are."""

BOX = 232
PAD = 12
GAP = 16
LABEL = 66
HEAD = 64

PAPER = (243, 243, 241)
CARD = (255, 255, 255)
EDGE = (221, 221, 217)
MATTE = (232, 232, 229)
INK = (28, 28, 30)
FAINT = (108, 108, 112)
ACCENT = (29, 95, 196)

SOFTWARE = "moderation: contact sheet"
"""Stands in the file, so that a sheet may be replaced by the next one, and nothing else ever is."""


@dataclass(frozen=True)
class Cell:
    """One picture: its path, its name, and one or two lines about it."""

    path: Path
    name: str
    lines: Sequence[str]


def write(path: Path, title: str, query: Cell, hits: Sequence[Cell], drawn: Callable[[], None] = lambda: None) -> None:
    """Write the sheet to that PNG file, whole or not at all. Raises `Refusal`, as `check_target` does."""
    check_target(path)
    information = PngImagePlugin.PngInfo()
    information.add_text("Software", SOFTWARE)
    image = draw(title, query, hits, drawn)
    try:
        draft = path.with_name(f".{secrets.token_hex(8)}.png")
        try:
            image.save(draft, "PNG", pnginfo=information)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror}.") from error


def check_target(path: Path) -> None:
    """Raise `Refusal` where something other than an earlier sheet would be overwritten."""
    if not path.parent.is_dir():
        raise Refusal(f"There is no folder for {path}.")
    if not os.path.lexists(path):
        return
    try:
        with Image.open(path, formats=("PNG",)) as image:
            ours = image.info.get("Software") == SOFTWARE
    except Exception:  # whatever else it is, it is no sheet
        ours = False
    if not ours:
        raise Refusal(f"{path} exists and is not a contact sheet. Please choose another name.")


def draw(title: str, query: Cell, hits: Sequence[Cell], drawn: Callable[[], None] = lambda: None) -> Image.Image:
    """The sheet as a picture: the one asked for first, then at most `MOST` - 1 hits; `drawn` is told of each."""
    cells = [query, *hits[: MOST - 1]]
    columns = min(COLUMNS, max(2, len(cells)))
    rows = -(-len(cells) // columns)
    width, height = BOX + 2 * PAD, BOX + 2 * PAD + LABEL
    sheet = Image.new("RGB", (GAP + columns * (width + GAP), HEAD + rows * (height + GAP)), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP, HEAD / 2), _fit(title, _font(22), sheet.width - 2 * GAP), INK, _font(22), anchor="lm")
    for number, cell in enumerate(cells):
        corner = (GAP + number % columns * (width + GAP), HEAD + number // columns * (height + GAP))
        _card(sheet, corner, cell, is_query=number == 0)
        drawn()
    return sheet


def _card(sheet: Image.Image, corner: tuple[int, int], cell: Cell, is_query: bool) -> None:
    left, top = corner
    pen = ImageDraw.Draw(sheet)
    frame = (left, top, left + BOX + 2 * PAD - 1, top + BOX + 2 * PAD + LABEL - 1)
    pen.rounded_rectangle(frame, 8, CARD, ACCENT if is_query else EDGE, 3 if is_query else 1)
    pen.rectangle((left + PAD, top + PAD, left + PAD + BOX - 1, top + PAD + BOX - 1), MATTE)
    image = _small(cell.path)
    if image is None:
        middle = (left + PAD + BOX / 2, top + PAD + BOX / 2)
        pen.text(middle, "no longer readable", FAINT, _font(15), anchor="mm")
    else:
        sheet.paste(image, (left + PAD + (BOX - image.width) // 2, top + PAD + (BOX - image.height) // 2))
    below = top + PAD + BOX + 10
    pen.text((left + PAD, below), _fit(cell.name, _font(16), BOX), INK, _font(16))
    for number, line in enumerate(cell.lines[:2]):
        ink = ACCENT if is_query else FAINT
        pen.text((left + PAD, below + 22 + 19 * number), _fit(line, _font(14), BOX), ink, _font(14))


def _small(path: Path) -> Image.Image | None:
    try:
        image = canonical(load(path)[0], FOLDER_LIMITS, FOLDER_FORMATS)
    except (Refusal, OSError):
        return None
    scale = min(BOX / image.width, BOX / image.height)
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _fit(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """The text, its middle left out where it is too long: the ends of file names tell them apart."""
    if font.getlength(text) <= width:
        return text
    kept = len(text)
    while kept > 2 and font.getlength(_elided(text, kept)) > width:
        kept -= 1
    return _elided(text, kept)


def _elided(text: str, kept: int) -> str:
    return f"{text[: -(-kept // 2)]}…{text[len(text) - kept // 2 :]}"
