"""The door for platforms on real sockets: what is answered when, and what is stored by then."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest
from tests.codecs.mischief import vectors_of
from tests.server.doors import House, house
from tests.server.fakes import FakeJournal

from wattwarden.codecs.onenet.signature import sign
from wattwarden.codecs.pushes.json_body import MOST_BYTES
from wattwarden.protocol.secret import Secret
from wattwarden.server import push_door
from wattwarden.server.push_door import PushDoor
from wattwarden.server.push_platforms import PLATFORMS
from wattwarden.server.sockets import open_listeners

if TYPE_CHECKING:
    from wattwarden.server.trace import Happened

TOKEN, SECRET = "token-of-onenet", "secret-of-ctwing"
ONENET = {vector.record["id"]: vector for vector in vectors_of("onenet")}
CTWING = {vector.record["id"]: vector for vector in vectors_of("ctwing")}
UPLOAD = CTWING["ctwing-acrel"].raw
PATH = f"/push/ctwing/{SECRET}"


class Platforms:
    """What platforms send to a door, and what they are answered."""

    def __init__(self, house: House, door: PushDoor, http: aiohttp.ClientSession) -> None:
        self.house = house
        self.door = door
        self.http = http

    async def push(self, path: str, body: bytes, **headers: str) -> tuple[int, str]:
        async with self.http.post(path, data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def check(self, path: str, **query: str) -> tuple[int, str]:
        async with self.http.get(path, params=query) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def platforms(journal: FakeJournal | None = None) -> AsyncIterator[Platforms]:
    secrets = {"ctwing": Secret(SECRET), "onenet": Secret(TOKEN)}
    async with house(journal) as made:
        door = PushDoor(made.port, {name: PLATFORMS[name](own) for name, own in secrets.items()})
        [listening] = await open_listeners("127.0.0.1", 0)
        address = await door.start(listening)
        try:
            async with aiohttp.ClientSession(f"http://{address}") as http:
                yield Platforms(made, door, http)
        finally:
            await door.close()


def signed(msg: Any, nonce: str = "XC_y!ljh", token: str = TOKEN) -> bytes:
    text = msg.encode() if isinstance(msg, str) else orjson.dumps(msg)
    signature = sign(token, nonce, text)
    return orjson.dumps({"msg": msg, "msg_signature": signature, "nonce": nonce})


def message_of(name: str) -> Any:
    return orjson.loads(ONENET[name].raw)["msg"]


async def test_a_push_is_answered_once_it_is_stored_and_not_before() -> None:
    journal = FakeJournal(gate=asyncio.Event())
    async with platforms(journal) as sent:
        waiting = asyncio.create_task(sent.push(PATH, UPLOAD))
        await asyncio.wait_for(journal.attempted.wait(), 60)
        assert not waiting.done()
        assert journal.gate is not None
        journal.gate.set()
        assert await waiting == (200, "ok")
        (envelope,) = sent.house.envelopes()
        assert (envelope.codec, envelope.data) == ("ctwing", UPLOAD)
        assert envelope.sessions[0].identity == "862592051651472"


async def test_who_looks_at_a_meter_sees_its_pushes_and_their_answers() -> None:
    async with platforms() as sent:
        seen: list[Happened] = []
        sent.house.port.looker = seen.append
        assert await sent.push(PATH, UPLOAD) == (200, "ok")
    heard, answered = seen
    assert (heard.what, heard.data, heard.codec) == ("heard", UPLOAD, "ctwing")
    assert (heard.identity, heard.peer) == ("862592051651472", "127.0.0.1")
    assert (answered.what, answered.data) == ("answered", b"ok")
    assert answered.waited_us == answered.at - heard.at


@pytest.mark.parametrize("name", ["onenet-push-data", "onenet-batch", "onenet-text"])
async def test_what_onenet_signed_is_taken(name: str) -> None:
    async with platforms() as sent:
        body = signed(message_of(name))
        assert await sent.push("/push/onenet", body) == (200, "ok")
        assert [(one.codec, one.data) for one in sent.house.envelopes()] == [("onenet", body)]


async def test_a_message_is_signed_as_it_is_written() -> None:
    msg = b'{"at": 1594199318758,\n "imei":"864162044318999", "type":2, "status":1}'
    signature = sign(TOKEN, "n", msg).encode()
    body = b'{"nonce":"n", "msg": ' + msg + b' , "signature":"' + signature + b'"}'
    async with platforms() as sent:
        assert (await sent.push("/push/onenet", body))[0] == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/push/onenet", signed(message_of("onenet-batch"), "n", "x"), id="token"),
        pytest.param("/push/onenet", ONENET["onenet-push-online"].raw, id="no signature"),
        pytest.param("/push/ctwing", UPLOAD, id="no secret"),
        pytest.param("/push/ctwing/secret-of-nobody", UPLOAD, id="another secret"),
    ],
)
async def test_what_does_not_prove_whose_it_is_is_refused_and_not_stored(
    path: str, body: bytes
) -> None:
    async with platforms() as sent:
        assert (await sent.push(path, body))[0] == 403
        assert sent.door.counts == {"pushes without proof": 1}
        assert sent.house.envelopes() == []


async def test_ctwing_may_show_its_secret_in_a_header() -> None:
    async with platforms() as sent:
        status, _ = await sent.push("/push/ctwing", UPLOAD, Authorization=f"Bearer {SECRET}")
        assert status == 200


async def test_a_repetition_is_answered_and_not_stored_again() -> None:
    msg = message_of("onenet-push-data")
    async with platforms() as sent:
        for nonce in ("first", "again", "once more"):
            assert await sent.push("/push/onenet", signed(msg, nonce)) == (200, "ok")
        later = signed(msg | {"at": msg["at"] + 1})
        assert await sent.push("/push/onenet", later) == (200, "ok")
        assert sent.door.counts == {"pushes": 2, "repeated pushes": 2}
        assert sum(map(len, sent.house.envelopes())) == 2


async def test_no_more_pushes_are_remembered_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_door, "MOST_REMEMBERED", 2)
    bodies = [CTWING[name].raw for name in ("ctwing-acrel", "ctwing-online", "ctwing-offline")]
    async with platforms() as sent:
        for body in (*bodies, bodies[2], bodies[0]):
            assert (await sent.push(PATH, body))[0] == 200
        assert sent.door.counts == {"pushes": 4, "repeated pushes": 1}


async def test_a_push_that_is_not_stored_in_time_is_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push_door, "STORE_S", 0.05)
    journal = FakeJournal(gate=asyncio.Event())
    async with platforms(journal) as sent:
        assert (await sent.push(PATH, UPLOAD))[0] == 503
        assert journal.gate is not None
        journal.gate.set()
        assert await sent.push(PATH, UPLOAD) == (200, "ok")
        assert sent.door.counts == {"pushes not stored in time": 1, "pushes": 1}


async def test_while_the_journal_takes_nothing_pushes_are_put_off() -> None:
    async with platforms() as sent:
        sent.house.port.trouble = "journal full"
        assert (await sent.push(PATH, UPLOAD))[0] == 503
        sent.house.port.trouble = None
        assert (await sent.push(PATH, UPLOAD))[0] == 200
        sent.door.drain()
        assert (await sent.push(PATH, CTWING["ctwing-online"].raw))[0] == 503
        assert sum(map(len, sent.house.envelopes())) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("/push/nobody", UPLOAD, 404, id="platform"),
        pytest.param(PATH, b"[]", 400, id="no object"),
        pytest.param(PATH, UPLOAD[:-1], 400, id="cut short"),
        pytest.param(PATH, UPLOAD + UPLOAD, 400, id="two"),
        pytest.param(PATH, signed({"type": 1}), 400, id="another platform's"),
        pytest.param(PATH, b'{"payload":"' + b"0" * MOST_BYTES + b'"}', 413, id="too long"),
    ],
)
async def test_what_is_no_push_is_refused(path: str, body: bytes, status: int) -> None:
    async with platforms() as sent:
        assert (await sent.push(path, body))[0] == status
        assert sum(sent.door.counts.values()) == 1
        assert sent.house.envelopes() == []


async def test_a_check_of_the_address_is_echoed_to_whom_it_concerns() -> None:
    signature = sign(TOKEN, "n+1", b"hello")
    async with platforms() as sent:
        query = {"msg": "hello", "nonce": "n+1", "signature": signature}
        assert await sent.check("/push/onenet", **query) == (200, "hello")
        assert await sent.check("/push/onenet", **(query | {"msg": "other"})) == (403, "")
        assert await sent.check("/push/onenet", msg="hello") == (403, "")
        assert await sent.check("/push/ctwing", **query) == (403, "")


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_door, "BODY_S", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with platforms() as sent:
        async with sent.http.post(PATH, data=slow()) as answer:
            assert answer.status == 408
        assert sent.door.counts == {"slow bodies": 1}


async def test_a_body_that_grows_beyond_all_bounds_is_never_unpacked() -> None:
    bomb = gzip.compress(bytes(256 * MOST_BYTES), 9)
    assert len(bomb) < MOST_BYTES
    async with platforms() as at:
        tracemalloc.start()
        try:
            status, _ = await at.push(PATH, bomb, **{"Content-Encoding": "gzip"})
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert status == 400
        assert most < 16 * MOST_BYTES
        assert not at.house.envelopes()


async def test_connections_that_say_nothing_are_closed() -> None:
    async with platforms() as sent:
        url = sent.http._base_url
        assert url is not None
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(b"POST /push/ctwing HTTP/1.1\r\nHost: x\r\n")
        assert await sent.check("/push/nobody") == (404, "")
        now = asyncio.get_running_loop().time()
        sent.door.sweep(now)
        assert "quiet connections" not in sent.door.counts
        sent.door.sweep(now + push_door.QUIET_S + 1)
        assert sent.door.counts["quiet connections"] == 2
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
