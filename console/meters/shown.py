"""Readings and frames as pages show them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from wattwarden.codecs import load_codecs
from wattwarden.console.drawing.quantities import told_of
from wattwarden.console.drawing.said import Said
from wattwarden.protocol.codec import Claim, Codec, Field
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.quality import Quality
from wattwarden.storage.quarantine import Held
from wattwarden.storage.readings import StoredReading
from wattwarden.storage.rows.outliving import computing, ending_of

# One row of a dump of bytes that nobody can explain.
DUMP_BYTES: Final = 16
# What takes a decoder this long will not end; all that a page shows takes half a second at most.
READ_S: Final = 5
# Of many factors of a station; the rest is told as a number.
VALUES: Final = 10
PERIODS: Final[Mapping[str, Said]] = {
    "instant": Said("即时", "instant"),
    "minute": Said("分钟", "minute"),
    "hour": Said("小时", "hour"),
    "day": Said("日", "day"),
    "runtime": Said("运行时间", "run time"),
}

_MARKS: Final[Mapping[Quality, Said]] = {
    Quality.NO_CLOCK: Said("无时标", "no clock"),
    Quality.CLOCK_AHEAD: Said("时钟超前", "clock ahead"),
    Quality.CLOCK_OLD: Said("时钟过旧", "clock too old"),
    Quality.BACKFILL: Said("补传", "sent later"),
    Quality.DEFAULT_PARTITION: Said("时间异常", "odd time"),
    Quality.DOUBTFUL: Said("数值存疑", "doubtful"),
    Quality.SECTION_CHECKSUM: Said("分段校验不符", "section checksum"),
    Quality.CLOCK_OFF: Said("时钟偏差大", "clock off"),
    Quality.CLOCK_SERVER: Said("按收到时间", "by the receipt"),
    Quality.CLOCK_TRUSTED: Said("以表时为准", "by the meter's clock"),
}
# How meters call the strength of their radio.
_STRENGTHS: Final = frozenset({"rssi", "signal", "csq"})


def is_strength(name: str) -> bool:
    """Tell whether a value of this name is how well a meter's radio is heard."""
    return name.lower() in _STRENGTHS


def shown_reading(one: StoredReading) -> dict[str, Any]:
    """Return a reading as a row of a table."""
    told = told_of(one.values)
    return {
        "at": one.at,
        "period": PERIODS[one.period],
        "channel": one.channel,
        "told": told[:VALUES],
        "more": max(0, len(told) - VALUES),
        "quality": [said for bit, said in _MARKS.items() if one.quality & bit],
    }


async def explained(held: Held) -> list[Field]:
    """Return a frame in quarantine byte by byte, as far as its codec can."""
    return await fields_apart(load_codecs().get(held.codec), held.raw, held.request)


async def fields_apart(
    codec: Codec | None, raw: bytes, request: bytes | None = None
) -> list[Field]:
    """The same as ``fields_of``, in a child process first: what ends that is shown as bytes.

    Raises:
        StorageError: The machine has no room for another process.
    """
    reading = partial(fields_of, codec, raw, request)
    ending = await asyncio.to_thread(ending_of, reading, READ_S)
    return await asyncio.to_thread(_computed, partial(fields_of, None, raw) if ending else reading)


def _computed(reading: Callable[[], list[Field]]) -> list[Field]:
    with computing():
        return reading()


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
