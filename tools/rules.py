"""``wattwarden rules``: the rule file in force, and another one in its place."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.text import Text

from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.decisions.norms import Norm, NormDraft
from wattwarden.alarms.rulebook import (
    RuleError,
    Rules,
    default_rules,
    default_text,
    load_rules,
)
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered, in_force
from wattwarden.tools.acting import ActorForm
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.norms import DraftId, Reason, draft, drafts_of, put_in_force, refusing
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import console, show_table
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import parse_time, rfc3339

RuleFile = Annotated[Path, Parameter(name="FILE", help="A rule file (TOML).")]
UNITS = {
    "_s": "s", "_h": "h", "_d": "d", "voltage_min": "V", "voltage_max": "V", "current_max": "A",
}  # fmt: skip
"""Units of numbers, by the ends of their names; shares and counts have none."""

app = App(name="rules", help="See, check and change the rules that readings are judged by.")


@app.command
def show(*, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> None:
    """Show the rules in force: names, classes, numbers, and templates by kind and industry."""
    settings = settings_of(system)

    async def work() -> tuple[Rules, Entered | None]:
        async with database(settings, "rules show") as connection:
            return await rules_in_force(connection)

    rules, entered = run(work())
    if json:
        print(as_json(_described(rules) | {"decision": _decision(entered)}))
        return
    if entered is None:
        print(f"rules {rules.version}, as shipped")
    else:
        at = rfc3339(entered.entered_at)
        print(f"rules {rules.version}, decision {entered.id} by {entered.actor} at {at}")
    _show(rules)


@app.command
def template(*, system: System = THE_USUAL_SYSTEM) -> None:
    """Print the rule file in force, to be changed and proposed."""
    settings = settings_of(system)

    async def work() -> str:
        async with database(settings, "rules template") as connection:
            entered = await in_force(connection, "rules")
            texts = [one.body.text for one in entered if isinstance(one.body, RuleSet)]
            return texts[-1] if texts else default_text()

    print(run(work()), end="")


@app.command
def check(file: RuleFile, /, *, json: AsJson = False) -> int:
    """Check a rule file; all that is wrong is told by its keys, and the exit status is 1.

    With --json each is a line of its own.
    """
    try:
        rules = read_rules(file)
    except RuleError as error:
        for fault in error.faults:
            key, _, problem = fault.en.partition(": ")
            line = {"key": key, "problem": problem, "problem_zh": fault.zh.partition("：")[2]}
            print(as_json(line) if json else fault.en)
        return 1
    numbers, templates = len(rules.numbers), len(rules.templates)
    if json:
        told = {"version": rules.version, "numbers": numbers, "templates": templates}
        print(as_json(told))
    else:
        print(f"rules {rules.version}: {numbers} numbers, {templates} templates, nothing is wrong")
    return 0


@app.command
def propose(file: RuleFile, /, *, actor: ActorForm, reason: Reason) -> None:
    """Propose a rule file; an officer of the city or a leader, but nobody alone, activates it."""
    try:
        rules = read_rules(file)
    except RuleError as error:
        raise CommandError(str(error), "wattwarden rules check tells all that is wrong") from error
    draft(Norm.RULES, (rules.version.rpartition("+")[0], file_text(file)), reason, actor)


@app.command
def activate(
    identity: DraftId,
    /,
    *,
    actor: ActorForm,
    at: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True, help="Since when they count; now by default, never later."
        ),
    ] = None,
) -> None:
    """Put rules in force that somebody else proposed.

    Wardens judge by them from their next step on. What was found before stays as it was found:
    `wattwarden backtest` tells what would have been otherwise.
    """

    def made(drafted: NormDraft, _now: datetime) -> Body:
        return RuleSet(version=drafted.version, text=drafted.text, draft=drafted.id)

    def since(now: datetime) -> datetime | None:
        effective_at = None if at is None else parse_time(at, now)
        if effective_at is not None and effective_at > now:
            message = f"rules cannot count from {rfc3339(effective_at)} on: that is to come"
            raise UsageError(message, "activate them then")
        return effective_at

    entered = put_in_force(Norm.RULES, identity, made, actor, since)
    _show_activated(entered, json=actor.json)


app.command(refusing(Norm.RULES), name="refuse")
app.command(drafts_of(Norm.RULES), name="drafts")


async def rules_in_force(connection: Connection) -> tuple[Rules, Entered | None]:
    """Return the rules that were activated last with their decision, else the shipped ones."""
    entered = await in_force(connection, "rules")
    bodies = [(one, one.body) for one in entered if isinstance(one.body, RuleSet)]
    if not bodies:
        return default_rules(), None
    last, body = bodies[-1]
    return load_rules(body.text), last


def read_rules(file: Path) -> Rules:
    """Read a rule file.

    Raises:
        UsageError: It cannot be read.
        RuleError: It is no rule file; names the key.
    """
    return load_rules(file_text(file))


def file_text(file: Path) -> str:
    """Return the text of a rule file.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"rules {file}: {error}"
        raise UsageError(message, "name a TOML rule file") from error


def _described(rules: Rules) -> dict[str, Any]:
    return {
        "version": rules.version,
        "state": _numbers(rules, "state"),
        "rules": [
            {
                "id": rule.id,
                "zh": rule.zh,
                "en": rule.en,
                "class": rule.grade,
                "numbers": _numbers(rules, rule.id),
            }
            for rule in rules.rules.values()
        ],
        "templates": {name: dict(many) for name, many in rules.templates.items() if many},
    }


def _numbers(rules: Rules, scope: str) -> dict[str, float]:
    """Return the numbers of a rule, or of the states, by their short names."""
    start = f"{scope}."
    return {
        name.removeprefix(start): number
        for name, number in rules.numbers.items()
        if name.startswith(start)
    }


def _show_activated(entered: Entered, *, json: bool) -> None:
    version = load_rules(entered.body.text).version if isinstance(entered.body, RuleSet) else ""
    if json:
        print(as_json({"version": version, "decision": _decision(entered)}))
    else:
        print(f"rules {version}: decision {entered.id}, from step {entered.step} on")


def _decision(entered: Entered | None) -> dict[str, Any] | None:
    if entered is None:
        return None
    return {
        "id": entered.id,
        "actor": entered.actor,
        "entered_at": rfc3339(entered.entered_at),
        "effective_at": rfc3339(entered.effective_at),
        "step": entered.step,
    }


def _show(rules: Rules) -> None:
    show_table(("state", ""), [_row(item) for item in _numbers(rules, "state").items()])
    rows: list[tuple[str, ...]] = []
    for rule in rules.rules.values():
        numbers = ", ".join(" ".join(_row(item)) for item in _numbers(rules, rule.id).items())
        rows.append((rule.id, rule.grade, rule.zh, rule.en, numbers))
    show_table(("rule", "class", "名称", "name", "numbers"), rows)
    console().print(Text("others for", "dim"))
    show_table(("", ""), list(_templates(rules)))


def _templates(rules: Rules) -> Iterator[tuple[str, str]]:
    for name, numbers in rules.templates.items():
        if numbers:
            yield name, ", ".join(" ".join(_row(item)) for item in numbers.items())


def _row(item: tuple[str, float]) -> tuple[str, str]:
    """Return a number's name, and the number with its unit."""
    name, number = item
    unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
    return name, f"{number:g} {unit}".strip()
