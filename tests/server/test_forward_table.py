"""The table of platforms, and what readings say to one of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.storage.feed import small_city

from wattwarden.alarms.registry.nouns import Outlet, Point
from wattwarden.codecs.hj212.client import Upload, upload_frame
from wattwarden.codecs.hj212.header import MAX_MN_BYTES
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.protocol.secret import Secret
from wattwarden.server.forward_rows import (
    MAX_DATA_BYTES,
    Owned,
    items_of,
    mn_of,
    owned_of,
    shared_mns,
)
from wattwarden.server.forward_table import (
    DEFAULT_CODES,
    Code,
    ForwardTableError,
    Platform,
    load_forward_table,
    read_forward_table,
)
from wattwarden.storage.forward import Item

HEAD = """[platforms.city]
address = "203.0.113.7:9000"
enterprises = ["E1"]
password_file = "city_password"
"""
AT = datetime(2026, 11, 22, 3, 0, 30, 500_000, tzinfo=UTC)


def platform(more: str = "") -> Platform:
    return read_forward_table((HEAD + more).encode())["city"]


def test_a_platform_is_named_by_its_address_its_firms_and_its_password() -> None:
    one = platform()
    assert one.endpoint == ("203.0.113.7", 9000)
    assert (one.st, one.edition, one.ratios) == ("31", 2017, True)
    assert one.codes_in_force() == DEFAULT_CODES
    assert DEFAULT_CODES["power_total"] == Code("d10001", 1000.0)


def test_an_address_may_be_of_ipv6() -> None:
    text = HEAD.replace("203.0.113.7:9000", "[2001:db8::7]:9000")
    assert read_forward_table(text.encode())["city"].endpoint == ("2001:db8::7", 9000)


def test_codes_have_the_units_of_the_standards_table_or_their_own() -> None:
    codes = platform(
        '[platforms.city.codes]\npower_total = "d10001"\nenergy_forward = "i33201"\n'
        'current_a = "x1"\nvoltage_a = { code = "x2", scale = 1000 }\n'
    ).codes_in_force()
    assert codes["power_total"] == Code("d10001", 1000.0)
    assert codes["energy_forward"] == Code("i33201", 1000.0)
    assert (codes["current_a"], codes["voltage_a"]) == (Code("x1", 1.0), Code("x2", 1000.0))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[platforms.city", "Expected", id="no TOML"),
        pytest.param(HEAD + "colour = 1", "unknown field", id="unknown setting"),
        pytest.param(HEAD.replace(":9000", ""), "HOST:PORT", id="no port"),
        pytest.param(HEAD.replace("[platforms.city]", "[platforms.CITY]"), "a-z", id="name"),
        pytest.param(HEAD + "edition = 2020", "edition is one of", id="edition"),
        pytest.param(HEAD + 'st = "310"', "regex", id="system code"),
        pytest.param(HEAD + 'mn = {"hj212:a" = "a;b"}', "MN", id="an MN that ends the field"),
        pytest.param(HEAD + 'codes = {watts = "d1"}', "no such quantity: watts", id="quantity"),
        pytest.param(HEAD + 'codes = {power_total = "d1=2"}', "a code is", id="code"),
        pytest.param(
            HEAD + 'codes = {power_a = "d1", power_b = "d1"}', "the same code", id="twice"
        ),
        pytest.param(
            HEAD + 'mn = {"hj212:a" = "X", "acrel:b" = "X"}',
            "the MN X stands for hj212:a and for acrel:b",
            id="one MN for two meters",
        ),
        pytest.param(
            HEAD + 'mn = {"hj212:a/1" = "X", "hj212:a/2" = "X"}', "stands for", id="two channels"
        ),
        pytest.param(HEAD.replace("city_password", "../key"), "regex", id="secrets folder"),
        pytest.param(HEAD.replace('["E1"]', "[]"), "length", id="nobody"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(text: str, said: str) -> None:
    with pytest.raises(ForwardTableError, match=said):
        read_forward_table(text.encode())


def test_a_folder_without_a_table_forwards_nothing(tmp_path: Path) -> None:
    assert load_forward_table(tmp_path / "forward.toml") == {}
    (tmp_path / "forward.toml").write_text(HEAD)
    assert list(load_forward_table(tmp_path / "forward.toml")) == ["city"]
    (tmp_path / "forward.toml").write_text("colour")
    with pytest.raises(ForwardTableError, match=r"forward\.toml"):
        load_forward_table(tmp_path / "forward.toml")


def owned(*points: Point) -> Owned:
    registry = small_city(["E1", "E2"])
    for point in points:
        registry.put("point", point)
    return owned_of(registry, ["E1"])


def row(**values: Any) -> dict[str, Any]:
    fields = {
        "name": "fake:E1-p", "channel": "", "period": "i", "at": AT, "quality": 0, "factors": (),
    }  # fmt: skip
    return dict.fromkeys(QUANTITIES) | fields | values


def item_of(platform: Platform, found: Owned, row: dict[str, Any]) -> Item | None:
    items = items_of(platform, found, row)
    assert len(items) <= 1
    return next(iter(items), None)


def test_what_belongs_to_the_firm_is_sent_with_its_codes_and_units() -> None:
    found = owned()
    assert found.meters == {"fake:E1-p", "fake:E1-t"}
    item = item_of(platform(), found, row(power_total=8250.5, voltage_a=230.25))
    assert item is not None
    assert (item.mn, item.cn, item.repeated) == ("E1p", "2011", False)
    assert item.data == (
        "DataTime=20261122110030;d10001-Rtd=8.2505,d10001-Flag=N;d10004-Rtd=230.25,d10004-Flag=N"
    )
    assert item_of(platform(), found, row(name="fake:E2-p", power_total=1.0)) is None


def test_minutes_are_means_and_what_is_doubtful_or_repeated_says_so() -> None:
    marks = int(Quality.DOUBTFUL | Quality.BACKFILL)
    item = item_of(platform(), owned(), row(period="m", power_total=1e-4, quality=marks))
    assert item is not None
    assert (item.cn, item.repeated) == ("2051", True)
    assert item.data.endswith("d10001-Avg=0,d10001-Flag=D")


@pytest.mark.parametrize(("period", "cn"), [("h", "2061"), ("d", "2031")], ids=["an hour", "a day"])
def test_hours_and_days_have_commands_of_their_own(period: str, cn: str) -> None:
    item = item_of(platform(), owned(), row(period=period, power_total=1000.0))
    assert item is not None
    assert (item.cn, item.data) == (
        cn, "DataTime=20261122110030;d10001-Avg=1,d10001-Flag=N",
    )  # fmt: skip


def factor(code: str, **more: Any) -> Point:
    fields: dict[str, Any] = {
        "id": code, "meter": "hj212:cems", "valid_from": AT - timedelta(days=9), "factor": code,
    }  # fmt: skip
    return Point(**({"unit": "E1-p", "measures": "pollutant"} | fields | more))


def test_factors_go_with_their_statistics_and_their_own_flag_beside_electricity() -> None:
    found = owned(
        factor("a34004"), factor("w01018"), factor("d9", measures="current", ct=40.0, pt=100.0),
        factor("gone", valid_to=AT), Point(id="e", meter="hj212:cems", valid_from=AT, unit="E1-t"),
    )  # fmt: skip
    said = (
        ("a34004", 12.5, "D"), ("w01018-Min", 1.0, " "), ("d9", 2.0, " "), ("gone", 1.0, " "),
        ("w01018-Avg", 2.0, " "), ("nobody", 1.0, " "), ("a21026", None, " "),
    )  # fmt: skip
    item = item_of(
        platform(), found, row(name="hj212:cems", period="m", power_total=1e3, factors=said)
    )
    assert item is not None
    assert item.data.split(";")[1:] == [
        "d10001-Avg=1,d10001-Flag=N",
        "a34004-Rtd=12.5,a34004-Flag=D",
        "w01018-Min=1,w01018-Avg=2,w01018-Flag=N",
        "d9-Rtd=80,d9-Flag=N",
    ]
    assert found.meters >= {"hj212:cems"}


def test_a_pollutant_of_an_outlet_is_its_firms() -> None:
    registry = small_city(["E1", "E2"])
    registry.put("outlet", Outlet(id="o", enterprise="E2", name="stack"))
    registry.put("point", factor("a34004", unit=None, outlet="o"))
    said = row(name="hj212:cems", factors=(("a34004", 1.0, " "),))
    assert items_of(platform(), owned_of(registry, ["E1"]), said) == ()
    assert len(items_of(platform(), owned_of(registry, ["E2"]), said)) == 1


def test_what_is_too_long_for_a_frame_goes_in_several() -> None:
    codes = [f"a{number:05}" for number in range(60)]
    found = owned(*map(factor, codes))
    said = tuple((code, 1.5, " ") for code in codes)
    items = items_of(platform(), found, row(name="hj212:cems", factors=said))
    assert len(items) > 1
    assert all(len(item.data) <= MAX_DATA_BYTES for item in items)
    assert {item.data.partition(";")[0] for item in items} == {"DataTime=20261122110030"}
    sent = [part for item in items for part in item.data.split(";")[1:]]
    assert sent == [f"{code}-Rtd=1.5,{code}-Flag=N" for code in codes]


def test_no_frame_is_longer_than_the_standard_lets_it_be() -> None:
    codes = [f"a{number:05}" for number in range(200)]
    found = owned(*map(factor, codes))
    said = tuple((code, 1.5, " ") for code in codes)
    mn = "9" * MAX_MN_BYTES
    items = items_of(
        platform(f'mn = {{"hj212:cems" = "{mn}"}}'), found, row(name="hj212:cems", factors=said)
    )
    password = Secret("0" * 24)
    for item in items:
        upload = Upload(0, "31", item.cn, item.mn, item.data, password, 2025, repeated=True)
        frame = upload_frame(upload)
        assert int(frame[2:6]) <= 1024
        assert len(b"CP=" + frame.partition(b"CP=")[2][:-6]) <= 950
    assert len(items) < 200 * 32 / 800


def test_a_factor_with_many_statistics_goes_in_several_parts_each_with_its_flag() -> None:
    said = tuple((f"a34004-{'X' * 30}{number:03}", 1.5, "D") for number in range(60))
    items = items_of(platform(), owned(factor("a34004")), row(name="hj212:cems", factors=said))
    assert len(items) > 1
    assert all(len(item.data) <= MAX_DATA_BYTES for item in items)
    assert all(item.data.endswith(",a34004-Flag=D") for item in items)
    assert sum(item.data.count("=1.5") for item in items) == 60


def test_a_flag_that_would_end_the_data_is_none_of_ours() -> None:
    said = row(name="hj212:cems", factors=(("a34004", 1.5, "&"),))
    item = item_of(platform(), owned(factor("a34004")), said)
    assert item is not None
    assert item.data.endswith("a34004-Rtd=1.5,a34004-Flag=N")


def test_a_channel_may_have_its_meters_mn_and_two_meters_with_one_are_named() -> None:
    one = platform('mn = {"hj212:a" = "X", "hj212:a/1" = "X"}')
    assert mn_of(one, "hj212:a", "1") == mn_of(one, "hj212:a", "") == "X"
    same = [
        Point(id=meter, meter=f"{meter}:77", valid_from=AT, unit="E1-p")
        for meter in ("acrel", "dlt645")
    ]
    assert shared_mns(one, owned()) == {}
    assert shared_mns(one, owned(*same)) == {"77": ["acrel:77", "dlt645:77"]}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="nothing said"),
        pytest.param({"frequency": 50.0}, id="no code for it"),
        pytest.param({"power_total": float("nan")}, id="no number"),
        pytest.param({"power_total": 1.0, "period": "r"}, id="a run time"),
        pytest.param({"factors": (("a34004", 1.0, " "),)}, id="a factor nobody owns"),
        pytest.param({"power_total": 1.0, "channel": "9"}, id="a channel nobody owns"),
        pytest.param(
            {"power_total": 1.0, "at": datetime(2025, 1, 1, tzinfo=UTC)}, id="before it belonged"
        ),
    ],
)
def test_what_says_nothing_is_not_sent(values: dict[str, Any]) -> None:
    assert item_of(platform(), owned(), row(**values)) is None


RATIOS = Point(
    id="r",
    meter="fake:x",
    valid_from=AT - timedelta(days=9),
    unit="E1-p",
    channel="1-1",
    ct=40,
    pt=100,
)


@pytest.mark.parametrize(
    ("quantity", "by"),
    [
        ("current_a", 40),
        ("voltage_a", 100),
        ("power_total", 4000),
        ("reactive_total", 4000),
        ("apparent_total", 4000),
        ("energy_forward", 4000),
        ("power_factor_total", 1),
        ("voltage_thd_a", 1),
        ("current_thd_a", 1),
        ("frequency", 1),
    ],
)
def test_the_points_ratios_are_applied_unless_the_platform_wants_it_as_reported(
    quantity: str, by: int
) -> None:
    codes = f'codes = {{ {quantity} = {{ code = "c", scale = 1 }} }}\n'
    found = [
        item_of(
            platform(codes + more),
            owned(RATIOS),
            row(name="fake:x", channel="1-1", **{quantity: 2}),
        )
        for more in ("", "ratios = false\n")
    ]
    assert [one.data.split("Rtd=")[1] for one in found if one] == [
        f"{2 * by},c-Flag=N",
        "2,c-Flag=N",
    ]


def test_a_register_keeps_every_digit() -> None:
    codes = 'codes = { energy_forward = "i33201" }\n'
    item = item_of(platform(codes), owned(), row(energy_forward=123_456_789_012))
    assert item is not None
    assert "i33201-Rtd=123456789.012," in item.data


@pytest.mark.parametrize(
    ("meter", "channel", "mn"),
    [
        ("acrel:02121031700227", "", "02121031700227"),
        ("acrel:02121031700227", "1-2", "02121031700227_1-2"),
        ("hj212:A_b-1", "", "Ab1"),
        ("fake:named", "", "MN1"),
        ("fake:named", "2", "MN1_2"),
        ("fake:named", "3", "MN3"),
        ("fake:" + "9" * 60, "1", "9" * 30 + "_1"),
    ],
)
def test_an_mn_is_as_the_table_says_or_the_address(meter: str, channel: str, mn: str) -> None:
    names = 'mn = {"fake:named" = "MN1", "fake:named/3" = "MN3"}\n'
    assert mn_of(platform(names), meter, channel) == mn
