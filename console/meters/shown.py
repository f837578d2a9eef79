"""Readings and frames as pages show them."""

from collections.abc import Iterable
from typing import Any, Final

from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import Claim, Codec, Field
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.quality import Quality
from wattwarden.storage.quarantine import Held
from wattwarden.storage.readings import StoredReading

# One row of a dump of bytes that nobody can explain.
DUMP_BYTES: Final = 16
# Of many factors of a station; the rest is one page further.
VALUES: Final = 12

QUALITIES: Final = {
    Quality.NO_CLOCK: ("无时标", "no clock"),
    Quality.CLOCK_AHEAD: ("时钟超前", "clock ahead"),
    Quality.CLOCK_OLD: ("时钟过旧", "clock too old"),
    Quality.BACKFILL: ("补传", "sent later"),
    Quality.DEFAULT_PARTITION: ("时间异常", "odd time"),
    Quality.DOUBTFUL: ("数值存疑", "doubtful"),
    Quality.SECTION_CHECKSUM: ("分段校验不符", "section checksum"),
}


def shown_reading(one: StoredReading) -> dict[str, Any]:
    """Return a reading as a row of a table."""
    return {
        "at": one.at,
        "period": one.period,
        "channel": one.channel,
        "values": one.values[:VALUES],
        "more": max(0, len(one.values) - VALUES),
        "quality": [
            {"zh": zh, "en": en} for bit, (zh, en) in QUALITIES.items() if one.quality & bit
        ],
    }


def explained(held: Held) -> list[Field]:
    """Return a frame in quarantine byte by byte, as far as its codec can."""
    codec = load_codecs().get(held.codec)
    return fields_of(codec, held.raw, held.request)


def fields_of(codec: Codec | None, raw: bytes, request: bytes | None = None) -> list[Field]:
    """Return what the bytes of a frame are called and say; a dump where no codec can tell."""
    found: Iterable[Field] = ()
    if codec is not None:
        try:
            found = codec.explain(raw, request)
        except ProtocolError:
            found = ()
    return list(found) or list(_dump(raw))


def recognised(raw: bytes) -> Codec | None:
    """Return the codec whose frames begin like these bytes; None where none's do."""
    return next((one for one in load_codecs().values() if one.recognise(raw) is Claim.YES), None)


def _dump(raw: bytes) -> Iterable[Field]:
    for offset in range(0, len(raw), DUMP_BYTES):
        row = raw[offset : offset + DUMP_BYTES]
        text = "".join(chr(byte) if chr(byte).isprintable() and byte < 127 else "." for byte in row)
        yield Field(offset, row, "", text)
