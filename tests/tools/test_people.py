"""``wattwarden people``: who is let in by the command line."""

import asyncio
import json

import asyncpg
import pytest

from wattwarden.storage.people.accounts import set_password
from wattwarden.tools.main import main


@pytest.fixture
def person(store_dsn: str) -> str:
    """A person of the registry, with an account."""

    async def work() -> None:
        connection = await asyncpg.connect(store_dsn)
        await connection.execute(
            "INSERT INTO decision (id, kind, actor, entered_at, effective_at, step, body,"
            " predecessor, digest) VALUES (1, 'registry', 'me', now(), now(), 1, '{}',"
            " decode(repeat('00', 32), 'hex'), decode(repeat('01', 32), 'hex'))"
        )
        await connection.execute(
            "INSERT INTO registry_entry (kind, id, version, body, removed, decision) VALUES"
            """ ('person', 'p1', 1, '{"id": "p1", "name": "甲", "role": "auditor"}', FALSE, 1)"""
        )
        await set_password(connection, "p1", "hash")
        await connection.close()

    asyncio.run(work())
    return "p1"


def test_an_invitation_is_printed(
    person: str, where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["people", "invite", person, *where, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["person"] == person
    assert told["url"].startswith("http://127.0.0.1:10280/welcome/")


def test_who_is_not_there_is_not_invited(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["people", "invite", "nobody", *where]) != 0
    assert "there is no person nobody" in capsys.readouterr().err


def test_a_lock_holds_until_it_is_taken_off(
    person: str, where: list[str], store_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def locked() -> bool:
        connection = await asyncpg.connect(store_dsn)
        found = await connection.fetchval("SELECT locked IS NOT NULL FROM account")
        await connection.close()
        return bool(found)

    assert main(["people", "lock", person, *where]) == 0
    assert asyncio.run(locked())
    assert main(["people", "unlock", person, *where]) == 0
    assert not asyncio.run(locked())
    assert main(["people", "lock", "nobody", *where]) != 0
    assert "there is no person nobody with an account" in capsys.readouterr().err
