"""What templates of gateways may take from a notice: checked before a table is in force.

A name that no notice has, or a time that a notice may lack, would be found out by the first message
that is never sent.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

# What every message has (channels.texts.parts), and what a notice adds to it (routing.words).
PARTS: Final = frozenset(
    {
        "id", "kind", "level", "title", "text", "url", "at",
        "alarm", "enterprise", "firm", "line", "subject", "what", "rule", "rule_name", "class",
        "level_name", "why", "reason", "raised", "cleared", "deadline",
    }
)  # fmt: skip
# An alarm that is open has no end, and one that nobody has to answer no deadline.
MOMENTS: Final = ("at", "raised")
_MOMENT_KINDS: Final = ("time", "date")


def problems(settings: Any) -> Iterator[str]:
    """Yield what is wrong with the templates of a channel's settings, if it has any."""
    keywords: Mapping[str, str] = getattr(settings, "keywords", {})
    variables: Any = getattr(settings, "variables", ())
    named = {f"keywords.{key}": part for key, part in keywords.items()}
    if isinstance(variables, Mapping):
        named |= {f"variables.{key}": part for key, part in variables.items()}
    else:
        named |= {f"variables[{place}]": part for place, part in enumerate(variables)}
    for where, part in named.items():
        if part not in PARTS:
            yield f"{where}: a notice has no {part!r}, it has {', '.join(sorted(PARTS))}"
        elif _holds_a_moment(where) and part not in MOMENTS:
            yield f"{where}: a time that is never empty is needed ({' or '.join(MOMENTS)})"


def _holds_a_moment(where: str) -> bool:
    kind = where.removeprefix("keywords.").rstrip("0123456789")
    return where.startswith("keywords.") and kind in _MOMENT_KINDS
