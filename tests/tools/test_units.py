"""Units of factors come from the tables."""

import pytest

from wattwarden.tools.units import unit_of


@pytest.mark.parametrize(
    ("codec", "code", "unit"),
    [
        ("hj212", "d10001", "kW"),
        ("hj212", "d10001-Avg", "kW"),
        ("hj212", "d10001-Cou", ""),
        ("hj212", "nonesuch", ""),
        ("no such codec", "d10001", ""),
    ],
)
def test_a_factor_has_the_unit_of_its_table(codec: str, code: str, unit: str) -> None:
    assert unit_of(codec, code) == unit
