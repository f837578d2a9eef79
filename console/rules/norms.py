"""The rules in force, the drafts of others, and putting one in force: by two people, never one."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.rights import RIGHTS
from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.decisions.norms import Norm, NormDraft
from wattwarden.alarms.rulebook import RuleError, Rules, default_rules, default_text, load_rules
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.board.rows import person_of
from wattwarden.console.doors import told
from wattwarden.console.rules.drafts import (
    Problems,
    decided,
    difference,
    drafts_of,
    put_in_force,
    refuse,
)
from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered, in_force

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
        faults = [(f"文件不可用：{one.zh}", one.en) for one in error.faults]
        return await _page(visit, text, reason, faults)
    if not reason or len(reason) > REASON_LETTERS:
        return await _page(visit, text, reason, [("请说明理由。", "Say why.")])
    body = NormDraft(id=NEW, norm=Norm.RULES, version=version, text=text, reason=reason)
    problems = await decided(visit, body)
    return await _page(visit, text, reason, problems) if problems else _back(visit)


async def activate(visit: Visit) -> web.StreamResponse:
    """Put in force what somebody else proposed."""

    def made(drafted: NormDraft) -> RuleSet:
        return RuleSet(version=drafted.version, text=drafted.text, draft=drafted.id)

    problems = await put_in_force(visit, Norm.RULES, made)
    return await _page(visit, "", "", problems) if problems else _back(visit)


async def give_up(visit: Visit) -> web.StreamResponse:
    """Refuse what somebody else proposed, or withdraw one's own."""
    problems = await refuse(visit, Norm.RULES)
    return await _page(visit, "", "", problems) if problems else _back(visit)


def _back(visit: Visit) -> web.StreamResponse:
    return visit.go(visit.url("rules"))


async def _page(visit: Visit, text: str, reason: str, refused: Problems) -> web.Response:
    async with visit.reading() as (connection, _reader):
        rules, standing, entered = await in_force_now(connection)
        drafts = await drafts_of(connection, Norm.RULES)
        registry = await visit.request.app[KNOWN].registry(connection)
    role = visit.person.role
    shown = {
        "rules": rules,
        "entered": entered,
        "name_of": lambda person: person_of(person, registry) or person,
        "drafts": drafts,
        "changes": {one.draft.id: difference(standing, one.draft.text) for one in drafts.waiting},
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
