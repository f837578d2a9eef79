"""Activated carbon: the formula against numbers worked out by hand, and objections to it."""

from datetime import UTC, datetime

import msgspec
import pytest

from wattwarden.alarms.consumables.bodies import Carbon
from wattwarden.alarms.consumables.carbon import (
    Objection,
    objections,
    run_days,
    run_hours,
    uncalculated,
)
from wattwarden.alarms.consumables.numbers import default_numbers
from wattwarden.alarms.decisions.bodies import Consumable
from wattwarden.alarms.decisions.kinds import check_body
from wattwarden.alarms.registry.problems import RefusedError

ACCEPTED = default_numbers().carbon


def filling(
    mass_kg: float, share: float, reduction_mg_m3: float, flow_m3_h: float, hours_per_day: float
) -> Carbon:
    return Carbon(
        id="CB1",
        consumable="CS1",
        mass_kg=mass_kg,
        share=share,
        reduction_mg_m3=reduction_mg_m3,
        flow_m3_h=flow_m3_h,
        hours_per_day=hours_per_day,
    )


@pytest.mark.parametrize(
    ("design", "hours", "days"),
    [
        # 1,000 kg take up 100 kg; 50 mg of 10,000 m³ are 0.5 kg an hour.
        (filling(1_000, 0.10, 50, 10_000, 8), 200, 25),
        # 600 kg take up 60 kg; 20 mg of 5,000 m³ are 0.1 kg an hour.
        (filling(600, 0.10, 20, 5_000, 24), 600, 25),
        # 2,400 kg take up 480 kg; 30 mg of 20,000 m³ are 0.6 kg an hour.
        (filling(2_400, 0.20, 30, 20_000, 8), 800, 100),
    ],
    ids=["a shift a day", "round the clock", "as reviewers do not like it"],
)
def test_a_filling_lasts_as_the_formula_says(design: Carbon, hours: float, days: float) -> None:
    assert run_hours(design) == pytest.approx(hours)
    assert run_days(design) == pytest.approx(days)


@pytest.mark.parametrize(
    ("design", "expected"),
    [
        (filling(1_000, 0.10, 50, 10_000, 8), []),
        (filling(1_000, 0.12, 50, 10_000, 8), [Objection.SHARE_ABOVE_USUAL]),
        (filling(1_000, 0.15, 50, 10_000, 8), [Objection.SHARE_OBJECTED]),
        (filling(1_000, 0.20, 50, 10_000, 8), [Objection.SHARE_OBJECTED]),
        (filling(2_500, 0.10, 50, 10_000, 8), []),
        (filling(2_501, 0.10, 50, 10_000, 8), [Objection.ABOVE_CAP]),
        (filling(1_000, 0.10, 50, 10_000, 2), [Objection.LONG_PERIOD]),
        (
            filling(2_400, 0.20, 30, 20_000, 8),
            [Objection.SHARE_OBJECTED, Objection.LONG_PERIOD, Objection.ABOVE_CAP],
        ),
    ],
    ids=["none", "12 %", "15 %", "20 %", "500 h", "above", "100 days", "everything"],
)
def test_reviewers_object(design: Carbon, expected: list[Objection]) -> None:
    found = list(objections(design, ACCEPTED))
    assert [one.objection for one in found] == expected
    assert all(one.zh and one.en for one in found)


@pytest.mark.parametrize(
    ("kind", "days", "calculated", "expected"),
    [
        ("carbon", None, False, 1),
        ("carbon", 91, False, 1),
        ("carbon", 90, False, 0),
        ("carbon", None, True, 0),
        ("bags", None, False, 0),
    ],
    ids=["no days", "too many", "three months", "calculated", "no carbon"],
)
def test_carbon_for_long_is_calculated(
    kind: str, days: float | None, *, calculated: bool, expected: int
) -> None:
    since = datetime(2026, 9, 1, tzinfo=UTC)
    part = Consumable(
        id="CS1", unit="U2", kind=kind, replaced_at=since, limit_hours=500, limit_days=days
    )
    design = filling(1_000, 0.1, 50, 10_000, 8) if calculated else None
    assert len(list(uncalculated(part, design, ACCEPTED))) == expected


@pytest.mark.parametrize(
    ("field", "most"), [("share", 1.0), ("hours_per_day", 24.0)],
    ids=["its own mass", "all day"],
)  # fmt: skip
def test_a_design_is_refused_that_nothing_in_the_world_can_be(field: str, most: float) -> None:
    design = filling(1_000, 0.1, 50, 10_000, 8)
    check_body(msgspec.structs.replace(design, **{field: most}))
    for wrong in (0.0, most * 1.01):
        with pytest.raises(RefusedError, match=rf"\$\.{field}"):
            check_body(msgspec.structs.replace(design, **{field: wrong}))
