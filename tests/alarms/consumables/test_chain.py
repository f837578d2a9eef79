"""The chain reminder, replacement, waste in store, off-site check: every transition and colour."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from wattwarden.alarms.consumables.bodies import CheckResult, OffsiteCheck, WasteEntry
from wattwarden.alarms.consumables.chain import (
    TRANSITIONS,
    ChainState,
    Change,
    Colour,
    Deed,
    Step,
    Verb,
    change_of,
    colour_of,
    refused_step,
    waste_missing,
)
from wattwarden.alarms.consumables.numbers import default_numbers, numbers_of
from wattwarden.alarms.consumables.wear import Level
from wattwarden.alarms.decisions.bodies import Consumable, Replacement
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.decisions.kinds import check_body
from wattwarden.alarms.registry.problems import RefusedError

REPLACED = datetime(2026, 11, 20, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NUMBERS = default_numbers()
NOW = REPLACED + DAY


def waste(**changes: object) -> WasteEntry:
    fields = {"id": "WS1", "replacement": "RP1", "code": "900-039-49", "mass_kg": 800.0,
              "container": "吨袋", "stored_at": REPLACED + HOUR}  # fmt: skip
    return WasteEntry(**(fields | changes))  # type: ignore[arg-type]  # any field of it


def check(result: CheckResult, opinion: str = "照片与台账不符") -> OffsiteCheck:
    return OffsiteCheck(id="CC1", replacement="RP1", result=result, opinion=opinion)


STORE, PASS, REJECT = waste(), check(CheckResult.PASS), check(CheckResult.REJECT)
STEPS: dict[Verb, Step] = {Verb.STORE: STORE, Verb.PASS: PASS, Verb.REJECT: REJECT}


def change(*steps: Step, kind: str = "carbon", noted: str = "") -> Change:
    part = Consumable(id="CS1", unit="U2", kind=kind, replaced_at=REPLACED - 90 * DAY,
                      limit_hours=500)  # fmt: skip
    replacement = Replacement(id="RP1", consumable="CS1", replaced_at=REPLACED, waste=noted)
    deeds = [Deed(REPLACED + HOUR, "P2", one) for one in steps]
    return change_of(part, replacement, (REPLACED, "P1"), deeds, NUMBERS)


CHANGES = {
    ChainState.REPLACED: change(),
    ChainState.REPLACED_CLEAN: change(kind="service"),
    ChainState.STORED: change(STORE),
    ChainState.CHECKED: change(STORE, PASS),
    ChainState.REJECTED: change(STORE, REJECT),
}


@pytest.mark.parametrize(("state", "verb"), list(product(ChainState, Verb)), ids=str)
def test_every_transition_is_taken_or_refused(state: ChainState, verb: Verb) -> None:
    assert CHANGES[state].state is state
    problem = refused_step(CHANGES[state], STEPS[verb], NOW)
    assert (problem is None) == ((state, verb) in TRANSITIONS)


def test_the_table_says_what_follows() -> None:
    assert {pair: change.state for pair, change in {
        ("carbon", "store"): change(STORE),
        ("carbon", "reject"): change(REJECT),
        ("service", "store"): change(STORE, kind="service"),
        ("service", "pass"): change(PASS, kind="service"),
        ("service", "reject"): change(REJECT, kind="service"),
    }.items()} == {
        ("carbon", "store"): ChainState.STORED,
        ("carbon", "reject"): ChainState.REJECTED,
        ("service", "store"): ChainState.STORED,
        ("service", "pass"): ChainState.CHECKED,
        ("service", "reject"): ChainState.REJECTED,
    }  # fmt: skip


def test_waste_noted_with_the_replacement_is_in_store() -> None:
    assert change(noted="HW49 2026-11-20 800kg").state is ChainState.STORED


@pytest.mark.parametrize(
    ("standing", "step", "zh", "en"),
    [
        (change(), PASS, "尚无危废入库记录,不能核查通过", "the waste of RP1 is not in store yet"),
        (
            change(STORE),
            STORE,
            "危废已入库,待核查(由P2于2026-11-20 12:00办理)",
            "replacement RP1 is stored, by P2 at 2026-11-20 12:00",
        ),
        (
            change(STORE, PASS),
            REJECT,
            "已核查(由P2于2026-11-20 12:00办理)",
            "replacement RP1 is checked, by P2 at 2026-11-20 12:00",
        ),
    ],
    ids=["no waste", "stored twice", "checked twice"],
)
def test_what_stands_against_a_step_is_told(standing: Change, step: Step, zh: str, en: str) -> None:
    problem = refused_step(standing, step, NOW)
    assert problem is not None
    assert (problem.zh, problem.en) == (zh, en)


@pytest.mark.parametrize(
    "stored_at", [REPLACED - HOUR, NOW + HOUR], ids=["before it was replaced", "to come"]
)
def test_waste_is_stored_after_the_replacement_and_before_now(stored_at: datetime) -> None:
    problem = refused_step(change(), waste(stored_at=stored_at), NOW)
    assert problem is not None
    assert problem.field == "stored_at"


@pytest.mark.parametrize(
    ("standing", "level", "days", "colour"),
    [
        (None, Level.IN_USE, 0, Colour.GREEN),
        (None, Level.REMIND, 0, Colour.AMBER),
        (None, Level.DUE, 0, Colour.AMBER),
        (None, Level.OVERDUE, 0, Colour.RED),
        (change(), Level.IN_USE, 3, Colour.GREEN),
        (change(), Level.IN_USE, 3.01, Colour.AMBER),
        (change(), Level.OVERDUE, 3.01, Colour.RED),
        (change(STORE), Level.IN_USE, 30, Colour.GREEN),
        (change(STORE, PASS), Level.IN_USE, 30, Colour.GREEN),
        (change(REJECT), Level.IN_USE, 0, Colour.AMBER),
        (change(kind="service"), Level.IN_USE, 30, Colour.GREEN),
    ],
    ids=["new", "remind", "due", "overdue", "three days", "no waste", "overdue again", "stored",
         "checked", "rejected", "no waste comes of it"],
)  # fmt: skip
def test_a_part_has_a_colour(
    standing: Change | None, level: Level, days: float, colour: Colour
) -> None:
    assert colour_of(standing, level, NUMBERS, REPLACED + days * DAY) is colour


def test_waste_that_is_stored_is_not_missing() -> None:
    assert waste_missing(change(), NUMBERS, REPLACED + 4 * DAY)
    assert not waste_missing(change(STORE), NUMBERS, REPLACED + 4 * DAY)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (waste(code="HW49"), "code"),
        (waste(mass_kg=0.0), ""),
        (check(CheckResult.REJECT, opinion=""), "opinion"),
    ],
    ids=["no code", "no mass", "rejected without a reason"],
)
def test_a_body_that_contradicts_itself_is_refused(body: Body, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check_body(body)
    assert [problem.field for problem in refused.value.problems] == [field]


def test_kinds_say_whether_waste_comes_of_them() -> None:
    assert {name for name, kind in NUMBERS.kind.items() if kind.waste} == {
        "carbon", "lamp", "catalyst",
    }  # fmt: skip
    assert not NUMBERS.kind_of("belt").waste


def test_the_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match="waste_days"):
        numbers_of("waste_days = 0")
