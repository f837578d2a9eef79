"""Keywords of WeChat's templates hold what their kinds allow."""

import pytest
from tests.alarms.channels.support import MESSAGE

from wattwarden.alarms.channels.channel import BuildError
from wattwarden.alarms.channels.keywords import MAX_CHARS, data, fit

FITS = [
    ("thing1", "某" * 20, "某" * 20),
    ("thing1", "某" * 21, "某" * 19 + "…"),
    ("thing12", "", "无"),
    ("phrase2", "严重报警督办", "严重报警督"),
    ("phrase2", "L4 报警！", "报警"),
    ("phrase2", "L4", "无"),
    ("number3", "约 35.5 分钟", "35.5"),
    ("character_string4", "AL17/治污", "AL17/"),
    ("character_string4", "A" * 33, "A" * 32),
    ("letter5", "AL17", "AL"),
    ("symbol6", "!!!!!!", "!!!!!"),
    ("amount7", "¥12345678901", "¥123456789"),
    ("phone_number8", "电话 +86-0766-66888866", "+86-0766-66888866"),
    ("car_number9", "粤A8Z888挂挂挂", "粤A8Z888挂"),
    ("name10", "欧阳" * 6, "欧阳" * 5),
    ("name10", "", "无"),
    ("const11", "", "无"),
    ("time12", "2026-11-22 09:05", "2026年11月22日 09:05"),
    ("time12", "2026-01-02", "2026年1月2日 00:00"),
    ("date13", "2026-11-22 10:00:30", "2026年11月22日"),
    ("firm", "某" * 21, "某" * 19 + "…"),
    ("9odd", "某" * 21, "某" * 19 + "…"),
]


@pytest.mark.parametrize(("keyword", "text", "fitted"), FITS, ids=lambda value: str(value)[:12])
def test_a_text_is_made_to_fit(keyword: str, text: str, fitted: str) -> None:
    assert fit(keyword, text) == fitted


def test_every_kind_has_a_case() -> None:
    assert {keyword.rstrip("0123456789") for keyword, _, _ in FITS} >= set(MAX_CHARS)


@pytest.mark.parametrize(
    ("keyword", "text"),
    [("number1", "无"), ("letter1", "一"), ("amount1", ""), ("time1", "昨天"), ("date1", "")],
)
def test_what_cannot_fit_is_not_made_up(keyword: str, text: str) -> None:
    with pytest.raises(BuildError, match=keyword):
        fit(keyword, text)


def test_a_keyword_of_a_part_that_no_message_has_is_an_error() -> None:
    assert data(MESSAGE, {"thing1": "unit"}) == {"thing1": {"value": "布袋除尘器"}}
    with pytest.raises(BuildError, match="message has no firm"):
        data(MESSAGE, {"thing1": "firm"})
