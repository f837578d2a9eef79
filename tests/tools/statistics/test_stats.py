"""``wattwarden stats`` and ``share export``: by whom, of when, in which words."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.alarms.registry.firm import registry
from tests.storage.ledgers.kept import at_time

from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.enforcement.bodies import Inspection
from wattwarden.alarms.enforcement.words import Mode
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Region
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.system_time import mark_simulated
from wattwarden.tools.main import main

Capture = pytest.CaptureFixture[str]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = ("--since", "2026-11-21", "--until", "2026-11-22")
ALARM = (
    "INSERT INTO alarm (rule, subject, kind, began, enterprise, line, raised, ended, found_in,"
    " version, explanation) VALUES ('R2', 'unit:U2', '', $1::timestamptz, 'E1', 'L1', $1, $2,"
    """ 'readings', '1', '{"zh": "停运", "en": "off"}')"""
)
AT = datetime(2026, 11, 21, 2, tzinfo=UTC)


@pytest.fixture
def city(store_dsn: str, where: list[str]) -> list[str]:
    """A store with firms of two agencies, a day of two units, two alarms."""
    made = registry(
        ("agency", Agency(id="A2", name="城阳分局", parent="A", region="R2")),
        ("region", Region(id="R2", name="城阳区", parent="R")),
        ("enterprise", Enterprise(id="E3", name="某车", agency="A2", region="R2", industry="car")),
    )

    async def work() -> None:
        connection = await asyncpg.connect(store_dsn)
        await save_registry(connection, difference(Registry(), made), "me", now=LONG_AGO)
        for unit, at, state in (
            ("U1", AT, "running"),
            ("U2", AT, "running"),
            ("U2", AT.replace(hour=5), "off"),
            ("U2", AT.replace(hour=6), "running"),
        ):
            await connection.execute(
                "INSERT INTO unit_transition VALUES ('E1', $1, $2, $3)", unit, at, state
            )
        await connection.execute(ALARM, AT.replace(hour=5), AT.replace(hour=6))
        await connection.execute(ALARM, AT.replace(hour=15), None)
        await connection.close()

    asyncio.run(work())
    return where


def told(capsys: Capture, *words: str) -> list[dict[str, Any]]:
    assert main(["stats", *words, "--json"]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    return [json.loads(line) for line in out.out.splitlines()]


def test_figures_are_told_with_what_they_are_made_of(city: list[str], capsys: Capture) -> None:
    row, health = told(capsys, *SPAN, *city)
    figures = row["figures"]
    # A day of Shanghai ends at 16:00 UTC; the fan was off for one hour of fourteen.
    synchronous = figures["time"]["synchronous"]
    assert synchronous == {"part": 13 * 3.6e6, "whole": 14 * 3.6e6, "value": 13 / 14}
    assert (figures["alarms"], figures["alarms_open"], figures["by_grade"]) == (2, 1, {"A": 2})
    assert figures["durations"]["mean"] == 3_600_000
    assert figures["standings"]["treatment_off"] == 1
    assert health["health"]["worst"] == [{"rule": "R2", "subject": "unit:U2", "alarms": 2}]
    assert (row["since"], row["until"]) == ("2026-11-20T16:00:00Z", "2026-11-21T16:00:00Z")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--by", "district"), ["R1", "R2"]),
        (("--by", "industry"), ["car", "cement", "paint"]),
        (("--by", "enterprise"), ["E1", "E2", "E3"]),
        (("--by", "enterprise", "--agency", "A2"), ["E3"]),
        (("--by", "enterprise", "--agency", "A"), ["E1", "E2", "E3"]),
        (("--by", "enterprise", "--enterprise", "E2"), ["E2"]),
        (("--by", "enterprise", "--as", "P1"), ["E1", "E2"]),
        (("--by", "enterprise", "--as", "P2"), ["E1"]),
    ],
)
def test_rows_are_of_whom_is_asked_for_and_may_be_seen(
    city: list[str], capsys: Capture, words: tuple[str, ...], names: list[str]
) -> None:
    *rows, _ = told(capsys, *words, *SPAN, *city)
    assert [row["name"] for row in rows] == names


def test_people_read_names_and_percentages(city: list[str], capsys: Capture) -> None:
    assert main(["stats", *SPAN, *city]) == 0
    text = capsys.readouterr().out
    for part in ("同步率", "92.9%", "报警平均时长 min", "60.0", "未开启治污设备", "1 / 3", "洪泛"):
        assert part in text
    assert main(["stats", "--by", "district", *SPAN, *city]) == 0
    text = capsys.readouterr().out
    assert "李沧区" in text
    assert "92.9%" in text
    assert main(["stats", "--by", "enterprise", *SPAN, *city]) == 0
    assert "E1 某水泥" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "what"),
    [
        (("--until", "2099-01-01"), 2, "is to come"),
        (("--since", "2099-01-01"), 2, "nothing between"),
        (("--agency", "A9"), 1, "no agency A9"),
        (("--enterprise", "E9"), 1, "no enterprise E9"),
        (("--as", "P9"), 1, "no person P9"),
        (("--as", "P2", "--enterprise", "E3"), 1, "no enterprise E3"),
        (("--as", "P2", "--agency", "A2"), 1, "无权查看"),
    ],
)
def test_what_cannot_be_counted_is_told_why(
    city: list[str], capsys: Capture, words: tuple[str, ...], status: int, what: str
) -> None:
    assert main(["stats", *words, *city]) == status
    assert what in capsys.readouterr().err


def test_a_shared_file_is_complete_and_the_owners_alone(
    city: list[str], capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "a2.jsonl"
    assert main(["share", "export", str(file), "--agency", "A1", *SPAN, *city]) == 0
    records = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert records[0]["kind"] == "share"
    assert {one["id"] for one in records if one["kind"] == "enterprise"} == {"E1", "E2"}
    assert sum(one["kind"] == "alarm" for one in records) == 2
    assert f"{len(records)} records" in capsys.readouterr().out
    assert file.stat().st_mode & 0o777 == 0o600
    assert main(["share", "export", str(file), "--agency", "A9", *SPAN, *city]) == 1
    assert file.read_text("utf-8").count("\n") == len(records)
    assert list(tmp_path.glob(".*")) == []


async def _looked_now(store_dsn: str) -> None:
    connection = await asyncpg.connect(store_dsn)
    await mark_simulated(connection)
    await at_time(connection, AT)
    body = Inspection(id=NEW, enterprise="E1", mode=Mode.OFF_SITE, at=AT)
    await decide(connection, body, "P1", AT)
    await connection.close()


@pytest.mark.parametrize("words", [(), ("--until", "now")], ids=["until left out", "until now"])
def test_what_was_entered_at_this_very_moment_is_counted(
    city: list[str], store_dsn: str, capsys: Capture, words: tuple[str, ...]
) -> None:
    asyncio.run(_looked_now(store_dsn))
    row, _ = told(capsys, *words, *city)
    assert row["enforced"]["off_site_times"] == 1
    assert row["until"] == "2026-11-21T02:00:00Z"


def test_priorities_and_sorts_are_told_in_chinese(city: list[str], capsys: Capture) -> None:
    assert main(["stats", *SPAN, *city]) == 0
    text = capsys.readouterr().out
    for part in ("优先级 高", "优先级 中", "及时核实率", "管理类提醒时长", "台账补录"):
        assert part in text
    assert "优先级 high" not in text
