"""Rules, dashboard and docs name what is told, and nothing else."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from wattwarden.server.memory import WardenCounters
from wattwarden.server.metrics.families import (
    FAMILIES,
    FAMILIES_BY_ROLE,
    PREFIX,
    WARDEN_MEANINGS,
    WRITER_MEANINGS,
    Kind,
)
from wattwarden.storage.rows.counters import WriterCounters

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "deploy/prometheus/wattwarden.rules.yml"
BOARD = ROOT / "deploy/grafana/wattwarden.json"
GUIDE = ROOT / "docs/observability.md"
NAME = re.compile(r"\bwattwarden_\w+")
SERIES = re.compile(r"\b(wattwarden_\w+)(?:{([^}]*)})?")
BY = re.compile(r"\b(?:by|without) \(([^)]*)\)")
PARTS = ("_bucket", "_sum", "_count")


def family_of(name: str) -> str:
    """The name in the table under which a series is told."""
    short = name.removeprefix(PREFIX)
    for part in PARTS:
        whole = short.removesuffix(part)
        if whole != short and whole in FAMILIES and FAMILIES[whole].kind is Kind.HISTOGRAM:
            return whole
    return short


def expressions() -> list[str]:
    """Every query of the rules and of the dashboard."""
    rules = re.findall(r"expr: (?:>-\n)?((?:.|\n)*?)\n +(?:for|labels):", RULES.read_text())
    board = json.loads(BOARD.read_text())
    panels = [t["expr"] for panel in board["panels"] for t in panel.get("targets", ())]
    return [*rules, *panels]


def test_rules_and_dashboard_were_found() -> None:
    assert len(expressions()) > 60


@pytest.mark.parametrize("expression", expressions())
def test_every_query_asks_for_what_is_told(expression: str) -> None:
    known = {"role", "le"}
    for name, conditions in SERIES.findall(expression):
        family = FAMILIES[family_of(name)]
        named = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", conditions))
        assert named <= {*family.labels, "role", "le"}, name
        known |= set(family.labels)
    asked = {label.strip() for labels in BY.findall(expression) for label in labels.split(",")}
    assert asked <= known


def test_the_guide_tells_every_name_and_no_other() -> None:
    told = {family_of(name) for name in NAME.findall(GUIDE.read_text())}
    assert told == set(FAMILIES)


def test_no_two_roles_tell_one_name_in_two_ways() -> None:
    assert len(FAMILIES) == sum(map(len, FAMILIES_BY_ROLE.values()))


def test_every_counter_of_writer_and_warden_is_told() -> None:
    assert {one.name for one in fields(WriterCounters)} == {*WRITER_MEANINGS, "decoded"}
    assert {one.name for one in fields(WardenCounters)} == set(WARDEN_MEANINGS)
