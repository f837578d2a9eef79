"""Nobody back-dates, edits or deletes; done behind the program's back it is found."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.storage.ledgers.kept import HOUR, MINUTE, NOW, does, fuller_ledger, patrol

from wattwarden.alarms.decisions.chain import FIRST_PREDECESSOR
from wattwarden.alarms.ledgers.entries import AHEAD, Entry, seal
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.ledger import load_entries
from wattwarden.storage.ledgers.verify import Printed, verify

# Of tests with examples the collection does not see that they are awaited.
pytestmark = pytest.mark.asyncio(loop_scope="session")
# An example is a transaction that is rolled back: the fixtures stay as they are.  On a busy machine
# drawing one may be slow.
TRIED = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ENTRIES = 17
# What time it is when all of them are entered.
THEN = NOW + HOUR


@pytest_asyncio.fixture(loop_scope="session")
async def ledger(store: Connection) -> list[Entry]:
    await fuller_ledger(store)
    entries = await load_entries(store, "E1")
    assert len(entries) == ENTRIES
    return entries


@pytest_asyncio.fixture(loop_scope="session")
async def superuser(ledger: list[Entry], store_dsn: str) -> AsyncIterator[Connection]:
    """Somebody before whom no trigger and no foreign key stands."""
    assert ledger
    connection = await asyncpg.connect(store_dsn.replace("//wattwarden@", "//postgres@"))
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


@contextlib.asynccontextmanager
async def undone(connection: Connection) -> AsyncIterator[None]:
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def test_a_ledger_that_nobody_touched_is_right(
    store: Connection, ledger: list[Entry]
) -> None:
    assert await verify(store, "E1") == []
    assert {one.kind for one in ledger} >= {"production", "treatment", "patrol", "repair"}
    last = ledger[-1]
    assert await verify(store, "E1", Printed(last.number, last.digest.hex()[:16])) == []


hours = st.integers(-96, 96)


@TRIED
@given(now=hours, at=hours)
async def test_an_entry_is_made_now_and_tells_of_nothing_to_come(
    store: Connection, ledger: list[Entry], now: int, at: int
) -> None:
    async with undone(store):
        said = THEN + now * HOUR
        with contextlib.suppress(RefusedError):
            await does(store, patrol(THEN + at * HOUR, why="值班表遗失"), said)
        (*before, last) = await load_entries(store, "E1")
        if len(before) == len(ledger):
            assert abs(last.entered_at - THEN) <= AHEAD
            assert last.occurred_at <= last.entered_at
            assert last.late == (at < -24)
        else:
            assert [*before, last] == ledger
        assert (len(before) == len(ledger)) == (now == 0 and at <= 0)


@TRIED
@given(
    number=st.integers(1, ENTRIES),
    shift=st.integers(-90 * 24 * 60, 90 * 24 * 60),
    statement=st.sampled_from(
        [
            "UPDATE ledger SET entered_at = entered_at + shift FROM it WHERE number = place",
            "UPDATE ledger SET occurred_at = occurred_at + shift FROM it WHERE number = place",
            "UPDATE ledger SET body = '{}' FROM it WHERE number >= place",
            "DELETE FROM ledger USING it WHERE number = place OR entered_at < now() + shift",
            "INSERT INTO ledger SELECT enterprise, number + 1 + place, kind, source, occurred_at,"
            " entered_at + shift, actor, NULL, body, digest, sha256(digest) FROM ledger, it"
            " WHERE number = 17",
            "INSERT INTO ledger SELECT enterprise, 18, kind, source, occurred_at - interval '1 y',"
            " entered_at - greatest(shift, -shift) - interval '1 s', actor, NULL, body, digest,"
            " sha256(digest) FROM ledger, it WHERE number = 17",
        ]
    ),
)
async def test_the_table_refuses_whatever_is_no_new_entry(
    store: Connection, ledger: list[Entry], number: int, shift: int, statement: str
) -> None:
    async with undone(store):
        savepoint = store.transaction()
        await savepoint.start()
        try:
            with_it = f"WITH it (shift, place) AS (SELECT $1::interval, $2::bigint) {statement}"
            await store.execute(with_it, timedelta(minutes=shift), number)
        except (asyncpg.RaiseError, asyncpg.IntegrityConstraintViolationError):
            await savepoint.rollback()
        else:
            await savepoint.commit()
        assert await load_entries(store, "E1") == ledger


@pytest.mark.parametrize("statement", ["TRUNCATE ledger", "DELETE FROM ledger"])
async def test_a_ledger_cannot_be_emptied(
    store: Connection, ledger: list[Entry], statement: str
) -> None:
    with pytest.raises(asyncpg.RaiseError, match="only ever added to"):
        await store.execute(statement)
    assert await load_entries(store, "E1") == ledger


Change = tuple[str, object]
changes = st.one_of(
    st.tuples(st.just("entered_at"), st.integers(-10_000, -31).map(lambda m: m * MINUTE)),
    st.tuples(
        st.just("occurred_at"),
        st.integers(-10_000, 29).filter(bool).map(lambda m: m * MINUTE),
    ),
    st.tuples(st.just("actor"), st.sampled_from(["P8", "P9", "system2"])),
    st.tuples(st.just("kind"), st.sampled_from(["special", "abnormal2"])),
    st.tuples(st.just("source"), st.sampled_from(["decision:1", "decision:99", "alarm:77"])),
    st.tuples(st.just("content"), st.text("abc 无异常", min_size=1, max_size=9)),
)


UNBOUND = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT conname FROM pg_constraint
        WHERE conrelid = 'ledger'::regclass AND contype = 'c'
    LOOP EXECUTE 'ALTER TABLE ledger DROP CONSTRAINT ' || name; END LOOP;
END $$
"""


async def rewrite(connection: Connection, rows: Sequence[dict[str, Any]], *, reseal: bool) -> None:
    """Put rows in the place of E1's ledger, with seals that fit if wanted."""
    await connection.execute(UNBOUND)
    await connection.execute("DELETE FROM ledger")
    digest = FIRST_PREDECESSOR
    for number, row in enumerate(rows, 1):
        if reseal:
            row["number"] = number
            row["predecessor"] = digest
            digest = seal(digest, row, msgspec.json.decode(row["body"]))
            row["digest"] = digest
        names = ", ".join(row)
        places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
        await connection.execute(
            f"INSERT INTO ledger ({names}) VALUES ({places})",  # noqa: S608  ours
            *row.values(),
        )


def changed(row: dict[str, Any], change: Change) -> dict[str, Any]:
    """A row otherwise; of contents, the first text."""
    name, value = change
    if name in {"entered_at", "occurred_at"}:
        return row | {name: row[name] + value}
    if name != "content":
        return row | {name: value}
    body = msgspec.json.decode(row["body"])
    field = next(key for key, old in body.items() if isinstance(old, str) and key not in NAMES)
    return row | {"body": msgspec.json.encode(body | {field: f"{body[field]}{value}"}).decode()}


NAMES = {"name", "type"}


async def rows_of(connection: Connection) -> list[dict[str, Any]]:
    rows = await connection.fetch("SELECT * FROM ledger ORDER BY number")
    return [dict(row) for row in rows]


@TRIED
@given(
    place=st.integers(0, ENTRIES - 1), change=changes, seals=st.sampled_from(["kept", "made anew"])
)
async def test_an_entry_changed_behind_our_back_is_found(
    superuser: Connection, place: int, change: Change, seals: str
) -> None:
    async with undone(superuser):
        rows = await rows_of(superuser)
        other = changed(rows[place], change)
        assume(other != rows[place])
        rows[place] = other
        await rewrite(superuser, rows, reseal=seals == "made anew")
        assert await verify(superuser, "E1")


@TRIED
@given(
    gone=st.sets(st.integers(0, ENTRIES - 1), min_size=1),
    seals=st.sampled_from(["kept", "made anew"]),
)
async def test_entries_deleted_behind_our_back_are_found(
    superuser: Connection, gone: set[int], seals: str
) -> None:
    async with undone(superuser):
        rows = await rows_of(superuser)
        left = [row for place, row in enumerate(rows) if place not in gone]
        await rewrite(superuser, left, reseal=seals == "made anew")
        assert await verify(superuser, "E1")


@TRIED
@given(like=st.integers(0, ENTRIES - 1), place=st.integers(0, ENTRIES), back=st.integers(1, 10_000))
async def test_entries_slipped_in_behind_our_back_are_found(
    superuser: Connection, like: int, place: int, back: int
) -> None:
    async with undone(superuser):
        rows = await rows_of(superuser)
        forged = rows[like] | {"corrects": None}
        for name in ("occurred_at", "entered_at"):
            forged[name] -= back * MINUTE
        rows.insert(place, forged)
        await rewrite(superuser, rows, reseal=True)
        assert await verify(superuser, "E1")


async def test_a_printed_page_finds_a_ledger_that_was_made_anew(
    superuser: Connection, ledger: list[Entry]
) -> None:
    last = ledger[-1]
    printed = Printed(last.number, last.digest.hex()[:16])
    async with undone(superuser):
        rows = await rows_of(superuser)
        await rewrite(superuser, rows[:-1], reseal=True)
        faults = await verify(superuser, "E1", printed)
        assert (last.number, "what was printed is gone") in [(f.number, f.en) for f in faults]
    async with undone(superuser):
        rows[-1] = changed(rows[-1], ("content", "x"))
        await rewrite(superuser, rows, reseal=True)
        faults = await verify(superuser, "E1", printed)
        assert (last.number, "it is not what was printed") in [(f.number, f.en) for f in faults]
