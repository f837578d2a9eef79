"""Texts in both languages, as handlers hand them to templates."""

import re
from dataclasses import dataclass
from typing import Final

# How hard production works stands on the alarm's own page.
_LOAD_ZH: Final = re.compile(r"（生产负荷[^）]*）")
_LOAD_EN: Final = re.compile(r" \(production load[^)]*\)")


@dataclass(frozen=True, slots=True)
class Said:
    """One text, in Chinese and in English."""

    zh: str
    en: str


NOTHING_SAID = Said("", "")


def shortened(zh: str, en: str) -> Said:
    """Return the first clause of an explanation: what is wrong, not for how long or what to do.

    >>> shortened("风机已关闭，已持续 5 分钟。请开启。", "Fan is off, for 5 min. Start it.")
    Said(zh='风机已关闭', en='Fan is off')
    """
    clauses = _before(_before(zh, "。"), "，已持续"), _before(_before(en, ". "), ", for ")
    return Said(_LOAD_ZH.sub("", clauses[0]), _LOAD_EN.sub("", clauses[1]))


def _before(text: str, end: str) -> str:
    return text.partition(end)[0]
