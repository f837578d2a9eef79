"""A response is assessed from what stands in the store."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from tests.storage.responses.city import register_city

from wattwarden.alarms.decisions.bodies import Measure, WarningLevel
from wattwarden.alarms.decisions.body import NEW, Scope
from wattwarden.alarms.responses.bodies import Curb, Preset, Response
from wattwarden.alarms.responses.course import Course
from wattwarden.alarms.statistics.compliance import Standing
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.database import Connection
from wattwarden.storage.responses.activate import issue
from wattwarden.storage.responses.assess import Assessed, assess_response
from wattwarden.storage.responses.load import load_responses

BEGAN = datetime(2026, 11, 22, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
HOURS = 22


@pytest_asyncio.fixture(loop_scope="session")
async def answered(store: Connection) -> Course:
    """N1 stops, S1 should and does not, N2 is of grade A; E1 is limited by 30 %."""
    await register_city(store)
    for firm in ("N1", "N2", "S1"):
        stop = Curb(scope=Scope.ENTERPRISE, subject=firm, measure=Measure.STOP)
        await decide(store, _preset(firm, stop), "officer", BEGAN - HOUR)
    limit = Curb(scope=Scope.LINE, subject="L1", measure=Measure.LIMIT, reduction=0.3,
                 base_energy=240_000.0)  # fmt: skip
    await decide(store, _preset("E1", limit), "officer", BEGAN - HOUR)
    made = Response(
        id=NEW, level=WarningLevel.ORANGE, start=BEGAN, end=BEGAN + timedelta(hours=HOURS)
    )
    await issue(store, made, "officer", BEGAN - HOUR)
    for unit, states in {
        "N1-u": [(-9, "running"), (1, "off")],
        "N2-u": [(-9, "running")],
        "S1-u": [(-9, "running")],
        "U1": [(-9, "running"), (10, "reduced_slow")],
    }.items():
        firm = unit.split("-")[0] if "-" in unit else "E1"
        await store.executemany(
            "INSERT INTO unit_transition (enterprise, unit, at, state) VALUES ($1, $2, $3, $4)",
            [(firm, unit, BEGAN + hours * HOUR, state) for hours, state in states],
        )
    await _heard(store)
    (course,) = await load_responses(store)
    return course


def _preset(firm: str, curb: Curb) -> Preset:
    return Preset(id=NEW, enterprise=firm, level=WarningLevel.ORANGE, curbs=(curb,))


async def _heard(store: Connection) -> None:
    """All meters speak until the end; N1 used 10 kWh an hour in normal weeks, 1 in this one."""
    for meter, codec, channel in (
        ("N1", "fake", ""), ("N2", "fake", ""), ("S1", "fake", ""), ("M1", "acrel", "1-1"),
    ):  # fmt: skip
        number = await store.fetchval(
            "INSERT INTO meter (codec, address, state, enrolled_at) VALUES ($1, $2, 'accepted',"
            " now()) RETURNING id",
            codec,
            meter,
        )
        await store.executemany(
            "INSERT INTO reading (meter, step, at, received_at, quality, period, channel)"
            " VALUES ($1, 1, $2, $2, 0, 'i', $3)",
            [(number, BEGAN + hours * HOUR, channel) for hours in (1, 12, HOURS)],
        )
        for week in range(5):
            used = {"N1": 250 if week == 0 else 2_500, "S1": 2_500, "M1": 1_500}.get(meter, 0)
            await _quarters(store, number, channel, BEGAN - week * WEEK, used)


async def _quarters(
    store: Connection, meter: int, channel: str, since: datetime, used: int
) -> None:
    await store.executemany(
        "INSERT INTO rollup_15min (meter, channel, start, received, expected, energy_used)"
        " VALUES ($1, $2, $3, 15, 15, $4)",
        [(meter, channel, since + quarter * HOUR / 4, used) for quarter in range(4 * HOURS)],
    )


async def test_units_energies_and_firms_are_told(store: Connection, answered: Course) -> None:
    found = await assess_response(store, answered, BEGAN + timedelta(hours=HOURS))
    # N1 and U1 responded, S1 did not; N2 is let be.
    assert (found.whole.ordered, found.whole.responded) == (3, 2)
    firms = {firm.enterprise: firm for firm in found.firms}
    assert {name: firm.exempt for name, firm in firms.items()} == {
        "E1": False, "N1": False, "N2": True, "S1": False,
    }  # fmt: skip
    assert [one.cut() for one in firms["N1"].energies] == [pytest.approx(0.9)]
    assert [one.cut() for one in firms["S1"].energies] == [pytest.approx(0.0)]
    # 6 kWh an hour of the 10 that were agreed.
    assert [one.cut() for one in firms["E1"].energies] == [pytest.approx(0.4)]
    # (1 + 10 + 6) of (10 + 10 + 10) kWh an hour.
    assert found.whole.energy_cut == pytest.approx(1 - 17 / 30)


async def test_alarms_say_what_firms_did(store: Connection, answered: Course) -> None:
    alarms = [("R11", "unit:S1-u", "S1", 3, None), ("R12", "line:L1", "E1", 6, 12),
              ("R1", "unit:N1-u", "N1", -8, -7)]  # fmt: skip
    await store.executemany(
        "INSERT INTO alarm (rule, subject, kind, began, enterprise, line, raised, ended, found_in,"
        " version, explanation) VALUES ($1, $2, '', $4, $3, '', $4, $5, 'readings', '1', '{}')",
        [
            (rule, subject, firm, BEGAN + began * HOUR, None if end is None else BEGAN + end * HOUR)
            for rule, subject, firm, began, end in alarms
        ],
    )
    found = await assess_response(store, answered, BEGAN + timedelta(hours=HOURS))
    assert {firm.enterprise: firm.answer for firm in found.firms} == {
        "S1": Standing.STOP_IGNORED,
        "E1": Standing.LIMIT_IGNORED,
        "N1": Standing.COMPLIANT,
        "N2": Standing.COMPLIANT,
    }
    # Six hours of twenty, the grace being two, the limit was exceeded.
    assert _obeyed(found, "E1") == [(20.0, 14.0)]
    assert found.whole.responded == 1


async def test_an_assessment_goes_as_far_as_time_has(store: Connection, answered: Course) -> None:
    found = await assess_response(store, answered, BEGAN + HOUR)
    assert (found.whole.ordered, found.whole.waiting) == (3, 3)
    assert found.whole.responded_share is None
    later = await assess_response(store, answered, BEGAN + 12 * HOUR)
    assert _obeyed(later, "N1") == [(10.0, 10.0)]


async def test_energy_that_nobody_metered_is_told_as_unknown(
    store: Connection, answered: Course
) -> None:
    await store.execute("DELETE FROM rollup_15min WHERE start >= $1", BEGAN + 4 * HOUR)
    found = await assess_response(store, answered, BEGAN + timedelta(hours=HOURS))
    assert (found.whole.energy_cut, found.whole.energy_unknown) == (None, 3)


def _obeyed(found: Assessed, firm: str) -> list[tuple[float, float]]:
    return [
        (one.window_s / 3600, one.complied_s / 3600)
        for answer in found.firms
        if answer.enterprise == firm
        for one in answer.obeyed
    ]
