"""What happened in the city: states, alarms, readings, the ledger; and time that passes."""

from datetime import datetime, timedelta
from typing import Final

from tests.console.pages.city import FIRMS, HOUR, LONG_AGO, NOW, STATION, WRONG, Wrong, registry
from tests.console.pages.city_deeds import with_deeds

from wattwarden.alarms.ledgers.contents import Motion
from wattwarden.alarms.ledgers.entries import Draft, LedgerKind
from wattwarden.alarms.ledgers.reconcile import BY_ITSELF
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.ledger import enter_drafts
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.system_time import mark_simulated


async def with_city(store: Connection) -> dict[str, int]:
    """Enter all of it; return the number of each unit's alarm."""
    await save_registry(store, difference(Registry(), registry()), "me", now=LONG_AGO)
    await mark_simulated(store)
    await store.execute(
        "INSERT INTO tick (shard, number, second, covers_s) VALUES (0, 1, $1, 1)",
        int(NOW.timestamp()),
    )
    await store.execute("INSERT INTO journal_position (shard, sequence, tick) VALUES (0, 1, 1)")
    await _with_states(store)
    alarms = {one.unit: await _raised(store, one) for one in WRONG}
    await _with_past(store)
    await _with_readings(store)
    await with_deeds(store, alarms)
    await _with_ledger(store)
    return alarms


async def shut_down(store: Connection, unit: str) -> int:
    """Let a treatment unit stop while its line produces, and an alarm be raised of it."""
    zh = f"{unit} 在生产期间已关闭：功率 0.2 kW（平常 52 kW 的 0%），已持续 5 分钟。请立即开启。"
    en = f"{unit} was shut down while its line produces: power 0.2 kW, for 5 min. Start it now."
    wrong = Wrong(rule="R2", unit=unit, began=0, raised=0, zh=zh, en=en)
    at = NOW - timedelta(minutes=6)
    await store.execute(
        "INSERT INTO unit_transition VALUES ($1, $2, $3, 'off')", unit.partition("-")[0], unit, at
    )
    return await _alarm(store, wrong, at, at + timedelta(minutes=5), None)


async def pass_time(store: Connection, minutes: float) -> None:
    """Let the system's time pass."""
    await store.execute("UPDATE tick SET second = second + $1", int(60 * minutes))


async def _with_states(store: Connection) -> None:
    """Shifts from 6:30 to 1:30, treatment some minutes around them; what is wrong, wrong."""
    minutes = {one.unit: one for one in WRONG}
    rows = []
    for firm in FIRMS:
        for letter, machines in (("P", firm.makes), ("T", firm.treats)):
            for place in range(1, len(machines) + 1):
                unit = f"{firm.id}-{letter}{place}"
                ahead = 6 if letter == "T" else 0
                for day in (-2, -1, 0):
                    morning = NOW.replace(hour=0) - timedelta(minutes=90 + ahead)
                    begin = morning + timedelta(days=day, minutes=7 * place)
                    rows.append((firm.id, unit, begin, "running"))
                    if day < 0:
                        end = begin + timedelta(hours=19, minutes=2 * ahead)
                        rows.append((firm.id, unit, end, "off"))
                wrong = minutes.get(unit)
                if wrong is not None and wrong.rule in _STATES:
                    at = NOW - timedelta(minutes=wrong.began)
                    rows.append((firm.id, unit, at, _STATES[wrong.rule]))
    rows.append(("QH", "QH-T2", NOW - timedelta(minutes=30), "reduced_slow"))
    rows.append(("PC", "PC-P1", NOW - timedelta(hours=2), "off"))
    rows.append(("PC", "PC-T1", NOW - timedelta(hours=1, minutes=50), "declared"))
    await store.executemany(
        "INSERT INTO unit_transition (enterprise, unit, at, state) VALUES ($1, $2, $3, $4)", rows
    )


_STATES: Final = {
    "R1": "off",
    "R2": "off",
    "R3": "idle",
    "R4": "reduced_vfd",
    "R5": "reduced_slow",
    "R8": "offline",
}


async def _raised(store: Connection, wrong: Wrong) -> int:
    began, raised = (NOW - timedelta(minutes=one) for one in (wrong.began, wrong.raised))
    return await _alarm(store, wrong, began, raised, None)


async def _with_past(store: Connection) -> None:
    """Alarms of today that are over."""
    for place, unit in enumerate(("NP-T1", "XG-T1", "QX-T1", "CW-T1", "YL-T1")):
        raised = NOW - timedelta(minutes=150 - 20 * place)
        ended = raised + timedelta(minutes=12 + 9 * place)
        zh = "治污设施在生产期间已关闭，已持续 5 分钟。请立即开启，或停止生产。"
        en = "Treatment was shut down while its line produces, for 5 min. Start it now."
        wrong = Wrong(rule="R2", unit=unit, began=0, raised=0, zh=zh, en=en)
        await _alarm(store, wrong, raised - timedelta(minutes=5), raised, ended)


async def _alarm(
    store: Connection, wrong: Wrong, began: datetime, raised: datetime, ended: datetime | None
) -> int:
    firm = wrong.unit.partition("-")[0]
    number: int = await store.fetchval(
        "INSERT INTO alarm (rule, subject, kind, began, enterprise, line, raised, ended, found_in,"
        " version, explanation) VALUES ($1, $2, '', $3, $4, $5, $6, $7, 'readings', '1',"
        " jsonb_build_object('zh', $8::text, 'en', $9::text, 'signals', $10::jsonb,"
        " 'thresholds', $11::jsonb, 'windows', '{\"lasted_s\": 300}'::jsonb)) RETURNING id",
        wrong.rule,
        f"unit:{wrong.unit}",
        began,
        firm,
        f"{firm}-L1",
        raised,
        ended,
        wrong.zh,
        wrong.en,
        '{"power": {"value": 300, "unit": "W"}, "power_reference": {"value": 37000, "unit": "W"},'
        ' "power_share": {"value": 0.008, "unit": "1"}, "current_share": {"value": 0.004,'
        ' "unit": "1"}}',
        '{"state.theta_off": {"value": 0.1, "unit": "1"}}',
    )
    for minutes, why, level in ((0, "raised", 2), (30, "lasts", 3), (120, "lasts", 4)):
        at = raised + timedelta(minutes=minutes)
        if at <= (ended or NOW):
            await store.execute(
                "INSERT INTO case_event (alarm, enterprise, at, why, level, told, task, mutable,"
                " digest) VALUES ($1, $2, $3, $4, $5, $6, 'none', FALSE, FALSE)",
                number,
                firm,
                at,
                why,
                level,
                ["duty"] if level == 2 else ["duty", "head", "district_officer"],
            )
    return number


async def _with_readings(store: Connection) -> None:
    """A day and more of one-minute readings of the firm that is looked at."""
    wrong = next(one for one in WRONG if one.unit == "QH-T1")
    fan_off = NOW - timedelta(minutes=wrong.began)
    for address, high, since, until in (
        ("02P01", 124_000, NOW - timedelta(hours=4, minutes=23), NOW),
        ("02P02", 48_000, NOW - timedelta(hours=4, minutes=16), NOW),
        ("02T01", 36_500, NOW - timedelta(hours=4, minutes=29), fan_off),
        ("02T02", 7_200, NOW - timedelta(hours=4, minutes=22), NOW),
    ):
        meter = await store.fetchval(
            "INSERT INTO meter (codec, address, state, enrolled_at) VALUES ('acrel', $1,"
            " 'accepted', $2) RETURNING id",
            address,
            LONG_AGO,
        )
        await store.execute(
            "INSERT INTO reading (meter, step, at, received_at, quality, period, channel,"
            " power_total, voltage_a, current_a)"
            " SELECT $1, 1, t, t, 0, 'i', '', p, 231.0, p / 600 FROM (SELECT t, CASE WHEN"
            " t BETWEEN $3::timestamptz AND $4 OR t < $3 - interval '5 hours 10 minutes' THEN"
            " $5::float8 * (1 + 0.06 * sin(extract(epoch FROM t) / 700)"
            " + 0.03 * sin(extract(epoch FROM t) / 97)) ELSE 300 END AS p"
            " FROM generate_series($2::timestamptz - interval '27 hours', $2,"
            " interval '1 minute') AS s (t)) AS made",
            meter,
            NOW,
            since,
            until,
            float(high),
        )

    await _with_results(store, fan_off)


async def _with_results(store: Connection, fan_off: datetime) -> None:
    """What the firm's outlet emits: much more, some minutes after its fan stopped."""
    meter = await store.fetchval(
        "INSERT INTO meter (codec, address, state, enrolled_at)"
        " VALUES ('hj212', $1, 'accepted', $2) RETURNING id",
        STATION,
        LONG_AGO,
    )
    layout = await store.fetchval(
        "INSERT INTO factor_layout (codes, digest, first_meter, first_at)"
        " VALUES (ARRAY['a00000', 'a24088'], sha256('a00000 a24088'), $1, $2) RETURNING id",
        meter,
        LONG_AGO,
    )
    await store.execute(
        "INSERT INTO factor (meter, step, at, received_at, layout, quality, period, channel,"
        " amounts) SELECT $1, 1, t, t, $2, 0, 'i', '', ARRAY[9000, 21 + 4 * sin(s / 900)"
        " + 74 * least(1, greatest(0, (s - extract(epoch FROM $4::timestamptz) - 120) / 600))]"
        "::real[] FROM (SELECT t, extract(epoch FROM t)::float8 AS s"
        " FROM generate_series($3::timestamptz - interval '5 hours', $3, interval '1 minute')"
        " AS g (t)) AS made",
        meter,
        layout,
        NOW,
        fan_off,
    )


async def _with_ledger(store: Connection) -> None:
    """Starts and stops of the firm's treatment, as the warden writes them down."""
    drafts = [
        Draft(
            kind=LedgerKind.TREATMENT,
            source=f"unit:QH-T{place}",
            occurred_at=at,
            entered_at=max(at + timedelta(minutes=30), NOW - timedelta(hours=4)),
            actor=BY_ITSELF,
            content=Motion(
                name=name, unit=f"QH-T{place}", kind=UnitKind.TREATMENT, running=running
            ),
        )
        for day in (2, 1, 0)
        for place, name in ((1, "活性炭吸附风机"), (2, "水帘循环泵"))
        for hours, running in ((4.5, True), (-14.7, False))
        if (at := NOW - timedelta(days=day, hours=hours, minutes=7 * place)) < NOW - HOUR
    ]
    await enter_drafts(store, "QH", sorted(drafts, key=lambda one: one.entered_at))
