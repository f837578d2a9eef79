"""A timer, moved sample by sample."""

from dataclasses import replace

import numpy as np
import pytest

from wattwarden.alarms.episodes.timers import Moved, Timed, move
from wattwarden.alarms.plant import table
from wattwarden.alarms.plant.unit_tables import Timers

MINUTE_MS = 60_000


def timed(true: list[bool], off_delay: int) -> Timed:
    """Return the first timer at samples of which some are as its rule says, a minute apart."""
    shape = (len(true), 1)
    at = MINUTE_MS * np.arange(1, len(true) + 1)[:, None]
    no = np.zeros(shape, np.bool_)
    return Timed(
        flat=np.array([0]), true=np.array(true)[:, None], judged=~no, reset=no,
        level=np.ones(shape, np.float32), bound=no, at=at, step=np.full(shape, MINUTE_MS),
        delay=np.zeros(shape, np.int64), off_delay=np.full(shape, off_delay),
        cycle=np.array([MINUTE_MS]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("off_delay", "slot"),
    [
        pytest.param(0, 1, id="two samples at least"),
        pytest.param(MINUTE_MS, 1, id="samples stand for half a cycle"),
        pytest.param(3 * MINUTE_MS, 3, id="longer"),
    ],
)
def test_an_episode_ends_after_its_delay_as_of_the_first_sample_without(
    off_delay: int, slot: int
) -> None:
    timers = table.fresh(Timers, 1)
    timers.raised[0, 0], timers.began[0, 0] = True, 0
    found, _ = move(timers, timed([False] * 5, off_delay))
    assert found == [Moved(slot, 0, "ended", 0, MINUTE_MS)]


def test_time_that_nobody_can_judge_does_not_count_for_lasting() -> None:
    samples = replace(
        timed([True] * 6, 0),
        judged=np.array([True, True, False, False, True, True])[:, None],
        delay=np.full((6, 1), 2 * MINUTE_MS + MINUTE_MS // 2 + 1),
    )
    found, _ = move(table.fresh(Timers, 1), samples)
    assert found == [Moved(5, 0, "raised", MINUTE_MS, 6 * MINUTE_MS)]
