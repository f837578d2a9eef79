"""What no codec could make sense of is refused before any is asked, with what to do instead."""

import pytest

from wattwarden.protocol.both import Both
from wattwarden.protocol.command import (
    MOST_ITEM_LETTERS,
    MOST_ITEMS,
    CannotAskError,
    Command,
    Verb,
    check,
    items_are,
    only_reports,
    unknown_item,
)

SINCE = 1_795_320_000_000_000


def names(count: int) -> tuple[str, ...]:
    return tuple(f"item{number}" for number in range(count))


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(Command(Verb.ASK, ("time",)), id="one thing"),
        pytest.param(Command(Verb.ASK, names(MOST_ITEMS)), id="as much as fits"),
        pytest.param(Command(Verb.ASK, ("x" * MOST_ITEM_LETTERS,)), id="a name as long as may be"),
        pytest.param(Command(Verb.SET, (), {"time": "now"}), id="a value alone"),
        pytest.param(
            Command(Verb.SET, names(MOST_ITEMS - 1), {"time": "now"}), id="items and values"
        ),
        pytest.param(
            Command(Verb.RECALL, ("minutes",), since=SINCE, until=SINCE + 1), id="a stretch"
        ),
    ],
)
def test_what_a_codec_may_make_sense_of_is_let_through(command: Command) -> None:
    check(command)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param(Command(Verb.ASK), "nothing to ask", id="no item"),
        pytest.param(Command(Verb.ASK, (), {"a": "b"}), "nothing to ask", id="a value to ask for"),
        pytest.param(Command(Verb.SET, ("time",)), "nothing to set", id="no value"),
        pytest.param(
            Command(Verb.ASK, names(MOST_ITEMS + 1)), "33 things at once, at most 32", id="too much"
        ),
        pytest.param(
            Command(Verb.SET, names(MOST_ITEMS), {"time": "now"}), "34 things", id="with its values"
        ),
        pytest.param(
            Command(Verb.ASK, ("x" * (MOST_ITEM_LETTERS + 1),)), "is no name", id="a long name"
        ),
        pytest.param(Command(Verb.ASK, ("电压",)), "is no name", id="no ASCII"),
        pytest.param(Command(Verb.ASK, ("time\n",)), "is no name", id="unprintable"),
        pytest.param(Command(Verb.SET, (), {"time": "\0"}), "is no name", id="a value of bytes"),
        pytest.param(Command(Verb.RECALL, ("minutes",)), "no stretch of time", id="no stretch"),
        pytest.param(
            Command(Verb.RECALL, ("minutes",), since=SINCE), "no stretch", id="without an end"
        ),
        pytest.param(
            Command(Verb.RECALL, ("minutes",), until=SINCE), "no stretch", id="without a begin"
        ),
        pytest.param(
            Command(Verb.RECALL, ("minutes",), since=SINCE, until=SINCE), "no stretch", id="empty"
        ),
    ],
)
def test_what_no_codec_could_make_sense_of_is_refused(command: Command, message: str) -> None:
    with pytest.raises(CannotAskError, match=message) as refusal:
        check(command)
    error = refusal.value
    assert error.cure.zh
    assert error.cure.en
    assert error.whole == (
        f"{error.message.zh}；{error.cure.zh}", f"{error.message.en}; {error.cure.en}"
    )  # fmt: skip


def test_a_long_name_is_not_repeated_whole() -> None:
    with pytest.raises(CannotAskError) as refusal:
        check(Command(Verb.ASK, ("x" * 300,)))
    assert refusal.value.message.en.startswith(f"'{'x' * 40}' is no name")


def test_who_cannot_be_asked_and_for_what_is_said_with_a_cure() -> None:
    told = only_reports("hj212").message.en
    assert told == "this meter cannot be asked: hj212 only reports by itself"
    known = Both("电压", "voltage")
    unknown = unknown_item("colour", known)
    assert unknown.message.zh == "此表没有项目 colour"
    assert unknown.cure == items_are(known) == ("可用的项目：电压", "items are voltage")
