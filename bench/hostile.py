"""What meters notice of strangers on the same port: their acknowledged frames with and without.

Neighbours are paced far below what the gateway can do, so that what they lose is lost to the
attack and not to one another; just before each attack the same neighbours are measured alone.
Attackers are one process that comes last on one core: see attacks.py.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from bench.figures import AtLeast, Figure, Section, Table, ratios, rounded, series
from bench.gateway import Shape, clock_starts, upload_options, warm_up
from bench.load import Report, try_load
from bench.page import replace_between
from bench.processes import settle
from bench.records import HERE, Record, latest
from bench.servers import PORTS, Server, build, wattwarden
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wattwarden.server.settings import GatewaySettings

SECURITY: Final = HERE.parent / "docs/security.md"
NAME: Final = "hostile"
NEIGHBOURS: Final = Shape("acrel", 500, 4, 1, None)
FRAMES_PER_S: Final = 2_000
WANTED_SHARE: Final = 0.9
# The attack stands before the neighbours come, and goes on until they are gone.
BEFORE_S: Final = 1.0
AFTER_S: Final = 4.0

# What other measurements lift, since all of their meters have one address, is what holds here.
DEFAULT_LIMITS: Final[Mapping[str, str]] = {
    f"WATTWARDEN_GATEWAY__{name.upper()}": str(GatewaySettings.model_fields[name].default)
    for name in ("logins_per_second", "connections_per_peer_second", "logins_per_meter_minute")
}

TITLES: Final[Mapping[str, str]] = {
    "slowloris": "1,500 connections, a byte a second each",
    "flood": "connections opened and reset",
    "storm": "1,000 meters dialling in again and again",
    "garbage": "random bytes at line rate",
    "lengths": "heads that promise 4,000 bytes, at line rate",
    "mad": "4 meters sending sound frames at line rate",
    "spoof": "one id claimed from 200 addresses",
    "hellos": "TLS handshakes begun and left",
    "bombs": "pushes that unpack to a thousand times their bytes",
    "datagrams": "datagrams that are no frames",
}


class Told(msgspec.Struct, frozen=True):
    """What an attacker says that it did."""

    count: int
    bytes: int
    failed: int


@dataclass(frozen=True, slots=True)
class Turn:
    """The same neighbours alone, and under attack."""

    alone: Report
    attacked: Report
    told: Told
    seconds: float


def measure_hostile(program: Path, rounds: int, seconds: float) -> Section:
    """The share of their frames that neighbours keep acknowledged, for each attack."""
    build()
    with _attacked(program) as (under_test, doors):
        starts = clock_starts(datetime.now(UTC))
        warm_up(under_test, NEIGHBOURS, next(starts))
        start = next(starts)
        turns: dict[str, list[Turn]] = {name: [] for name in TITLES}
        for _ in range(rounds):
            for name, found in turns.items():
                found.append(_turn(under_test, doors, name, (start, seconds)))
    figures = tuple(_figure(name, found) for name, found in turns.items())
    heading = (
        *("attack", "a second", "MB/s", "neighbours' frames/s alone", "under attack"),
        *("P99 ms alone", "under attack", "neighbours reset"),
    )
    rows = tuple(_row(name, found) for name, found in turns.items())
    return Section(figures, (Table(heading, rows),))


def write_security(records: Sequence[Record], page: Path) -> None:
    """Write the last measurement into the page on security; nothing where there is none."""
    found = latest(records).get(NAME)
    if found is None:
        return
    record, section = found
    tables = [str(Table(table.heading, table.rows)) for table in section.details]
    said = f"{record.began:%Y-%m-%d %H:%M} UTC, {record.machine}; load average {record.load}."
    replace_between(page, "\n\n".join((said, *tables)))


def _turn(under_test: Server, doors: Sequence[str], name: str, run: tuple[str, float]) -> Turn:
    start, seconds = run
    options = (*upload_options(NEIGHBOURS, seconds), "--start", start, "--mode", "paced")
    options = (*options, "--interval", str(1000 * NEIGHBOURS.connections / FRAMES_PER_S))
    settle(under_test.all_pids)
    alone, _ = try_load(under_test, *options)
    settle(under_test.all_pids)
    lasts = BEFORE_S + seconds + AFTER_S
    command = [sys.executable, str(HERE / "attacks.py"), name, "--port", str(under_test.port)]
    command += [*doors, "--seconds", str(lasts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attacker:
        try:
            attacker.wait(BEFORE_S)
        except subprocess.TimeoutExpired:
            attacked, _ = try_load(under_test, *options)
        told = msgspec.convert(json.loads(attacker.communicate()[0]), Told)
    return Turn(alone, attacked, told, lasts)


@contextmanager
def _attacked(program: Path) -> Iterator[tuple[Server, tuple[str, ...]]]:
    """Run a system with all of its doors open; yields it, and where they are."""
    tls, http, udp = _free_ports(3)
    settings = {
        **DEFAULT_LIMITS,
        "WATTWARDEN_GATEWAY__TLS_LISTEN": f"127.0.0.1:{tls}",
        "WATTWARDEN_GATEWAY__TLS_CERTIFICATE_FILE": "tls.pem",
        "WATTWARDEN_GATEWAY__TLS_KEY_FILE": "tls.pem",
        "WATTWARDEN_GATEWAY__HTTP_LISTEN": f"127.0.0.1:{http}",
        "WATTWARDEN_GATEWAY__CTWING_TOKEN_FILE": "ctwing.token",
        "WATTWARDEN_GATEWAY__UDP_LISTEN": f"127.0.0.1:{udp}",
    }
    secrets = {"tls.pem": _certificate(), "ctwing.token": b"nobody-knows"}
    with wattwarden(program, settings, secrets) as under_test:
        yield under_test, ("--tls", str(tls), "--http", str(http), "--udp", str(udp))


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment, the last ones that servers here look at."""
    found: list[int] = []
    with ExitStack() as held:
        for port in reversed(PORTS):
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                break
    return found


def _certificate() -> bytes:
    """A key and a certificate that it signed itself, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem)


def _figure(name: str, turns: Sequence[Turn]) -> Figure:
    alone = [turn.alone.acked_per_s for turn in turns]
    attacked = [turn.attacked.acked_per_s for turn in turns]
    return Figure(
        f"hostile.{name}",
        f"neighbours' acknowledged frames under attack ÷ alone: {TITLES[name]}",
        ratios(attacked, alone),
        AtLeast(WANTED_SHARE),
        f"{rounded(series(attacked).median)} of {rounded(series(alone).median)} frames/s",
    )


def _row(name: str, turns: Sequence[Turn]) -> tuple[str, ...]:
    def median(values: Sequence[float]) -> str:
        return rounded(series(values).median)

    return (
        TITLES[name],
        median([turn.told.count / turn.seconds for turn in turns]),
        median([turn.told.bytes / turn.seconds / 1e6 for turn in turns]),
        median([turn.alone.acked_per_s for turn in turns]),
        str(series(turn.attacked.acked_per_s for turn in turns)),
        median([turn.alone.latency_p99_ms for turn in turns]),
        str(series(turn.attacked.latency_p99_ms for turn in turns)),
        str(sum(turn.attacked.resets for turn in turns)),
    )
