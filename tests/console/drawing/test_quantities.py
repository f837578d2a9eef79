"""What meters say is named as people name it, in the units that people use."""

import pytest

from wattwarden.console.drawing.quantities import factor_name, factor_unit, told_of
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.storage.readings import Value


@pytest.mark.parametrize(
    ("values", "zh", "text", "unit"),
    [
        (
            [Value("voltage_a", 231.04, "V"), Value("voltage_b", 230.0, "V")],
            "电压",
            "231.0 / 230.0",
            "V",
        ),
        ([Value("current_b", 1234.5, "A")], "电流 B 相", "1,234.5", "A"),
        ([Value("power_total", 116_600.0, "W")], "有功功率", "116.6", "kW"),
        ([Value("power_factor_total", 0.9, "1")], "功率因数", "0.900", ""),
        ([Value("frequency", 50.0, "Hz")], "频率", "50.00", "Hz"),
        ([Value("energy_forward", 1_234_500, "Wh")], "正向电量", "1,234.5", "kWh"),
        ([Value("energy_forward_deep_valley", 500, "Wh")], "正向电量 深谷", "0.5", "kWh"),
        ([Value("a24088", 21.236, "")], "非甲烷总烃", "21.24", "mg/m³"),
        ([Value("a24088-Avg", 0.0, "")], "非甲烷总烃", "0", "mg/m³"),
        ([Value("zz9999", 3, "")], "zz9999", "3", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_read_as_people_say_them(values: list[Value], zh: str, text: str, unit: str) -> None:
    (told,) = told_of(values)
    assert (told.name.zh, told.text, told.unit) == (zh, text, unit)


def test_every_quantity_that_is_stored_has_a_name_and_a_place() -> None:
    told = told_of(Value(name, 1.0, one.unit) for name, one in QUANTITIES.items())
    names = {one.name.zh for one in told}
    assert len(names) == len(told)
    assert not {name for name in names if name.isascii()}
    assert not {one.name.en for one in told if "_" in one.name.en}


def test_a_factor_that_no_table_has_is_called_by_its_code() -> None:
    assert factor_name("zz9999").en == "zz9999"
    assert factor_unit("zz9999") == ""
