"""The command for near copies: group them, move them away, bring them back."""

import os
import sys
from pathlib import Path

import click

from ..collection import Collection
from ..duplicates import LIST, Group, Step, carry_out, groups, outside, plan_moves, take_back
from ..folders import PictureFile, Unread
from .common import (
    AnyPath,
    command,
    complain,
    complain_of,
    counted,
    database_option,
    emit,
    json_option,
    opened,
    progress,
    shown,
    size_of,
    tell_outdated,
    within_option,
)


@click.command()
@database_option
@within_option
@click.option(
    "--move-to", "folder", metavar="DIR", type=AnyPath, help="Move the copies there, all but the one to keep."
)
@click.option("--dry-run/--no-dry-run", default=True, show_default=True, help="Only say what would be moved.")
@click.option(
    "--take-back", "moved", metavar="CSV", type=AnyPath, help="Move back what that list, DIR/moved.csv, says was moved."
)
@json_option
def duplicates(
    database: Path, within: int, folder: Path | None, dry_run: bool, moved: Path | None, as_json: bool
) -> None:
    """Group near copies around the one to keep: the largest, then the oldest."""
    if moved is not None:
        if folder is not None or not dry_run:
            raise click.UsageError("--take-back goes alone.")
        _take_back(moved, as_json)
        return
    if folder is None and not dry_run:
        raise click.UsageError("--no-dry-run needs --move-to.")
    with opened(database) as collection:
        tell_outdated(collection)
        pictures = _there(collection.pictures())
        if folder is not None:
            pictures = outside(pictures, folder)
        with progress(len(pictures), "Comparing") as step:
            found = list(groups(pictures, within, step))
        if folder is None:
            _tell_groups(found, as_json)
        elif dry_run:
            _tell_moves(found, plan_moves(found, folder), as_json)
        else:
            _move(collection, found, folder, as_json)


def _there(pictures: list[PictureFile]) -> list[PictureFile]:
    """Those whose files are still there: what is kept must not be a file that is gone."""
    there = [one for one in pictures if os.path.lexists(one.path)]
    if gone := len(pictures) - len(there):
        what = counted(gone, "picture is not where it was", "pictures are not where they were")
        complain(f"{what}, and left out: please index the folder above again.")
    return there


def _tell_groups(found: list[Group], as_json: bool) -> None:
    for group in found:
        if as_json:
            near = [{"path": str(copy.picture.path), "distance": copy.distance} for copy in group.copies]
            emit(keep=str(group.keep.path), duplicates=near)
        else:
            click.echo(f"keep {shown(group.keep.path)}  ({size_of(group.keep)})")
            for copy in group.copies:
                click.echo(f"{copy.distance:4} {shown(copy.picture.path)}  ({size_of(copy.picture)})")
    if not as_json:
        click.echo(f"{_copies(_count(found))} in {counted(len(found), 'group', 'groups')}")


def _tell_moves(found: list[Group], steps: list[Step], as_json: bool) -> None:
    if as_json:
        _emit_moves(found, {step.copy.path: step.target for step in steps}, moved=False)
        return
    for step in steps:
        click.echo(f"would move {shown(step.copy.path)} -> {shown(step.target)}  (keeps {shown(step.keep.path)})")
    click.echo(f"Nothing was moved. --no-dry-run moves {_copies(len(steps))}.")


def _move(collection: Collection, found: list[Group], folder: Path, as_json: bool) -> None:
    steps = plan_moves(found, folder)
    moved: dict[Path, Path] = {}
    stayed: list[Unread] = []
    try:
        with progress(len(steps), "Moving") as tick:

            def done(step: Step, error: str | None) -> None:
                tick()
                if error is None:
                    moved[step.copy.path] = step.target
                else:
                    stayed.append(Unread(step.copy.path, f"{error} It stays where it is."))

            if steps:
                carry_out(steps, folder, done)
    finally:
        collection.forget(moved)
    complain_of(stayed)
    if as_json:
        _emit_moves(found, moved, moved=True)
    else:
        for source, target in moved.items():
            click.echo(f"moved {shown(source)} -> {shown(target)}")
        click.echo(f"Moved {_copies(len(moved))}, left {len(stayed)} in place.")
        if moved:
            back = command("duplicates", "--take-back", folder / LIST, on_site=False)
            click.echo(f"To take it back: {back}")
    if stayed:
        sys.exit(2)


def _emit_moves(found: list[Group], targets: dict[Path, Path], moved: bool) -> None:
    for group in found:
        near = [
            {
                "path": str(copy.picture.path),
                "distance": copy.distance,
                "to": str(targets[copy.picture.path]) if copy.picture.path in targets else None,
                "moved": moved and copy.picture.path in targets,
            }
            for copy in group.copies
        ]
        emit(keep=str(group.keep.path), duplicates=near)


def _take_back(path: Path, as_json: bool) -> None:
    stayed: list[Unread] = []
    back = 0

    def done(origin: Path, target: Path, error: str | None) -> None:
        nonlocal back
        back += error is None
        if error is not None:
            stayed.append(Unread(target, error))
        if as_json:
            emit(path=str(origin), moved=str(target), back=error is None, error=error)

    take_back(path, done)
    complain_of(stayed)
    if not as_json:
        click.echo(f"Moved {counted(back, 'picture', 'pictures')} back. Index again to find them.")
    if stayed:
        sys.exit(2)


def _count(found: list[Group]) -> int:
    return sum(len(group.copies) for group in found)


def _copies(number: int) -> str:
    return counted(number, "near copy", "near copies")
