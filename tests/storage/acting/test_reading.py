"""Reading as somebody: what the loaders give to each, of two firms of two districts."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
from tests.storage.acting.two_firms import NOW, digest, with_two_firms

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.acting.scope import Read, Reader, operator, unread
from wattwarden.alarms.registry.nouns import Person
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.acting.reading import reading_as, sees
from wattwarden.storage.cases.evidence import files_seen
from wattwarden.storage.cases.load import Chosen, load_cases
from wattwarden.storage.consumables.load import load_parts
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.lives import CLUE, FINDING, FOCUS, INSPECTION, STATION, TASK
from wattwarden.storage.enforcement.seen import find_seen, load_seen
from wattwarden.storage.registry.decisions import in_force, told
from wattwarden.storage.registry.records import load_kind
from wattwarden.storage.responses.load import calendars_for, load_presets, plans_of
from wattwarden.storage.service.load import load_requests

BOTH, OWN, OTHER, NONE = "E1 E2", "E1", "E2", ""
LOADERS: dict[str, Callable[[Connection, Reader], Awaitable[Iterable[Any]]]] = {
    "alarms": lambda store, reader: load_cases(
        store, Chosen(enterprises=reader.within(None)), now=reader.now
    ),
    "tasks": lambda store, reader: load_seen(store, TASK, reader),
    "stations": lambda store, reader: load_seen(store, STATION, reader),
    "focus": lambda store, reader: load_seen(store, FOCUS, reader),
    "inspections": lambda store, reader: load_seen(store, INSPECTION, reader),
    "findings": lambda store, reader: load_seen(store, FINDING, reader),
    "clues": lambda store, reader: load_seen(store, CLUE, reader),
    "declarations": lambda store, reader: in_force(store, "declaration", reader.enterprises),
    "plans": lambda store, reader: in_force(store, "plan", reader.enterprises),
    "plans of a response": lambda store, reader: plans_of(store, "RE1", reader.enterprises),
    "presets": lambda store, reader: load_presets(store, enterprises=reader.enterprises),
    "calendars": calendars_for,
    "consumables": lambda store, reader: load_parts(store, enterprises=reader.enterprises),
    "requests": lambda store, reader: load_requests(store, enterprises=reader.enterprises),
    "files": files_seen,
    "decisions": lambda store, reader: told(store, ["task"], enterprises=reader.enterprises),
}
_ENFORCED = ("inspections", "findings", "clues")
# What is not for them at all, whosever it is.
KEPT_FROM = {
    "duty1": _ENFORCED,
    "head2": _ENFORCED,
    "fitter1": (*_ENFORCED, "tasks", "stations", "focus"),
    "admin": ("clues",),
}
SCOPE = {
    "duty1": OWN,
    "fitter1": OWN,
    "head2": OTHER,
    "district1": OWN,
    "district2": OTHER,
    "city": BOTH,
    "leader": BOTH,
    "admin": BOTH,
    "auditor": BOTH,
}


def firms(found: Iterable[Any]) -> str:
    """Which firms are spoken of in what was loaded, wherever."""
    text = " ".join(map(repr, found))
    return " ".join(sorted(set(re.findall(r"[ '-](E[12])\b", text))))


async def test_loaders_give_what_somebody_may_see_and_nothing_else(store: Connection) -> None:
    await with_two_firms(store)
    for person, whose in SCOPE.items():
        reader = await reading_as(store, person, Read.ALARMS)
        assert reader.now == NOW
        seen = {name: firms(await load(store, reader)) for name, load in LOADERS.items()}
        hidden = KEPT_FROM.get(person, ())
        expected = {name: NONE if name in hidden else whose for name in LOADERS}
        assert (person, seen) == (person, expected)


async def test_the_operator_is_given_all(store: Connection) -> None:
    await with_two_firms(store)
    seen = {firms(await load(store, operator(NOW))) for load in LOADERS.values()}
    assert seen == {BOTH}


@pytest.mark.parametrize(
    ("person", "tasks"),
    [
        ("duty1", ["TK-E1-gone"]),
        ("district1", ["TK-E1-gone", "TK-E1-secret"]),
        ("auditor", ["TK-E1-gone", "TK-E1-secret", "TK-E2-gone", "TK-E2-secret"]),
    ],
)
async def test_a_firm_hears_of_a_visit_when_the_officer_is_there(
    store: Connection, person: str, tasks: list[str]
) -> None:
    await with_two_firms(store)
    reader = await reading_as(store, person, Read.TASKS)
    assert [one.id for one in await load_seen(store, TASK, reader)] == tasks
    every = ["TK-E1-gone", "TK-E1-secret", "TK-E2-gone", "TK-E2-secret", "TK-none"]
    found = [name for name in every if await find_seen(store, TASK, reader, name) is not None]
    assert found == tasks


async def test_a_thing_that_is_not_for_a_role_is_not_found_by_its_id_either(
    store: Connection,
) -> None:
    await with_two_firms(store)
    firm = await reading_as(store, "duty1", Read.TASKS)
    assert await find_seen(store, CLUE, firm, "CL-E1") is None
    officer = await reading_as(store, "district1", Read.CLUES)
    assert await find_seen(store, CLUE, officer, "CL-E1") is not None
    assert await find_seen(store, CLUE, officer, "CL-E2") is None


@pytest.mark.parametrize(
    ("person", "about"),
    [("duty1", ["unit"]), ("district1", ["unit", "clue"]), ("admin", ["unit"]), ("head2", [])],
)
async def test_a_file_is_known_by_what_it_is_about(
    store: Connection, person: str, about: list[str]
) -> None:
    await with_two_firms(store)
    reader = await reading_as(store, person, Read.EVIDENCE)
    sent = await files_seen(store, reader, digest=digest("E1"))
    assert [getattr(one.body, "about", "") for one in sent] == about


async def test_the_exempt_of_a_calendar_are_told_to_whom_they_concern(store: Connection) -> None:
    await with_two_firms(store)
    own = await calendars_for(store, await reading_as(store, "duty1", Read.CALENDARS))
    assert [(one.id, one.exempt) for one in own] == [("CA-cement", ("E1",)), ("CA-E1", ())]
    district = await calendars_for(store, await reading_as(store, "district1", Read.CALENDARS))
    assert {one.id: one.exempt for one in district} == {
        "CA-cement": ("E1",),
        "CA-paint": ("E1",),
        "CA-E1": (),
    }


@pytest.mark.parametrize(
    ("person", "read", "told_en"),
    [
        ("nobody", Read.ALARMS, "there is no person nobody"),
        (SYSTEM, Read.ALARMS, "there is no person system"),
        ("duty1", Read.CLUES, "duty1 is duty; reading clues takes"),
        ("admin", Read.CLUES, "admin is administrator; reading clues takes"),
        ("district1", Read.AUDIT, "reading audit takes administrator, auditor"),
    ],
)
async def test_who_may_not_read_is_told_so(
    store: Connection, person: str, read: Read, told_en: str
) -> None:
    await with_two_firms(store)
    with pytest.raises(RefusedError, match=told_en) as refused:
        await reading_as(store, person, read)
    assert all(problem.zh for problem in refused.value.problems)


async def test_a_single_matter_is_seen_by_whom_all_of_its_firm_are(store: Connection) -> None:
    await with_two_firms(store)
    for person in await load_kind(store, Person):
        for read in (Read.ALARMS, Read.CLUES):
            allowed = unread(person, read) is None
            reader = await reading_as(store, person.id, read) if allowed else None
            for firm in ("E1", "E2", "none"):
                wanted = reader is not None and reader.sees(firm)
                assert await sees(store, person, read, firm) is wanted, (person.id, read, firm)
