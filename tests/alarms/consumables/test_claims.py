"""What a firm may say about its parts by itself, and what shows a replacement."""

from datetime import UTC, datetime, timedelta

import pytest

from wattwarden.alarms.cases.standing import File
from wattwarden.alarms.consumables.claims import too_long, unproved
from wattwarden.alarms.consumables.numbers import default_numbers
from wattwarden.alarms.decisions.bodies import Consumable, Replacement

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
SINCE = NOW - timedelta(days=30)
SECOND = timedelta(seconds=1)
ONE, OTHER = "1" * 64, "2" * 64


@pytest.mark.parametrize(
    ("kind", "hours", "days", "field"),
    [
        ("carbon", 500, None, None),
        ("carbon", 501, None, "limit_hours"),
        ("carbon", 501, 30, "limit_hours"),
        ("carbon", 500, 10_000, None),
        ("carbon", None, 90, None),
        ("carbon", None, 91, "limit_days"),
        ("lamp", 10_000, None, None),
        ("lamp", 10_001, None, "limit_hours"),
        ("lamp", None, 416, None),
        ("lamp", None, 417, "limit_days"),
        ("rotor", 87_600, None, None),
        ("service", None, 3_651, "limit_days"),
        ("whatever", 100_000_000, None, "limit_hours"),
    ],
)
def test_a_part_lasts_no_longer_than_its_kind(
    kind: str, hours: float | None, days: float | None, field: str | None
) -> None:
    part = Consumable(
        id="CS1", unit="U2", kind=kind, replaced_at=NOW, limit_hours=hours, limit_days=days
    )
    found = too_long(part, default_numbers())
    assert (found and found.field) == field
    if found is not None:
        assert "执法人员" in found.zh


@pytest.mark.parametrize(
    ("named", "kept", "least", "why"),
    [
        ((), [], 0, None),
        ((), [], 1, "至少1份"),
        ((ONE,), [File(ONE, NOW)], 1, None),
        ((ONE,), [File(ONE, NOW)], 2, "至少2份"),
        ((ONE, ONE), [File(ONE, NOW)], 2, "至少2份"),
        ((ONE, OTHER), [File(ONE, NOW), File(OTHER, NOW)], 2, None),
        ((ONE, OTHER), [File(ONE, NOW)], 1, "未作为证据上传"),
        ((ONE,), [File(ONE, SINCE)], 0, "早于上次更换"),
        ((ONE,), [File(ONE, SINCE + SECOND)], 1, None),
        ((ONE,), [File(ONE, NOW, SINCE)], 1, "早于上次更换"),
        ((ONE,), [File(ONE, NOW, SINCE + SECOND)], 1, None),
    ],
    ids=["none asked for", "none", "one", "too few", "one twice", "two", "unknown",
         "received before", "received after", "taken before", "taken after"],
)  # fmt: skip
def test_files_since_the_last_replacement_show_the_next(
    named: tuple[str, ...], kept: list[File], least: int, why: str | None
) -> None:
    body = Replacement(id="RP1", consumable="CS1", replaced_at=NOW, evidence=named)
    found = unproved(body, SINCE, kept, least)
    if why is None:
        assert found is None
    else:
        assert found is not None
        assert why in found.zh
