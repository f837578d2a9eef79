"""The tables of codes: what they must hold so that decoding can rely on them."""

import pytest

from wattwarden.codecs.tables import Factor, find_factor, read_commands, read_factors, read_terms
from wattwarden.protocol.codec import MAX_CHANNEL_BYTES, PERIODS
from wattwarden.protocol.quantity import QUANTITIES, Unit

FACTORS = read_factors("hj212_factors")
COMMANDS = read_commands("hj212_commands")
OURS = [factor for factor in FACTORS.values() if factor.quantity]
# Our unit of each unit that the standard writes, and how many of ours it is.
SCALES = {
    "V": (Unit.VOLT, 1), "A": (Unit.AMPERE, 1), "1": (Unit.ONE, 1), "kW": (Unit.WATT, 1000),
    "kvar": (Unit.VAR, 1000), "kVA": (Unit.VOLT_AMPERE, 1000), "kWh": (Unit.WATT_HOUR, 1000),
}  # fmt: skip


@pytest.mark.parametrize("factor", OURS, ids=lambda factor: factor.code)
def test_a_code_of_electricity_is_scaled_to_a_quantity_of_ours(factor: Factor) -> None:
    assert SCALES[factor.unit] == (QUANTITIES[factor.quantity].unit, factor.scale)


def test_a_code_that_is_its_own_channel_fits_the_store() -> None:
    assert [f.code for f in OURS if f.own_channel and len(f.code) > MAX_CHANNEL_BYTES] == []


def test_every_factor_is_named_in_both_languages_and_says_its_basis() -> None:
    assert [f.code for f in FACTORS.values() if not (f.name_zh and f.name_en and f.basis)] == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("a34004", "a34004"), ("g10201", "g102##"), ("g1021", "g102##"), ("SB1", "SB##"),
        ("SB12", "SB##"), ("i33311", "i3331#"), ("i333112", None), ("g102", None), ("g102xy", None),
        ("", None), ("##", None), ("1", None), ("g102１２", None), ("011", "011"),
    ],
)  # fmt: skip
def test_the_number_of_a_machine_is_left_open(code: str, found: str | None) -> None:
    factor = find_factor(FACTORS, code)
    assert (factor.code if factor else None) == found


def test_commands_have_kinds_of_their_own_and_known_periods_and_replies() -> None:
    kinds = [command.kind for command in COMMANDS.values()]
    assert len(set(kinds)) == len(kinds)
    assert {command.period for command in COMMANDS.values()} == {"", *PERIODS}
    replies = {command.reply for command in COMMANDS.values()}
    assert replies == {"", "data", "notice", "clock", "login"}
    assert all(len(cn) == 4 and cn.isdigit() for cn in COMMANDS)


def test_terms_are_named_in_both_languages() -> None:
    terms = read_terms("hj212_terms")
    assert terms["system", "44"] == "设施用电监控 electricity of units"
    assert all(" " in name for name in terms.values())
