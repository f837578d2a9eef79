"""One thing that is told to people in both languages; each surface takes its own.

Pages say ``zh`` first; commands, logs and the interface say ``en``.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Both(NamedTuple):
    """A sentence in Chinese and in English, neither with a full stop."""

    zh: str
    en: str


def term(text: str) -> Both:
    """Return a term of a table or standard, which says 中文 english, as what each part says."""
    zh, _, en = text.partition(" ")
    return Both(zh, en or zh)


def joined(sentences: Iterable[Both]) -> Both:
    """Return sentences as one, in each language."""
    found = tuple(sentences)
    return Both("；".join(one.zh for one in found), "; ".join(one.en for one in found))
