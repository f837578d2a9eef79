"""Commands about notices: what was sent, who is reached how, what is silenced."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import asyncpg
import pytest
from tests.storage.cases.city import with_firm

from wattwarden.alarms.routing.table import default_text
from wattwarden.console.keys import KeyRing
from wattwarden.console.links import Invitation, read_invitation
from wattwarden.server.settings import load_settings
from wattwarden.tools.doctor import faulty_addresses
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


BOUND = """
[endpoint.mp]
channel = "wechat_template"
settings = { appid = "wx1", template = "T", keywords = { thing1 = "what" } }
secrets = { secret = "k" }
address = "openid"
"""


def test_an_invitation_is_printed_for_a_person_and_a_channel_that_there_are(
    store_dsn: str,
    where: list[str],
    data: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare(store_dsn)
    file = data / "routing.toml"
    file.write_text(default_text() + ENDPOINT + BOUND, encoding="utf-8")
    assert main(["notify", "routing", str(file), "--as", "P0", *where]) == 0
    asked = ["notify", "bind", "P2", "--channel", "mp", *where]
    assert main(asked) == 1
    assert "public_url" in capsys.readouterr().err
    monkeypatch.setenv("WATTWARDEN_CONSOLE__PUBLIC_URL", "https://ww.example")
    assert main([*asked, "--json"]) == 0
    (row,) = told(capsys)
    address = str(row["url"])
    assert address.startswith("https://ww.example/b/")
    keys = KeyRing(data / "secrets", lambda: int(time.time() * 1e6))
    invitation = read_invitation(keys, address.rpartition("/")[2])
    assert isinstance(invitation, Invitation)
    assert (invitation.person, invitation.endpoint, invitation.number) == ("P2", "mp", 0)
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert "https://ww.example/b/" in said
    assert "\x1b" not in said
    for wrong, why in ((("nobody", "mp"), "no person"), (("P2", "hook"), "those that can: mp")):
        assert main(["notify", "bind", wrong[0], "--channel", wrong[1], *where]) == 1
        assert why in capsys.readouterr().err


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
    assert main(["notify", "test", "hook", "--to", "li@example.org", *where]) == 1
    said = capsys.readouterr().err
    assert "127.0.0.1 is refused" in said
    assert "put its network into the endpoint's allow" in said
    assert main(["notify", "test", "fax", *where]) == 1
    assert "the routing table has hook" in capsys.readouterr().err
    assert main(["notify", "test", "hook", *where]) == 2
    assert "hook reaches people by their mail: whom?" in capsys.readouterr().err
    (data / "secrets" / "k").unlink()
    assert main(["notify", "test", "hook", "--person", "P2", *where]) == 1
    assert f"secrets are files in {data / 'secrets'}" in capsys.readouterr().err


WECOM = """
[endpoint.wecom]
channel = "wecom_app"
settings = { corpid = "C", agentid = 1, base = "URL" }
secrets = { corpsecret = "k" }
address = "wecom"
allow = ["127.0.0.0/8"]

[endpoint.hook]
channel = "webhook"
settings = { url = "URL/in" }
secrets = { secret = "whsec" }
allow = ["127.0.0.0/8"]
"""
TOKEN = {"errcode": 0, "access_token": "T", "expires_in": 7200}
REFUSED = {"errcode": 81013, "errmsg": "user not found"}
TAKEN = {"errcode": 0, "errmsg": "ok", "msgid": "m-1"}


class Gateway:
    """Answers each request with the next of these: a status, or a document."""

    def __init__(self) -> None:
        self.answers: list[int | dict[str, object]] = []
        answers = self.answers

        class Taken(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"] or 0))
                self.do_GET()

            def do_GET(self) -> None:
                said = answers.pop(0)
                self.send_response(said if isinstance(said, int) else 200)
                self.end_headers()
                self.wfile.write(b"" if isinstance(said, int) else json.dumps(said).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taken)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.stop()


def test_a_refused_contact_is_seen_by_everybody_until_it_is_reached_or_changed(
    store_dsn: str,
    where: list[str],
    data: Path,
    gateway: Gateway,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prepare(store_dsn)
    file = data / "routing.toml"
    file.write_text(default_text() + WECOM.replace("URL", gateway.url), encoding="utf-8")
    (data / "secrets" / "k").write_text("corp")
    (data / "secrets" / "whsec").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert main(["notify", "routing", str(file), "--as", "P0", *where]) == 0
    reach = ["notify", "reach", "P2", "--as", "P2", *where, "--address"]

    def faults(command: str = "notify faulty") -> list[dict[str, object]]:
        capsys.readouterr()
        assert main([*command.split(), "--json", *where]) == 0
        return told(capsys)

    def tried(*words: str, answers: list[int | dict[str, object]]) -> int:
        gateway.answers[:] = answers
        return main(["notify", "test", *words, *where])

    assert main([*reach, "wecom=lsi"]) == 0
    assert tried("wecom", "--person", "P2", answers=[TOKEN, REFUSED]) == 1
    assert "is lsi right?" in capsys.readouterr().err
    (fault,) = faults()
    named = ("person", "enterprise", "endpoint", "address", "times")
    assert tuple(fault[name] for name in named) == ("P2", "E1", "wecom", "lsi", 1)
    assert "81013" in str(fault["reason"])
    assert [row for row in faults("notify explain P2") if "faulty" in row] == [{"faulty": fault}]
    assert not [row for row in faults("notify explain P3") if "faulty" in row]
    assert asyncio.run(faulty_addresses(load_settings(dsn=store_dsn, data=data))) == 1
    # Changed: nobody is reached by it any more; changed back: nothing was delivered yet.
    assert main([*reach, "wecom=lisi"]) == 0
    assert faults() == []
    assert main([*reach, "wecom=lsi"]) == 0
    assert len(faults()) == 1
    assert tried("wecom", "--to", "lsi", "--json", answers=[TOKEN, TAKEN]) == 0
    assert told(capsys)[-1] == {
        "endpoint": "wecom",
        "channel": "wecom_app",
        "to": ["lsi"],
        "outcome": "delivered",
        "reason": "",
        "provider_id": "m-1",
    }
    assert faults() == []
    # An endpoint that is gone is nobody's address, and everybody's matter.
    assert tried("hook", answers=[410]) == 1
    (gone,) = faults()
    assert (gone["person"], gone["endpoint"], gone["address"]) == (None, "hook", "")
    assert main(["notify", "faulty", *where]) == 0
    assert "HTTP 410" in capsys.readouterr().out
    assert tried("hook", answers=[200]) == 0
    assert faults() == []


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (401, "the same secret"),
        (410, "it says that it is gone"),
        (413, "see the endpoint in"),
        (503, "that may pass by itself"),
    ],
)
def test_a_test_that_fails_says_what_to_look_at(
    store_dsn: str,
    where: list[str],
    data: Path,
    gateway: Gateway,
    capsys: pytest.CaptureFixture[str],
    status: int,
    cure: str,
) -> None:
    prepare(store_dsn)
    file = data / "routing.toml"
    file.write_text(default_text() + WECOM.replace("URL", gateway.url), encoding="utf-8")
    (data / "secrets" / "whsec").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert main(["notify", "routing", str(file), "--as", "P0", *where]) == 0
    gateway.answers[:] = [status, status]
    capsys.readouterr()
    assert main(["notify", "test", "hook", *where]) == 1
    shown, said = capsys.readouterr()
    assert shown == ""
    assert main(["notify", "test", "hook", "--json", *where]) == 1
    (row,) = told(capsys)
    named = {401: "retry", 503: "throttled"}
    assert (row["outcome"], row["reason"]) == (named.get(status, "refused"), f"HTTP {status}")
    assert f"hook has not delivered it: HTTP {status}" in said
    assert cure in said


def test_the_schema_of_webhooks_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "wattwarden.alarm.v1"


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
