"""The demonstration: what it sets up, what it says, and where its logs go."""

import asyncio
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from wattwarden.alarms.routing.table import default_text
from wattwarden.storage.errors import StorageError
from wattwarden.storage.warden.listing import ListedAlarm
from wattwarden.tools import demo, logfile
from wattwarden.tools.errors import CommandError
from wattwarden.tools.main import main
from wattwarden.tools.simulator.moments import midnight_ms
from wattwarden.tools.simulator.world import World

# 2026-11-22 was a Sunday; the second is minutes before midnight.
MOMENTS = [datetime(2026, 11, 22, 1, 30, tzinfo=UTC), datetime(2026, 11, 23, 15, 52, tzinfo=UTC)]


def world(now: datetime) -> World:
    scenario = demo.demonstration(now)
    return World(scenario, begin_s=now.timestamp() - midnight_ms(scenario.start) / 1000)


@pytest.mark.parametrize("now", MOMENTS, ids=["Sunday morning", "before midnight"])
def test_five_offences_begin_within_half_an_hour_whenever_it_is_called(now: datetime) -> None:
    truth = world(now).truth()
    assert sorted(one.rule for one in truth) == ["R1", "R2", "R3", "R4", "R5"]
    waits = [one.onset_ms / 1000 - now.timestamp() for one in truth]
    assert min(waits) > 0
    assert max(waits) < 1_800
    assert all(one.end_ms / 1000 > now.timestamp() + 3_600 for one in truth)


@pytest.mark.parametrize("now", MOMENTS, ids=["Sunday morning", "before midnight"])
def test_the_firm_has_run_as_usual_for_a_week(now: datetime) -> None:
    made = world(now)
    assert made.scenario.start == (now + timedelta(hours=8)).date() - timedelta(days=7)
    until_s = int(now.timestamp()) - made.midnight_ms // 1000
    turned_down = made.units.index("DEMO-T4")
    live = [block.live.power[:, turned_down] for block in made.blocks(24, 0, until_s)]
    assert all((part[part >= 0] > 10_000).all() for part in live[:7])
    assert len(live) in {7, 8}


def test_what_is_found_is_told_in_a_line_and_cannot_steer_the_terminal() -> None:
    at = datetime(2026, 11, 22, 4, 5, tzinfo=UTC)
    alarm = ListedAlarm(
        1, "R4", "unit:DEMO-T4", "", "DEMO", "DEMO-L1", at, at, None, 0, None, "1",
        {"en": "it was turned down\x1b[2J"}, None, False, False,  # noqa: FBT003  # a row as stored
    )  # fmt: skip
    assert demo.line_of(alarm) == "  12:05  R4  it was turned down\\x1b[2J"


def test_the_reader_is_left_with_commands_that_there_are(tmp_path: Path) -> None:
    head, *lines = demo.further(tmp_path, world(MOMENTS[0]), 7)
    assert "Ctrl-C" in head
    assert any("alarms show 7" in line for line in lines)
    for line in lines:
        words = line.split()[1:]
        command = words[: words.index("--data")]
        assert main([*command[:1], "--help"]) == 0
        assert words[len(command) + 1] == str(tmp_path)


def test_logs_go_to_the_file_and_errors_to_the_terminal_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "new" / "demo.log"
    with logfile.logged(log):
        os.write(2, b"a role speaks\n")
    os.write(2, b"the command speaks\n")
    assert log.read_text() == "a role speaks\n"
    assert capfd.readouterr().err == "the command speaks\n"


def test_history_is_that_of_whole_days_before_today() -> None:
    assert demo.demonstration(MOMENTS[1]).start == date(2026, 11, 16)


def test_a_routing_table_is_read_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "routing.toml"
    file.write_text(default_text(), encoding="utf-8")
    assert demo.routing_of(file).version == "1"
    file.write_text("chain = 1", encoding="utf-8")
    with pytest.raises(CommandError, match="routing table"):
        demo.routing_of(file)


async def test_a_story_that_breaks_off_ends_the_demonstration() -> None:
    async def broken() -> None:
        raise StorageError("the database is away", retryable=True)

    async def whole() -> None:
        pass

    stop = asyncio.Event()
    await demo.told_whole(whole(), stop)
    assert not stop.is_set()
    with pytest.raises(StorageError, match="away"):
        await demo.told_whole(broken(), stop)
    assert stop.is_set()
