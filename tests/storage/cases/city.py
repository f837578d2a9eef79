"""A firm with people, and alarms of it in the store."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.alarms.registry.firm import registry

from wattwarden.alarms.cases.bodies import Action, Cause, Fault, Verb
from wattwarden.alarms.decisions.bodies import Absence, Declaration
from wattwarden.alarms.decisions.body import NEW, Scope
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.registry import save_registry

RAISED: Final = datetime(2026, 11, 22, 1, tzinfo=UTC)
LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)
EXPLAINED: Final = (
    '{"zh": "风机未运行", "en": "the fan is off", "signals": {}, "thresholds": {}, "windows": {}}'
)
PEOPLE: Final = (
    Person(id="P3", name="张三", role=Role.HEAD, enterprise="E1"),
    Person(id="P4", name="赵六", role=Role.DUTY, enterprise="E2"),
    Person(id="P5", name="周局", role=Role.LEADER, agency="A"),
)
NEEDED: Final[dict[Verb, dict[str, Any]]] = {
    Verb.HANDLE: {"reason": "皮带断裂", "cause": Cause.AGEING},
    Verb.RECTIFY: {"reason": "已更换"},
    Verb.VERIFY: {"fault": Fault.ENTERPRISE},
    Verb.REJECT: {"reason": "不清楚"},
    Verb.CLOSE: {"reason": "无异常"},
    Verb.COMMENT: {"reason": "备注"},
}


def known() -> Registry:
    return registry(*[("person", one) for one in PEOPLE])


async def with_firm(store: Connection) -> None:
    await save_registry(store, difference(Registry(), known()), "me", now=LONG_AGO)


def after(minutes: float) -> datetime:
    return RAISED + timedelta(minutes=minutes)


async def with_alarm(
    store: Connection, rule: str = "R2", *, at: float = 0, ended: float | None = None, **more: Any
) -> int:
    """Store an alarm of E1's fan, raised and ended so many minutes after ``RAISED``."""
    values: dict[str, Any] = {
        "rule": rule,
        "subject": "unit:U2",
        "kind": "",
        "began": after(at - 5),
        "enterprise": "E1",
        "line": "L1",
        "raised": after(at),
        "ended": None if ended is None else after(ended),
        "found_in": "readings",
        "version": "1",
        "explanation": EXPLAINED,
        **more,
    }
    names = ", ".join(values)
    marks = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    number: int = await store.fetchval(
        f"INSERT INTO alarm ({names}) VALUES ({marks}) RETURNING id",  # noqa: S608  ours
        *values.values(),
    )
    return number


def action(number: int, verb: Verb, **more: Any) -> Action:
    return Action(id=NEW, alarm=str(number), verb=verb, **(NEEDED.get(verb, {}) | more))


def declaration(**more: Any) -> Declaration:
    values: dict[str, Any] = {
        "id": NEW,
        "scope": Scope.UNIT,
        "subject": "U2",
        "kind": Absence.MAINTENANCE,
        "start": after(-30),
        "end": after(300),
        "reason": "检修",
    }
    return Declaration(**(values | more))
