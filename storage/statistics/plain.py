"""Figures as JSON can hold them."""

from collections.abc import Mapping
from typing import Any

from wattwarden.alarms.statistics.rates import Rate


def plain(value: Any) -> Any:
    """Return what JSON can hold: shares with their value, texts for keys."""
    if isinstance(value, Mapping):
        found = {str(key): plain(inner) for key, inner in value.items()}
        if set(found) == {"part", "whole"}:
            found["value"] = Rate(found["part"], found["whole"]).value
        return found
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value
