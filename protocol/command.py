"""What somebody wants of one meter, and what a codec makes of it.

    Command ─ Codec.ask(command, Peer) ─► Questions ─► Line ─► bytes
                    └► CannotAskError: why not, and what to do instead
    frames ─ Question.hear ─► Answer: what it says, and whether more comes

Times are microseconds UTC.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wattwarden.protocol.both import Both, joined
from wattwarden.protocol.microseconds import SECOND_US

if TYPE_CHECKING:
    from wattwarden.protocol.codec import Profile

# 645 behind 2,400 baud takes half a second, NB-IoT ten seconds to wake; some more.
ANSWER_US: Final = 15 * SECOND_US
# What is on its way in many frames: HJ 212 gives up a link after three times ten seconds.
STREAM_US: Final = 60 * SECOND_US
# What a person asks at once; more is a list that belongs into a plan of polls.
MOST_ITEMS: Final = 32
MOST_ITEM_LETTERS: Final = 256


class Verb(StrEnum):
    """What is wanted: a value of now, another setting, or what is missing of the past."""

    ASK = "ask"
    SET = "set"
    RECALL = "recall"


class Command(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One thing that is wanted of a meter.

    ``items`` are named as its codec documents them; ``values`` are those that ``SET`` sets, by
    name; ``RECALL`` brings what was measured from ``since`` on and before ``until``.
    """

    verb: Verb
    items: tuple[str, ...] = ()
    values: dict[str, str] = {}
    since: int | None = None
    until: int | None = None


class CannotAskError(Exception):
    """A meter cannot be asked this; ``cure`` says what to do instead, ``whole`` says both."""

    def __init__(self, message: Both, cure: Both) -> None:
        super().__init__(message.en)
        self.message = message
        self.cure = cure
        self.whole = joined((message, cure))


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is asked.

    ``address`` is the meter's, ``identity`` that of the connection: of a meter behind another they
    differ.  ``number`` tells commands apart; ``said`` is what the peer said of itself that requests
    repeat, under names of the codec.
    """

    address: str
    identity: str
    profile: "Profile"
    now: int
    number: int = 0
    channel: str = ""
    said: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a frame says to a question.  ``refused`` is why it is not done, None when it is.

    ``is_last`` is False where more frames will come.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    is_last: bool = True
    refused: Both | None = None


HEARD: Final = Answer()
"""The answer to a poll: what it says becomes rows."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request to one meter, and how its answer is known.

    ``hear`` gives None for a frame that is about something else.  Questions that differ and have
    the same ``alike`` have answers that look alike.  ``is_answered`` is False of what nobody
    answers, such as a broadcast.
    """

    meter: str
    request: bytes
    hear: Callable[[bytes], Answer | None] = field(repr=False)
    alike: bytes = b""
    timeout_us: int = ANSWER_US
    is_answered: bool = True


class Ending(StrEnum):
    """How a command ended on the line."""

    ANSWERED = "answered"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command; ``requests`` went out, ``frames`` are the first of what came back.

    ``message`` is why it was refused or stayed without an answer, None when it was answered.
    """

    number: int
    ending: Ending
    values: Mapping[str, Any]
    message: Both | None
    requests: tuple[bytes, ...]
    frames: tuple[bytes, ...]
    heard: int


def check(command: Command) -> None:
    """Refuse what no codec could make sense of.  Raises CannotAskError."""
    names = (*command.items, *command.values, *command.values.values())
    if len(command.items) + len(command.values) > MOST_ITEMS:
        message = Both(
            f"一次 {len(names)} 项，一条命令最多 {MOST_ITEMS} 项",
            f"{len(names)} things at once, at most {MOST_ITEMS} are asked in one command",
        )
        raise CannotAskError(message, Both("请分几条命令", "ask in several commands"))
    for name in names:
        if len(name) > MOST_ITEM_LETTERS or not name.isascii() or not name.isprintable():
            message = Both(
                f"{name[:40]!r} 不是项目名：最多 {MOST_ITEM_LETTERS} 个可见 ASCII 字符",
                f"{name[:40]!r} is no name: up to {MOST_ITEM_LETTERS} printable ASCII letters",
            )
            cure = Both("项目见 docs/commands.md", "see the codec's items in docs/commands.md")
            raise CannotAskError(message, cure)
    if command.verb is Verb.SET:
        if not command.values:
            cure = Both(
                "请写明要设的项，如 time 或 名称=值",
                "name what to set, such as time or NAME=VALUE",
            )
            raise CannotAskError(Both("没有要设的项", "nothing to set"), cure)
    elif not command.items:
        cure = Both("请至少写一项", "name at least one item")
        raise CannotAskError(Both("没有要问的项", "nothing to ask"), cure)
    if command.verb is Verb.RECALL:
        since, until = command.since, command.until
        if since is None or until is None or not since < until:
            cure = Both("请写明起止时刻，先起后止", "name since and a later until")
            raise CannotAskError(Both("没有时段", "no stretch of time"), cure)


def only_reports(codec: str) -> CannotAskError:
    """Return the error for a meter of a codec that asks nothing."""
    message = Both(
        f"此表不能被问：{codec} 只自行上报",
        f"this meter cannot be asked: {codec} only reports by itself",
    )
    cure = Both(
        "请等它下次上报，何者可问见 docs/commands.md",
        "wait for its next report; see docs/commands.md for who answers",
    )
    return CannotAskError(message, cure)


def unknown_item(item: str, known: Both) -> CannotAskError:
    """Return the error for an item that a codec does not know."""
    message = Both(f"此表没有项目 {item}", f"{item} is no item of this meter")
    return CannotAskError(message, items_are(known))


def items_are(known: Both) -> Both:
    """Say which items there are."""
    return Both(f"可用的项目：{known.zh}", f"items are {known.en}")
