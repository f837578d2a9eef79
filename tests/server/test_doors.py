"""The doors beside the meter port: what changes while they are open."""

import socket
from pathlib import Path

import aiohttp
from structlog.testing import capture_logs
from tests.codecs.mischief import vectors_of
from tests.server.doors import house

from wattwarden.server.doors import Doors
from wattwarden.server.inherited import PUSH_SOCKETS
from wattwarden.server.settings import GatewaySettings

UPLOAD = {vector.record["id"]: vector for vector in vectors_of("ctwing")}["ctwing-acrel"].raw
REFUSED, TAKEN = 403, 200


async def test_a_token_that_is_replaced_is_asked_for_from_then_on(tmp_path: Path) -> None:
    token = tmp_path / "ctwing.token"
    token.write_text("the first")
    settings = GatewaySettings(ctwing_token_file=token.name)
    async with house(settings=settings) as made, aiohttp.ClientSession() as session:
        doors = Doors(made.port, settings, tmp_path)
        listening = socket.create_server(("127.0.0.1", 0))
        heard = await doors.start({PUSH_SOCKETS: [listening]})
        [address] = heard.values()

        async def told(secret: str) -> int:
            headers = {"Authorization": f"Bearer {secret}"}
            url = f"http://{address}/push/ctwing"
            async with session.post(url, data=UPLOAD, headers=headers) as answer:
                return answer.status

        assert [await told(one) for one in ("the first", "the second")] == [TAKEN, REFUSED]
        token.write_text("the second one")
        doors.sweep()
        assert [await told(one) for one in ("the first", "the second one")] == [REFUSED, TAKEN]
        token.unlink()
        with capture_logs() as lines:
            doors.sweep()
            doors.sweep()
        assert [line["event"] for line in lines] == ["pushes are told apart as before"]
        assert await told("the second one") == TAKEN
        await doors.close()
        doors.end()


async def test_a_gateway_that_takes_no_pushes_misses_no_token(tmp_path: Path) -> None:
    settings = GatewaySettings()
    async with house(settings=settings) as made:
        doors = Doors(made.port, settings, tmp_path)
        await doors.start({})
        with capture_logs() as lines:
            doors.renew()
        assert lines == []
