"""``wattwarden people``: who is let in by the command line."""

import asyncio
import json
from pathlib import Path

import asyncpg
import pytest

from wattwarden.storage.people.accounts import set_password
from wattwarden.tools.main import main

PROVIDER = """
[console]
public_url = "https://ww.example"
[console.oidc]
issuer = "https://sso.example/"
client_id = "ww"
claim = "email"
"""


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


def test_identities_are_bound_and_unbound(
    person: str,
    where: list[str],
    data: Path,
    store_dsn: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["people", "bind", person, "li.min", *where]) != 0
    assert "there is no provider of identities" in capsys.readouterr().err
    (data / "wattwarden.toml").write_text(PROVIDER)

    async def bound() -> list[str]:
        connection = await asyncpg.connect(store_dsn)
        rows = await connection.fetch("SELECT issuer || ' ' || subject AS known FROM identity")
        await connection.close()
        return [row["known"] for row in rows]

    assert main(["people", "bind", person, "Li.Min@city.example", *where]) == 0
    assert asyncio.run(bound()) == ["https://sso.example/ li.min@city.example"]
    assert main(["people", "bind", person, "no address", *where]) != 0
    assert main(["people", "bind", "nobody", "x@city.example", *where]) != 0
    assert "there is no person nobody" in capsys.readouterr().err
    assert main(["people", "unbind", person, *where]) == 0
    assert asyncio.run(bound()) == []
    assert main(["people", "unbind", person, *where]) != 0
    assert "there is no person p1 with an identity" in capsys.readouterr().err
