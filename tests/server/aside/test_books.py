"""Books in a process of their own: tried, imported, and refused where that process cannot."""

import asyncpg
import pytest
from tests.storage.acting.two_firms import PEOPLE
from tests.storage.store import EMPTY_STORE

from wattwarden.server.aside import books
from wattwarden.server.aside.books import take_aside
from wattwarden.storage.books.book import Table
from wattwarden.storage.books.exchange import Sent
from wattwarden.storage.books.writing import packed_book

BOOK = packed_book([Table("区域", ("编号", "名称"), ((2, ("R7", "新区")),))])
ADMIN = next(one for one in PEOPLE if one.id == "admin")


async def test_a_book_is_read_and_imported_aside(
    store_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await asyncpg.connect(store_server)
    await connection.execute(EMPTY_STORE)
    tried = await take_aside(store_server, Sent(BOOK, "b.xlsx", ADMIN))
    assert (tried.counts, tried.decisions) == ({"region": 1}, [])
    taken = await take_aside(
        store_server, Sent(BOOK, "b.xlsx", ADMIN, is_dry=False, seen=tried.mark)
    )
    assert len(taken.decisions) == 1
    rows = await connection.fetch("SELECT id FROM registry_entry WHERE kind = 'region'")
    assert [row["id"] for row in rows] == ["R7"]
    await connection.close()
    monkeypatch.setattr(books, "READING_S", 0.01)
    late = await take_aside(store_server, Sent(BOOK, "b.xlsx", ADMIN))
    assert late.refused is not None
