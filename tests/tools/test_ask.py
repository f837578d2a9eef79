"""The commands by which meters are asked: what is queued, what is refused, what is shown."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest
from tests.alarms.registry.firm import registry
from tests.storage.acting.two_firms import LONG_AGO, MORE
from tests.tools.conftest import Execute

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.registry.registry import save_registry
from wattwarden.tools.main import main


@pytest.fixture
def firms(store_dsn: str, where: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Two firms, and a meter on which the first has points."""

    async def enter() -> None:
        connection = await asyncpg.connect(store_dsn)
        await save_registry(connection, difference(Registry(), registry(*MORE)), "me", now=LONG_AGO)
        await connection.close()

    asyncio.run(enter())
    assert main(["meters", "add", "acrel:M1", *where]) == 0
    capsys.readouterr()
    return where


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> list[dict[str, Any]]:
    assert main([*words, "--json"]) == status, capsys.readouterr().err
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_is_asked_waits_and_is_listed_shown_and_taken_back(
    firms: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ("ask", "acrel:M1/1", "0x14:3", "--wait", "0", "--expires", "2h", *firms)
    (asked,) = said(capsys, *ask)
    assert (asked["state"], asked["verb"], asked["items"], asked["channel"]) == (
        "queued", "ask", ["0x14:3"], "1",
    )  # fmt: skip
    assert asked["by"].startswith("operator:")
    (told,) = said(capsys, "set", "acrel:M1", "0x1001=5", "--as", "city", "--wait", "0", *firms)
    assert (told["by"], told["values"]) == ("city", {"0x1001": "5"})
    listed = said(capsys, "commands", "list", "acrel:M1", *firms)
    assert [one["id"] for one in listed] == [told["id"], asked["id"]]
    number = str(told["id"])
    (gone,) = said(capsys, "commands", "cancel", number, "--as", "admin", *firms)
    assert gone["state"] == "cancelled"
    (shown,) = said(capsys, "commands", "show", number, *firms, status=1)
    assert [(one["what"], one["by"]) for one in shown["record"]] == [
        ("entered", "city"), ("cancelled", "admin"),
    ]  # fmt: skip
    assert said(capsys, "commands", "list", "--state", "cancelled", *firms)[0]["id"] == told["id"]


def test_people_see_the_commands_of_their_own_meters(
    firms: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "ask", "acrel:M1", "0x14", "--wait", "0", *firms)
    assert len(said(capsys, "commands", "list", "--as", "district1", *firms)) == 1
    assert said(capsys, "commands", "list", "--as", "district2", *firms) == []
    assert main(["commands", "show", "1", "--as", "district2", *firms]) == 1
    assert "没有这条命令" in capsys.readouterr().err
    assert main(["commands", "list", "--as", "duty1", *firms]) == 1
    assert "无权查看" in capsys.readouterr().err


def test_people_read_what_became_of_it(
    firms: list[str], execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "ask", "acrel:M1", "0x14", "--wait", "0", *firms)
    assert main(["commands", "show", "1", *firms]) == 0
    assert "等待设备上线" in capsys.readouterr().out
    execute(
        "UPDATE command SET state = 'answered', reply = $1",
        json.dumps({"values": {"0x14": [2301], "x": 1.5, "y": {"z": "t"}}, "message": ""}),
    )
    assert main(["commands", "list", *firms]) == 0
    listed = capsys.readouterr().out
    assert "已应答" in listed
    assert "0x14 2301, x 1.5, y z t" in listed


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["ask", "acrel:M1", "nonsense"], "0x0014:3", id="no item"),
        pytest.param(["ask", "acrel:M1"], "at least one", id="nothing"),
        pytest.param(["ask", "acrel:M9", "1"], "meters list", id="no meter"),
        pytest.param(["ask", "acrel:M1", "1", "--expires", "90d"], "31d", id="too patient"),
        pytest.param(["ask", "acrel:M1", "1", "--expires", "x"], "no time", id="no time"),
        pytest.param(["ask", "acrel:M1", "1", "--wait", "-1"], "--expires", id="no wait"),
        pytest.param(
            ["ask", "acrel:M1", "1", "--as", "duty1"], "nothing was changed", id="a firm's person"
        ),
        pytest.param(["set", "acrel:M1", "x", "--as", "city"], "NAME=VALUE", id="no setting"),
        pytest.param(
            ["set", "acrel:M1", "1=1", "--as", "fitter1"], "command.set", id="who maintains"
        ),
        pytest.param(
            ["recall", "acrel:M1", "minute", "--since", "-2h"], "no history", id="no history"
        ),
        pytest.param(["recall", "acrel:M1", "minute"], "--since", id="since when"),
        pytest.param(["commands", "show", "9"], "commands list", id="no command"),
        pytest.param(["commands", "cancel", "9", "--as", "city"], "commands list", id="no such"),
    ],
)
def test_a_refusal_says_what_to_do(
    firms: list[str], capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert main([*words, *firms]) in (1, 2)
    assert says in capsys.readouterr().err
    assert said(capsys, "commands", "list", *firms) == []


def test_what_a_logger_is_asked_of_the_past_is_a_stretch(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["meters", "add", "hj212:L1", *where])
    capsys.readouterr()
    span = ("--since", "2026-11-22 03:00", "--until", "2026-11-22 04:00")
    said(capsys, "recall", "hj212:L1", "minute", *span, "--wait", "0", *where)
    (one,) = said(capsys, "commands", "list", *where)
    assert (one["verb"], one["items"]) == ("recall", ["minute"])


def test_a_meter_shows_what_came_of_its_polls(
    where: list[str], execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["meters", "add", "dtu:861", *where])
    capsys.readouterr()
    assert said(capsys, "meters", "show", "dtu:861", *where)[0]["polls"] is None
    execute("INSERT INTO poll_count VALUES ('dtu', '861', '2026-11-22T03:00:00Z', 9, 7, 2, 1, 0)")
    assert said(capsys, "meters", "show", "dtu:861", *where)[0]["polls"] == {
        "told_at": "2026-11-22T03:00:00Z", "asked": 9, "answered": 7, "timed_out": 2,
        "silenced": 1, "late": 0,
    }  # fmt: skip
