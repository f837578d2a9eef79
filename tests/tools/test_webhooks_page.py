"""docs/webhooks.md: every block runs, its numbers are the program's, its schema the declaration."""

import asyncio
import base64
import hashlib
import hmac
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import ThreadingHTTPServer
from itertools import takewhile
from pathlib import Path
from threading import Thread
from typing import Any, Final

import msgspec
import pytest
from tests.alarms.channels.support import MESSAGE, SECRETS
from tests.tools.test_notices import Gateway, gateway, prepare
from tests.tools.test_receive import Line, line

from wattwarden.alarms.cases.ladder import Why
from wattwarden.alarms.channels.channel import Delivered, RetryAt
from wattwarden.alarms.channels.facts import Document, json_schema
from wattwarden.alarms.channels.payload import MAX_PAYLOAD_BYTES, payload
from wattwarden.alarms.channels.retries import MOST_S, WAITS_S
from wattwarden.alarms.channels.webhook import CHANNEL, key_of
from wattwarden.alarms.routing.route import Reason
from wattwarden.alarms.routing.table import default_text, load_table
from wattwarden.server.carrying import ANSWER_S
from wattwarden.tools.main import main

__all__ = ["gateway", "line"]

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
PAGE: Final = (DOCS / "webhooks.md").read_text("utf-8")
BLOCKS: Final = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SECRET: Final = SECRETS["webhook"]["secret"]


def block(kind: str, having: str = "") -> str:
    found: list[str] = [text for name, text in BLOCKS if name == kind and having in text]
    assert len(found) == 1, (kind, having)
    return found[0]


MAKE_KEY: Final = block("sh", "umask")
LISTEN: Final = block("sh", "wattwarden receive")
BY_HAND: Final = block("sh", "curl")
TABLE: Final = block("toml")
PUT_IN_FORCE: Final = block("sh", "wattwarden notify")
EXAMPLE: Final = block("json")
RECEIVER: Final = block("python", "http.server")
CHECK: Final = block("python", "def is_ours")
CHECK_PERL: Final = block("perl")

needs_tools = pytest.mark.skipif(
    shutil.which("openssl") is None or shutil.which("curl") is None, reason="no openssl or curl"
)


def shell(text: str, folder: Path, **more: str) -> subprocess.Popen[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.Popen(
        ["sh", "-eu", "-c", text],
        cwd=folder,
        env={**os.environ, "PATH": path, **more},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_every_block_is_run_here() -> None:
    run = {MAKE_KEY, LISTEN, BY_HAND, TABLE, PUT_IN_FORCE, EXAMPLE, RECEIVER}
    run |= {CHECK, CHECK_PERL}
    assert {text for _, text in BLOCKS} == run
    assert PAGE.count("```") == 2 * len(run)


@needs_tools
def test_what_is_signed_by_hand_is_believed(tmp_path: Path) -> None:
    made = shell(MAKE_KEY, tmp_path)
    assert made.communicate()[0] == ""
    assert 24 <= len(key_of((tmp_path / "hook-key").read_text().strip())) <= 64
    assert (tmp_path / "hook-key").stat().st_mode & 0o077 == 0
    listening = shell(f"exec {LISTEN.strip()} --count 1", tmp_path, PORT="0")
    assert listening.stdout is not None
    url = json.loads(listening.stdout.readline())["listening"]
    sent = shell(BY_HAND, tmp_path, URL=url)
    assert sent.communicate()[0] == ""
    assert sent.returncode == 0
    rows = list(map(json.loads, listening.communicate()[0].splitlines()))
    assert [row["verdict"] for row in rows[:-1]] == ["accepted"]
    assert rows[0]["id"].startswith("msg_")
    assert listening.returncode == 0


def test_the_table_is_put_in_force_and_tried(
    store_dsn: str, where: list[str], data: Path, gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    prepare(store_dsn)
    (data / "secrets" / "hook-key").write_text(SECRET)
    table = TABLE.replace("http://127.0.0.1:8080", gateway.url)
    assert table != TABLE
    (data / "routing.toml").write_text(default_text() + table, encoding="utf-8")
    monkeypatch.chdir(data)
    gateway.answers[:] = [204]
    for words in PUT_IN_FORCE.replace("--as admin", "--as P0").splitlines():
        assert main([*words.split()[1:], *where]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "hook: delivered"


def believed_by_python(headers: dict[str, str], body: bytes) -> bool:
    made: dict[str, Any] = {}
    exec(compile(CHECK, "webhooks.md", "exec"), made)  # noqa: S102  the page's own code
    return bool(made["is_ours"](headers, body, SECRET))


def believed_by_perl(headers: dict[str, str], body: bytes) -> bool:
    given = ", ".join(f"'{name}' => '{value}'" for name, value in headers.items())
    asked = f"{CHECK_PERL}\nlocal $/; print is_ours({{{given}}}, <STDIN>, '{SECRET}');"
    done = subprocess.run(["perl", "-e", asked], input=body, capture_output=True, check=True)
    return done.stdout == b"1"


@pytest.mark.parametrize(
    "believed",
    [
        pytest.param(believed_by_python, id="python"),
        pytest.param(
            believed_by_perl,
            id="perl",
            marks=pytest.mark.skipif(shutil.which("perl") is None, reason="no perl"),
        ),
    ],
)
def test_ten_lines_believe_what_was_signed_and_nothing_else(
    believed: Callable[[dict[str, str], bytes], bool],
) -> None:
    body, now = EXAMPLE.encode(), int(time.time())
    headers = signed(body, now)
    assert believed(headers, body)
    rotating = "v1,bm90IG91cnM= " + headers["webhook-signature"]
    assert believed(headers | {"webhook-signature": rotating}, body)
    assert not believed(headers, body.replace(b"17", b"18"))
    assert not believed(headers | {"webhook-id": "msg_other"}, body)
    assert not believed(signed(body, now - 301), body)
    assert not believed(headers | {"webhook-signature": "v1,bm90IG91cnM="}, body)


def signed(body: bytes, at: int) -> dict[str, str]:
    """Sign as the channel does; its own tests hold that to the standard's vectors."""
    what = f"msg_1.{at}.".encode() + body
    signature = base64.b64encode(hmac.new(key_of(SECRET), what, hashlib.sha256).digest()).decode()
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return dict(zip(names, ("msg_1", str(at), f"v1,{signature}"), strict=True))


@pytest.fixture
def example() -> Iterator[str]:
    """The page's own receiver, at work; it trusts the secret of these tests."""
    assert len(RECEIVER.splitlines()) <= 30
    made: dict[str, Any] = {"__name__": "example"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEBHOOK_SECRETS", SECRET)
        exec(RECEIVER, made)  # noqa: S102  it stands on the page for others to run
    made["Hook"].log_message = lambda *_: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), made["Hook"])
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_the_example_receiver_takes_each_notice_once_and_believes_no_other(
    line: Line, example: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert MESSAGE.facts is not None
    cleared = replace(
        MESSAGE,
        id="ww_2",
        facts=msgspec.structs.replace(MESSAGE.facts, sequence=2, state="cleared"),
    )
    sender = line.sender(example)
    for message in (MESSAGE, MESSAGE, cleared, MESSAGE, replace(MESSAGE, id="t", facts=None)):
        assert isinstance(await sender.send(message), Delivered)
    told = await asyncio.to_thread(capsys.readouterr)
    assert told.out.splitlines() == ["17 raised 某某铸造厂", "17 cleared 某某铸造厂"]
    other = line.sender(example, secret="whsec_" + "b2xk" * 8)
    refused = await other.send(MESSAGE)
    assert isinstance(refused, RetryAt)
    assert refused.reason == "HTTP 401"


# --- the schema


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    """Check a value by what our schema uses of JSON Schema, written out here once more."""
    if "$ref" in schema:
        return faults(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        found = [faults(value, one, root) for one in schema["anyOf"]]
        return [] if [] in found else found[0]
    wrong = _unlike(value, schema)
    if wrong:
        return wrong
    inner = [
        (part, schema["properties"].get(name, {}))
        for name, part in (value.items() if isinstance(value, dict) else ())
    ]
    inner += [(part, schema["items"]) for part in (value if isinstance(value, list) else ())]
    return [fault for part, one in inner for fault in faults(part, one, root)]


def _unlike(value: Any, schema: dict[str, Any]) -> list[str]:
    """Say what a value by itself lacks."""
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "null": type(None)}
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        return [f"{value!r} is no {schema['type']}"]
    if value not in schema.get("enum", [value]):
        return [f"{value!r} is none of {schema['enum']}"]
    least, most = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    if isinstance(value, int) and not least <= value <= most:
        return [f"{value} is not from {least} to {most}"]
    return [name for name in schema.get("required", ()) if name not in value]


def leaves(value: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield where every member of every object stands."""
    for name, part in value.items() if isinstance(value, dict) else ():
        yield (*path, name)
        yield from leaves(part, *path, name)


def test_the_schema_beside_the_page_is_the_declarations() -> None:
    kept = json.loads((DOCS / "wattwarden.alarm.v1.schema.json").read_text("utf-8"))
    assert kept == json_schema()
    assert kept["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "wattwarden.alarm.v1.schema.json" in PAGE


def test_what_is_sent_is_what_the_schema_says() -> None:
    schema = json_schema()
    for message in (MESSAGE, replace(MESSAGE, facts=None, kind="test")):
        assert faults(json.loads(payload(message)), schema, schema) == []


def test_the_example_has_every_member_and_no_other() -> None:
    schema, document = json_schema(), json.loads(EXAMPLE)
    assert faults(document, schema, schema) == []
    again = msgspec.json.encode(msgspec.json.decode(EXAMPLE, type=Document))
    assert json.loads(again) == document
    assert set(leaves(document)) == set(leaves(json.loads(payload(MESSAGE))))


@pytest.mark.parametrize("path", list(leaves(json.loads(EXAMPLE))), ids=".".join)
def test_no_member_may_be_missing(path: tuple[str, ...]) -> None:
    schema, document = json_schema(), json.loads(EXAMPLE)
    *way, last = path
    part = document
    for name in way:
        part = part[name]
    del part[last]
    assert faults(document, schema, schema)


@pytest.mark.parametrize(
    ("name", "value"), [("level", 5), ("level", 0), ("schema", "v2"), ("alarm", 7), ("id", None)]
)
def test_no_member_may_be_something_else(name: str, value: Any) -> None:
    schema, document = json_schema(), json.loads(EXAMPLE)
    document["data"][name] = value
    assert faults(document, schema, schema)


# --- what is said


def spoken(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"


def test_the_kinds_of_events_and_reasons_are_all_told() -> None:
    kinds = re.findall(r"^\| `alarm\.(\w+)` \|", PAGE, re.MULTILINE)
    assert kinds == [one.value for one in Why]
    told = takewhile(lambda one: not one.value.startswith("silent"), Reason)
    *first, last = [f"`{one.value}`" for one in told]
    assert f"{', '.join(first)} or {last}." in PAGE


def test_the_numbers_are_the_programs() -> None:
    table = load_table(default_text())
    *steps, last = map(spoken, WAITS_S)
    words = PAGE.replace("\n", " ")
    assert f"After a failure {', '.join(steps)}, then every {last}" in words
    apart = [spoken(MOST_S[level]) for level in (1, 2, 3)]
    assert f"at most {', '.join(apart)} and {spoken(MOST_S[4])} apart" in words
    assert f"2xx within {ANSWER_S:.0f} s" in PAGE
    assert f"A body has {MAX_PAYLOAD_BYTES:,} bytes at most" in PAGE
    assert CHANNEL.idempotent
    for level in range(1, 5):
        patience = table.patience(level)
        late, expires = f"{patience.late_s // 60} min", f"{patience.expires_s // 3600} h"
        assert f"| {level} | {late} | {expires} |" in PAGE
    assert not CHANNEL.digest
