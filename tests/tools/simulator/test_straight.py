"""What a direct simulation is asked for: where it begins, where it stops, what it refuses."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.server.fakes import FakeJournal
from tests.tools.simulator.worlds import FACTORY, world

from wattwarden.protocol.envelope import FORMAT, Tick
from wattwarden.server.settings import Settings
from wattwarden.storage.database import connect
from wattwarden.storage.system_time import system_now
from wattwarden.tools.errors import CommandError
from wattwarden.tools.simulator import straight
from wattwarden.tools.simulator.direct import Direct
from wattwarden.tools.simulator.frames import Frames
from wattwarden.tools.simulator.house import Reached, write_reached
from wattwarden.tools.simulator.options import AS_WRITTEN, Straight

DAY_S = 86_400


def asked(data: Path, **more: Any) -> None:
    straight.simulate_straight(
        world(FACTORY).scenario, AS_WRITTEN, Straight(direct=True, **more), Settings(data=data)
    )


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(CommandError, match="is not empty"):
        asked(tmp_path)


def test_going_on_where_nothing_stopped_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no simulation has stopped"):
        asked(tmp_path, resume=True)


def test_going_on_with_another_scenario_is_refused(tmp_path: Path) -> None:
    write_reached(tmp_path, Reached("other", 7, 60))
    with pytest.raises(CommandError, match="holds other with seed 7"):
        asked(tmp_path, resume=True)


def test_going_on_behind_the_end_is_refused(tmp_path: Path) -> None:
    write_reached(tmp_path, Reached("scenario", 1, 3 * DAY_S))
    with pytest.raises(CommandError, match="nothing is left"):
        asked(tmp_path, resume=True)


def test_a_moment_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--until: 'noon' is no moment"):
        asked(tmp_path / "new", until="noon")


def test_time_does_not_go_back_behind_a_system_that_ran_since(tmp_path: Path) -> None:
    tick = Tick(FORMAT, 9, 1_000_060, 60)
    straight.check_tick(None, 1_000_000, tmp_path)
    straight.check_tick(tick, 1_000_060, tmp_path)
    with pytest.raises(CommandError, match="a system has run in"):
        straight.check_tick(tick, 1_000_000, tmp_path)


@pytest.mark.parametrize("begin", [0, 3600], ids=["new", "resumed"])
async def test_who_acts_while_it_holds_acts_in_the_simulated_time(
    store_dsn: str, begin: int
) -> None:
    made = world(FACTORY)
    store = await connect(store_dsn, name="test")
    await straight._mark_and_enter(store, made, begin)
    assert bool(await store.fetchval("SELECT count(*) FROM registry_entry")) == (begin == 0)
    second = made.midnight_ms // 1000 + 7200
    await store.execute("INSERT INTO journal_position (shard, sequence, tick) VALUES (0, 0, 1)")
    await store.execute("INSERT INTO tick VALUES (0, 1, $1, 1)", second)
    assert await system_now(store) == datetime.fromtimestamp(second, UTC)
    await store.close()


async def test_an_order_to_stop_is_obeyed_after_the_minute_that_is_written() -> None:
    made = world(FACTORY)
    journal, stop = FakeJournal(), asyncio.Event()
    direct = Direct(journal, 1, Frames(made.site), None)
    house = cast("Any", SimpleNamespace())

    def seen(frames: int) -> None:
        if frames > 10:
            stop.set()

    reached = await straight._run_through(made, (0, 3600), house, direct, (seen, stop))
    assert 120 <= reached <= 240
    assert direct.tick == reached // 60
