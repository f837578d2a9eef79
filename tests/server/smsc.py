"""An SMS centre for tests that speaks SMPP by a codec that others wrote."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from smpplib import consts
from smpplib.smpp import make_pdu, parse_pdu


class Numbers:
    """What smpplib asks of a client; we number by ourselves."""

    sequence = 0

    def next_sequence(self) -> int:
        return self.sequence


class Centre:
    """An SMSC whose every PDU is read and written by smpplib; it reports what it took.

    Of ``silent`` parts it takes it says nothing; ``state`` is what it reports, "" for no report.
    """

    def __init__(self, silent: int = 0, state: str = "DELIVRD") -> None:
        self.texts: list[str] = []
        self.silent = silent
        self.state = state
        self.refused = 0
        self.acknowledged = asyncio.Event()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await reader.readexactly(4)
                raw = head + await reader.readexactly(int.from_bytes(head, "big") - 4)
                for made in self.answers(parse_pdu(raw, client=Numbers())):
                    writer.write(made.generate())
        writer.close()

    def answers(self, pdu: Any) -> Iterator[Any]:
        reply = {"sequence": pdu.sequence}
        if pdu.command == "bind_transceiver":
            good = (pdu.system_id, pdu.password) == (b"epb", b"pw-SECRT")
            status = consts.SMPP_ESME_ROK if good else consts.SMPP_ESME_RINVPASWD
            yield made("bind_transceiver_resp", status=status, system_id="smsc", **reply)
        elif pdu.command == "submit_sm":
            yield from self.taken(pdu, reply)
        elif pdu.command == "deliver_sm_resp":
            self.acknowledged.set()

    def taken(self, pdu: Any, reply: dict[str, Any]) -> Iterator[Any]:
        if pdu.destination_addr != b"13800000000":
            self.refused += 1
            yield made("submit_sm_resp", status=consts.SMPP_ESME_RINVDSTADR, **reply)
            return
        assert pdu.data_coding == consts.SMPP_ENCODING_ISO10646
        assert pdu.registered_delivery == consts.SMPP_SMSC_DELIVERY_RECEIPT_BOTH
        header = 6 if pdu.esm_class & consts.SMPP_GSMFEAT_UDHI else 0
        self.texts.append(pdu.short_message[header:].decode("utf-16-be"))
        name = f"C{len(self.texts):07}"
        if len(self.texts) > self.silent:
            yield made("submit_sm_resp", message_id=name, **reply)
        if self.state:
            yield self.report(name, pdu)

    def report(self, name: str, pdu: Any) -> Any:
        text = f"id:{name} sub:001 dlvrd:001 submit date:2611221100 done date:2611221101"
        text += f" stat:{self.state} err:000 text:x"
        return made(
            "deliver_sm",
            sequence=len(self.texts),
            source_addr=pdu.destination_addr.decode(),
            destination_addr=pdu.source_addr.decode(),
            esm_class=consts.SMPP_MSGTYPE_DELIVERYACK | 0x04,
            short_message=text.encode(),
            user_message_reference=pdu.user_message_reference,
            receipted_message_id=name,
        )


def made(command: str, *, status: int = 0, **fields: Any) -> Any:
    pdu = make_pdu(command, client=Numbers(), **fields)
    pdu.status, pdu.sequence = status, fields["sequence"]
    return pdu
