"""Commands about notices: what was sent, who is reached how, what is silenced."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from tests.storage.cases.city import with_firm

from wattwarden.alarms.routing.table import default_text
from wattwarden.tools.main import main

ENDPOINT = """
[endpoint.hook]
channel = "webhook"
settings = { url = "http://127.0.0.1:9/in" }
secrets = { secret = "k" }
address = "mail"
"""


def prepare(dsn: str, *statements: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        await with_firm(connection)
        await connection.execute(
            "INSERT INTO registry_entry (kind, id, version, body, removed, decision) SELECT"
            ' \'person\', \'P0\', 1, body || \'{"id": "P0", "role": "administrator"}\'::jsonb'
            " - 'agency', FALSE, decision FROM registry_entry WHERE id = 'P5'"
        )
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(work())


NOTICE = (
    "INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, endpoint, title,"
    " state, due, expires, outcome) VALUES (7, 'E1', now(), 'raised', 2, 'P2', 'first', 'hook',"
    " '风机', 'dead', now(), now() + interval '1 hour', 'HTTP 410')"
)


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line]


def test_failures_are_listed_and_sent_again(
    store_dsn: str, where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(store_dsn, NOTICE)
    assert main(["outbox", "list", "--state", "failed", "--json", *where]) == 0
    (row,) = told(capsys)
    assert (row["recipient"], row["state"], row["outcome"]) == ("P2", "dead", "HTTP 410")
    assert main(["outbox", "retry", *where]) == 2
    capsys.readouterr()
    assert main(["outbox", "retry", str(row["id"]), "--json", *where]) == 0
    assert told(capsys) == [{"again": [row["id"]]}]
    assert main(["outbox", "count", "--json", *where]) == 0
    assert told(capsys) == [{"waiting": 1}]
    assert main(["outbox", "show", str(row["id"]), *where]) == 0


def test_ways_are_said_explained_and_tried(
    store_dsn: str,
    where: list[str],
    data: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prepare(store_dsn)
    file = data / "routing.toml"
    file.write_text(default_text() + ENDPOINT, encoding="utf-8")
    (data / "secrets" / "k").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert main(["notify", "routing", str(file), "--as", "P0", *where]) == 0
    assert main(["notify", "routing", *where]) == 0
    assert capsys.readouterr().out.endswith(ENDPOINT)
    reach = ["--address", "mail=li@example.org", "--quiet", "22:00-07:00", "--duty", "08:00-20:00"]
    assert main(["notify", "reach", "P2", "--as", "P2", *reach, *where]) == 0
    assert main(["notify", "reach", "P2", "--as", "P2", "--quiet", "late", *where]) == 2
    capsys.readouterr()
    assert main(["notify", "explain", "P2", "--json", *where]) == 0
    would = [row["would"] for row in told(capsys) if "would" in row]
    assert {row["endpoint"] for row in would if isinstance(row, dict)} >= {"hook"}
    assert main(["notify", "explain", "P1", "--enterprise", "E1", *where]) == 0
    assert main(["notify", "explain", "P99", *where]) == 1
    capsys.readouterr()
    assert main(["notify", "test", "hook", *where]) == 1
    assert "127.0.0.1 is refused" in capsys.readouterr().out
    assert main(["notify", "test", "fax", *where]) == 1


def test_silences_are_added_listed_and_ended(
    store_dsn: str, where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(store_dsn)
    add = ["silences", "add", "E1", "--as", "P5", "--until", "2099-01-01", "--reason", "检修"]
    assert main([*add, *where]) == 1
    assert "31" in capsys.readouterr().err
    add[6] = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    assert main([*add, "--rule", "R2", "--json", *where]) == 0
    (made,) = told(capsys)
    assert main(["silences", "list", "--json", *where]) == 0
    (row,) = told(capsys)
    assert (row["id"], row["rules"], row["by"]) == (made["id"], "R2", "P5")
    assert main(["silences", "end", str(made["id"]), "--as", "P5", *where]) == 0
    capsys.readouterr()
    assert main(["silences", "list", "--json", *where]) == 0
    assert told(capsys) == []
