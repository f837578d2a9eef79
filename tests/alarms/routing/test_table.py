"""The routing table: what is wrong in it is said before it is in force."""

import pytest
from tests.alarms.routing.test_route import ENDPOINTS

from wattwarden.alarms.channels.channel import Scope
from wattwarden.alarms.routing.table import Reader, RoutingError, default_text, load_table


def test_the_table_that_comes_along_sends_nothing() -> None:
    table = load_table(default_text())
    assert table.endpoint == {}
    assert table.patience(4).wait_s == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('version = "1"', "version = 1", "version"),
        ("repeat_gap_s = 600", "repeat_gap_s = 600000", "repeat_gap_s"),
        ('digest_at = "08:10"', 'digest_at = "08:00"', "crowded"),
        ("[level.4]", "[level.5]", "level has"),
        ("reserve = 2", "reserve = 6", "less than 6"),
        ('["A", "C"]', '["A", "Z"]', "classes are"),
        ('channel = "wecom_app"', 'channel = "fax"', "one of aliyun_sms"),
        ('corpid = "C", agentid = 1', 'corpid = "C"', "settings: Object missing"),
        ('corpsecret = "corp"', 'corpsecret = "../corp"', "name of a file"),
        (
            'corpsecret = "corp"',
            'secret = "corp"',
            r"missing \['corpsecret'\], unknown \['secret'\]",
        ),
        ('corpsecret = "corp"', "", r"secrets: missing \['corpsecret'\], unknown \[\]"),
        (
            'corpsecret = "corp"',
            'corpsecret = "corp", token = "t"',
            r"secrets: missing \[\], unknown \['token'\]",
        ),
        ("chain = []", 'chain = ["fax"]', "there is no endpoint fax"),
        ("chain = []", 'chain = ["hook"]', "takes no address"),
        ("parallel = 4", 'allow = ["10.0.0.0/99"]', "allow"),
        ("merge_lines = 20", "merge_lines = 20\nfoo = 1", "foo"),
        ('"https://example.org/in"', '"ftp://example.org"', "settings"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 25 else None,
)
def test_what_cannot_be_used_is_refused_with_its_key(old: str, new: str, said: str) -> None:
    text = default_text() + ENDPOINTS
    assert old in text
    with pytest.raises(RoutingError, match=said):
        load_table(text.replace(old, new, 1))


def test_what_is_no_toml_is_refused() -> None:
    with pytest.raises(RoutingError, match="routing table"):
        load_table("version =")


WECHAT = """
[endpoint.wechat]
channel = "wechat_template"
address = "wechat"
secrets = { secret = "s" }
settings = { appid = "A", template = "T", keywords = { PART } }
"""
SMS = """
[endpoint.sms]
channel = "aliyun_sms"
address = "phone"
secrets = { key_id = "s", key_secret = "s" }
settings = { sign_name = "S", template = "SMS_1", variables = { x = "WHAT" } }
"""


@pytest.mark.parametrize(
    ("keyword", "said"),
    [
        ('thing1 = "firms"', "a notice has no 'firms'"),
        ('time2 = "cleared"', "never empty"),
        ('date2 = "deadline"', "never empty"),
        ('time2 = "firm"', "never empty"),
    ],
)
def test_a_template_that_could_not_be_filled_is_refused(keyword: str, said: str) -> None:
    with pytest.raises(RoutingError, match=said):
        load_table(default_text() + WECHAT.replace("PART", keyword))


def test_a_template_of_what_notices_have_is_taken() -> None:
    keywords = 'thing1 = "firm", time2 = "raised", thing3 = "deadline"'
    table = load_table(default_text() + WECHAT.replace("PART", keywords))
    assert "wechat" in table.endpoint


def test_a_variable_that_no_notice_has_is_refused() -> None:
    with pytest.raises(RoutingError, match="a notice has no 'WHAT'"):
        load_table(default_text() + SMS)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[[stream]]\nendpoint = "fax"\nlevel = 2\n', "there is no endpoint fax"),
        ('[[stream]]\nendpoint = "hook"\nlevel = 2\nclasses = ["A", "Z"]\n', "there is no Z"),
    ],
)
def test_a_stream_goes_to_what_there_is(more: str, said: str) -> None:
    with pytest.raises(RoutingError, match=said):
        load_table(default_text() + ENDPOINTS + more)


def test_only_what_people_have_an_address_of_goes_out_beside_the_others() -> None:
    text = ENDPOINTS.replace(
        'secrets = { secret = "k" }', 'secrets = { secret = "k" }\nparallel = 4'
    )
    with pytest.raises(RoutingError, match="parallel: goes with an address of people"):
        load_table(default_text() + text)


def test_what_one_reader_gets_is_a_limit_that_hurries_with_the_time() -> None:
    reader = Reader(count=5, window_s=60, reserve=2)
    limit = reader.limit()
    assert (limit.count, limit.window_s, limit.scope, limit.reserve) == (
        5, 60, Scope.RECIPIENT, 2
    )  # fmt: skip
    assert [reader.hastened(rate).window_s for rate in (1, 7, 60, 600)] == [60, 8, 1, 1]


def test_a_role_may_be_told_by_what_has_an_address() -> None:
    table = load_table((default_text() + ENDPOINTS).replace("chain = []", 'chain = ["sms"]', 1))
    assert "sms" in table.endpoint
