"""Keywords of WeChat's templates: what each kind may hold, and how a text is made to fit.

A keyword is its kind and a number (``thing1``, ``time2``, ``phone_number3``).  What does not fit
is answered by 47003 and shown to nobody, so texts are made to fit before they are sent.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from wattwarden.alarms.channels.channel import BuildError, Message
from wattwarden.alarms.channels.texts import cut_chars, part

# The limits of the table of kinds in the manual of subscribe messages.
MAX_CHARS: Final[Mapping[str, int]] = {
    "thing": 20,
    "number": 32,
    "letter": 32,
    "symbol": 5,
    "character_string": 32,
    "amount": 10,
    "phone_number": 17,
    "car_number": 8,
    "name": 10,  # of Chinese; 20 of letters alone, which is no name here
    "phrase": 5,
    "const": 20,
    "time": 40,
    "date": 40,
}
NOTHING: Final = "无"
"""What stands for an empty text: an empty keyword is refused."""

_KEYWORD: Final = re.compile(r"([a-z_]+?)[0-9]*")
_OTHERS: Final[Mapping[str, re.Pattern[str]]] = {
    "number": re.compile(r"[^0-9.-]"),
    "letter": re.compile(r"[^A-Za-z]"),
    "character_string": re.compile(r"[^\x21-\x7e]"),
    "amount": re.compile(r"[^0-9.¥￥元]"),
    "phone_number": re.compile(r"[^0-9+-]"),
    "phrase": re.compile(r"[^\u4e00-\u9fff]"),
}
# Kinds of words, for which there is a word that says there is none.
_WORDS: Final = frozenset({"thing", "phrase", "name", "const", "car_number"})
_CLOCK: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?).*)?")


def fit(keyword: str, text: str) -> str:
    """Return a text as a keyword may hold it; a kind that nobody knows is taken for ``thing``.

    Raises:
        BuildError: Nothing of the text may stand there.
    """
    found = _KEYWORD.fullmatch(keyword)
    kind = found[1] if found is not None and found[1] in MAX_CHARS else "thing"
    if kind in _MOMENTS:
        return _MOMENTS[kind](keyword, text)
    allowed = _OTHERS[kind].sub("", text) if kind in _OTHERS else text
    if not allowed and kind in _WORDS:
        return NOTHING
    if not allowed:
        problem = f"nothing of the text fits {keyword}"
        raise BuildError(problem)
    return _cut(kind, allowed)


def data(message: Message, keywords: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the ``data`` of a message: to each keyword the part of the message that it names.

    Raises:
        BuildError: The message has no such part, or one that fits in no way.
    """
    return {
        keyword: {"value": fit(keyword, part(message, name))} for keyword, name in keywords.items()
    }


def _cut(kind: str, text: str) -> str:
    """Cut a text; an ellipsis only where the kind takes any sign."""
    limit = MAX_CHARS[kind]
    return cut_chars(text, limit) if kind == "thing" else text[:limit]


def _moment(keyword: str, text: str) -> tuple[str, str]:
    found = _CLOCK.fullmatch(text)
    if found is None:
        problem = f"{keyword} is a moment such as 2026-11-22 10:00"
        raise BuildError(problem)
    year, month, day, clock = found.groups()
    return f"{year}年{int(month)}月{int(day)}日", clock or "00:00"


def _time(keyword: str, text: str) -> str:
    return " ".join(_moment(keyword, text))


def _date(keyword: str, text: str) -> str:
    return _moment(keyword, text)[0]


_MOMENTS: Final[Mapping[str, Callable[[str, str], str]]] = {"time": _time, "date": _date}
