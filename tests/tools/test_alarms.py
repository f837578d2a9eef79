"""``wattwarden alarms list`` and ``states`` of one enterprise: one that there is."""

import asyncio

import asyncpg
import pytest
from tests.storage.cases.city import with_alarm, with_firm
from tests.tools.conftest import Execute

from wattwarden.tools.main import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def city(store_dsn: str, where: list[str], execute: Execute) -> list[str]:
    """Two firms, one with an alarm and a unit that ran until half a year ago."""

    async def work() -> None:
        connection = await asyncpg.connect(store_dsn)
        await with_firm(connection)
        await with_alarm(connection)
        await connection.close()

    asyncio.run(work())
    execute("INSERT INTO unit_transition (enterprise, unit, at, state)"
            " VALUES ('E1', 'U1', '2026-03-01T00:00Z', 'running')")  # fmt: skip
    return where


@pytest.mark.parametrize("command", [["states"], ["alarms", "list", "--enterprise"]])
def test_an_enterprise_that_is_not_there_is_told_from_one_without_anything(
    city: list[str], capsys: Capture, command: list[str]
) -> None:
    assert main([*command, "E2", *city, "--json"]) == 0
    assert capsys.readouterr().out == ""
    assert main([*command, "E11", *city]) == 1
    said = capsys.readouterr().err
    assert "there is no enterprise E11" in said
    assert "did you mean E1?" in said


def test_a_unit_that_nobody_has_heard_of_for_long_is_offline(
    city: list[str], capsys: Capture
) -> None:
    assert main(["states", "E1", *city, "--json"]) == 0
    assert '"state":"offline"' in capsys.readouterr().out
