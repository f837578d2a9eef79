"""A unit's rated current, as its nameplate has it or makes it likely."""

import pytest

from wattwarden.alarms.registry.nameplate import rated_current
from wattwarden.alarms.registry.nouns import Drive, Unit, UnitKind


@pytest.mark.parametrize(
    ("given", "drive", "amperes"),
    [
        pytest.param(42.0, Drive.DIRECT, 42.0, id="given"),
        # 22 kW at 380 V: 33.4 A of a heater, and a quarter more of a motor.
        pytest.param(None, Drive.RESISTIVE, 33.43, id="of a heater"),
        pytest.param(None, Drive.DIRECT, 41.78, id="of a motor"),
    ],
)
def test_the_rated_current_is_given_or_made_likely(
    given: float | None, drive: Drive, amperes: float
) -> None:
    unit = Unit(
        id="U1", enterprise="E1", name="风机", kind=UnitKind.TREATMENT, rated_power=22_000,
        rated_voltage=380, rated_current=given, drive=drive,
    )  # fmt: skip
    assert rated_current(unit) == pytest.approx(amperes, abs=0.01)
