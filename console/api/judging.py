"""By what readings are judged: the rules in force, and whether a rule file can be used."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from aiohttp import web

from wattwarden.alarms.acting.roles import CITY_WIDE, OFFICERS
from wattwarden.alarms.decisions.bodies import MAX_RULES_LETTERS
from wattwarden.alarms.rulebook import Rule, RuleError, Rules, load_rules
from wattwarden.console.api.asked import Shown, asked_for
from wattwarden.console.api.operation import Operation
from wattwarden.console.api.resource import json_of, tagged
from wattwarden.console.api.rows import Row
from wattwarden.console.api.sent import read, sent_json
from wattwarden.console.routes import FORM_BYTES, Only
from wattwarden.console.rules.norms import TEXT_BYTES, in_force_now, numbers_of
from wattwarden.console.visit import Visit

_AUTHORITY: Final = Only(OFFICERS | CITY_WIDE)


class RuleRow(Row, frozen=True):
    """A rule, its class A to F, and its numbers."""

    id: str
    zh: str
    en: str
    grade: str = msgspec.field(name="class")
    numbers: dict[str, float]


class RulesRow(Row, frozen=True):
    """The rules in force; without `decision` they are those that come with the program."""

    version: str
    decision: int | None
    actor: str | None
    entered_at: datetime | None
    rules: list[RuleRow]
    text: str


class Checking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule file (TOML)."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_RULES_LETTERS)]


class CheckedRow(Row, frozen=True):
    """What a rule file calls itself, and what is wrong with it; nothing where it can be used."""

    version: str
    faults: list[str]


async def show(visit: Visit) -> web.StreamResponse:
    """Tell the rules in force, with their tag."""
    asked_for(Shown, visit)
    async with visit.reading() as (connection, _reader):
        rules, text, entered = await in_force_now(connection)
    told = RulesRow(
        version=rules.version,
        decision=None if entered is None else entered.id,
        actor=None if entered is None else entered.actor,
        entered_at=None if entered is None else entered.entered_at,
        rules=[_row(rules, one) for one in rules.rules.values()],
        text=text,
    )
    return tagged(visit.request, told)


async def check(visit: Visit) -> web.StreamResponse:
    """Say what is wrong with a rule file; nothing is kept of it."""
    asked_for(Shown, visit)
    text = read(await sent_json(visit), Checking).text
    try:
        return json_of(CheckedRow(version=load_rules(text).version, faults=[]))
    except RuleError as error:
        return json_of(CheckedRow(version="", faults=[one.en for one in error.faults]))


def _row(rules: Rules, rule: Rule) -> RuleRow:
    numbers = numbers_of(rules, rule.id)
    return RuleRow(id=rule.id, zh=rule.zh, en=rule.en, grade=rule.grade, numbers=numbers)


JUDGING: Final = (
    Operation(
        method="GET", path="/rules", name="api.rules", group="rules",
        zh="现行规则", en="The rules in force",
        handler=show, needs=_AUTHORITY, told=RulesRow, is_tagged=True,
    ),
    Operation(
        method="POST", path="/rules/check", name="api.rules.check", group="rules",
        zh="检查规则文件，不保存", en="Check a rule file; nothing is kept",
        handler=check, needs=_AUTHORITY, body=Checking, told=CheckedRow,
        body_bytes=TEXT_BYTES + FORM_BYTES,
    ),
)  # fmt: skip
