"""Two firms' readings of some hours, folded by the shipped rules: history for back-tests."""

from typing import Final

from tests.storage.feed import readings, register, small_city, store_rows, store_ticks
from tests.storage.folding import fold

from wattwarden.alarms.rulebook import default_text
from wattwarden.storage.database import Connection

FIRMS: Final = ("E0", "E1")
MINUTES: Final = 150
# Up to midnight in Shanghai.
SINCE: Final = "2026-11-21T14:00:00Z"
UNTIL: Final = "2026-11-21T16:00:00Z"
# What a back-test leaves as it was.
TOLD: Final = ("alarm", "unit_transition", "kept_state", "day_state", "decision", "refold")


def power(firm: str, part: str, minute: int) -> float:
    """Twice E1 begins to produce without treatment: for 8 minutes, and for 20."""
    stopped = (range(30, 45), range(70, 80)) if part == "p" else (range(30, 53), range(70, 100))
    return 0.0 if firm == "E1" and any(minute in span for span in stopped) else 0.8


async def fill(store: Connection, dsn: str) -> None:
    """Fill an empty store, and fold what is in it."""
    await register(store, small_city(FIRMS))
    await store_rows(store, readings(FIRMS, range(MINUTES), power))
    await store_ticks(store, MINUTES)
    await fold(dsn)


def quicker() -> str:
    """The shipped rules, but T1 is five minutes."""
    return default_text().replace("delay_s = 600", "delay_s = 300", 1)


async def counted(store: Connection) -> dict[str, int]:
    """How much there is of what must stay as it is."""
    sql = "SELECT count(*) FROM {}"
    return {name: await store.fetchval(sql.format(name)) for name in TOLD}
