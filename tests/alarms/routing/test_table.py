"""The routing table: what is wrong in it is said before it is in force."""

import pytest
from tests.alarms.routing.test_route import ENDPOINTS

from wattwarden.alarms.routing.table import RoutingError, default_text, load_table


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
        ('corpsecret = "corp"', 'secret = "corp"', "missing"),
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
