"""What no text may be: letters that nobody can print, or blanks alone where something is said."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

# What lines of a text are made with.
_LAYOUT: Final = frozenset("\t\n\r")
# Control characters, halves of surrogate pairs, and numbers that stand for no character.
_UNPRINTED: Final = frozenset({"Cc", "Cs"})
_NONCHARACTERS: Final = frozenset("\ufffe\uffff")


def unprintable(text: str) -> bool:
    r"""Tell whether a text holds what cannot be printed.

    >>> unprintable("一行\n又一行"), unprintable("铃\x07")
    (False, True)
    """
    if text.isprintable():
        return False
    return any(
        letter in _NONCHARACTERS
        or (letter not in _LAYOUT and unicodedata.category(letter) in _UNPRINTED)
        for letter in text
    )


def blank(text: str) -> bool:
    """Tell whether a text has letters, none of which can be seen.

    >>> blank(""), blank(" \u3000"), blank(" 已修 ")
    (False, True, False)
    """
    return bool(text) and not text.strip()


def faults(plain: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the fields of a body, as plain values, whose texts cannot stand, and why."""
    for name, value in plain.items():
        texts = list(_texts(value))
        if any(map(unprintable, texts)):
            yield name, "含有不可打印的字符", "there are characters that cannot be printed"
        if any(map(blank, texts)):
            yield name, "只有空白", "there is nothing but blanks"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _texts(inner)
