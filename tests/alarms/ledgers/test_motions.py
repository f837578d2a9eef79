"""Starts and stops of units, from published states."""

from datetime import UTC, datetime, timedelta

import pytest

from wattwarden.alarms.ledgers.motions import Moved, Seen, before_redone, motions
from wattwarden.alarms.registry.nouns import Unit, UnitKind

START = datetime(2026, 11, 22, tzinfo=UTC)
MILL = Unit(id="U1", enterprise="E1", name="磨机", kind=UnitKind.PRODUCTION, rated_power=9e4)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def series(*states: tuple[int, str]) -> list[Seen]:
    return [Seen(at(minute), state) for minute, state in states]


Told = list[tuple[int, bool, str]]


@pytest.mark.parametrize(
    ("states", "since", "told"),
    [
        ([(0, "running"), (5, "off")], 0, [(0, True, "never"), (5, False, "")]),
        ([(0, "off"), (5, "idle"), (9, "reduced_vfd")], 0, [(5, True, "")]),
        ([(0, "running"), (5, "no_power"), (6, "off")], 1, [(5, False, "")]),
        ([(0, "running"), (5, "offline"), (9, "running")], 1, []),
        ([(0, "running"), (5, "offline"), (9, "off")], 1, [(9, False, "offline")]),
        ([(0, "off"), (3, "declared"), (5, "offline"), (9, "over")], 1, [(9, True, "declared")]),
        ([(2, "offline"), (9, "running")], 0, [(9, True, "offline")]),
        ([(0, "running"), (5, "off"), (9, "running")], 6, [(9, True, "")]),
        ([(0, "never")], 0, []),
    ],
    ids=[
        "seen first running", "any run state", "without supply", "silent", "stopped in silence",
        "two gaps", "found silent", "since", "never heard of",
    ],
)  # fmt: skip
def test_a_motion_is_a_change_of_what_is_known(
    states: list[tuple[int, str]], since: int, told: Told
) -> None:
    found = [
        (round((moment - START).total_seconds() / 60), motion.running, motion.hidden)
        for moment, motion in motions(MILL, series(*states), at(since))
    ]
    assert found == told


def test_a_motion_names_the_unit_and_the_gap() -> None:
    states = series((0, "running"), (5, "offline"), (9, "off"))
    ((_, motion),) = motions(MILL, states, at(1))
    assert (motion.name, motion.unit, motion.kind) == ("磨机", "U1", UnitKind.PRODUCTION)
    assert motion.hidden_since == at(5)


def test_what_was_known_before_a_day_was_folded_again_is_known() -> None:
    now = series((0, "running"), (3, "off"), (9, "running"))
    moved = [
        Moved("U1", Seen(at(9), "running"), gone=False),
        Moved("U2", Seen(at(4), "off"), gone=True),
        Moved("U1", Seen(at(5), "off"), gone=True),
        Moved("U1", Seen(at(3), "off"), gone=False),
        Moved("U2", Seen(at(4), "off"), gone=False),
    ]
    assert before_redone(now, "U1", moved) == series((0, "running"), (5, "off"), (9, "running"))
    assert before_redone(now, "U1", ()) == now


def test_what_went_and_came_again_was_there() -> None:
    now = series((0, "running"), (5, "off"))
    moved = [
        Moved("U1", Seen(at(5), "off"), gone=True),
        Moved("U1", Seen(at(5), "off"), gone=False),
    ]
    assert before_redone(now, "U1", moved) == now
