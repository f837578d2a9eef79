"""``wattwarden alarms ack|handle|plan|rectify|verify|reject|close|declare|escalate|comment``."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from wattwarden.alarms.cases.bodies import Action, Cause, Fault, PlanStep, Verb
from wattwarden.alarms.cases.case import STATES_ZH
from wattwarden.alarms.cases.declaring import explained
from wattwarden.alarms.cases.proof import fault_of
from wattwarden.alarms.decisions.bodies import Absence, Declaration, Repeat
from wattwarden.alarms.decisions.body import NEW
from wattwarden.storage.cases.evidence import Arrived
from wattwarden.storage.cases.load import load_case
from wattwarden.storage.cases.together import act_with_files
from wattwarden.storage.cases.together import declare as declare_together
from wattwarden.storage.registry.decisions import Entered
from wattwarden.tools.acting import ActorForm, Desk, at_desk, entered_row
from wattwarden.tools.cases.files import read_file
from wattwarden.tools.cases.shown import case_row
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.times import local, parse_time

Number = Annotated[int, Parameter(name="ID", help="The alarm's number, as list shows it.")]
Reason = Annotated[str, Parameter(help="What you say about it.")]
Note = Annotated[str, Parameter(name="--note", help="What you say about it.")]
Deadline = Annotated[
    str, Parameter(allow_leading_hyphen=True, help="By when it will be rectified: a time, or +2d.")
]
Steps = Annotated[
    tuple[str, ...],
    Parameter(name="--step", help="WHAT@TIME or WHAT@TIME@WHO; repeatable.", show_default=False),
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Files that go with what is said."""

    file: Annotated[
        tuple[Path, ...], Parameter(show_default=False, help="A file to send along; repeatable.")
    ] = ()
    evidence: Annotated[
        tuple[str, ...],
        Parameter(show_default=False, help="SHA-256 of a kept file; repeatable."),
    ] = ()


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """Why it happened, and what is done about it."""

    cause: Annotated[Cause, Parameter(help="Why it happened.")]
    reason: Reason
    part: Annotated[str, Parameter(help="Which part is at fault.")] = ""
    deadline: Deadline | None = None


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Rectification:
    """What was done."""

    reason: Reason
    part: Annotated[str, Parameter(help="Which part was replaced or mended.")] = ""
    cause: Annotated[Cause | None, Parameter(help="Why it happened, if known by now.")] = None


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is declared of the alarm's unit, line or firm."""

    kind: Annotated[Absence | None, Parameter(help="What is declared, if it is new.")] = None
    start: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="Since when; the alarm's beginning.")
    ] = None
    end: Annotated[str | None, Parameter(allow_leading_hyphen=True, help="Until when.")] = None
    repeats: Annotated[Repeat | None, Parameter(help="How it comes again.")] = None
    until: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="The last time it comes again.")
    ] = None


NO_PROOF: Final = Proof()
NOTHING_NEW: Final = Explanation()


def ack(
    number: Number,
    /,
    *,
    by: ActorForm,
    note: Note = "",
) -> None:
    """Acknowledge an alarm (确认): you saw it. Nothing is handled by that."""
    _do(_action(number, Verb.ACK, reason=note), by)


def handle(
    number: Number,
    /,
    *,
    form: Handling,
    proof: Proof = NO_PROOF,
    by: ActorForm,
) -> None:
    """Say why an alarm happened and what is done about it (处置)."""
    values = {"cause": form.cause, "part": form.part, "evidence": proof.evidence}
    action = _action(number, Verb.HANDLE, reason=form.reason, **values)
    _do(action, by, files=proof.file, deadline=form.deadline)


def plan(
    number: Number,
    /,
    *,
    by: ActorForm,
    step: Steps,
    deadline: Deadline,
    note: Note = "",
) -> None:
    """Give a rectification plan (整改方案): steps, and a deadline for all of them."""
    action = _action(number, Verb.PLAN, reason=note)
    _do(action, by, deadline=deadline, steps=step)


def rectify(
    number: Number,
    /,
    *,
    form: Rectification,
    proof: Proof = NO_PROOF,
    by: ActorForm,
) -> None:
    """Report that it is rectified (整改完成), with the files that show it."""
    values = {"cause": form.cause, "part": form.part, "evidence": proof.evidence}
    action = _action(number, Verb.RECTIFY, reason=form.reason, **values)
    _do(action, by, files=proof.file)


def verify(
    number: Number,
    /,
    *,
    by: ActorForm,
    fault: Annotated[
        Fault | None, Parameter(help="Where the fault was; by class and cause when left out.")
    ] = None,
    note: Note = "",
    proof: Proof = NO_PROOF,
) -> None:
    """Verify that it is rectified (核实), and say whether firm or meter was at fault."""
    sent = [Arrived(read_file(file), file.name, "alarm", str(number)) for file in proof.file]

    async def work(desk: Desk) -> Entered:
        case = await load_case(desk.connection, number, now=desk.now)
        if case is None:
            raise _unknown(number)
        values = {"fault": fault or fault_of(case), "evidence": proof.evidence}
        action = _action(number, Verb.VERIFY, reason=note, **values)
        return await act_with_files(desk.connection, action, sent, desk.person, desk.now)

    _perform(work, number, by)


def reject(
    number: Number,
    /,
    *,
    by: ActorForm,
    reason: Reason,
    deadline: Deadline | None = None,
    proof: Proof = NO_PROOF,
) -> None:
    """Send a rectification back (退回): it is not what it should be."""
    action = _action(number, Verb.REJECT, reason=reason, evidence=proof.evidence)
    _do(action, by, files=proof.file, deadline=deadline)


def close(
    number: Number,
    /,
    *,
    by: ActorForm,
    reason: Reason,
    fault: Annotated[Fault | None, Parameter(help="Where the fault was.")] = None,
) -> None:
    """Close a case (办结) of which nothing more is needed."""
    _do(_action(number, Verb.CLOSE, reason=reason, fault=fault), by)


def escalate(
    number: Number,
    /,
    *,
    by: ActorForm,
    reason: Reason,
) -> None:
    """Make an alarm graver by a level (升级): who hears of that level is told at once."""
    _do(_action(number, Verb.ESCALATE, reason=reason), by)


def comment(
    number: Number,
    /,
    *,
    by: ActorForm,
    reason: Reason,
    proof: Proof = NO_PROOF,
) -> None:
    """Say something about an alarm (备注), in whatever state it is."""
    action = _action(number, Verb.COMMENT, reason=reason, evidence=proof.evidence)
    _do(action, by, files=proof.file)


def declare(
    number: Number,
    /,
    *,
    by: ActorForm,
    declaration: Annotated[
        str | None, Parameter(help="One that was entered before, by its id.")
    ] = None,
    form: Explanation = NOTHING_NEW,
    reason: Reason = "",
) -> None:
    """Declare what explains an alarm (申报): a stop, maintenance, a meter's fault, a power cut."""
    if declaration is not None:
        action = _action(number, Verb.DECLARE, reason=reason, declaration=declaration)
        _do(action, by)
        return
    kind, end = form.kind, form.end
    if kind is None or end is None:
        raise UsageError("what is declared needs --kind and --end", "or name a --declaration")

    async def work(desk: Desk) -> Entered:
        case = await load_case(desk.connection, number, now=desk.now)
        if case is None:
            raise _unknown(number)
        scope, subject = explained(case)
        body = Declaration(
            id=NEW,
            scope=scope,
            subject=subject,
            kind=kind,
            start=desk.moment_or_none(form.start) or case.episode.began,
            end=desk.moment(end),
            repeats=form.repeats,
            until=desk.moment_or_none(form.until),
            reason=reason,
        )
        return await declare_together(desk.connection, body, number, desk.person, desk.now)

    _perform(work, number, by)


def _action(number: int, verb: Verb, **values: Any) -> Action:
    return Action(id=NEW, alarm=str(number), verb=verb, **values)


def _do(
    action: Action,
    by: ActorForm,
    *,
    files: Sequence[Path] = (),
    deadline: str | None = None,
    steps: Sequence[str] = (),
) -> None:
    """Do something about an alarm, and print where its case stands then."""
    sent = [Arrived(read_file(file), file.name, "alarm", action.alarm) for file in files]

    async def work(desk: Desk) -> Entered:
        body = msgspec.structs.replace(
            action,
            deadline=desk.moment_or_none(deadline),
            steps=tuple(_step(text, desk.now) for text in steps),
        )
        return await act_with_files(desk.connection, body, sent, desk.person, desk.now)

    _perform(work, int(action.alarm), by)


def _perform(work: Callable[[Desk], Awaitable[Entered]], number: int, by: ActorForm) -> None:
    """Run a deed at the desk of a person, and print where the alarm's case stands then."""

    async def whole(desk: Desk) -> tuple[Entered, Any]:
        entered = await work(desk)
        return entered, await load_case(desk.connection, number, now=desk.now)

    entered, case = at_desk(by, "alarms", whole)
    if by.json:
        print(as_json({**entered_row(entered), "case": case_row(case)}))
        return
    at = local(entered.entered_at)
    print(f"alarm {number}: {STATES_ZH[case.state]} ({case.state}), by {entered.actor} at {at}")


def _step(text: str, now: datetime) -> PlanStep:
    what, *more = text.split("@")
    if not what or len(more) not in (1, 2):
        message = f"a step is WHAT@TIME or WHAT@TIME@WHO, got {text!r}"
        raise UsageError(message, 'such as --step "换皮带@2026-11-23 10:00@张三"')
    return PlanStep(what=what, by=parse_time(more[0], now), who=more[1] if len(more) > 1 else "")


def _unknown(number: int) -> CommandError:
    message = f"there is no alarm {number}"
    return CommandError(message, "see wattwarden alarms list")
