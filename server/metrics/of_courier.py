"""What a courier tells."""

from collections.abc import Iterator

from wattwarden.server.courier import Courier
from wattwarden.server.metrics.page import Sample
from wattwarden.server.metrics.watch import Seen, Trouble, Watch, in_database
from wattwarden.storage import gauges
from wattwarden.storage.database import Connection


def courier_watch(courier: Courier, dsn: str) -> Watch:
    """Return what a courier tells."""

    def samples() -> Iterator[Sample]:
        for outcome, count in list(courier.outcomes.items()):
            yield Sample("courier_outcomes_total", count, (outcome,))

    def troubles() -> Iterator[Trouble]:
        if courier.failing:
            yield Trouble("courier", courier.failing)

    async def ask(connection: Connection) -> Seen:
        outbox = await gauges.outbox(connection)
        states = (Sample("outbox_notices", n, (state,)) for state, n in outbox.by_state.items())
        return Seen((Sample("outbox_oldest_seconds", outbox.oldest_s), *states))

    return Watch("courier", samples, troubles, (in_database(dsn, "outbox", ask),))
