from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES, Unit


def test_each_flag_is_a_bit_of_its_own() -> None:
    """They are stored: a flag that changes its bit changes what is said of every reading."""
    named = {name: flag.value for name, flag in Quality.__members__.items() if flag}
    assert sorted(named.values()) == [1 << bit for bit in range(len(named))]


def test_counters_alone_are_exact() -> None:
    counted = {Unit.WATT_HOUR, Unit.VAR_HOUR}
    unlike = {name for name, one in QUANTITIES.items() if one.exact != (one.unit in counted)}
    assert unlike == set()
