"""docs/officer.md and docs/enterprise.md tell levels and deadlines as they are graded."""

import re
from pathlib import Path
from typing import Final

import pytest

from wattwarden.alarms.cases.grading import load_grading
from wattwarden.alarms.shipped import shipped_text

DOCS: Final = Path(__file__).resolve().parents[3] / "docs"
GRADING: Final = load_grading(shipped_text("cases"))
ROWS: Final = re.findall(
    r"^\| ([A-F]) [^|]*\| ([^|]*) \| (\d+) 小时 \|$",
    (DOCS / "officer.md").read_text("utf-8"),
    re.MULTILINE,
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_officers_read_by_when_which_level_is_reached(row: tuple[str, str, str]) -> None:
    grade, rungs, hours = row
    told = GRADING.classes[grade]
    assert told.handle_s == 3600 * int(hours)
    reached: dict[int, int] = {}
    for rung in told.rungs:
        reached.setdefault(rung.level.value, rung.at_s)
    assert dict(said(rungs)) == reached


def said(rungs: str) -> list[tuple[int, int]]:
    """Return the levels that a row tells, and from which second on."""
    lengths = {"分钟": 60, "小时": 3600}
    return [
        (int(level), int(many) * lengths[unit] if many else 0)
        for many, unit, level in re.findall(r"(?:(\d+) (分钟|小时) )?L(\d)", rungs)
    ]


def test_every_class_is_told() -> None:
    assert [row[0] for row in ROWS] == sorted(GRADING.classes)


def test_firms_read_the_same_deadlines() -> None:
    page = (DOCS / "enterprise.md").read_text("utf-8")
    hours = re.findall(r"^\| [^|]+ \| (\d+) 小时 \|$", page, re.MULTILINE)
    assert [3600 * int(one) for one in hours] == sorted(
        {grade.handle_s for grade in GRADING.classes.values()}
    )
