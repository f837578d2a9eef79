import math

import numpy as np
import pytest

from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rows import pgcopy
from wattwarden.storage.rows.pgcopy import Column

TIMES_US = [0, 946_684_800_000_000, 1_795_262_400_123_456]


async def copied(store: Connection, types: str, columns: list[Column], count: int) -> list[object]:
    names = [f"c{place}" for place in range(len(columns))]
    typed = ", ".join(f"{name} {kind}" for name, kind in zip(names, types.split(), strict=True))
    await store.execute(f"CREATE TEMPORARY TABLE copied ({typed})")
    chunks = pgcopy.encode(columns, count)
    source = pgcopy.stream(chunks)
    await store.copy_to_table("copied", source=source, columns=names, format="binary")
    rows = await store.fetch("SELECT * FROM copied ORDER BY ctid")
    return [tuple(row) for row in rows]


async def test_every_kind_of_column_arrives(store: Connection) -> None:
    columns = [
        pgcopy.integers(">i2", np.array([1, -2, 3])),
        pgcopy.integers(">i4", np.array([1, -2, 3])),
        pgcopy.integers(">i8", np.array([1, -2, 2**62])),
        pgcopy.floats(np.array([1.5, -2.5, 0], np.float32)),
        pgcopy.times(np.array(TIMES_US)),
        pgcopy.constant(b"1-1"),
        pgcopy.constant(b""),
        pgcopy.texts(np.frombuffer(b"abcdef", np.uint8).reshape(3, 2)),
        pgcopy.float_arrays(np.array([[1, 2], [3, 4], [5, 6]], np.float32)),
        pgcopy.NULLS,
    ]

    rows = await copied(
        store, "int2 int4 int8 float4 timestamptz text text text float4[] int4", columns, 3
    )

    times = [moment_of(us) for us in TIMES_US]
    assert rows == [
        (1, 1, 1, 1.5, times[0], "1-1", "", "ab", [1, 2], None),
        (-2, -2, -2, -2.5, times[1], "1-1", "", "cd", [3, 4], None),
        (3, 3, 2**62, 0, times[2], "1-1", "", "ef", [5, 6], None),
    ]


async def test_single_missing_values_become_null(store: Connection) -> None:
    columns = [
        pgcopy.integers(">i4", np.array([1, 2, 3]), np.array([True, False, True])),
        pgcopy.floats(np.array([math.nan, 2, math.inf], np.float32)),
        pgcopy.float_arrays(np.array([[1, math.nan, 3], [4, 5, 6], [math.nan] * 3], np.float32)),
        pgcopy.integers(">i8", np.array([7, 8, 9])),
        pgcopy.integers(">i8", np.array([7, 8, 9]), np.zeros(3, bool)),
    ]

    rows = await copied(store, "int4 float4 float4[] int8 int8", columns, 3)

    assert rows == [
        (1, None, [1, None, 3], 7, None),
        (None, 2, [4, 5, 6], 8, None),
        (3, None, [None, None, None], 9, None),
    ]


@pytest.mark.parametrize("count", [0, 1, 500, 501, 4000])
async def test_any_number_of_rows_arrives_in_order(store: Connection, count: int) -> None:
    numbers = np.arange(count)
    columns = [
        pgcopy.integers(">i4", numbers),
        pgcopy.integers(">i4", numbers, numbers % 3 != 0),
    ]

    rows = await copied(store, "int4 int4", columns, count)

    assert rows == [(number, number if number % 3 else None) for number in range(count)]


@pytest.mark.parametrize(
    ("chunks", "sizes"),
    [
        pytest.param([bytes(10)] * 5, [71], id="small ones are joined"),
        pytest.param(
            [bytes(100_000)], [19, 32_768, 32_768, 32_768, 1_698], id="large ones are cut"
        ),
        pytest.param([bytes(32_749)], [32_770], id="the trailer is no piece"),
        pytest.param([], [21], id="none"),
    ],
)
async def test_a_copy_travels_in_pieces_that_its_socket_holds(
    chunks: list[bytes], sizes: list[int]
) -> None:
    pieces = [piece async for piece in pgcopy.stream(chunks)]

    assert b"".join(pieces) == b"".join([pgcopy.HEADER, *chunks, pgcopy.TRAILER])
    assert [len(piece) for piece in pieces] == sizes
