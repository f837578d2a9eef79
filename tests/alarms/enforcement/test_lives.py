"""Every state and every verb: allowed pairs lead on, all others are refused with a reason."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import pytest
from tests.alarms.enforcement.made import NOW, step, task

from wattwarden.alarms.consumables import chain
from wattwarden.alarms.consumables.chain import ChainState
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.enforcement.bodies import (
    Clue,
    ClueStep,
    Focus,
    FocusStep,
    Inspection,
    InspectionStep,
    Station,
    StationStep,
)
from wattwarden.alarms.enforcement.life import Life, Machine, Said, refused_step
from wattwarden.alarms.enforcement.lives import (
    CLUES,
    FOCUSES,
    INSPECTIONS,
    STATIONS,
    TASK_HELD,
    TASK_OVER,
    TASKS,
    ClueState,
    FocusState,
    InspectionState,
    StationState,
    TaskState,
    clue_life,
    focus_life,
    inspection_life,
    station_life,
)
from wattwarden.alarms.enforcement.tasks import HOLDERS_VERBS
from wattwarden.alarms.enforcement.words import (
    ClueVerb,
    FocusVerb,
    InspectionVerb,
    Mode,
    StationVerb,
    TaskVerb,
)
from wattwarden.alarms.service import requests as assistance

# What may follow what, written down once more: rows are states, cells verb=state.
TASK = """
proposed    approve=approved reject=rejected attach=proposed
approved    reject=rejected endorse=approved assign=assigned attach=approved
rejected
assigned    reject=rejected endorse=assigned assign=assigned accept=accepted attach=assigned
accepted    reject=rejected endorse=accepted assign=assigned arrive=on_site attach=accepted
on_site     assign=assigned result=concluded attach=on_site
concluded   follow_up=follow_up attach=concluded
follow_up   assign=assigned close=closed attach=follow_up
closed
"""
INSPECTION = """
off_site    switch=on_site conclude=concluded
on_site     conclude=concluded
concluded
"""
STATION = """
present     relieve=present end=ended
ended
"""
CLUE = """
open        assign=assigned dismiss=dismissed
assigned    confirm=confirmed dismiss=dismissed
confirmed
dismissed
"""
FOCUS = """
open        rectify=rectified
rectified   confirm=confirmed return=open
confirmed
"""
MACHINES: list[tuple[Machine[Any], type[StrEnum], type[StrEnum], str]] = [
    (TASKS, TaskState, TaskVerb, TASK),
    (INSPECTIONS, InspectionState, InspectionVerb, INSPECTION),
    (STATIONS, StationState, StationVerb, STATION),
    (CLUES, ClueState, ClueVerb, CLUE),
    (FOCUSES, FocusState, FocusVerb, FOCUS),
]


def expected(table: str) -> dict[tuple[str, str], str]:
    rows = [line.split() for line in table.strip().splitlines()]
    return {
        (state, verb): after
        for state, *cells in rows
        for verb, _, after in (cell.partition("=") for cell in cells)
    }


PAIRS = [
    pytest.param(machine, state, verb, expected(table), id=f"{machine.en}-{state}-{verb}")
    for machine, states, verbs, table in MACHINES
    for state in states
    for verb in verbs
]


@pytest.mark.parametrize(("machine", "state", "verb", "table"), PAIRS)
def test_a_pair_leads_where_it_should_or_is_refused_with_both_languages(
    machine: Machine[Any], state: StrEnum, verb: StrEnum, table: Mapping[tuple[str, str], str]
) -> None:
    thing = task()
    life: Life[Any, Any, Any] = Life(machine, thing.told, state, thing.steps)
    refused = refused_step(life, step(TaskVerb.CLOSE).body, verb, "张三")
    after = machine.table.get((state, verb))
    assert after == table.get((state, verb))
    assert (refused is None) == (after is not None)
    if refused is not None:
        assert machine.states_zh[state] in refused.zh
        assert "张三" in refused.zh
        assert "2026-11-22 11:00" in refused.zh
        assert f"is {state}" in refused.en
        assert refused.zh.endswith(f"不能再{machine.verbs_zh[verb]}")


@pytest.mark.parametrize(
    ("machine", "states"), [case[:2] for case in MACHINES], ids=[case[0].en for case in MACHINES]
)
def test_every_state_has_a_chinese_name_of_its_own(
    machine: Machine[Any], states: type[StrEnum]
) -> None:
    assert set(machine.states_zh) == set(states)
    assert len(set(machine.states_zh.values())) == len(states)


@pytest.mark.parametrize(
    ("machine", "verbs"), [(case[0], case[2]) for case in MACHINES], ids=[c[0].en for c in MACHINES]
)
def test_every_verb_has_a_chinese_name(machine: Machine[Any], verbs: type[StrEnum]) -> None:
    assert set(machine.verbs_zh) == set(verbs)
    assert all(not name.isascii() for name in machine.verbs_zh.values())


# Every life with its states and where each leads; those without a way on are its ends.
LIVES: dict[str, tuple[Iterable[Any], Mapping[tuple[Any, Any], Any]]] = {
    **{machine.en: (states, machine.table) for machine, states, _, _ in MACHINES},
    "assistance": (assistance.State, assistance.TRANSITIONS),
    "replacement": (ChainState, chain.TRANSITIONS),
}


def ways(table: Mapping[tuple[Any, Any], Any], state: Any) -> dict[Any, Any]:
    """The verbs that lead out of a state."""
    return {verb: to for (at, verb), to in table.items() if at == state and to != state}


@pytest.mark.parametrize("name", LIVES)
def test_every_state_has_a_way_to_an_end(name: str) -> None:
    states, table = LIVES[name]
    ends = {state for state in states if not ways(table, state)}
    assert 1 <= len(ends) < len(list(states))
    safe: set[Any] = set()
    more = ends
    while more - safe:
        safe |= more
        more = {one for one in states if safe & set(ways(table, one).values())}
    assert safe == set(states)


def test_no_task_waits_for_a_single_person() -> None:
    # Where only who has it leads on, it can be taken from them; elsewhere any officer leads on.
    for state in set(TaskState) - TASK_OVER:
        anybodys = ways(TASKS.table, state).keys() - HOLDERS_VERBS
        again = TASKS.table.get((state, TaskVerb.ASSIGN)) is TaskState.ASSIGNED
        assert again if state in TASK_HELD else anybodys


def test_a_task_goes_from_proposal_to_its_end_step_by_step() -> None:
    verbs = ("approve", "assign", "accept", "arrive", "result", "follow_up", "close")
    steps = [step(TaskVerb(verb)) for verb in verbs]
    states = [task(*steps[:count]).state for count in range(len(steps) + 1)]
    assert states == [
        "proposed", "approved", "assigned", "accepted", "on_site", "concluded", "follow_up",
        "closed",
    ]  # fmt: skip


def test_steps_count_in_the_order_of_their_numbers_and_what_the_table_has_not_counts_nothing() -> (
    None
):
    shuffled = task(step(TaskVerb.ARRIVE), step(TaskVerb.APPROVE), step(TaskVerb.ASSIGN))
    assert shuffled.state is TaskState.ASSIGNED
    assert [one.body.verb for one in shuffled.steps] == ["approve", "assign"]


@pytest.mark.parametrize(
    ("mode", "state"),
    [
        (Mode.OFF_SITE, InspectionState.OFF_SITE),
        (Mode.ON_SITE, InspectionState.ON_SITE),
        (Mode.SURPRISE, InspectionState.ON_SITE),
    ],
    ids=str,
)
def test_an_inspection_begins_where_it_is_made(mode: Mode, state: InspectionState) -> None:
    told = Said(1, "P1", NOW, Inspection(id="IN1", enterprise="E1", mode=mode, at=NOW))
    assert inspection_life(told, ()).state is state
    end = InspectionStep(inspection="IN1", verb=InspectionVerb.CONCLUDE, at=NOW, problems=1)
    over = inspection_life(told, [Said(2, "P1", NOW, end)])
    assert over.state is InspectionState.CONCLUDED


def test_a_station_lasts_through_reliefs_to_its_end() -> None:
    told = Said(
        1, "P1", NOW, Station(id="ST1", enterprise="E1", person="P1", start=NOW, reason="r")
    )
    relief = StationStep(station="ST1", verb=StationVerb.RELIEVE, at=NOW, person="P4")
    end = StationStep(station="ST1", verb=StationVerb.END, at=NOW)
    steps = [Said(number, "P1", NOW, body) for number, body in enumerate((relief, end), 2)]
    states = [station_life(told, steps[:count]).state for count in range(3)]
    assert states == ["present", "present", "ended"]


@pytest.mark.parametrize(("person", "state"), [(None, "open"), ("P1", "assigned")])
def test_a_clue_issued_to_somebody_is_with_them(person: str | None, state: str) -> None:
    body = Clue(id="CL1", enterprise="E1", text="t", alarms=("1",), person=person)
    told = Said(1, "P1", NOW, body)
    assert clue_life(told, ()).state == state
    dismissed = ClueStep(clue="CL1", verb=ClueVerb.DISMISS, note="误报")
    assert clue_life(told, [Said(2, "P1", NOW, dismissed)]).state is ClueState.DISMISSED


def test_a_weak_point_comes_back_until_an_officer_confirms_it() -> None:
    body = Focus(id="FC1", scope=Scope.UNIT, subject="U2", weakness="风机老化")
    verbs = (FocusVerb.RECTIFY, FocusVerb.RETURN, FocusVerb.RECTIFY, FocusVerb.CONFIRM)
    steps = [
        Said(number, "P1", NOW, FocusStep(focus="FC1", verb=verb, note="n"))
        for number, verb in enumerate(verbs, 2)
    ]
    told = Said(1, "P1", NOW, body)
    states = [focus_life(told, steps[:count]).state for count in range(5)]
    assert states == ["open", "rectified", "open", "rectified", "confirmed"]
