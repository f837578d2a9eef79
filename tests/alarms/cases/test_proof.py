"""Proof by production: 24 hours of it without the condition, to the second."""

import dataclasses

import pytest
from tests.alarms.cases.made import GRADING, after, case, did, episode
from tests.alarms.registry.firm import registry

from wattwarden.alarms.cases.bodies import Cause, Fault, Verb
from wattwarden.alarms.cases.proof import Change, fault_of, producers, proof, provable_since
from wattwarden.alarms.registry.nouns import Link, Unit, UnitKind

DAY = 1440.0
RECTIFIED = [did(1, Verb.ACK), did(2, Verb.HANDLE), did(40, Verb.RECTIFY)]


def states(*changes: tuple[float, str] | tuple[float, str, str]) -> list[Change]:
    return [Change(after(one[0]), one[2] if len(one) == 3 else "U1", one[1]) for one in changes]


@pytest.mark.parametrize(
    ("changes", "proved"),
    [
        (states((-9, "running")), DAY),
        (states((60, "running")), DAY + 60),
        (states((-9, "running"), (60, "off"), (120, "running")), DAY + 60),
        (states((-9, "running"), (60, "idle"), (120, "reduced_vfd")), DAY + 60),
        (states((-9, "running"), (60, "offline"), (120, "over")), DAY + 60),
        (states((-9, "running"), (30, "running", "U9"), (60, "off"), (90, "off", "U9")), None),
        (states((-9, "running"), (30, "running", "U9"), (60, "off")), DAY),
        (states((-9, "off")), None),
        ([], None),
    ],
    ids=[
        "always", "later", "a-pause", "idle", "unheard", "both-stop", "another-works", "off",
        "none",
    ],
)  # fmt: skip
def test_a_day_of_production_proves_at_its_last_second(
    changes: list[Change], proved: float | None
) -> None:
    found = proof(changes, after(0), after(3 * DAY), GRADING)
    assert found.at == (None if proved is None else after(proved))
    if proved is not None:
        just_before = proof(changes, after(0), after(proved - 1), GRADING)
        assert just_before.at is None
        assert just_before.missing.total_seconds() == 60


def test_production_proves_from_when_it_was_rectified_and_gone() -> None:
    assert provable_since(case(RECTIFIED, of=episode(ended=50), now=60)) == after(50)
    assert provable_since(case(RECTIFIED, of=episode(ended=30), now=60)) == after(40)


def test_nothing_is_proved_while_the_condition_stands_or_nothing_was_rectified() -> None:
    assert provable_since(case(RECTIFIED, now=60)) is None
    assert provable_since(case(RECTIFIED[:2], of=episode(ended=30), now=60)) is None


def test_the_line_s_production_units_prove_or_the_firm_s_where_there_is_no_line() -> None:
    known = registry(
        ("unit", Unit(id="U9", enterprise="E1", name="窑", kind=UnitKind.BOTH, rated_power=1e4)),
        ("link", Link(id="K9", line="L2", unit="U9")),
    )
    assert producers(case(), known) == {"U1"}
    assert producers(case(of=episode(line="L2")), known) == {"U9"}
    assert producers(case(of=episode(line="")), known) == {"U1", "U9"}


@pytest.mark.parametrize(
    ("grade", "cause", "said", "fault"),
    [
        ("A", None, None, Fault.ENTERPRISE),
        ("A", Cause.AGEING, None, Fault.ENTERPRISE),
        ("A", Cause.METER, None, Fault.METERING),
        ("B", Cause.COMMUNICATION, None, Fault.METERING),
        ("D", None, None, Fault.METERING),
        ("D", Cause.BREAKAGE, None, Fault.METERING),
        ("D", Cause.DELIBERATE, None, Fault.ENTERPRISE),
        ("D", Cause.OPERATION, None, Fault.ENTERPRISE),
        ("D", None, Fault.ENTERPRISE, Fault.ENTERPRISE),
    ],
)
def test_a_meter_s_fault_is_not_the_firm_s(
    grade: str, cause: Cause | None, said: Fault | None, fault: Fault
) -> None:
    found = dataclasses.replace(case(of=episode(grade)), cause=cause, fault=said)
    assert fault_of(found) is fault
