"""Notices made into messages: who goes along with whom, and what the message says."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from wattwarden.alarms.routing.bundle import DIGEST, Bundle, Item, bundle, compose, late_minutes
from wattwarden.alarms.routing.table import default_text, load_table

NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
TABLE: Final = load_table(default_text())
MINUTE: Final = timedelta(minutes=1)


def item(number: int, **more: Any) -> Item:
    values: dict[str, Any] = {
        "id": number,
        "message": f"{number:032x}",
        "alarm": number,
        "enterprise": "E1",
        "at": NOW,
        "why": "raised",
        "level": 2,
        "recipient": "P1",
        "endpoint": "wecom",
        "to": ("p1",),
        "language": "zh",
        "title": f"title {number}",
        "body": f"body {number}",
        "fields": {"firm": "某水泥"},
        "merges": True,
        "due": NOW,
        "attempts": 0,
        "ambiguous": 0,
        "started": None,
        "late": False,
        "created": NOW,
    }
    return Item(**(values | more))


def old(number: int, **more: Any) -> Item:
    return item(number, created=NOW - MINUTE, **more)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([item(1), item(2)], [[1, 2]]),
        ([item(1), item(2, enterprise="E2")], [[1]]),
        ([old(1), old(2, enterprise="E2"), item(3, enterprise="E3")], [[1, 2]]),
        ([item(1), item(2, recipient="P2")], [[1], [2]]),
        ([item(1, merges=False), item(2, merges=False)], [[1], [2]]),
        ([old(1), item(2, level=4, enterprise="E2")], [[2]]),
        ([old(1), old(2, level=4, enterprise="E2")], [[1, 2]]),
        ([item(1, attempts=1), item(2)], [[1]]),
        ([item(1), item(2, attempts=1)], [[1]]),
        ([], []),
    ],
    ids=[
        "one firm's go together",
        "other firms' do not, at first",
        "what waited long goes together",
        "readers get their own",
        "what does not merge goes alone",
        "level 4 goes first, alone",
        "level 4 that waited takes the rest along",
        "what was sent once goes as it was",
        "and takes nothing along, nor is taken",
        "nothing",
    ],
)
def test_what_goes_together(items: list[Item], expected: list[list[int]]) -> None:
    made = bundle(items, NOW, TABLE)
    assert sorted([one.id for one in bundled.items] for bundled in made) == expected


LINK: Final = "https://example.org/a/1"


def test_a_notice_alone_says_what_it_says() -> None:
    message = compose(Bundle(item(1)), TABLE, 0, LINK)
    assert (message.id, message.kind) == (f"ww_{1:032x}", "alarm.raised")
    assert (message.title, message.text) == ("title 1", "body 1")
    assert message.url == LINK
    assert message.to == ("p1",)


def test_several_are_named_up_to_a_bound_and_the_rest_is_counted() -> None:
    members = tuple(item(number) for number in range(2, 26))
    message = compose(Bundle(item(1, level=3), members), TABLE, 0, LINK)
    assert (message.kind, message.level, message.url) == (DIGEST, 3, "")
    assert message.title == "【报警】25条通知汇总"
    lines = message.text.splitlines()
    assert lines[:2] == ["title 1", "title 2"]
    assert lines[-1] == "另有5条,请登录平台查看"
    assert len(lines) == 21
    assert message.fields == {"firm": "某水泥", "count": "25"}


def test_several_of_one_alarm_keep_its_link() -> None:
    message = compose(Bundle(item(2, alarm=1), (item(1),)), TABLE, 0, LINK)
    assert message.url == LINK


@pytest.mark.parametrize(
    ("one", "after_min", "mark"),
    [
        (item(1), 10, ""),
        (item(1), 45, "【迟到45分钟】"),
        (item(1, language="en"), 45, "[45 min late] "),
        (item(1, level=4), 12, "【迟到12分钟】"),
        (item(1, due=NOW + 40 * MINUTE), 45, ""),
        (item(1, ambiguous=1, late=False, attempts=1), 45, ""),
    ],
    ids=["in time", "late", "in English", "level 4 sooner", "held until then", "as it was sent"],
)
def test_what_is_late_says_so(one: Item, after_min: int, mark: str) -> None:
    late = late_minutes(Bundle(one), TABLE, NOW + after_min * MINUTE)
    message = compose(Bundle(one), TABLE, late, "")
    assert message.title == f"{mark}title 1"


def test_an_attempt_in_doubt_is_repeated_with_the_same_words() -> None:
    sent = item(1, ambiguous=1, late=True, attempts=1, started=NOW + 40 * MINUTE)
    for minutes in (41, 90):
        assert late_minutes(Bundle(sent), TABLE, NOW + minutes * MINUTE) == 40
