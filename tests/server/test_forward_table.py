"""The table of platforms, and what readings say to one of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.storage.feed import small_city

from wattwarden.alarms.registry.nouns import Point
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.server.forward_rows import Owned, item_of, mn_of, owned_of
from wattwarden.server.forward_table import (
    DEFAULT_CODES,
    Code,
    ForwardTableError,
    Platform,
    load_forward_table,
    read_forward_table,
)

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
    fields = {"channel": "", "period": "i", "at": AT, "quality": 0}
    return dict.fromkeys(QUANTITIES) | fields | values


def test_what_belongs_to_the_firm_is_sent_with_its_codes_and_units() -> None:
    found = owned()
    assert found.meters == {"fake:E1-p", "fake:E1-t"}
    item = item_of(platform(), found, "fake:E1-p", row(power_total=8250.5, voltage_a=230.25))
    assert item is not None
    assert (item.mn, item.cn, item.repeated) == ("E1p", "2011", False)
    assert item.data == (
        "DataTime=20261122110030;d10001-Rtd=8.2505,d10001-Flag=N;d10004-Rtd=230.25,d10004-Flag=N"
    )
    assert item_of(platform(), found, "fake:E2-p", row(power_total=1.0)) is None


def test_minutes_are_means_and_what_is_doubtful_or_repeated_says_so() -> None:
    marks = int(Quality.DOUBTFUL | Quality.BACKFILL)
    item = item_of(
        platform(), owned(), "fake:E1-p", row(period="m", power_total=1e-4, quality=marks)
    )
    assert item is not None
    assert (item.cn, item.repeated) == ("2051", True)
    assert item.data.endswith("d10001-Avg=0,d10001-Flag=D")


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="nothing said"),
        pytest.param({"frequency": 50.0}, id="no code for it"),
        pytest.param({"power_total": float("nan")}, id="no number"),
        pytest.param({"power_total": 1.0, "period": "d"}, id="a day"),
        pytest.param({"power_total": 1.0, "channel": "9"}, id="a channel nobody owns"),
        pytest.param(
            {"power_total": 1.0, "at": datetime(2025, 1, 1, tzinfo=UTC)}, id="before it belonged"
        ),
    ],
)
def test_what_says_nothing_is_not_sent(values: dict[str, Any]) -> None:
    assert item_of(platform(), owned(), "fake:E1-p", row(**values)) is None


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
            platform(codes + more), owned(RATIOS), "fake:x", row(channel="1-1", **{quantity: 2})
        )
        for more in ("", "ratios = false\n")
    ]
    assert [one.data.split("Rtd=")[1] for one in found if one] == [
        f"{2 * by},c-Flag=N",
        "2,c-Flag=N",
    ]


def test_a_register_keeps_every_digit() -> None:
    codes = 'codes = { energy_forward = "i33201" }\n'
    item = item_of(platform(codes), owned(), "fake:E1-p", row(energy_forward=123_456_789_012))
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
