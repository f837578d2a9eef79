"""HTTP for endpoints: what is refused, what is bounded, what is told of failures."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from tests.storage.outbox.receiver import Receiver, hang, status

from wattwarden.alarms.channels.answers import MAX_ANSWER_BYTES
from wattwarden.alarms.channels.channel import Credentials, Request
from wattwarden.server.carrying import LostError, NotSentError
from wattwarden.server.guard import Guard
from wattwarden.server.http_carrier import HttpCarrier

NOBODY = Credentials()


class Names(AbstractResolver):
    """Resolves every name to the same addresses; none means that the name is unknown."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if not self._addresses:
            raise OSError("no such name")
        return [
            ResolveResult(
                hostname=host, host=one, port=port, family=family, proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for one in self._addresses
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing is open."""


def request(url: str) -> Request:
    return Request("POST", url, (("content-type", "text/plain"),), b"x")


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.start()
    yield made
    await made.stop()


async def test_an_answer_has_status_headers_and_body(receiver: Receiver) -> None:
    receiver.answers.append(status(201, "made", **{"X-Request-Id": "7"}))
    carrier = HttpCarrier(Guard(["127.0.0.1/32"]))
    answer = await carrier.carry(request(receiver.url), NOBODY)
    await carrier.close()
    assert (answer.status, answer.body) == (201, b"made")
    assert answer.headers["x-request-id"] == "7"


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("169.254.169.254",), ("10.0.0.1", "192.168.0.1")],
    ids=["loopback", "metadata", "several"],
)
async def test_a_name_that_leads_to_a_private_address_is_not_connected_to(
    receiver: Receiver, addresses: tuple[str, ...]
) -> None:
    carrier = HttpCarrier(Guard(), Names(*addresses))
    url = receiver.url.replace("127.0.0.1", "gateway.example")
    with pytest.raises(NotSentError, match="is refused") as refused:
        await carrier.carry(request(url), NOBODY)
    await carrier.close()
    assert refused.value.for_good
    assert receiver.got == []


async def test_an_unknown_name_is_tried_again_and_no_key_is_told(receiver: Receiver) -> None:
    assert receiver.url
    carrier = HttpCarrier(Guard(), Names())
    with pytest.raises(NotSentError, match="cannot be resolved") as failed:
        await carrier.carry(request("https://gateway.example/send?key=s3cret"), NOBODY)
    await carrier.close()
    assert not failed.value.for_good
    assert "s3cret" not in str(failed.value)


async def test_a_port_on_which_nobody_listens_leaves_no_doubt() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        carrier = HttpCarrier(Guard(["127.0.0.0/8"]))
        with pytest.raises(NotSentError, match="no connection"):
            await carrier.carry(request(url), NOBODY)
        await carrier.close()


async def test_a_server_without_a_certificate_that_holds_is_refused() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    carrier = HttpCarrier(Guard(["127.0.0.0/8"]))
    with pytest.raises((NotSentError, LostError)):
        await carrier.carry(request(f"https://127.0.0.1:{port}/"), NOBODY)
    await carrier.close()
    server.close()
    await server.wait_closed()


async def test_silence_after_the_request_leaves_doubt(receiver: Receiver) -> None:
    receiver.answers.append(hang)
    carrier = HttpCarrier(Guard(["127.0.0.0/8"]), answer_s=0.1)
    with pytest.raises(LostError, match="no answer in time"):
        await carrier.carry(request(receiver.url), NOBODY)
    await carrier.close()


async def test_of_an_endless_answer_no_more_than_the_bound_is_read(receiver: Receiver) -> None:
    async def endless(asked: web.Request, _body: bytes) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(asked)
        try:
            while True:
                await answer.write(bytes(65_536))
        except OSError:
            return answer

    receiver.answers.append(endless)
    carrier = HttpCarrier(Guard(["127.0.0.0/8"]))
    answer = await carrier.carry(request(receiver.url), NOBODY)
    await carrier.close()
    assert len(answer.body) == MAX_ANSWER_BYTES + 1


async def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.answers.append(status(307, location="/elsewhere"))
    carrier = HttpCarrier(Guard(["127.0.0.0/8"]))
    answer = await carrier.carry(request(receiver.url + "/in"), NOBODY)
    await carrier.close()
    assert answer.status == 307
    assert [path for path, _, _ in receiver.got] == ["/in"]


async def test_what_is_no_address_is_never_tried_again() -> None:
    carrier = HttpCarrier(Guard())
    with pytest.raises(NotSentError) as refused:
        await carrier.carry(request("nonsense"), NOBODY)
    await carrier.close()
    assert refused.value.for_good
