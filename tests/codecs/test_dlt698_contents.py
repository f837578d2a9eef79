"""DL/T 698.45: values and times that the vectors do not have."""

from typing import Any

import pytest
from tests.codecs.mischief import NOW

from wattwarden.codecs.dlt698 import CODEC
from wattwarden.codecs.dlt698.objects import quantity_of
from wattwarden.protocol.codec import Batch, Columns, Message, default_profile
from wattwarden.protocol.errors import ProtocolError

METER = "202611220001"


def written(kind: str, **fields: Any) -> bytes:
    return CODEC.encode(Message(kind, METER, fields=fields))


def report(oad: str, data: Any) -> bytes:
    return written("report", items=[{"oad": oad, "result": {"data": data}}])


def records(rcsd: list[Any], rows: list[list[Any]]) -> bytes:
    record = {"oad": "60120300", "rcsd": rcsd, "result": {"rows": rows}}
    return written("report_records", items=[record])


def decoded(frame: bytes) -> Columns:
    return CODEC.decode(Batch.of([frame], NOW))


def values_of(columns: Columns) -> dict[str, list[float]]:
    return {
        name: values.tolist() for block in columns.blocks for name, values in block.values.items()
    }


def road(*columns: str) -> dict[str, Any]:
    return {"road": {"oad": "50020200", "columns": list(columns)}}


@pytest.mark.parametrize(
    ("rcsd", "row", "found"),
    [
        pytest.param(
            [road("20000201", "20010201")], [{"array": [{"long-unsigned": 2203}, None]}],
            {"voltage_a": [pytest.approx(220.3)]}, id="an array of as many",
        ),
        pytest.param(
            [road("20000201", "20010201")], [{"long-unsigned": 2203}],
            {"voltage_a": [pytest.approx(220.3)]}, id="a number alone is the first's",
        ),
        pytest.param([road("20000201", "20010201")], [None], {}, id="no value"),
        pytest.param(
            [road(), {"oad": "20000201"}], [None, {"long-unsigned": 2203}],
            {"voltage_a": [pytest.approx(220.3)]}, id="an object of no columns before another",
        ),
    ],
)  # fmt: skip
def test_one_value_for_all_columns_of_an_object_is_shared_among_them(
    rcsd: list[Any], row: list[Any], found: dict[str, Any]
) -> None:
    columns = decoded(records(rcsd, [row]))
    assert columns.refused == ()
    assert values_of(columns) == found


def test_rows_of_no_column_are_refused() -> None:
    frame = records([], [[]])
    with pytest.raises(ProtocolError, match="rows of no column"):
        CODEC.read(frame, default_profile)
    (refused,) = decoded(frame).refused
    assert "rows of no column" in refused.message
    assert "".join(field.raw.hex() for field in CODEC.explain(frame, None)) == frame.hex()


def test_an_element_beyond_the_phases_is_no_quantity() -> None:
    data = {"array": [{"long-unsigned": 2200 + n} for n in range(4)]}
    found = values_of(decoded(report("20000200", data)))
    assert found == {
        "voltage_a": [220.0], "voltage_b": [pytest.approx(220.1)],
        "voltage_c": [pytest.approx(220.2)],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stem", "member", "name"),
    [
        ("voltage", "phase_a", "voltage_a"), ("energy_forward", "total", "energy_forward"),
        ("power", "total", "power_total"), ("voltage", "total", ""), ("voltage", "4", ""),
        ("", "", ""), ("", "total", ""), ("", "phase_a", ""),
    ],
)  # fmt: skip
def test_a_quantity_is_named_by_stem_and_member(stem: str, member: str, name: str) -> None:
    assert quantity_of(stem, member) == name


@pytest.mark.parametrize(
    ("data", "value"),
    [
        pytest.param({"long-unsigned": 2205}, 220.5, id="a count"),
        pytest.param({"float32": 220.5}, 220.5, id="the value itself"),
    ],
)
def test_a_reader_is_shown_the_value_in_its_unit(data: dict[str, Any], value: float) -> None:
    (shown,) = CODEC.read(report("20000201", data), default_profile).fields["values"]
    assert (shown["oad"], shown["value"], shown["unit"]) == ("20000201", [value], "V")


# --- times


def test_a_day_before_the_first_of_utc_is_shown_and_dates_nothing() -> None:
    message = CODEC.read(written("login", time="0001-01-01 00:00:00.000"), default_profile)
    assert message.fields["time"] == "0001-01-01 00:00:00.000 dow=0"
    assert message.at is None


def test_a_time_that_is_not_given_is_zero_bytes() -> None:
    message = CODEC.read(written("login"), default_profile)
    assert (message.fields["time"], message.at) == ("00" * 10, None)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"time": "15:37"}, id="without seconds"),
        pytest.param({"time": "15:37:09:01"}, id="with more"),
        pytest.param({"date_time_s": "FFFF"}, id="too few bytes"),
        pytest.param({"date": "FFFFFFFFFFFF"}, id="too many bytes"),
    ],
)
def test_a_time_of_another_size_is_not_written(data: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"a time of [357] bytes is due"):
        report("40000200", data)


# --- the link layer


@pytest.mark.parametrize("address", ["", "00" * 17], ids=["none", "too long"])
def test_a_frame_is_addressed_with_up_to_sixteen_bytes(address: str) -> None:
    with pytest.raises(ValueError, match="an address has 1 to 16 bytes"):
        CODEC.encode(Message("login", address))
    assert CODEC.read(CODEC.encode(Message("login", "12" * 16)), default_profile).meter == "12" * 16


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        pytest.param("fragment", {}, id="a fragment without its number"),
        pytest.param("login", {"CA": None}, id="no client"),
        pytest.param("login", {"CA": 256}, id="no such client"),
    ],
)
def test_a_frame_without_its_parts_is_not_written(kind: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each says what it found
        written(kind, **fields)
