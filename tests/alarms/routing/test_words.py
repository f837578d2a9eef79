"""What a notice says, in both languages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.alarms.routing.test_route import event

from wattwarden.alarms.cases.case import Level
from wattwarden.alarms.cases.ladder import Why
from wattwarden.alarms.routing.route import Reason
from wattwarden.alarms.routing.words import Matter, Wording, late_mark, merged_title, others, word

# 20:05 in Shanghai.
RAISED = datetime(2026, 11, 22, 12, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def matter(**more: Any) -> Matter:
    given: dict[str, Any] = {
        "enterprise": "E1", "firm": "某水泥", "line": "L1", "what": "风机",
        "rule": ("产污运行治污停运", "production without treatment"),
        "said": ("风机停用35分钟", "the fan is off for 35 min"),
        "raised": RAISED, "ended": None, "deadline": None,
    }  # fmt: skip
    return Matter(**(given | more))


def worded(language: str, reason: Reason = Reason.FIRST, **more: Any) -> Wording:
    said = {name: more.pop(name) for name in ("why", "level") if name in more}
    return word(event(**said), matter(**more), reason, language)


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        ("zh", "【预警】某水泥 风机:产污运行治污停运", "风机停用35分钟\n报警时间:2026-11-22 20:05"),
        (
            "en",
            "[Warning] 某水泥 风机: production without treatment",
            "the fan is off for 35 min\nRaised: 2026-11-22 20:05",
        ),
    ],
)
def test_a_first_notice_names_its_level_the_unit_and_the_rule(
    language: str, title: str, text: str
) -> None:
    said = worded(language)
    assert (said.title, said.text) == (title, text)


def test_what_is_over_says_since_when_in_place_of_its_deadline() -> None:
    over: dict[str, Any] = {"ended": RAISED + HOUR, "deadline": RAISED + 2 * HOUR}
    chinese = worded("zh", why=Why.CLEARED, **over)
    assert chinese.title.startswith("【已消除】")
    assert chinese.text.endswith("\n消除时间:2026-11-22 21:05")
    english = worded("en", why=Why.CLEARED, **over)
    assert english.title.startswith("[Cleared] ")
    assert english.text.endswith("\nCleared: 2026-11-22 21:05")
    assert (english.fields["cleared"], english.fields["deadline"]) == (
        "2026-11-22 21:05", "2026-11-22 22:05"
    )  # fmt: skip


def test_what_is_open_says_by_when_it_is_to_be_rectified() -> None:
    assert worded("zh", deadline=RAISED + HOUR).text.endswith("\n整改期限:2026-11-22 21:05")
    assert worded("en", deadline=RAISED + HOUR).text.endswith(
        "\nTo be rectified by: 2026-11-22 21:05"
    )
    fields = worded("en").fields
    assert (fields["cleared"], fields["deadline"]) == ("", "")


def test_a_notice_that_comes_again_says_why() -> None:
    assert worded("zh", Reason.WORSE).title.startswith("【预警·")
    english = worded("en", Reason.WORSE)
    assert english.title.startswith(f"[Warning, {Reason.WORSE.value}] ")
    assert english.fields["reason"] == Reason.WORSE.value


def test_an_alarm_of_a_whole_firm_names_the_firm() -> None:
    said = worded("en", what="", said=("", ""))
    assert said.title == "[Warning] 某水泥: production without treatment"
    assert said.text == "Raised: 2026-11-22 20:05"
    assert said.fields["what"] == "某水泥"


def test_several_notices_in_one_are_named_by_the_gravest() -> None:
    assert merged_title(3, int(Level.ALARM), "zh") == "【报警】3条通知汇总"
    assert merged_title(3, int(Level.ALARM), "en") == "[Alarm] 3 notices"
    assert (others(2, "zh"), others(2, "en")) == ("另有2条,请登录平台查看", "and 2 more")
    assert (late_mark(7, "zh"), late_mark(7, "en")) == ("【迟到7分钟】", "[7 min late] ")


def test_a_matter_is_the_same_in_each_language_but_for_its_words() -> None:
    chinese, english = worded("zh").fields, worded("en").fields
    assert chinese.keys() == english.keys()
    differ = {name for name in chinese if chinese[name] != english[name]}
    assert differ == {"rule_name", "level_name", "reason"}
    assert msgspec.json.decode(msgspec.json.encode(chinese)) == chinese
