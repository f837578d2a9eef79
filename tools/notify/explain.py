"""``wattwarden notify explain``: what a person would get of a firm's alarms now, and why."""

from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from wattwarden.alarms.cases.case import Level
from wattwarden.alarms.cases.grading import Grading, default_grading
from wattwarden.alarms.cases.ladder import Why
from wattwarden.alarms.registry.nouns import Person
from wattwarden.alarms.routing.people import Scene, quiet_until, ways
from wattwarden.alarms.routing.route import Event, Outcome, Push, Silent, route
from wattwarden.alarms.rulebook import CLASSES
from wattwarden.storage.database import Connection
from wattwarden.storage.outbox.listing import Wanted, list_outbox
from wattwarden.storage.outbox.load import load_scene
from wattwarden.storage.registry.records import load_record
from wattwarden.storage.system_time import system_now
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import rfc3339

# What they got last: a screen of it.
LAST_ROWS = 10


def explain(
    person: Annotated[str, Parameter(name="PERSON", help="By id.")],
    /,
    *,
    enterprise: Annotated[
        str | None, Parameter(help="Of which firm's alarms, by its id; their own if left out.")
    ] = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Show what somebody would get now of each class and level, by which way, and why or why not.

    What they got last, and for which reason, stands below.
    """
    settings = settings_of(system)

    async def work() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with database(settings, "notify explain") as connection:
            somebody = await load_record(connection, Person, person)
            if somebody is None:
                message = f"there is no person {person}"
                raise CommandError(message, "see wattwarden registry list person")
            now = await system_now(connection)
            firm = enterprise or somebody.enterprise
            scene = await load_scene(connection, firm, now)
            if firm is not None and scene.firm is None:
                message = f"there is no enterprise {firm}"
                raise CommandError(message, "see wattwarden registry list enterprise")
            return list(_would(somebody, scene)), await _last(connection, person)

    would, last = run(work())
    if json:
        for row in would:
            print(as_json({"would": row}))
        for row in last:
            print(as_json({"last": row}))
        return
    shown = ("class", "level", "answer", "endpoint", "to", "from", "then")
    show_table(shown, [[row[name] for name in shown] for row in would])
    print()
    names = ("at", "alarm", "level", "endpoint", "state", "reason", "outcome", "title")
    show_table(names, [[row[name] for name in names] for row in last])


def _would(person: Person, scene: Scene) -> Iterator[dict[str, Any]]:
    """Yield a row for each class and level that is told to the person's role."""
    grading = default_grading()
    for grade in CLASSES:
        for level in Level:
            event = _event(grade, level, grading, scene)
            if person.role not in event.told:
                yield _silent(grade, level, f"not told to {person.role}")
                continue
            own = [one for one in route(event, scene, {}) if one.recipient in (person.id, "")]
            if not own:
                yield _silent(grade, level, "the firm is not this person's")
            yield from (_row(grade, level, one, person, scene) for one in own)


def _event(grade: str, level: Level, grading: Grading, scene: Scene) -> Event:
    told = frozenset().union(*grading.classes[grade].told[: int(level)])
    return Event(
        alarm=0,
        at=scene.now,
        why=Why.RAISED,
        level=level,
        told=told,
        rule="",
        grade=grade,
        subject="",
        mutable=grade not in grading.never_muted,
        digest=grading.classes[grade].digest,
    )


def _row(grade: str, level: Level, one: Outcome, person: Person, scene: Scene) -> dict[str, Any]:
    if isinstance(one, Silent):
        return _silent(grade, level, f"{one.reason}: {one.detail}" if one.detail else one.reason)
    return {
        "class": grade,
        "level": int(level),
        "answer": _answer(one, person, scene),
        "endpoint": one.endpoint,
        "to": ", ".join(one.to),
        "from": rfc3339(one.due),
        "then": ", ".join(way.endpoint for way in one.fallbacks),
    }


def _answer(push: Push, person: Person, scene: Scene) -> str:
    quiet = quiet_until(scene, person)
    beside = len(ways(scene, person)) > 1 and not push.fallbacks
    words = [push.reason.value, push.detail]
    if quiet is not None and not push.detail:
        words.append("quiet hours do not hold it")
    if beside and scene.table.endpoint[push.endpoint].parallel is not None:
        words.append("beside the other ways")
    return ", ".join(filter(None, words))


def _silent(grade: str, level: Level, answer: str) -> dict[str, Any]:
    empty = dict.fromkeys(("endpoint", "to", "from", "then"), "")
    return {"class": grade, "level": int(level), "answer": answer, **empty}


async def _last(connection: Connection, person: str) -> list[dict[str, Any]]:
    found = await list_outbox(connection, Wanted(recipient=person, limit=LAST_ROWS))
    return [
        {
            "at": rfc3339(one.at),
            "alarm": one.alarm,
            "level": one.level,
            "endpoint": one.endpoint,
            "state": one.state,
            "reason": f"{one.reason}: {one.detail}" if one.detail else one.reason,
            "outcome": one.outcome,
            "title": one.title,
        }
        for one in found
    ]
