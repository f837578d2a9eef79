"""Looks at all meters: whether we could have heard them, who spoke, and what is kept of it."""

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.alarms.factory import MIDNIGHT_S, RULES, Factory

from wattwarden.alarms.decisions.bodies import Absence, Declaration, Review
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.episodes.findings import Ended, Finding, Raised
from wattwarden.alarms.plant.compile import compile_plant
from wattwarden.alarms.plant.orders import compile_orders
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.silence.arrivals import (
    RETURN_S,
    SIGN_DELAY_S,
    SIGN_LIFE_S,
    Heard,
    Listener,
    Look,
    Signs,
    Sky,
    listen,
    looks,
    make_listener,
)

if TYPE_CHECKING:
    from wattwarden.alarms.plant.plant import Plant
    from wattwarden.alarms.registry.registry import Registry

START = 1_000


def signs(*gateways: tuple[int, int]) -> Signs:
    """Return the signs of gateways that served, each ten seconds, from one second to another."""
    seconds = sorted({second for first, last in gateways for second in range(first, last + 1, 10)})
    return Signs(
        np.array([first for first, _ in gateways], np.int64),
        np.array([last for _, last in gateways], np.int64),
        np.array(seconds, np.int64),
        begun=seconds[0],
    )


@pytest.mark.parametrize(
    ("second", "serving"),
    [
        pytest.param(START - 100, True, id="before the first sign"),
        pytest.param(START + 100, True, id="while signs come"),
        pytest.param(START + 200 + SIGN_LIFE_S - 1, True, id="a sign is lost"),
        pytest.param(START + 200 + SIGN_LIFE_S, False, id="four are lost"),
    ],
)
def test_a_gateway_serves_as_long_as_its_signs_come(second: int, serving: bool) -> None:  # noqa: FBT001  # a column of the table
    assert signs((START, START + 200)).serving(second, 1) is serving


@pytest.mark.parametrize(
    ("second", "changed"),
    [
        pytest.param(START, -1, id="nothing is known yet"),
        pytest.param(START + SIGN_DELAY_S, START, id="one came"),
        pytest.param(START + 200 + SIGN_LIFE_S, START + 200, id="it went"),
    ],
)
def test_it_is_known_when_a_gateway_came_or_went(second: int, changed: int) -> None:
    assert signs((START, START + 200)).changed(second, 1) == changed


def test_seconds_without_a_gateway_or_a_tick_are_unknown() -> None:
    number = np.arange(1, 41, dtype=np.int64)
    second = START + 10 * number
    ticks = {"number": number, "second": second, "covers_s": np.full(40, 10, np.int64)}
    ticks["covers_s"][4], ticks["second"][4:] = 30, ticks["second"][4:] + 20
    seen = looks(ticks, 2, Sky(signs((START, START + 200)), 10))
    assert [look.step for look in seen] == list(range(3, 41))
    assert [look.unknown_s for look in seen[:4]] == [0, 0, 20, 0]
    assert sum(look.known_s for look in seen[-5:]) == 50
    gone = looks({**ticks, "covers_s": np.full(40, 1, np.int64)}, 2, Sky(signs((START, START)), 1))
    assert gone[-1].unknown_s == 1


NEVER = np.empty(0, np.int64)


class Ear:
    """A listener of a firm's two meters ``p`` and ``t``; a look each ten seconds."""

    def __init__(self, *decisions: AnyBody, kept: bytes = b"") -> None:
        factory = Factory().unit("p", UnitKind.PRODUCTION).unit("t").outlet(9.0)
        self.registry: Registry = factory.registry
        self.plant: Plant = compile_plant(self.registry, RULES, ["e"])
        orders = compile_orders(self.plant, decisions)
        packs = {"e": kept}
        self.listener: Listener = make_listener(self.registry, RULES, self.plant, orders, packs)
        self.sky = Sky(Signs(NEVER, NEVER, NEVER, begun=2**62), 10)

    def hear(
        self, steps: range, speakers: str, power: float = 1e4, dark: str = "", **more: object
    ) -> list[Finding]:
        """Let meters speak each minute of some steps of ten seconds; look at each step."""
        spoken = [(step, name) for step in steps if step % 6 == 0 for name in speakers]
        heard = Heard(
            np.array([self.listener.place[f"c:{name}"] for _, name in spoken], np.int64),
            np.array([step for step, _ in spoken], np.int64),
            np.full(len(spoken), power),
            np.array([0.0 if name in dark else 220.0 for _, name in spoken]),
            **more,  # type: ignore[arg-type]  # skews alone
        )
        seconds = {step: MIDNIGHT_S + 10 * step for step in steps}
        looked = [Look(step, seconds[step], 10, 0) for step in steps]
        return listen(self.listener, looked, heard, seconds, self.sky)


def rules(findings: list[Finding]) -> list[str]:
    return [one.alarm.rule for one in findings if isinstance(one, Raised)]


def test_treatment_that_falls_silent_beside_running_production_is_found() -> None:
    ear = Ear()
    assert rules(ear.hear(range(1, 60), "pt")) == []
    assert sorted(rules(ear.hear(range(60, 200), "p"))) == ["R21", "R8"]


def test_beside_production_that_stands_still_it_is_only_silent() -> None:
    ear = Ear()
    ear.hear(range(1, 60), "pt", power=100.0)
    assert rules(ear.hear(range(60, 200), "p", power=100.0)) == ["R8"]


def test_meters_that_fall_silent_while_others_have_no_supply_are_left_to_the_firm_s_r9() -> None:
    ear = Ear()
    ear.hear(range(1, 60), "pt")
    assert rules(ear.hear(range(60, 300), "t", power=0.0, dark="t")) == []
    # The one that says so falls silent, too.
    assert rules(ear.hear(range(300, 600), "")) == []
    # With the supply back they have the time to come back that any meter has.
    assert rules(ear.hear(range(600, 691), "t")) == []
    assert rules(ear.hear(range(691, 700), "t")) == ["R8"]


def test_a_meter_without_supply_says_nothing_of_its_firm_when_others_had_it_since() -> None:
    ear = Ear()
    ear.hear(range(1, 60), "pt", dark="t")
    assert rules(ear.hear(range(60, 180), "t", dark="t")) == ["R8"]


def test_one_reading_without_a_voltage_is_no_word_on_the_firm_s_supply() -> None:
    ear = Ear()
    ear.hear(range(1, 60), "pt")
    ear.hear(range(60, 61), "pt", dark="t")
    assert rules(ear.hear(range(61, 160), "")) == ["R9"]


def test_what_is_kept_goes_on_and_what_was_looked_at_is_not_looked_at_again() -> None:
    whole, cut = Ear(), Ear()
    whole.hear(range(1, 60), "pt")
    cut.hear(range(1, 60), "pt")
    cut = Ear(kept=cut.listener.keep("e"))
    assert cut.listener.keep("e") == whole.listener.keep("e")
    found = whole.hear(range(60, 200), "p")
    assert rules(found) != []
    before = cut.hear(range(60, 100), "p")
    cut.listener.known_to[:] = 99
    cut.hear(range(60, 100), "p")
    assert before + cut.hear(range(100, 200), "p") == found
    assert cut.listener.keep("e") == whole.listener.keep("e")


def test_what_was_kept_of_another_registry_begins_with_the_next_readings() -> None:
    ear = Ear()
    ear.hear(range(1, 60), "pt")
    kept = ear.listener.keep("e")
    other = Factory().unit("p", UnitKind.PRODUCTION).registry
    plant = compile_plant(other, RULES, ["e"])
    listener = make_listener(other, RULES, plant, compile_orders(plant, []), {"e": kept})
    assert listener.heard.tolist() == [-1]


def test_declared_units_meters_may_be_silent_as_long_as_it_is_declared() -> None:
    declared = Declaration(
        id="d", scope=Scope.UNIT, subject="t", kind=Absence.OUTAGE, state=Review.APPROVED,
        start=datetime.fromtimestamp(MIDNIGHT_S, UTC),
        end=datetime.fromtimestamp(MIDNIGHT_S + 2_000, UTC),
    )  # fmt: skip
    ear = Ear(declared)
    assert rules(ear.hear(range(1, 7), "pt") + ear.hear(range(7, 200), "p")) == []
    # From then on it has the time to come back that any meter has.
    assert rules(ear.hear(range(200, 290), "p")) == []
    assert sorted(rules(ear.hear(range(290, 292), "p"))) == ["R21", "R8"]


def test_meters_of_a_gateway_that_went_have_time_to_come_back() -> None:
    ear = Ear()
    ear.sky = Sky(signs((MIDNIGHT_S, MIDNIGHT_S + 9_000)), 1)
    ear.hear(range(1, 60), "pt")
    ear.sky = Sky(signs((MIDNIGHT_S, MIDNIGHT_S + 600), (MIDNIGHT_S, MIDNIGHT_S + 9_000)), 1)
    assert rules(ear.hear(range(60, 150), "")) == []
    assert rules(ear.hear(range(150, 60 + RETURN_S // 10), "")) == []
    assert rules(ear.hear(range(60 + RETURN_S // 10, 300), "")) == ["R9"]


def test_a_clock_counts_from_the_step_in_which_its_skew_was_found() -> None:
    ear = Ear()
    assert rules(ear.hear(range(1, 60), "pt", skews=((30, 1, 400.0), (90, 0, 400.0)))) == ["R10"]
    assert rules(ear.hear(range(60, 100), "pt")) == ["R10"]


def test_an_id_that_two_peers_use_is_told_once_known_however_looks_are_taken() -> None:
    def found(*cuts: int) -> list[Finding]:
        ear = Ear()
        sign = Signs(NEVER, NEVER, NEVER, begun=2**62)
        ear.sky = Sky(sign, 1, [(MIDNIGHT_S + 605, "c:t"), (MIDNIGHT_S + 605, "c:stranger")])
        edges = (1, *cuts, 400)
        return [
            one
            for start, stop in itertools.pairwise(edges)
            for one in ear.hear(range(start, stop), "pt")
        ]

    (raised, ended) = found()
    assert isinstance(raised, Raised)
    assert (raised.alarm.kind, raised.alarm.subject) == ("duplicate_id", "meter:c:t")
    # A sign is in the journal ten seconds later, and looks are ten seconds apart.
    assert raised.alarm.raised == 1_000 * (MIDNIGHT_S + 620)
    assert isinstance(ended, Ended)
    assert found(61, 62, 63, 200) == [raised, ended]
