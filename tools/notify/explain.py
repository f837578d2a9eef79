"""``wattwarden notify explain``: what a person would get of a firm's alarms now, and why."""

from collections.abc import Collection, Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.cases.case import Level
from wattwarden.alarms.cases.grading import Grading
from wattwarden.alarms.cases.ladder import Why
from wattwarden.alarms.registry.nouns import Agency, Person
from wattwarden.alarms.routing.people import Scene, quiet_until, ways
from wattwarden.alarms.routing.route import Event, Outcome, Push, Silent, route
from wattwarden.alarms.rulebook import CLASSES
from wattwarden.storage.cases.gradings import load_gradings
from wattwarden.storage.database import Connection
from wattwarden.storage.outbox.listing import Wanted, list_outbox
from wattwarden.storage.outbox.load import load_scene
from wattwarden.storage.registry.records import load_kind, load_record
from wattwarden.tools.acting import AsReader, View, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.notify.faulty import SHOWN, fault_row, load_faults
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import rfc3339

# What they got last: a screen of it.
LAST_ROWS = 10

Rows = list[dict[str, Any]]


def explain(
    person: Annotated[str, Parameter(name="PERSON", help="By id.")],
    /,
    *,
    enterprise: Annotated[
        str | None, Parameter(help="Of which firm's alarms, by its id; their own if left out.")
    ] = None,
    reader: AsReader = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Show what somebody would get now of each class and level, by which way, and why or why not.

    Addresses of theirs that a gateway refuses, and what they got last and for which reason, stand
    below.
    """
    settings = settings_of(system)

    async def work() -> tuple[Rows, Rows, Rows]:
        async with reading(settings, reader, "notify explain", Read.NOTICES) as view:
            connection = view.connection
            somebody = await _seen(view, person)
            firm = enterprise or somebody.enterprise
            if firm is not None:
                await view.enterprise(firm)
            scene = await load_scene(connection, firm, view.now)
            grading = (await load_gradings(connection)).at(view.now)
            would = list(_would(somebody, scene, grading))
            last = await _last(connection, person, view.reader.enterprises)
            faults = await load_faults(connection)
        own = [one for one in faults if one.person is not None and one.person.id == person]
        return would, list(map(fault_row, own)), last

    would, refused, last = run(work())
    if json:
        for name, rows in (("would", would), ("faulty", refused), ("last", last)):
            for row in rows:
                print(as_json({name: row}))
        return
    _show(would, refused, last)


def _show(would: Rows, refused: Rows, last: Rows) -> None:
    shown = ("class", "level", "answer", "endpoint", "to", "from", "then")
    show_table(shown, [[row[name] for name in shown] for row in would])
    print()
    if refused:
        print("refused addresses:")
        show_table(SHOWN, [[row[name] for name in SHOWN] for row in refused])
        print()
    names = ("at", "alarm", "level", "endpoint", "state", "reason", "outcome", "title")
    show_table(names, [[row[name] for name in names] for row in last])


async def _seen(view: View, identity: str) -> Person:
    """Return a person; one who is not the reader's to see is as if they were not there."""
    somebody = await load_record(view.connection, Person, identity)
    agencies = {one.id: one for one in await load_kind(view.connection, Agency)}
    if somebody is None or not view.reader.sees_person(somebody, agencies):
        message = f"there is no person {identity}"
        raise CommandError(message, "see wattwarden registry show person")
    return somebody


def _would(person: Person, scene: Scene, grading: Grading) -> Iterator[dict[str, Any]]:
    """Yield a row for each class and level that is told to the person's role."""
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


async def _last(connection: Connection, person: str, enterprises: Collection[str] | None) -> Rows:
    wanted = Wanted(recipient=person, enterprises=enterprises, limit=LAST_ROWS)
    found = await list_outbox(connection, wanted)
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
