"""Acknowledged means stored, once, and alarms are what they would have been, whatever happens.

The short form of ``make chaos``: what needs no rights, on one machine's usual processes.
"""

import pytest
from tests.integration.chaos.run import TOO_LATE, Options, chaos

pytestmark = pytest.mark.integration

# What a busy machine has time for; the others, and all of it for longer, are in `make chaos`.
STEPS = (
    "kill writer", "kill side", "kill postgres", "kill nats",
    "kill gateway and nats", "stop gateway", "postgres away", "nats away", "descriptors of gateway",
    "memory of writer", "poison frames", "deadly frames", "corrupted entries",
)  # fmt: skip
# Together they say eighty things a second: every fault hits work.
SHORT = Options(
    seed=20261123, minutes=0.1, meters=200, rate=240, cycle_s=600, only=STEPS, words=(), whole=False
)


@pytest.mark.timeout(900)
async def test_nothing_is_lost_nothing_is_twice_and_alarms_are_the_same_whatever_happens() -> None:
    report = await chaos(SHORT, print)
    # How long it takes to be well again is the machine's affair.
    assert [text for text in report.wrong if not text.endswith(TOO_LATE)] == []
    assert not report.skipped
    assert set(report.recoveries) == set(STEPS)
    assert report.sent == report.acked == report.stored > 0
    assert report.resent
    assert report.same
