"""Every benchmark runs, in small, and says what was reached: figures in README are theirs."""

import json
import re
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from moderation.canonical import canonical
from moderation.drawing import draw, draw_indecent
from moderation.errors import Refusal
from tests.benchmarks import engines, grid, load, precision, recall, start, sweep
from tests.benchmarks.attacks import ATTACKS, GROUPS, blocked
from tests.benchmarks.codes import real, real_like, unevenness
from tests.benchmarks.drawings import low_detail

from .conftest import copied, save


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drawn pictures, in place of photographs."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(8):
        (folder / f"Faces_{seed}.jpg").write_bytes(save(draw(seed, 240)))
        (folder / f"other_{seed}.jpg").write_bytes(save(draw_indecent(seed, 240)))
    return folder


def rows(said: str) -> dict[str, list[str]]:
    """By the first cell, the other cells of each row of each table."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in said.splitlines() if line[:1] == "|"]
    return {first: rest for first, *rest in cells}


def test_recall_says_of_each_attack_what_was_refused_and_found(pictures, capsys, tmp_path):
    words = ["--photos", str(pictures), "--number", "4", "--others", "60", "--json", str(tmp_path / "recall.json")]
    recall.main([*words, "--only", "JPEG q50", "mirror", "window 20", "cut out, on transparency"])
    said = capsys.readouterr().out
    table = rows(said)
    assert table["JPEG q50"][:4] == ["100.0%", "100.0%", "99.5%", "reached"]
    assert table["mirror"][:4] == ["100.0%", "100.0%", "99.0%", "reached"]
    assert table["mirror"][-1] == "whole, mirrored against whole"
    assert table["window 20"][2] == "", "nothing is promised"
    assert "Entries of other pictures that matched, in 16 uploads: 0." in said
    assert len(json.loads((tmp_path / "recall.json").read_text())["outcomes"]) == 16


def test_every_attack_makes_a_picture_that_the_site_accepts_the_same_each_time():
    image = draw(3, 240)
    assert {attack.group for attack in ATTACKS} == set(GROUPS)
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    for attack in ATTACKS:
        data = attack(image, 5)
        assert data == attack(image, 5), attack.name
        try:
            canonical(data)
            canonical(blocked(image, attack.shape))
        except Refusal as error:
            pytest.fail(f"{attack.name}: {error}")


def test_precision_counts_pairs_and_not_those_that_are_copies(pictures, capsys, tmp_path):
    (pictures / "Faces_copy.jpg").write_bytes(save(draw(0, 200), quality=60))
    try:
        copies = tmp_path / "copies.csv"
        copies.write_text("one,other,what they are\nFaces_0.jpg,Faces_copy.jpg,one picture\n")
        precision.main(["--photos", str(pictures), "--copies", str(copies), "--drawn", "70"])
        known = capsys.readouterr().out
        copies.write_text("one,other,what they are\n")
        precision.main(["--photos", str(pictures), "--copies", str(copies), "--drawn", "70"])
        unknown = capsys.readouterr().out
    finally:
        (pictures / "Faces_copy.jpg").unlink()
    assert rows(known)["all"][0] == "135", "of 17 pictures 136 pairs, less the copies"
    assert rows(known)["two faces"][0] == "35"
    assert rows(known)["all"][2:4] == ["0", "0"]
    assert "No pair refused that is not a copy: reached" in known
    assert "pairs of different ones match: reached" in known
    assert rows(unknown)["all"][2:4] == ["0", "1"]
    assert "No pair refused that is not a copy: **missed**" in unknown


def test_a_start_is_measured_in_a_process_of_its_own(pictures, capsys):
    start.main(["--photos", str(pictures), "--entries", "80", "--rounds", "1"])
    entries, codes, ready, *_ = capsys.readouterr().out.splitlines()[-3].strip("| ").split(" | ")
    assert (entries, float(ready) > 0) == ("80", True)
    assert 30 * 80 < int(codes.replace(",", "")) < 50 * 80


def test_a_sweep_is_measured_on_copies_that_it_takes_down(pictures, capsys):
    sweep.main(["--photos", str(pictures), "--pictures", "60", "--marks", "2"])
    assert rows(capsys.readouterr().out)["a mark returns"][-1] == "reached"


def test_a_grid_is_measured_alone_and_in_company(capsys):
    grid.main(["--pictures", "200", "--rounds", "10", "--grids", "2", "--seconds", "1"])
    said = capsys.readouterr().out
    table = rows(said)
    assert {"a poll that finds nothing new", "a poll with five newcomers", "the first page"} <= set(table)
    assert table["upload"][0] == "3", "10,000 an hour"
    assert said.endswith("Each grid has heard of every upload: reached.\n")


def test_a_site_under_load_is_measured_with_its_memory_and_a_large_one_beside_it(long, database, request, capsys, tell):
    words = [] if long else ["--seconds", "6", "--warm-up", "3", "--grids", "2", "--pictures", "2000"]
    with ExitStack() as stack:
        if database == "postgresql":
            words += ["--database", stack.enter_context(copied(request.getfixturevalue("postgres")))]
        load.main(words)
    said = capsys.readouterr().out
    if long:
        tell(said)
    table = rows(said)
    assert {"upload", "poll of a grid", "mark", "statistics"} <= set(table)
    assert "Errors: 0, to reach: 0, reached." in said
    assert len([name for name in table if name.isdecimal()]) == load.WORKERS
    assert {"the grid's first page", "statistics of 30 days", "statistics of the whole year"} <= set(table)


def test_bounds_are_those_of_the_books():
    assert precision.bound(0, 1_000_000) == pytest.approx(3.0e-6, rel=0.01)
    assert precision.bound(5, 100) == pytest.approx(0.1051, rel=0.001)


def test_engines_are_measured_beside_each_other(pictures, capsys):
    engines.main(["--photos", str(pictures), "--sizes", "300", "--lookups", "12"])
    said = capsys.readouterr().out
    assert {line.split("|")[2].strip() for line in said.splitlines() if line.startswith("| 300")} >= {
        "multi-index",
        "numpy scan",
        "BK-tree",
    }
    assert not re.search(r"found \d+ of \d+", said), "all find the same"


def test_real_like_codes_are_as_often_one_and_share_keys_more_often_than_uniform_ones(pictures):
    known = real(sorted(pictures.glob("*.jpg")))
    rng = np.random.default_rng(1)
    made, uniform = real_like(known, 20_000, rng), rng.integers(0, 2**64, 20_000, np.uint64)
    ones = [np.unpackbits(codes.view(np.uint8).reshape(-1, 8), axis=1).mean(axis=0) for codes in (known, made)]
    assert np.abs(ones[0] - ones[1]).max() < 0.1
    assert unevenness(made) > unevenness(uniform)


def test_drawings_of_low_detail_are_all_different():
    drawn = [image.tobytes() for _, image in low_detail(140)]
    assert len(set(drawn)) == 140
