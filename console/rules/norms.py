"""The rules in force, the drafts of others, and putting one in force: by two people, never one."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.rights import RIGHTS
from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.decisions.norms import Norm, NormDraft
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.rulebook import RuleError, Rules, default_rules, default_text, load_rules
from wattwarden.console.doors import NOT_FOUND, told
from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered, in_force
from wattwarden.storage.registry.decisions import told as decisions_of
from wattwarden.storage.registry.norms import find_draft

# The shipped file has a tenth of that.
TEXT_BYTES: Final = 262_144
REASON_LETTERS: Final = 500


async def show(visit: Visit) -> web.StreamResponse:
    """Show the rules in force and all drafts."""
    return await _page(visit, "", "", [])


async def propose(visit: Visit) -> web.StreamResponse:
    """Propose a rule file; whoever it is, somebody else puts it in force."""
    text, reason = str(visit.form.get("text", "")), visit.field("reason")
    text = text.replace("\r\n", "\n")
    try:
        version = load_rules(text).version.rpartition("+")[0]
    except RuleError as error:
        faults = [(f"文件不可用：{one}", one) for one in error.faults]
        return await _page(visit, text, reason, faults)
    if not reason or len(reason) > REASON_LETTERS:
        return await _page(visit, text, reason, [("请说明理由。", "Say why.")])
    body = NormDraft(id=NEW, norm=Norm.RULES, version=version, text=text, reason=reason)
    try:
        await visit.act(body)
    except RefusedError as error:
        refused = [(one.zh, one.en) for one in error.problems]
        return await _page(visit, text, reason, refused)
    return visit.go(visit.url("rules"))


async def activate(visit: Visit) -> web.StreamResponse:
    """Put in force what somebody else proposed."""
    async with visit.reading() as (connection, _reader):
        found = await find_draft(connection, visit.field("draft"))
    if found is None or found[1].norm is not Norm.RULES:
        raise NOT_FOUND
    drafted = found[1]
    body = RuleSet(version=drafted.version, text=drafted.text, draft=drafted.id)
    try:
        await visit.act(body)
    except RefusedError as error:
        return await _page(visit, "", "", [(one.zh, one.en) for one in error.problems])
    return visit.go(visit.url("rules"))


async def _page(
    visit: Visit, text: str, reason: str, refused: list[tuple[str, str]]
) -> web.Response:
    async with visit.reading() as (connection, _reader):
        rules, standing, entered = await in_force_now(connection)
        drafts = await decisions_of(
            connection, [NormDraft.kind_name], where={"norm": Norm.RULES.value}
        )
        decided = await decisions_of(connection, [RuleSet.kind_name])
    done = {str(getattr(one.body, "draft", "")): one for one in decided}
    role = visit.person.role
    shown = {
        "rules": rules,
        "entered": entered,
        "drafts": [(one, done.get(str(getattr(one.body, "id", "")))) for one in reversed(drafts)],
        "numbers": {one: numbers_of(rules, one) for one in rules.rules},
        "text": text or standing,
        "reason": reason,
        "refused": told(refused),
        "proposes": role in RIGHTS[NormDraft.kind_name],
        "decides": role in RIGHTS[RuleSet.kind_name],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return visit.page("rules/rules.html", shown, status)


async def in_force_now(connection: Connection) -> tuple[Rules, str, Entered | None]:
    """Return the rules in force, their text and decision; the shipped ones have none.

    Raises:
        StorageError: The database is away.
    """
    found = [
        (one, one.body)
        for one in await in_force(connection, RuleSet.kind_name)
        if isinstance(one.body, RuleSet)
    ]
    if not found:
        return default_rules(), default_text(), None
    entered, body = found[-1]
    return load_rules(body.text), body.text, entered


def numbers_of(rules: Rules, rule: str) -> dict[str, float]:
    """Return the numbers of a rule by their short names."""
    start = f"{rule}."
    return {
        name.removeprefix(start): number
        for name, number in rules.numbers.items()
        if name.startswith(start)
    }
