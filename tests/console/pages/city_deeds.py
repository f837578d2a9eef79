"""What people of the city did about what was wrong."""

from datetime import timedelta
from typing import Final

from tests.console.pages.city import NOW

from wattwarden.alarms.cases.bodies import Action, Cause, Verb
from wattwarden.alarms.decisions.bodies import (
    Absence,
    Consumable,
    Declaration,
    Measure,
    Plan,
    WarningLevel,
)
from wattwarden.alarms.decisions.body import NEW, Body, Scope
from wattwarden.alarms.enforcement.bodies import Task
from wattwarden.alarms.responses.bodies import Response
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.together import declare
from wattwarden.storage.database import Connection

_TOMORROW: Final = NOW + timedelta(hours=13)
_LIFTED: Final = NOW + timedelta(hours=85)
_RESPONSE: Final = Response(id="RE1", level=WarningLevel.ORANGE, start=_TOMORROW, end=_LIFTED)
_LIMIT: Final = Plan(
    id=NEW,
    measure=Measure.LIMIT,
    scope=Scope.LINE,
    subject="QH-L1",
    reduction=0.3,
    base_energy=4_100_000.0,
    start=_TOMORROW,
    end=_LIFTED,
)
_CARBON: Final = Consumable(
    id="CS1",
    unit="QH-T1",
    kind="carbon",
    replaced_at=NOW - timedelta(days=40),
    limit_hours=60.0,
)
_MENDED: Final = Declaration(
    id=NEW,
    scope=Scope.UNIT,
    subject="CY-T1",
    kind=Absence.MAINTENANCE,
    start=NOW - timedelta(minutes=92),
    end=NOW + timedelta(hours=4),
    reason="变频器检修，今日完成",
)


async def with_deeds(store: Connection, alarms: dict[str, int]) -> None:
    """Let them do it; ``alarms`` are the numbers by units."""

    async def did(person: str, minutes: float, body: Body) -> None:
        await decide(store, body, person, NOW - timedelta(minutes=minutes))

    def ack(unit: str, said: str = "") -> Action:
        return Action(id=NEW, alarm=str(alarms[unit]), verb=Verb.ACK, reason=said)

    await did("leader", 360, _RESPONSE)
    await did("zhou", 360, _LIMIT)
    await did("sun", 300, _CARBON)
    await did("zhao", 140, ack("HC-T1"))
    await did("sun", 44, ack("QH-T1", "跳闸，已叫电工到现场。"))
    await did("gao", 20, ack("BL-T1"))
    await did("liang", 80, ack("CY-T1"))
    number = str(alarms["HC-T1"])
    why = "风机轴承抱死，正在更换"
    handled = Action(id=NEW, alarm=number, verb=Verb.HANDLE, reason=why, cause=Cause.BREAKAGE)
    await did("zhao", 90, handled)
    await declare(store, _MENDED, alarms["CY-T1"], "liang", NOW - timedelta(minutes=60))
    text = "沧河宏晟水泥有限公司多次报警，请前往现场调查原因。"
    await did("zhou", 30, Task(id=NEW, enterprise="HC", text=text, alarms=(number,)))
