"""OWASP ASVS 5.0.0, level 2: `asvs.csv` says of each requirement how it is met, and names the tests that show it.

In it are all requirements of levels 1 and 2 of the chapters that apply: validation and business logic (V2), the web
frontend (V3), interfaces (V4), files (V5), authentication (V6), sessions (V7), authorization (V8), self-contained
tokens (V9), communication (V12), configuration (V13), data protection (V14), logging and errors (V16). Not in it are
encoding (V1), OAuth (V10), cryptography (V11), coding and architecture (V15) and WebRTC (V17).
"""

import ast
import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

with (Path(__file__).parent / "asvs.csv").open(newline="") as file:
    TABLE = list(csv.DictReader(file))

NUMBER = {
    **{"V2": 11, "V3": 19, "V4": 10, "V5": 9, "V6": 35, "V7": 18, "V8": 7, "V9": 7, "V12": 9, "V13": 13, "V14": 9},
    "V16": 16,
}
"""How many requirements of levels 1 and 2 each chapter has."""

MET = {"yes", "partly", "no", "not applicable"}


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_requirement_of_the_chapters_is_there_once():
    ids = [row["id"] for row in TABLE]
    assert len(set(ids)) == len(ids)
    assert Counter(id_.split(".")[0] for id_ in ids) == NUMBER
    assert ids == sorted(ids, key=lambda id_: [int(part) for part in id_[1:].split(".")])
    assert {row["level"] for row in TABLE} == {"1", "2"}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["id"])
def test_a_requirement_names_tests_that_there_are_or_says_why_not(row):
    assert row["met"] in MET
    assert row["requirement"]
    assert row["how"]
    named = row["tests"].split()
    for test in named:
        path, _, name = test.partition("::")
        assert name in names_in(path), test
    if row["met"] == "yes":
        assert named, "what is met is shown by a test"
    if row["met"] == "not applicable":
        assert not named


def test_what_is_not_met_is_said_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    missing = [row["id"] for row in TABLE if row["met"] == "no"]
    assert missing
    assert [id_ for id_ in missing if not re.search(rf"\b{re.escape(id_)}\b", readme)] == []
