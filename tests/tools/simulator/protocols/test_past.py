"""What simulated meters remember, and reports that never left them."""

from datetime import UTC, datetime, timedelta

import pytest

from wattwarden.tools.simulator.protocols import past as past_module
from wattwarden.tools.simulator.protocols.acrel import AcrelMeter
from wattwarden.tools.simulator.protocols.calling import Caller
from wattwarden.tools.simulator.protocols.dialect import Dialect, Meter
from wattwarden.tools.simulator.protocols.hj212 import Logger
from wattwarden.tools.simulator.protocols.past import Past
from wattwarden.tools.simulator.protocols.stage import Stage

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOWHERE = ("127.0.0.1", 9)


def test_a_stretch_has_its_begin_and_not_its_end() -> None:
    past = Past()
    for turn in range(5):
        past.note(NOW + turn * MINUTE, turn)
    found = list(past.between(NOW + MINUTE, NOW + 3 * MINUTE))
    assert found == [(NOW + MINUTE, 1), (NOW + 2 * MINUTE, 2)]
    assert NOW in past
    assert NOW - MINUTE not in past


def test_the_oldest_is_forgotten_and_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_module, "MOST_REMEMBERED", 3)
    past = Past()
    for turn in (0, 1, 2, 2, 3):
        past.note(NOW + turn * MINUTE, turn)
    assert [turn for _, turn in past.between(NOW, NOW + 9 * MINUTE)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("dialect", "lost"),
    [(Logger(Meter("WW01", 1, 3)), 2), (AcrelMeter(Meter("27000000000001", 1, 3)), 0)],
    ids=["who remembers loses", "who does not loses nothing"],
)
def test_what_is_lost_is_remembered_by_its_meter_alone(dialect: Dialect, lost: int) -> None:
    run = Stage(NOWHERE, None, 3, lost=1.0)  # type: ignore[arg-type]  # nothing is told
    caller = Caller(dialect, run)
    for turn in range(2):
        caller.say(turn, NOW + turn * MINUTE)
    assert (run.tally.lost, len(caller.memory.kept)) == (lost, 2 - lost)
    if isinstance(dialect, Logger):
        assert [turn for _, turn in dialect.past.between(NOW, NOW + 2 * MINUTE)] == [1]


def test_a_run_that_loses_nothing_is_the_usual_one() -> None:
    run = Stage(NOWHERE, None, 3)  # type: ignore[arg-type]  # nothing is told
    assert not any(run.loses("m", number) for number in range(1000))
    run.lost = 0.5
    assert 300 < sum(run.loses("m", number) for number in range(1000)) < 700
