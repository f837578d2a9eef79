"""What outlets say follows production and its treatment, and is wrong when a scenario says so."""

import numpy as np
import pytest
from tests.tools.simulator.worlds import FACTORY, world

from wattwarden.alarms.rulebook import default_rules
from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import default_profile
from wattwarden.tools.diagnosis.trial import run
from wattwarden.tools.simulator.frames import Frames
from wattwarden.tools.simulator.readings import Emitted
from wattwarden.tools.simulator.registry import registry_of
from wattwarden.tools.simulator.sendings import sendings
from wattwarden.tools.simulator.world import World

LIMIT = 60.0
OUTLET = """
[[factory.outlet]]
id = "O"
factor = "a24088"
limit = 60
"""
HAPPENING = """
[[happening]]
kind = "{kind}"
outlet = "O"
onset = "day 2 10:00"
minutes = 90
"""
NOON = 720


def offence(rule: str, unit: str, minutes: int = 90) -> str:
    when = f'onset = "day 2 12:00"\nminutes = {minutes}\n'
    return f'[[offence]]\nrule = "{rule}"\nunit = "{unit}"\n{when}'


def said(made: World, hours: float = 6) -> Emitted:
    parts = [block.emitted for block in made.blocks(hours)]
    names = ("at_ms", "received_ms", "value", "flag")
    return Emitted(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))


def minutes(day: int, begin: int, end: int) -> slice:
    return slice((day - 1) * 1440 + begin, (day - 1) * 1440 + end)


def test_an_outlet_in_order_stays_below_its_limit_and_shows_when_there_is_production() -> None:
    value = said(world(FACTORY, OUTLET)).value[:, 0]
    working, night = value[minutes(2, 8 * 60, 20 * 60)], value[minutes(2, 60, 240)]
    assert 0.15 * LIMIT < working.mean() < 0.6 * LIMIT
    assert working.max() < 0.8 * LIMIT
    assert night.max() < 0.1 * LIMIT
    assert np.count_nonzero(np.diff(working) == 0) < 5


def test_without_treatment_several_times_the_limit_comes_out() -> None:
    one = FACTORY.split('[[factory.unit]]\nid = "T-vfd"')[0]
    value = said(world(one, OUTLET + offence("R2", "T-fan"))).value[:, 0]
    assert value[minutes(2, NOON + 5, NOON + 85)].min() > 1.2 * LIMIT
    assert value[minutes(2, NOON - 60, NOON - 5)].max() < LIMIT


def test_what_is_said_does_not_depend_on_the_size_of_blocks() -> None:
    more = OUTLET + HAPPENING.format(kind="stuck") + offence("R3", "T-fan")
    few, many = said(world(FACTORY, more)), said(world(FACTORY, more), 0.5)
    assert few.value.tobytes() == many.value.tobytes()
    assert few.received_ms.tobytes() == many.received_ms.tobytes()


@pytest.mark.parametrize(
    ("kind", "cause"),
    [("exceedance", "over the limit"), ("stuck", "constant"), ("flagged", "flagged as faulty")],
)
def test_emissions_that_are_wrong_are_so_and_the_truth_says_it(kind: str, cause: str) -> None:
    made = world(FACTORY, OUTLET + HAPPENING.format(kind=kind))
    part = minutes(2, 601, 689)
    emitted = said(made)
    value, flag = emitted.value[part, 0], emitted.flag[part, 0]
    assert (value.min() > 1.2 * LIMIT) == (kind == "exceedance")
    assert (len(set(value.tolist())) == 1) == (kind == "stuck")
    assert set(flag.tolist()) == {ord("D" if kind == "flagged" else "N")}
    (truth,) = made.truth()
    assert (truth.rule, truth.unit, truth.cause) == ("R20", "O", cause)


@pytest.mark.parametrize("kind", ["exceedance", "stuck", "flagged"])
def test_the_rule_of_abnormal_emissions_is_reached(kind: str) -> None:
    made = world(FACTORY, OUTLET + HAPPENING.format(kind=kind))
    assert run(made, default_rules(), 1, lambda _slots: None).others["R20"] == 1


def test_the_rule_says_nothing_of_an_outlet_in_order() -> None:
    trial = run(world(FACTORY, OUTLET), default_rules(), 1, lambda _slots: None)
    assert trial.others["R20"] == 0
    assert trial.readings > 2 * 1440 * 5


def test_an_outlet_is_silent_without_power_and_while_its_station_is_out() -> None:
    dark = '[[happening]]\nkind = "blackout"\nonset = "day 1 10:00"\nminutes = 60\n'
    emitted = said(world(FACTORY, OUTLET + dark + HAPPENING.format(kind="meter_outage")))
    received = emitted.received_ms[:, 0]
    assert (received[minutes(1, 602, 658)] == -1).all()
    assert (received[minutes(2, 602, 688)] == -1).all()
    assert (received[minutes(1, 662, 1400)] > 0).all()


def test_stations_speak_hj_212_and_the_registry_knows_them() -> None:
    made = world(FACTORY, OUTLET)
    (station,) = made.site.stations
    mine = [one for one in sendings(made, 0, 600) if one.column == station.column]
    assert len(mine) == 10
    codec = load_codecs()["hj212"]
    assert Frames(made.site).codec(station) is codec
    point = registry_of(made).point["O-P"]
    assert (point.meter, point.factor, point.measures) == (
        f"hj212:{station.address}", "a24088", "pollutant",
    )  # fmt: skip
    message = codec.read(mine[0].frame, default_profile)
    assert (message.kind, message.meter) == ("realtime", station.address)
    assert "a24088" in str(message.fields)


def test_a_drawn_city_has_stations_for_what_its_industries_emit() -> None:
    city = "start = 2026-03-02\ndays = 1\n[city]\nfactories = 20\nproduction = 40\n"
    made = world(city, "treatment = 40\noutlets = 0.8\n")
    specs = [station.spec for station in made.site.stations]
    assert 10 < len(specs) < 20
    assert {"a24088", "a34013"} <= {spec.factor for spec in specs}
    emitted = said(made)
    limits = np.array([spec.limit for spec in specs])
    level = emitted.value[emitted.received_ms.min(axis=1) > 0] / limits
    assert 0.05 < level.mean() < 0.5
    assert np.mean(level > 1) < 0.005
