"""Scope: every role, everything that is read, the firm of one's own and others', and the city."""

from datetime import UTC, datetime

import pytest
from tests.alarms.acting.test_rights import AGENCIES, OTHER, OWN, PLACES, SCOPE, somebody

from wattwarden.alarms.acting.scope import (
    READS,
    Read,
    Reader,
    operator,
    oversees,
    reader_of,
    unread,
)
from wattwarden.alarms.registry.nouns import Person, Role

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FIRMS = (OWN, OTHER)
# Who may read what, as people are told it; written out, not derived.
_FIRM, _TOO = "duty head", "maintenance"
_OFFICERS, _CITY = "district_officer city_officer leader", "administrator auditor"
ALL = f"{_FIRM} {_TOO} {_OFFICERS} {_CITY}"
BUT_MAINTENANCE = f"{_FIRM} {_OFFICERS} {_CITY}"
AUTHORITY = f"{_OFFICERS} {_CITY}"
ABLE = {
    "alarms": ALL,
    "states": ALL,
    "evidence": ALL,
    "declarations": ALL,
    "consumables": ALL,
    "ledgers": ALL,
    "plans": ALL,
    "responses": ALL,
    "calendars": ALL,
    "documents": ALL,
    "notices": ALL,
    "silences": ALL,
    "tasks": BUT_MAINTENANCE,
    "stations": BUT_MAINTENANCE,
    "focus": BUT_MAINTENANCE,
    "requests": BUT_MAINTENANCE,
    "reminders": BUT_MAINTENANCE,
    "weak_points": BUT_MAINTENANCE,
    "statistics": BUT_MAINTENANCE,
    "visits": AUTHORITY,
    "inspections": AUTHORITY,
    "findings": AUTHORITY,
    "flags": AUTHORITY,
    "shares": AUTHORITY,
    "packages": AUTHORITY,
    "clues": f"{_OFFICERS} auditor",
    "commands": f"{AUTHORITY} maintenance",
    "audit": _CITY,
}
CELLS = [(role, place) for role in Role for place in PLACES]


def reader(person: Person) -> Reader:
    return reader_of(person, FIRMS, AGENCIES, NOW)


@pytest.mark.parametrize("read", ABLE)
def test_who_may_read_what_of_whom(read: str) -> None:
    able = set()
    for role, place in CELLS:
        found, firm = reader(somebody(role)), PLACES[place]
        if found.may(Read(read)) and found.sees(None if firm is None else firm.id):
            able.add((role, place))
        assert found.may(Read(read)) == (unread(somebody(role), Read(read)) is None), role
    roles = ABLE[read].split()
    assert able == {(role, place) for role, place in CELLS
                    if role in roles and place in SCOPE[role].split()}  # fmt: skip


def test_everything_that_is_read_is_in_the_table() -> None:
    assert set(READS) == set(Read) == {Read(name) for name in ABLE}


def test_an_auditor_reads_everything() -> None:
    assert all(reader(somebody(Role.AUDITOR)).may(read) for read in Read)


def test_the_operator_sees_all_without_being_a_person() -> None:
    found = operator(NOW)
    assert (found.person, found.enterprises, found.within(None)) == (None, None, None)
    assert all(found.may(read) for read in Read)
    assert found.sees("E2")
    assert found.sees(None)


def test_a_refusal_says_in_both_languages_who_could() -> None:
    found = unread(somebody(Role.DUTY), Read.CLUES)
    assert found is not None
    assert found.en == (
        "P is duty; reading clues takes auditor, city_officer, district_officer, leader"
    )
    able = "区级执法员、市级执法员、领导、审计员"
    assert found.zh == f"李敏(环保专员)无权查看此项(clues),仅限{able}"


@pytest.mark.parametrize(
    ("role", "enterprises"),
    [
        (Role.DUTY, frozenset({"E1"})),
        (Role.DISTRICT_OFFICER, frozenset({"E1"})),
        (Role.CITY_OFFICER, None),
        (Role.AUDITOR, None),
    ],
)
def test_what_is_asked_for_is_narrowed_and_never_widened(
    role: Role, enterprises: frozenset[str] | None
) -> None:
    found = reader(somebody(role))
    assert found.within(None) == found.enterprises == enterprises
    assert found.within("E1") == frozenset({"E1"})
    others = ["E2", "E9"]  # E9 was never there, or is there no more
    kept = [firm for firm in others if found.within(firm) == frozenset({firm})]
    assert kept == (others if enterprises is None else [])
    assert enterprises is None or found.within("E2") == frozenset()


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        (Role.DUTY, "P colleague"),
        (Role.DISTRICT_OFFICER, "P colleague here below"),
        (Role.LEADER, "P colleague stranger here below there city nobodys"),
        (Role.ADMINISTRATOR, "P colleague stranger here below there city nobodys"),
    ],
)
def test_how_somebody_is_reached_is_seen_by_their_own_and_from_above(role: Role, seen: str) -> None:
    others = {
        "P": somebody(role),
        "colleague": Person(id="C", name="李", role=Role.HEAD, enterprise="E1"),
        "stranger": Person(id="S", name="赵", role=Role.HEAD, enterprise="E2"),
        "here": Person(id="H", name="王", role=Role.DISTRICT_OFFICER, agency="A1"),
        "below": Person(id="B", name="周", role=Role.DISTRICT_OFFICER, agency="A11"),
        "there": Person(id="T", name="吴", role=Role.DISTRICT_OFFICER, agency="A2"),
        "city": Person(id="L", name="钱", role=Role.CITY_OFFICER, agency="A"),
        "nobodys": Person(id="N", name="郑", role=Role.ADMINISTRATOR),
    }
    found = reader(somebody(role))
    assert [
        name for name, one in others.items() if found.sees_person(one, AGENCIES)
    ] == seen.split()
    assert all(operator(NOW).sees_person(one, AGENCIES) for one in others.values())


def test_whoever_is_of_nothing_sees_nothing() -> None:
    lost = Person(id="P", name="王建国", role=Role.CITY_OFFICER)
    assert reader(lost).enterprises == frozenset()
    gone = Person(id="P", name="李敏", role=Role.HEAD, enterprise="E9")
    assert (reader(gone).enterprises, reader(gone).industries) == (frozenset(), frozenset())


def test_a_firm_is_told_what_its_industry_is_told_and_officers_what_all_are() -> None:
    own = reader(somebody(Role.HEAD))
    assert own.concerns("cement")
    assert not own.concerns("dyeing")
    assert reader(somebody(Role.DISTRICT_OFFICER)).concerns("dyeing")
    assert operator(NOW).concerns("dyeing")


@pytest.mark.parametrize(
    ("about", "seen_by"),
    [
        ("alarm", ALL),
        ("unit", ALL),
        ("task", BUT_MAINTENANCE),
        ("assistance", BUT_MAINTENANCE),
        ("finding", AUTHORITY),
        ("inspection", AUTHORITY),
        ("clue", ABLE["clues"]),
    ],
)
def test_a_file_is_seen_by_those_who_read_what_it_is_about(about: str, seen_by: str) -> None:
    seeing = {role for role in Role if reader(somebody(role)).sees_file(about, "E1")}
    assert seeing == set(seen_by.split())
    assert not reader(somebody(Role.DISTRICT_OFFICER)).sees_file(about, "E2")


@pytest.mark.parametrize(
    ("role", "agencies"),
    [
        (Role.DUTY, ""),
        (Role.DISTRICT_OFFICER, "A1 A11"),
        (Role.LEADER, "A A1 A11 A2"),
        (Role.AUDITOR, "A A1 A11 A2"),
    ],
)
def test_an_agency_is_overseen_from_above(role: Role, agencies: str) -> None:
    seen = [one for one in AGENCIES if oversees(somebody(role), one, AGENCIES)]
    assert sorted(seen) == agencies.split()


def test_an_officer_of_no_agency_oversees_none() -> None:
    lost = Person(id="P", name="王建国", role=Role.LEADER)
    assert not oversees(lost, "A", AGENCIES)
