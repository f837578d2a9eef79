"""Texts as channels take them: bounded in characters or bytes, with nothing in them that acts."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from wattwarden.alarms.channels.channel import SECOND_US, BuildError, Message
from wattwarden.protocol.zone import CHINA

ELLIPSIS: Final = "…"
# Controls would break lines, headers and templates; every gateway refuses or drops them.
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# Names of firms are free texts.  Neither the robots' markdowns nor WeCom's cards, which take tags,
# have an escape that all clients honour, and <@…> calls people: full-width signs look alike and do
# nothing.
_ACTING: Final = str.maketrans("<>[]*`#", "＜＞［］＊｀＃")


def cut_chars(text: str, limit: int) -> str:
    """Return at most ``limit`` characters; what was cut ends in an ellipsis."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + ELLIPSIS[:limit]


def cut_bytes(text: str, limit: int) -> str:
    """Return at most ``limit`` bytes of UTF-8, whole characters; what was cut ends in an ellipsis.

    Raises:
        BuildError: Not even the ellipsis fits: the rest of the message is longer than the channel.
    """
    raw = text.encode(errors="replace")
    if len(raw) <= limit:
        return raw.decode()
    room = limit - len(ELLIPSIS.encode())
    if room < 0:
        message = f"{limit} bytes are left for a text"
        raise BuildError(message)
    return raw[:room].decode(errors="ignore") + ELLIPSIS


def one_line(text: str) -> str:
    """Return a text without line breaks and other controls."""
    return _CONTROLS.sub(" ", text).strip()


def plain(text: str) -> str:
    """Return a text of several lines without controls."""
    return "\n".join(one_line(line) for line in text.splitlines())


def harmless(text: str) -> str:
    """Return a text of several lines whose signs no gateway acts upon."""
    return plain(text).translate(_ACTING)


def local_minute(at_us: int) -> str:
    """Return a moment as people in China write it, to the minute."""
    return _local(at_us).strftime("%Y-%m-%d %H:%M")


def local_day(at_us: int) -> str:
    """Return the day in China as eight digits."""
    return _local(at_us).strftime("%Y%m%d")


def iso_utc(at_us: int) -> str:
    """Return a moment in ISO 8601, UTC, whole seconds."""
    return datetime.fromtimestamp(at_us // SECOND_US, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parts(message: Message) -> Mapping[str, str]:
    """Return what a template may take from a message: its fields, and what every message has.

    Every message has id, kind, level, title, text, url, and at (Chinese time, to the minute); a
    field of the same name takes its place.
    """
    return {
        "id": message.id,
        "kind": message.kind,
        "level": f"L{message.level}",
        "title": message.title,
        "text": message.text,
        "url": message.url,
        "at": local_minute(message.at_us),
        **message.fields,
    }


def part(message: Message, name: str) -> str:
    """Return one of a message's parts, on one line.

    Raises:
        BuildError: It has none of that name: the template's settings are for another message.
    """
    found = parts(message).get(name)
    if found is None:
        problem = f"message has no {name}"
        raise BuildError(problem)
    return one_line(found)


def only_address(message: Message) -> str:
    """Return the one address of a message.

    Raises:
        BuildError: There is none, or more than one.
    """
    if len(message.to) != 1 or not message.to[0].strip():
        problem = f"one address is needed, got {len(message.to)}"
        raise BuildError(problem)
    return message.to[0].strip()


def _local(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us // SECOND_US, CHINA)
