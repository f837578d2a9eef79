"""A city made twice as large: every firm has another like it, and each thing of a firm another too.

What is copied keeps its meaning: ids are written otherwise wherever they stand.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec
from tests.storage.acting.two_firms import NOW, UNITS

from wattwarden.alarms.decisions.kinds import decode_body
from wattwarden.alarms.ledgers.contents import Motion
from wattwarden.alarms.ledgers.entries import Draft, LedgerKind
from wattwarden.alarms.ledgers.reconcile import BY_ITSELF
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.ledger import enter_drafts
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter_all
from wattwarden.storage.registry.registry import load_registry

Names = dict[str, str]
# Tables with a row a firm, a unit or a meter, by the columns that name them; the rest is copied.
_COPIES: Final = (
    "INSERT INTO unit_transition SELECT coalesce($1::jsonb ->> enterprise, enterprise),"
    " $1::jsonb ->> unit, at, state FROM unit_transition WHERE enterprise = $2",
    "INSERT INTO case_event (alarm, enterprise, at, why, level, told, task, mutable, digest)"
    " SELECT ($1::jsonb ->> alarm::text)::bigint, coalesce($1::jsonb ->> enterprise, enterprise),"
    " at, why, level, told, task, mutable, digest FROM case_event WHERE enterprise = $2",
    "INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, state, endpoint,"
    " due, expires) SELECT coalesce(($1::jsonb ->> alarm::text)::bigint, alarm),"
    " coalesce($1::jsonb ->> enterprise, enterprise), at, why, level,"
    " coalesce($1::jsonb ->> recipient, recipient || $3), reason, state, endpoint, due, expires"
    " FROM outbox WHERE enterprise = $2",
)


async def with_rows(store: Connection) -> None:
    """Give each firm what comes of meters, beside what it has: readings, connections, a ledger."""
    for firm, unit in UNITS.items():
        name = f"m-{firm}"
        meter = await store.fetchval("SELECT id FROM meter WHERE address = $1", name)
        await store.execute(
            "INSERT INTO reading (meter, step, at, received_at, quality, period, channel,"
            " power_total) SELECT $1, 1, t, t, 0, 'i', '', 8000 FROM generate_series("
            "$2::timestamptz - interval '10 minutes', $2, interval '1 minute') AS t",
            meter,
            NOW,
        )
        await store.execute(
            "INSERT INTO session_event SELECT 0, $1 * 10 + n, 0, $3, 'g', 1, 'login', '10.0.0.1:9',"
            " 'acrel', $2, '' FROM generate_series(0, 2) AS n",
            meter,
            name,
            NOW,
        )
        await store.execute(
            "INSERT INTO quarantine (shard, sequence, frame, codec, kind, reason, message,"
            " byte_offset, raw, raw_size, peer, identity, meter, received_at, program)"
            " VALUES (0, $1, 0, 'acrel', 'checksum', 'crc', 'wrong', 0, '', 0, '', $2, $2, $3, '')",
            meter,
            name,
            NOW,
        )
        hour = timedelta(hours=1)
        await store.execute(
            "INSERT INTO gap VALUES ($1, $2, $3, 9)", meter, NOW - 2 * hour, NOW - hour
        )
        await store.execute("INSERT INTO meter_clock VALUES ($1, 3.0, 9, $2)", meter, NOW)
        await _ledger(store, firm, unit)


async def double(store: Connection) -> None:
    """Make another firm like each, and another thing of a firm like each it has."""
    for firm in UNITS:
        await _copy(store, firm, "x", kept=frozenset())
        await _copy(store, firm, "y", kept=frozenset({firm}))


async def _copy(store: Connection, firm: str, mark: str, kept: frozenset[str]) -> None:
    before = await load_registry(store)
    names = {one: f"{one}{mark}" for one in _ids(before, firm) if not one.endswith(("x", "y"))}
    names = {old: new for old, new in names.items() if old not in kept}
    # As the points of the first firms' meters were: two on one unit, which nobody could enter.
    await store.executemany(
        "INSERT INTO registry_entry (kind, id, version, body, removed, decision)"
        " SELECT $1, $2, 1, $3, FALSE, max(id) FROM decision",
        [
            (kind, names[record.id], msgspec.json.encode(renamed(plain, names)).decode())
            for kind, record in _records(before, set(names))
            for plain in [msgspec.to_builtins(record)]
        ],
    )
    names |= await _alarms(store, firm, names)
    known = msgspec.json.encode(names).decode()
    for query in _COPIES:
        await store.execute(query, known, firm, *((mark,) if "$3" in query else ()))
    await _meters(store, names)
    await _decisions(store, firm, names, mark)
    for unit in UNITS.values():
        if unit in names:
            await _ledger(store, names.get(firm, firm), names[unit])


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return plain data with every text that is one of these names written otherwise."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, dict):
        return {key: renamed(one, names) for key, one in value.items()}
    return [renamed(one, names) for one in value] if isinstance(value, list | tuple) else value


def _records(registry: Registry, ids: set[str]) -> list[tuple[str, Any]]:
    kinds = ("enterprise", "person", "line", "standby", "unit", "link", "outlet", "point")
    return [
        (kind, record)
        for kind in kinds
        for name, record in sorted(getattr(registry, kind).items())
        if name in ids
    ]


def _ids(registry: Registry, firm: str) -> set[str]:
    """Return the ids of a firm's records, and the names of its meters."""
    found = {firm}
    for kind in ("line", "standby", "unit", "outlet", "equipment", "person"):
        found |= {one.id for one in getattr(registry, kind).values() if one.enterprise == firm}
    found |= {one.id for one in registry.link.values() if one.line in found}
    points = [one for one in registry.point.values() if {one.unit, one.outlet} & found]
    return found | {one.id for one in points} | {one.meter for one in points}


async def _alarms(store: Connection, firm: str, names: Names) -> Names:
    found = {}
    for row in await store.fetch("SELECT * FROM alarm WHERE enterprise = $1 ORDER BY id", firm):
        kind, _, unit = row["subject"].partition(":")
        if unit not in names:
            continue
        found[str(row["id"])] = str(
            await store.fetchval(
                "INSERT INTO alarm (rule, subject, kind, began, enterprise, line, raised, found_in,"
                " version, explanation) SELECT rule, $2, kind, began, $3, line, raised, found_in,"
                " version, explanation FROM alarm WHERE id = $1 RETURNING id",
                row["id"],
                f"{kind}:{names[unit]}",
                names.get(firm, firm),
            )
        )
    return found


async def _meters(store: Connection, names: Names) -> None:
    """Let meters that spoke have others like them."""
    tables = {
        "reading": "at, step, received_at, quality, period, channel, power_total",
        "gap": "since, until, missing",
        "meter_clock": "skew_s, readings, measured_at",
    }
    for old, new in names.items():
        codec, _, address = old.partition(":")
        number = await store.fetchval(
            "SELECT id FROM meter WHERE codec = $1 AND address = $2", codec, address
        )
        if number is None:
            continue
        other = await store.fetchval(
            "INSERT INTO meter (codec, address, state, enrolled_at)"
            " SELECT codec, $2, state, enrolled_at FROM meter WHERE id = $1 RETURNING id",
            number,
            new.partition(":")[2],
        )
        for table, columns in tables.items():
            await store.execute(
                f"INSERT INTO {table} (meter, {columns})"  # noqa: S608  words of this function
                f" SELECT $2, {columns} FROM {table} WHERE meter = $1",
                number,
                other,
            )
        await store.execute(
            "INSERT INTO session_event SELECT shard, sequence + 10000 * $2, place, at, gateway,"
            " epoch, what, peer, codec, $3, reason FROM session_event WHERE identity = $1",
            address,
            other,
            new.partition(":")[2],
        )
        await store.execute(
            "INSERT INTO command (meter, body, actor, entered_at, expires_at)"
            " SELECT $2, body, actor, entered_at, expires_at FROM command WHERE meter = $1",
            number,
            other,
        )


async def _decisions(store: Connection, firm: str, names: Names, mark: str) -> None:
    """Decide the same of what is like what was decided of."""
    rows = await store.fetch(
        "SELECT kind, actor, entered_at, body FROM decision WHERE enterprise = $1"
        " AND kind <> 'registry' ORDER BY id",
        firm,
    )
    bodies = [(row, msgspec.json.decode(row["body"])) for row in rows]
    bodies = [(row, body) for row, body in bodies if not str(body.get("id")).endswith(("x", "y"))]
    known = names | {body["id"]: f"{body['id']}{mark}" for _, body in bodies if "id" in body}
    made = [
        Decision(
            decode_body(row["kind"], msgspec.json.encode(renamed(body, known)).decode()),
            names.get(row["actor"], row["actor"]),
            row["entered_at"],
            enterprise=names.get(firm, firm),
        )
        for row, body in bodies
        if "id" in body or set(map(str, body.values())) & set(known)
    ]
    await enter_all(store, made)


async def _ledger(store: Connection, firm: str, unit: str) -> None:
    content = Motion(name=unit, unit=unit, kind=UnitKind.PRODUCTION, running=True)
    draft = Draft(
        kind=LedgerKind.PRODUCTION,
        source=f"unit:{unit}",
        occurred_at=NOW - timedelta(hours=1),
        entered_at=NOW,
        actor=BY_ITSELF,
        content=content,
    )
    await enter_drafts(store, firm, [draft])
