"""How the system stands, in numbers: counted right, also where there is nothing yet."""

from datetime import UTC, datetime, timedelta

from wattwarden.storage import gauges
from wattwarden.storage.held import quarantined
from wattwarden.storage.migrate import Connection


async def test_an_empty_system_has_nothing_to_do(store: Connection) -> None:
    assert await gauges.steps(store, 2) == gauges.Steps(0, 0)
    assert await gauges.outbox(store) == gauges.Outbox({}, 0.0)
    assert await gauges.open_cases(store) == {}
    assert await quarantined(store) == 0


async def test_notices_are_counted_by_state_and_the_oldest_is_timed(store: Connection) -> None:
    due = datetime.now(UTC) - timedelta(minutes=5)
    for number, state in enumerate(("waiting", "dead", "delivered", "silent")):
        await store.execute(
            "INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, state, due,"
            " expires) VALUES ($1, 'E1', $2, 'raised', 2, 'P1', 'duty', $3, $2, $2)",
            number, due, state,
        )  # fmt: skip
    found = await gauges.outbox(store)
    assert found.by_state == {"waiting": 1, "dead": 1}
    assert 290 < found.oldest_s < 330
    # What may not be sent before a time is not late until then.
    await store.execute("UPDATE outbox SET not_before = $1", due + timedelta(minutes=3))
    assert (await gauges.outbox(store)).oldest_s < found.oldest_s - 60
