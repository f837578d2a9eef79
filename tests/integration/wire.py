"""Frames as meters make them, written from the protocols' descriptions and by no code of ours."""

import asyncio
import struct
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CHINA: Final = timezone(timedelta(hours=8))
ACREL_UPLOAD_ACK: Final = bytes.fromhex("7B7B917EEC7D7D")
ACREL_LOGIN_ACK: Final = bytes.fromhex("7B7B84BF237D7D")
SERIAL_BYTES: Final = 20
ANSWER_LIMIT_S: Final = 60.0  # it comes within milliseconds


def _table() -> tuple[int, ...]:
    """The 256 remainders of the reflected polynomial 0xA001."""
    remainders = []
    for byte in range(256):
        register = byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
        remainders.append(register)
    return tuple(remainders)


TABLE: Final = _table()


def crc_modbus(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first."""
    register = 0xFFFF
    for byte in data:
        register = register >> 8 ^ TABLE[(register ^ byte) & 0xFF]
    return register.to_bytes(2, "little")


def crc_hj212(data: bytes) -> bytes:
    """HJ 212's own: the byte meets the high half of the register, as four hex digits."""
    register = 0xFFFF
    for byte in data:
        register = register >> 8 ^ byte
        register = register >> 8 ^ TABLE[register & 0xFF]
    return b"%04X" % register


# --- Acrel: 7B7B command body CRC 7D7D ---


def acrel(command: int, body: bytes = b"") -> bytes:
    """A frame of a command."""
    covered = bytes([command]) + body
    return b"{{" + covered + crc_modbus(covered) + b"}}"


def serial_of(address: str) -> bytes:
    """A serial as frames carry it."""
    return address.encode().ljust(SERIAL_BYTES, b"\0")


def acrel_login(address: str) -> bytes:
    """Command 84: serial, ICCID 30, rssi, three versions, report interval in minutes."""
    iccid = b"89860411102070123456".ljust(30, b"\0")
    return acrel(0x84, serial_of(address) + iccid + bytes([23]) + bytes(6) + bytes([5]))


def acrel_upload(address: str, at: datetime, energy_10wh: int, volts: float = 220.0) -> bytes:
    """Command 91 with the 0x60 block of DTSY1352-4G: three voltages, one energy, the clock."""
    return acrel_section(address, acrel_block(at.astimezone(CHINA), energy_10wh, volts))


def acrel_block(local: datetime, energy_10wh: int, volts: float = 220.0) -> bytes:
    """The 96 bytes of that block: voltages at 2, PT and CT at 38, energy at 42, clock at 80."""
    block = bytearray(96)
    struct.pack_into(">3H", block, 2, *[round(volts * 10)] * 3)
    struct.pack_into(">2H", block, 38, 1, 1)
    struct.pack_into(">I", block, 42, energy_10wh)
    clock = (local.year % 100, local.month, local.day, local.isoweekday() % 7)
    struct.pack_into(">7B", block, 80, *clock, local.hour, local.minute, local.second)
    return bytes(block)


def acrel_section(address: str, block: bytes) -> bytes:
    """An upload with one section, whose payload is a Modbus reply."""
    reply = bytes([1, 3, len(block)]) + block
    return acrel(0x91, serial_of(address) + b"[[1-1((" + reply + crc_modbus(reply) + b"))]]")


# --- HJ 212: ## length segment CRC CR LF ---


def hj212(segment: bytes) -> bytes:
    """A frame around a segment."""
    return b"##%04d%b%b\r\n" % (len(segment), segment, crc_hj212(segment))


def hj212_realtime(address: str, number: int, at: datetime, data: str, *, flag: int = 5) -> bytes:
    """2011 with a number of the request (QN) of its own; Flag 5 is 2017 and wants an answer."""
    time = f"{at.astimezone(CHINA):%Y%m%d%H%M%S}"
    head = f"QN={qn_of(number)};ST=22;CN=2011;PW=123456;MN={address};Flag={flag};"
    return hj212(f"{head}CP=&&DataTime={time};{data}&&".encode())


def hj212_encrypted(address: str, number: int, data: str, key: bytes) -> bytes:
    """2051 of 2025, its data SM4-ECB in whole blocks; length and CRC are the plain text's."""
    head = f"QN={qn_of(number)};ST=31;CN=2051;PW=123456;MN={address};Flag=9;CP=&&".encode()
    plain = data.encode()
    whole = len(plain) // 16 * 16
    mode = modes.ECB()  # noqa: S305  the standard's choice
    sealed = Cipher(algorithms.SM4(key), mode).encryptor().update(plain[:whole])
    frame = hj212(head + plain + b"&&")
    return frame.replace(plain, sealed + plain[whole:])


def qn_of(number: int) -> str:
    """A QN, which is 17 digits of a time and here a count of milliseconds since 2026."""
    time = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)
    return f"{time:%Y%m%d%H%M%S}{time.microsecond // 1000:03d}"


async def say(target: tuple[str, int], source: str, frames: bytes, answer: int) -> bytes:
    """Send frames from an address and return so many bytes of answers."""
    reader, writer = await asyncio.open_connection(*target, local_addr=(source, 0))
    try:
        writer.write(frames)
        async with asyncio.timeout(ANSWER_LIMIT_S):
            return await reader.readexactly(answer)
    finally:
        writer.close()
