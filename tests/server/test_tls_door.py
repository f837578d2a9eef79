"""Meters that speak TLS, on real sockets: the same sessions, and who is turned away before them."""

import asyncio
import shutil
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.server.certificates import Authority
from tests.server.doors import House, house
from tests.server.test_port import FRAME, register

from wattwarden.codecs.acrel.frame import ACKS, REGISTER, UPLOAD
from wattwarden.protocol.access import Access
from wattwarden.protocol.codec import Profile, default_profile
from wattwarden.protocol.envelope import decode_occurrences
from wattwarden.server.certificates import CertificateError
from wattwarden.server.connection import MeterConnection
from wattwarden.server.gatekeeper import BURST_S, FOREIGN_NETWORK, OTHER_CERTIFICATE
from wattwarden.server.settings import GatewaySettings
from wattwarden.server.sockets import open_listeners
from wattwarden.server.tls_door import TOO_MANY, TOO_MANY_FAILURES, TOO_MANY_OF_PEER, TlsDoor
from wattwarden.server.tls_peer import GONE, LATE, LONG, MOST_HANDSHAKE_BYTES
from wattwarden.storage.journal.journal import Kind

PATIENCE_S = 30
TOO_MANY_BY = 3
# A hello in a record of TLS 1.0 that knows nothing newer, with the ciphers of its time.
OLD_HELLO = bytes.fromhex(
    "160301002d01000029"
    "0301" + "00" * 32 + "00" "0002" "002f" "0100"
)  # fmt: skip


class Papers:
    """A secrets folder with the gateway's certificate, and the authority of its meters."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.authority = Authority(folder, "meters")
        self.gateway = Authority(folder, "gateway")
        self.renew()

    def renew(self, days: int = 30) -> None:
        """Put a new certificate in the place of the old one."""
        file, _ = self.gateway.sign("localhost", days)
        shutil.copy(file, self.folder / "tls.pem")

    def client(self, file: Path | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.gateway.file))
        if file is not None:
            context.load_cert_chain(file)
        return context


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(tmp_path_factory.mktemp("tls") / "secrets")


class Place:
    """A door, and meters that dial in there."""

    def __init__(self, made: House, door: TlsDoor, address: str, papers: Papers) -> None:
        self.house = made
        self.port = made.port
        self.door = door
        self.papers = papers
        host, _, port = address.rpartition(":")
        self.target = (host, int(port))

    @asynccontextmanager
    async def dial(
        self, file: Path | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        context = self.papers.client(file)
        reader, writer = await asyncio.open_connection(
            *self.target, ssl=context, server_hostname="localhost"
        )
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    @asynccontextmanager
    async def by_hand(
        self, file: Path | None = None
    ) -> AsyncIterator[tuple[ssl.SSLObject, ssl.MemoryBIO, asyncio.StreamWriter]]:
        """Shake hands; what is written then lies in the second until the caller sends it."""
        reader, writer = await asyncio.open_connection(*self.target)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.papers.client(file).wrap_bio(incoming, outgoing, server_hostname="localhost")
        while tls.version() is None:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65_536))
        try:
            yield tls, outgoing, writer
        finally:
            writer.transport.abort()

    async def raw(self, data: bytes) -> bytes:
        """What the door says to these bytes until it hangs up."""
        reader, writer = await asyncio.open_connection(*self.target)
        writer.write(data)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()

    def closed(self) -> dict[str, int]:
        return self.port.counters.closed

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():  # noqa: ASYNC110  what happens is the kernel's
                await asyncio.sleep(0)

    async def noted(self, what: str) -> list[str]:
        """The reasons of what is recorded of connections."""
        await self.port.chain_of("").flush_occurrences()
        kept = [one for _, kind, one, _ in self.house.journal.stored if kind is Kind.SESSION]
        rows = [row for one in kept for row in decode_occurrences(one).rows]
        return [row.reason for row in rows if row.what == what]


@asynccontextmanager
async def place(papers: Papers, **more: object) -> AsyncIterator[Place]:
    settings = GatewaySettings.model_validate(
        {
            "tls_listen": "127.0.0.1:0",
            "tls_certificate_file": "tls.pem",
            "tls_key_file": "tls.pem",
            **more,
        }
    )
    async with house(settings=settings) as made:
        door = TlsDoor(made.port, settings, papers.folder)
        address = door.listen(await open_listeners("127.0.0.1", 0))
        try:
            yield Place(made, door, address, papers)
        finally:
            door.drain()
            made.port.close_all("gateway stops")
            while made.port.connections:  # noqa: ASYNC110  what happens is the kernel's
                await asyncio.sleep(0)
            door.end()


async def test_a_meter_is_heard_and_answered_as_at_the_plain_port(papers: Papers) -> None:
    async with place(papers) as at, at.dial() as (reader, writer):
        writer.write(register("1"))
        assert await reader.readexactly(len(ACKS[REGISTER])) == ACKS[REGISTER]
        writer.write(FRAME)
        assert await reader.readexactly(len(ACKS[UPLOAD])) == ACKS[UPLOAD]
        assert at.house.envelopes()[-1].data.endswith(FRAME)
        assert await at.noted("open") == ["TLSv1.3"]


async def test_records_longer_than_a_turn_and_answers_longer_than_a_record_come_whole(
    papers: Papers,
) -> None:
    count = 4 * 16_384 // len(FRAME)
    async with place(papers) as at, at.dial() as (reader, writer):
        writer.write(register("1") + FRAME)
        assert await reader.readexactly(len(ACKS[REGISTER] + ACKS[UPLOAD]))
        writer.write(count * FRAME)
        answers = await reader.readexactly(count * len(ACKS[UPLOAD]))
        assert answers == count * ACKS[UPLOAD]
        (connection,) = at.port.connections
        connection.reply(bytes(100_000))
        assert await reader.readexactly(100_000) == bytes(100_000)
        assert sum(len(one.data) for one in at.house.envelopes()) == len(register("1")) + (
            count + 1
        ) * len(FRAME)


async def test_a_peer_that_says_it_is_done_is_gone(papers: Papers) -> None:
    async with place(papers) as at, at.dial() as (_, writer):
        writer.write(register("1"))
        await at.until(lambda: len(at.port.fleet) == 1)
        writer.close()
        await at.until(lambda: not at.port.connections)
        assert len(at.port.fleet) == 0


async def test_what_is_said_before_a_broken_record_counts_and_the_end_has_its_reason(
    papers: Papers,
) -> None:
    async with place(papers) as at:
        async with at.by_hand() as (tls, outgoing, writer):
            tls.write(register("1") + FRAME)
            writer.write(outgoing.read() + b"\x17\x03\x03\x00\x20" + bytes(32))
            await at.until(lambda: at.port.counters.logins == 1 and not at.port.connections)
        [reason] = await at.noted("close")
        # Of the record, or of the answer that could not be sealed any more.
        assert reason in {"SSLError", "SSLEOFError"}
        await at.until(lambda: bool(at.house.envelopes()))
        assert at.house.envelopes()[-1].data.endswith(FRAME)


async def test_what_a_meter_showed_is_recorded_and_none_that_shows_nothing_is_let_in(
    papers: Papers,
) -> None:
    file, digest = papers.authority.sign("M1")
    async with place(papers, tls_client_ca_file="meters.pem") as at:
        async with at.dial(file) as (reader, writer):
            writer.write(register("1"))
            assert await reader.readexactly(len(ACKS[REGISTER]))
            assert await at.noted("open") == [f"TLSv1.3, sha256:{digest} CN=M1"]
        with capture_logs() as lines:
            async with at.dial() as (reader, writer):
                with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
                    await reader.read()
        assert at.closed() == {"TLS handshake: peer did not return a certificate": 1}
        assert [(line["event"], line["peer"]) for line in lines] == [
            ("a TLS handshake failed", "127.0.0.1")
        ]


async def test_a_certificate_of_another_authority_is_refused(papers: Papers) -> None:
    stranger, _ = papers.gateway.sign("stranger")
    async with place(papers, tls_client_ca_file="meters.pem") as at:
        async with at.dial(stranger) as (reader, _):
            with pytest.raises(ssl.SSLError):
                await reader.read()
        [reason] = at.closed()
        assert reason.startswith("TLS handshake: certificate: ")


@pytest.mark.parametrize("name", ["sha256:{digest}", "cn:M1"])
async def test_a_meter_bound_to_a_certificate_is_none_without_it(papers: Papers, name: str) -> None:
    file, digest = papers.authority.sign("M1")
    other, _ = papers.authority.sign("M2")
    bound = Profile(access=Access(certificate=name.format(digest=digest)))
    async with place(papers, tls_client_ca_file="meters.pem") as at:
        at.port.profile_of = lambda address: bound if address == "1" else default_profile(address)
        async with at.dial(file) as (reader, writer):
            writer.write(register("1"))
            assert await reader.readexactly(len(ACKS[REGISTER])) == ACKS[REGISTER]
        async with at.dial(other) as (reader, writer):
            writer.write(register("1") + FRAME)
            assert await reader.read() == b""
        async with at.dial(other) as (reader, writer):
            writer.write(register("2"))
            assert await reader.readexactly(len(ACKS[REGISTER])) == ACKS[REGISTER]
        assert at.closed() == {OTHER_CERTIFICATE: 1}
        await at.until(lambda: {one.codec for one in at.house.envelopes()} >= {"acrel", "unknown"})
        [kept] = [one for one in at.house.envelopes() if one.codec == "unknown"]
        assert kept.reasons == [OTHER_CERTIFICATE]
        assert kept.data == register("1") + FRAME


async def test_nothing_is_heard_of_a_peer_that_was_hung_up_on_whatever_it_sent_with_it(
    papers: Papers,
) -> None:
    other, _ = papers.authority.sign("M2")
    bound = Profile(access=Access(certificate="cn:M1"))
    async with place(papers, tls_client_ca_file="meters.pem") as at:
        at.port.profile_of = lambda address: bound if address == "1" else default_profile(address)
        async with at.by_hand(other) as (tls, outgoing, writer):
            for record in (register("1"), FRAME, FRAME):
                tls.write(record)
            writer.write(outgoing.read())
            await at.until(lambda: at.closed() == {OTHER_CERTIFICATE: 1})
            await at.until(lambda: bool(at.house.envelopes()) and not at.port.connections)
        await at.house.port.chain_of("acrel:1").flush_occurrences()
        assert [(one.codec, one.data) for one in at.house.envelopes()] == [
            ("unknown", register("1"))
        ]


async def test_nothing_is_heard_of_a_newcomer_that_is_refused_after_its_handshake(
    papers: Papers,
) -> None:
    async with place(papers, max_sessions=1) as at, at.dial() as (reader, first):
        async with at.by_hand() as (tls, outgoing, writer):
            first.write(register("1"))
            assert await reader.readexactly(len(ACKS[REGISTER])) == ACKS[REGISTER]
            tls.write(register("2") + FRAME)
            writer.write(outgoing.read())
            await at.until(lambda: at.port.counters.refused == {"max_sessions": 1})
        assert at.port.counters.logins == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "TLS handshake: http request"),
        (FRAME, "TLS handshake: wrong version number"),
        (OLD_HELLO, "TLS handshake: unsupported protocol"),
        (b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + bytes(40_000), None),
        (bytes(2 * MOST_HANDSHAKE_BYTES), None),
    ],
    ids=["HTTP", "a meter that speaks no TLS", "TLS 1.0", "a length bomb", "zeros"],
)
async def test_what_is_no_handshake_is_counted_and_closed(
    papers: Papers, data: bytes, reason: str | None
) -> None:
    async with place(papers) as at:
        await at.raw(data)
        await at.until(lambda: bool(at.closed()))
        if reason is not None:
            assert at.closed() == {reason: 1}
        assert sum(at.closed().values()) == 1
        assert not at.port.connections


async def test_a_handshake_that_never_ends_has_a_deadline_and_a_length(papers: Papers) -> None:
    async with place(papers, tls_handshake_s=0.05) as at:
        began = time.monotonic()
        assert await at.raw(OLD_HELLO[:7]) == b""
        assert time.monotonic() - began < PATIENCE_S
        assert at.closed() == {f"TLS handshake: {LATE}": 1}
    async with place(papers) as at:
        # A hello of 64 KiB in pieces that are each well-formed.
        head = b"\x16\x03\x03\x10\x00" + b"\x01\x00\xff\xff" + bytes(4092)
        rest = b"\x16\x03\x03\x10\x00" + bytes(4096)
        await at.raw(head + 15 * rest)
        await at.until(lambda: bool(at.closed()))
        assert set(at.closed()) <= {
            f"TLS handshake: {LONG}",
            "TLS handshake: excessive message size",
        }


async def test_who_hangs_up_before_the_end_is_counted(papers: Papers) -> None:
    async with place(papers) as at:
        _, writer = await asyncio.open_connection(*at.target)
        writer.close()
        await writer.wait_closed()
        await at.until(lambda: at.closed() == {f"TLS handshake: {GONE}": 1})


@pytest.mark.parametrize(
    ("settings", "refusal", "let_in"),
    [
        ({"allowed_networks": ("10.0.0.0/8",)}, FOREIGN_NETWORK, 0),
        ({"tls_handshakes_per_peer_second": 1}, TOO_MANY_OF_PEER, 10),
        ({"tls_handshakes_per_second": 1, "tls_handshake_s": 4}, TOO_MANY, 5),
        ({"tls_failures_per_peer_minute": 2}, TOO_MANY_FAILURES, None),
    ],
    ids=["another network", "an address too often", "all too often", "failed too often"],
)
async def test_turns_are_limited_and_refusals_counted(
    papers: Papers, settings: dict[str, object], refusal: str, let_in: int | None
) -> None:
    async with place(papers, **settings) as at:
        if let_in is None:
            for _ in range(2):
                await at.raw(FRAME)
            let_in = 0
        refused = at.port.counters.refused
        dialled: list[socket.socket] = []
        try:
            async with asyncio.timeout(PATIENCE_S):
                while refused.get(refusal, 0) < TOO_MANY_BY:
                    dialled.append(socket.create_connection(at.target))
                    await asyncio.sleep(0)
        finally:
            for one in dialled:
                one.close()
        assert set(refused) == {refusal}
        assert len(dialled) >= let_in + TOO_MANY_BY


async def test_a_new_certificate_is_taken_up_and_a_broken_one_is_not(tmp_path: Path) -> None:
    papers = Papers(tmp_path / "secrets")

    async def shown(at: Place) -> str:
        async with at.dial() as (_, writer):
            raw = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return ssl.DER_cert_to_PEM_cert(raw)

    async with place(papers) as at:
        first = await shown(at)
        at.door.sweep()
        assert await shown(at) == first
        papers.renew()
        at.door.sweep()
        second = await shown(at)
        assert second != first
        (papers.folder / "tls.pem").write_text("broken")
        with capture_logs() as lines:
            at.door.sweep()
            at.door.sweep()
        assert [line["event"] for line in lines] == ["the old certificate stays"]
        assert await shown(at) == second


async def test_a_certificate_that_does_not_say_when_it_ends_does_no_harm(tmp_path: Path) -> None:
    papers = Papers(tmp_path / "secrets")
    file = papers.folder / "tls.pem"
    # OpenSSL takes its own form, too; nobody else reads it.
    trusted = file.read_text().replace("CERTIFICATE", "TRUSTED CERTIFICATE")
    async with place(papers) as at:
        file.write_text(trusted)
        with capture_logs() as lines:
            at.door.sweep()
        assert [line["event"] for line in lines] == ["the old certificate stays"]
    with pytest.raises(CertificateError, match="until when"):
        async with place(papers):
            pass


async def test_a_meter_that_speaks_tls_is_one_newcomer_and_not_two(papers: Papers) -> None:
    async with place(papers, connections_per_peer_second=1) as at:
        now = at.port.now_us()
        at.port.now_us = lambda: now
        for number in range(BURST_S):
            async with at.dial() as (reader, writer):
                writer.write(register(str(number)))
                assert await reader.readexactly(len(ACKS[REGISTER])) == ACKS[REGISTER]
        assert at.port.counters.refused == {}


async def test_a_certificate_that_ends_soon_is_told_of_once_a_day(tmp_path: Path) -> None:
    papers = Papers(tmp_path / "secrets")
    async with place(papers) as at:
        with capture_logs() as lines:
            at.door.sweep()
            assert lines == []
            papers.renew(days=7)
            at.door.sweep()
            at.door.sweep()
        told = [(line["event"], line.get("days")) for line in lines]
        assert told == [("a new certificate is in force", None), ("the certificate ends soon", 6)]


@pytest.mark.parametrize("fault", ["open to others", "No such file", "no certificate"])
async def test_files_that_are_no_certificate_are_refused_with_the_cure(
    tmp_path: Path, fault: str
) -> None:
    papers = Papers(tmp_path / "secrets")
    file = papers.folder / "tls.pem"
    if fault == "open to others":
        file.chmod(0o644)
    elif fault == "No such file":
        file.unlink()
    else:
        file.write_text("nothing")
    with pytest.raises(CertificateError, match=fault) as told:
        async with place(papers):
            pass
    assert told.value.cure


async def test_how_much_came_and_who_speaks_is_told_through_tls(papers: Papers) -> None:
    async with place(papers) as at, at.dial() as (_, writer):
        writer.write(register("1"))
        await at.until(lambda: len(at.port.fleet) == 1)
        (connection,) = at.port.connections
        assert isinstance(connection, MeterConnection)
        assert connection.received_bytes() > len(register("1"))
        assert connection.peer == "{}:{}".format(*writer.get_extra_info("sockname"))
