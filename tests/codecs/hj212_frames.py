"""Frames of HJ 212 for tests, with the checksum written a second time, as annex A has it."""

from wattwarden.protocol.codec import Batch, Profile, ProfileOf, default_profile

MN = "010000A8900016F000169DC0"
NOW = 1_795_316_400_123_000  # 2026-11-22 11:00:00.123 in China
KEY = b"0" * 16


def crc(data: bytes) -> int:
    register = 0xFFFF
    for byte in data:
        register = (register >> 8) ^ byte
        for _ in range(8):
            odd = register & 1
            register >>= 1
            if odd:
                register ^= 0xA001
    return register


def frame(segment: str | bytes) -> bytes:
    raw = segment.encode() if isinstance(segment, str) else segment
    return b"##%04d%b%04X\r\n" % (len(raw), raw, crc(raw))


def upload(
    data: str, cn: str = "2011", flag: str = "Flag=5;", more: str = "", st: str = "31", mn: str = MN
) -> bytes:
    """Make a frame with a usual header around its data."""
    return frame(
        f"QN=20261122110000001;ST={st};CN={cn};PW=123456;MN={mn};{flag}{more}CP=&&{data}&&"
    )


def batch(
    *frames: bytes, identity: str | None = None, profile_of: ProfileOf = default_profile
) -> Batch:
    return Batch.of(frames, NOW, identity=identity, profile_of=profile_of)


def with_key(key: bytes | None = KEY) -> ProfileOf:
    return lambda _address: Profile(key=key)
