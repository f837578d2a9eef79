"""Drafts of rules, gradings and thresholds: what became of each, and what stands against it.

                 ┌─ somebody else ─► in force
draft ─ waits ──┤
                 └─ who decides, or proposed it ─► refused
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from wattwarden.alarms.cases.grading import load_grading
from wattwarden.alarms.decisions.bodies import RegistryChange, RuleSet
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.decisions.norms import (
    DECIDERS,
    GradingSet,
    Norm,
    NormDraft,
    NormRefusal,
    ThresholdSet,
)
from wattwarden.alarms.registry.changes import changed
from wattwarden.alarms.registry.check import check
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.alarms.registry.thresholds import asked_for, load_thresholds, strangers
from wattwarden.alarms.rulebook import RuleError, load_rules
from wattwarden.storage.acting.acting import Acting, Admission
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered, told
from wattwarden.storage.registry.registry import load_registry, save_registry


async def find_draft(connection: Connection, draft: str) -> tuple[Entered, NormDraft] | None:
    """Return a draft and how it was entered; None where there is none of this id."""
    known = await told(connection, [NormDraft.kind_name], where={"id": draft})
    return next(((one, one.body) for one in known if isinstance(one.body, NormDraft)), None)


async def fates_of(
    connection: Connection, norm: Norm, draft: str | None = None
) -> dict[str, Entered]:
    """Return what became of drafts, by their ids: the decision that put each in force, or refused.

    Drafts of other norms that were refused are among them.  With ``draft`` of this one alone.
    """
    kinds = [norm.value, NormRefusal.kind_name]
    known = await told(connection, kinds, where=None if draft is None else {"draft": draft})
    return {str(getattr(one.body, "draft", "")): one for one in known}


async def admit_draft(acting: Acting) -> Body:
    """Take a file that can be used."""
    draft = acting.body
    assert isinstance(draft, NormDraft)  # noqa: S101  by its kind
    try:
        await _READ[draft.norm](acting.connection, draft.text)
    except RuleError as error:
        fault = error.faults[0]
        zh = f"文件不可用：{fault.zh}"
        raise RefusedError([draft.problem("text", zh, fault.en)]) from error
    return draft


async def admit_norm(acting: Acting) -> Body:
    """Take what somebody else proposed, as they proposed it, once."""
    body = acting.body
    assert isinstance(body, RuleSet | GradingSet | ThresholdSet)  # noqa: S101  by their kinds
    found = await find_draft(acting.connection, body.draft or "")
    if found is None or found[1].norm != body.kind_name:
        zh, en = "须先提出草案,再由他人审定", "it is proposed first, and decided by somebody else"
        raise RefusedError([body.problem("draft", zh, en)])
    entered, draft = found
    if (draft.version, draft.text) != (body.version, body.text):
        zh, en = f"内容与草案{draft.id}不一致", f"it is not what draft {draft.id} says"
        raise RefusedError([body.problem("text", zh, en)])
    if acting.person is not None and acting.person.id == entered.actor:
        zh = f"草案{draft.id}由本人提出,须由他人审定"
        en = f"draft {draft.id} is {entered.actor}'s own: somebody else decides"
        raise RefusedError([body.problem("draft", zh, en)])
    await _check_waits(acting, draft)
    if isinstance(body, GradingSet) and body.since is not None and body.since < acting.now:
        zh, en = "分级只对今后的报警生效", "a grading is for alarms that are to come"
        raise RefusedError([body.problem("since", zh, en)])
    return body


async def admit_refusal(acting: Acting) -> Body:
    """Take the refusal of a draft that waits: by who decides, or by who proposed it."""
    body = acting.body
    assert isinstance(body, NormRefusal)  # noqa: S101  by its kind
    found = await find_draft(acting.connection, body.draft)
    assert found is not None  # noqa: S101  what a body refers to is there
    entered, draft = found
    person = acting.person
    if person is not None and person.id != entered.actor and person.role not in DECIDERS:
        zh = f"草案{draft.id}由他人提出,须由市级执法员或领导退回"
        en = f"draft {draft.id} is {entered.actor}'s: an officer of the city or a leader refuses it"
        raise RefusedError([body.problem("draft", zh, en)])
    await _check_waits(acting, draft)
    return body


async def _check_waits(acting: Acting, draft: NormDraft) -> None:
    """Refuse what comes after a draft was decided upon.

    Raises:
        RefusedError: It was put in force, or refused.
    """
    fate = (await fates_of(acting.connection, draft.norm, draft.id)).get(draft.id)
    if fate is None:
        return
    at = f"{fate.entered_at:%Y-%m-%dT%H:%M:%SZ}"
    refused = isinstance(fate.body, NormRefusal)
    zh = f"草案{draft.id}已由{fate.actor}于{at}{'退回' if refused else '审定'}"
    en = f"draft {draft.id} was {'refused' if refused else 'put in force'} by {fate.actor} at {at}"
    raise RefusedError([acting.body.problem("draft", zh, en)])


async def admit_records(acting: Acting) -> Body:
    """Take nothing: a change of the registry is its records, which come with it or not at all."""
    zh, en = "档案须连同记录一起修改", "the registry is changed along with its records"
    raise RefusedError([acting.body.problem("", zh, en)])


async def put_thresholds(connection: Connection, entered: Entered) -> None:
    """Change the records of the registry that a decision gives other numbers.

    Raises:
        RefusedError: They are not there any more.
    """
    body = entered.body
    assert isinstance(body, ThresholdSet)  # noqa: S101  by its kind
    thresholds, registry = load_thresholds(body.text), await load_registry(connection)
    _refuse(strangers(thresholds, registry))
    await save_registry(
        connection,
        asked_for(thresholds, registry),
        entered.actor,
        now=entered.entered_at,
        decided=thresholds,
    )


async def _read_rules(_connection: Connection, text: str) -> None:
    load_rules(text)


async def _read_grading(_connection: Connection, text: str) -> None:
    load_grading(text)


async def _read_thresholds(connection: Connection, text: str) -> None:
    """Take numbers that could be in force now."""
    thresholds, registry = load_thresholds(text), await load_registry(connection)
    _refuse(strangers(thresholds, registry))
    _refuse(check(changed(registry, asked_for(thresholds, registry))))


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise RefusedError(problems)


_READ: Final[Mapping[Norm, Callable[[Connection, str], Awaitable[None]]]] = {
    Norm.RULES: _read_rules,
    Norm.GRADING: _read_grading,
    Norm.THRESHOLDS: _read_thresholds,
}
NORM_ADMISSIONS: Final[Mapping[str, Admission]] = {
    RegistryChange.kind_name: admit_records,
    NormDraft.kind_name: admit_draft,
    RuleSet.kind_name: admit_norm,
    GradingSet.kind_name: admit_norm,
    ThresholdSet.kind_name: admit_norm,
    NormRefusal.kind_name: admit_refusal,
}
