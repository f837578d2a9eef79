"""What a warden tells."""

from collections.abc import Iterator, Sequence
from typing import Final

from wattwarden.server.metrics.families import WARDEN_MEANINGS
from wattwarden.server.metrics.page import Sample
from wattwarden.server.metrics.watch import Seen, Trouble, Watch, in_database
from wattwarden.server.warden import Warden
from wattwarden.storage import gauges
from wattwarden.storage.database import Connection

# A pass takes a second, an hour of catching up some minutes: beyond this alarms come late.
MOST_STEPS_BEHIND: Final = 120


def warden_watch(warden: Warden, dsn: str, shards: int) -> Watch:
    """Return what a warden tells."""

    def samples() -> Iterator[Sample]:
        yield Sample("slices_held", len(warden.held))
        for name in WARDEN_MEANINGS:
            yield Sample(f"warden_{name}_total", getattr(warden.counters, name))

    async def ask(connection: Connection) -> Seen:
        steps = await gauges.steps(connection, shards)
        cases = await gauges.open_cases(connection)
        levels = (Sample("open_cases", held, (str(level),)) for level, held in cases.items())
        found = (
            Sample("step_complete", steps.complete),
            Sample("step_folded", steps.folded),
            Sample("step_lag_seconds", steps.behind),
            *levels,
        )
        if steps.behind <= MOST_STEPS_BEHIND:
            return Seen(found)
        return Seen(found, (Trouble("steps", f"{steps.behind} s wait to be folded"),))

    return Watch("warden", samples, _healthy, (in_database(dsn, "steps", ask),))


def _healthy() -> Sequence[Trouble]:
    return ()
