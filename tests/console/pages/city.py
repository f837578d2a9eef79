"""A small city in a store: ten districts, fourteen firms, and something wrong in some of them."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from wattwarden.alarms.cases.bodies import Action, Cause, Verb
from wattwarden.alarms.decisions.bodies import (
    Absence,
    Consumable,
    Declaration,
    Measure,
    Plan,
    WarningLevel,
)
from wattwarden.alarms.decisions.body import NEW, Scope
from wattwarden.alarms.enforcement.bodies import Task
from wattwarden.alarms.ledgers.contents import Motion
from wattwarden.alarms.ledgers.entries import Draft, LedgerKind
from wattwarden.alarms.ledgers.reconcile import BY_ITSELF
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import (
    Agency,
    Enterprise,
    Equipment,
    EquipmentKind,
    Line,
    Link,
    Noun,
    Outlet,
    Person,
    Point,
    Region,
    Role,
    Supervision,
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.responses.bodies import Response
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.together import declare
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.ledger import enter_drafts
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.system_time import mark_simulated

# 11:00 in the city's own time, on a Sunday.
NOW: Final = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
STATION: Final = "QH2026112200000000000001"
LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)
DISTRICTS: Final = {
    "bei": ("北垣区", 119.9, 36.9), "ping": ("平川县", 120.2, 36.9),
    "yun": ("云岭县", 120.5, 36.9),
    "xin": ("新港区", 120.9, 36.9), "xi": ("西苑区", 119.9, 36.6), "qing": ("清溪区", 120.2, 36.6),
    "cang": ("沧河区", 120.5, 36.6), "dong": ("东湾区", 120.9, 36.6),
    "nan": ("南浦区", 120.1, 36.3), "wang": ("望潮区", 120.5, 36.3),
}  # fmt: skip


class Firm(msgspec.Struct, frozen=True, kw_only=True):
    """A firm as it is drawn up: its machines by name and rated kW, and how it is watched."""

    id: str
    name: str
    district: str
    industry: str
    line: str
    makes: tuple[tuple[str, float], ...]
    treats: tuple[tuple[str, float], ...]
    watched: Supervision = Supervision.ORDINARY


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm: which rule of which unit, minutes since it began and was raised, what it says."""

    rule: str
    unit: str
    began: float
    raised: float
    zh: str
    en: str


_DRAWN: Final = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
FIRMS: Final = msgspec.convert(_DRAWN["firm"], tuple[Firm, ...])
WRONG: Final = msgspec.convert(_DRAWN["wrong"], tuple[Wrong, ...])
PEOPLE: Final = (
    Person(id="zhou", name="周明远", role=Role.CITY_OFFICER, agency="city", phone="0000-1001"),
    Person(id="leader", name="高局", role=Role.LEADER, agency="city"),
    Person(id="chen", name="陈思", role=Role.DISTRICT_OFFICER, agency="a-dong", phone="0000-1002"),
    Person(id="sun", name="孙立", role=Role.DUTY, enterprise="QH", phone="0000-2001"),
    Person(id="sun2", name="何总", role=Role.HEAD, enterprise="QH"),
    Person(id="liang", name="梁雨", role=Role.DUTY, enterprise="CY"),
    Person(id="zhao", name="赵启", role=Role.DUTY, enterprise="HC"),
    Person(id="gao", name="高文", role=Role.DUTY, enterprise="BL"),
    Person(id="wu", name="吴桐", role=Role.MAINTENANCE, enterprise="LY"),
    Person(id="tong", name="童舟", role=Role.DUTY, enterprise="TZ"),
    Person(id="yuan", name="袁帆", role=Role.DUTY, enterprise="NP", phone="0000-2011"),
    Person(id="admin", name="郑管", role=Role.ADMINISTRATOR),
    Person(id="auditor", name="冯审", role=Role.AUDITOR),
)


def nouns() -> list[tuple[str, Noun]]:
    """All records of the registry."""
    found: list[tuple[str, Noun]] = [
        ("region", Region(id="city", name="临岳市")),
        ("agency", Agency(id="city", name="临岳市生态环境执法支队", region="city")),
    ]
    for name, (title, _, _) in DISTRICTS.items():
        found.append(("region", Region(id=name, name=title, parent="city")))
        agency = Agency(id=f"a-{name}", name=f"{title}分局", parent="city", region=name)
        found.append(("agency", agency))
    for number, firm in enumerate(FIRMS):
        found += _of_firm(number, firm)
    return [*found, *_of_station(), *[("person", one) for one in PEOPLE]]


def _of_station() -> list[tuple[str, Noun]]:
    """What is measured and seen of the firm that is looked at; one camera nobody may be led to."""
    return [
        (
            "outlet",
            Outlet(
                id="QH-O1",
                enterprise="QH",
                name="DA001 喷涂废气排口",
                line="QH-L1",
                limits={"a24088": 60.0},
            ),
        ),
        (
            "point",
            Point(
                id="QH-O1-a24088",
                meter=f"hj212:{STATION}",
                valid_from=LONG_AGO,
                factor="a24088",
                outlet="QH-O1",
                measures="pollutant",
                video="https://cameras.example/QH/da001?view=live",
            ),
        ),
        (
            "equipment",
            Equipment(
                id="厂门摄像机",
                enterprise="QH",
                equipment=EquipmentKind.VIDEO,
                address="javascript:alert(document.cookie)",
            ),
        ),
    ]


def _of_firm(number: int, firm: Firm) -> list[tuple[str, Noun]]:
    _, longitude, latitude = DISTRICTS[firm.district]
    record = Enterprise(
        id=firm.id,
        name=firm.name,
        agency=f"a-{firm.district}",
        region=firm.district,
        industry=firm.industry,
        credit_code=f"9199{number:04d}MA0EXAMPLE",
        address=f"{DISTRICTS[firm.district][0]}工业路 {number + 1} 号",
        longitude=longitude,
        latitude=latitude,
        contact="厂区值班室",
        phone=f"0000-30{number:02d}",
        officer="chen" if firm.district == "dong" else "zhou",
        supervision=firm.watched,
    )
    line = f"{firm.id}-L1"
    found: list[tuple[str, Noun]] = [
        ("enterprise", record),
        ("line", Line(id=line, enterprise=firm.id, name=firm.line)),
    ]
    for letter, kind, machines in (
        ("P", UnitKind.PRODUCTION, firm.makes),
        ("T", UnitKind.TREATMENT, firm.treats),
    ):
        for place, (name, kilowatts) in enumerate(machines, 1):
            unit = f"{firm.id}-{letter}{place}"
            made = Unit(
                id=unit, enterprise=firm.id, name=name, kind=kind, rated_power=kilowatts * 1000
            )
            meter = f"acrel:{number + 1:02d}{letter}{place:02d}"
            point = Point(id=f"{unit}-e", meter=meter, valid_from=LONG_AGO, unit=unit)
            found += [
                ("unit", made),
                ("link", Link(id=f"{line}-{unit}", line=line, unit=unit)),
                ("point", point),
            ]
    return found


async def with_city(store: Connection) -> dict[str, int]:
    """Enter all of it; return the number of each unit's alarm."""
    await save_registry(store, difference(Registry(), _registry()), "me", now=LONG_AGO)
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
    await _with_deeds(store, alarms)
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


def _registry() -> Registry:
    registry = Registry()
    for kind, record in nouns():
        registry.put(kind, record)
    return registry


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
    for unit, address, high, since, until in (
        ("QH-P1", "02P01", 124_000, NOW - timedelta(hours=4, minutes=23), NOW),
        ("QH-P2", "02P02", 48_000, NOW - timedelta(hours=4, minutes=16), NOW),
        ("QH-T1", "02T01", 36_500, NOW - timedelta(hours=4, minutes=29), fan_off),
        ("QH-T2", "02T02", 7_200, NOW - timedelta(hours=4, minutes=22), NOW),
    ):
        del unit
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


async def _with_deeds(store: Connection, alarms: dict[str, int]) -> None:
    """What people did about it."""

    async def ack(unit: str, person: str, minutes: float, said: str = "") -> None:
        body = Action(id=NEW, alarm=str(alarms[unit]), verb=Verb.ACK, reason=said)
        await decide(store, body, person, NOW - timedelta(minutes=minutes))

    await decide(
        store,
        Response(
            id="RE1",
            level=WarningLevel.ORANGE,
            start=NOW + timedelta(hours=13),
            end=NOW + timedelta(hours=85),
        ),
        "leader",
        NOW - timedelta(hours=6),
    )
    await decide(
        store,
        Plan(
            id=NEW,
            measure=Measure.LIMIT,
            scope=Scope.LINE,
            subject="QH-L1",
            reduction=0.3,
            base_energy=4_100_000.0,
            start=NOW + timedelta(hours=13),
            end=NOW + timedelta(hours=85),
        ),
        "zhou",
        NOW - timedelta(hours=6),
    )
    await decide(
        store,
        Consumable(
            id="CS1",
            unit="QH-T1",
            kind="carbon",
            replaced_at=NOW - timedelta(days=40),
            limit_hours=60.0,
        ),
        "sun",
        NOW - timedelta(hours=5),
    )
    await ack("HC-T1", "zhao", 140)
    await ack("QH-T1", "sun", 44, "跳闸，已叫电工到现场。")
    await ack("BL-T1", "gao", 20)
    await ack("CY-T1", "liang", 80)
    await decide(
        store,
        Action(
            id=NEW,
            alarm=str(alarms["HC-T1"]),
            verb=Verb.HANDLE,
            reason="风机轴承抱死，正在更换",
            cause=Cause.BREAKAGE,
        ),
        "zhao",
        NOW - timedelta(minutes=90),
    )
    await declare(
        store,
        Declaration(
            id=NEW,
            scope=Scope.UNIT,
            subject="CY-T1",
            kind=Absence.MAINTENANCE,
            start=NOW - timedelta(minutes=92),
            end=NOW + timedelta(hours=4),
            reason="变频器检修，今日完成",
        ),
        alarms["CY-T1"],
        "liang",
        NOW - timedelta(minutes=60),
    )
    await decide(
        store,
        Task(
            id=NEW,
            enterprise="HC",
            text="沧河宏晟水泥有限公司多次报警，请前往现场调查原因。",
            alarms=(str(alarms["HC-T1"]),),
        ),
        "zhou",
        NOW - timedelta(minutes=30),
    )
