"""Uploads to columns: those that are alike together, the others frame by frame.

Each frame carries what it likes; no value becomes an object of its own for long.
"""

from math import isnan
from typing import Final

import numpy as np

from wattwarden.codecs.hj212.alike import take_alike
from wattwarden.codecs.hj212.cipher import begins_sealed, is_ciphertext
from wattwarden.codecs.hj212.frame import HEAD, halves
from wattwarden.codecs.hj212.header import (
    HEAD_BYTES,
    WRONG_PASSWORD,
    facts_of,
    number_and_rest,
)
from wattwarden.codecs.hj212.parts import read_context, read_part
from wattwarden.codecs.hj212.plan import plan_of, readings_of, texts_of
from wattwarden.codecs.hj212.proof import bounds_of, opened
from wattwarden.protocol.access import OPEN
from wattwarden.protocol.codec import MAX_CHANNEL_BYTES, Batch, Columns
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.pairs import read_pairs
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.rows import NO_FLAG, Rows

SOUND_FLAGS: Final = b"Nn"

# A table and what to leave out for bytes.translate: of data only = and ; remain, ``,`` as ;.
_SEPARATORS: Final = bytes.maketrans(b",", b";")
_NO_SEPARATORS: Final = bytes(byte for byte in range(256) if byte not in b"=;,")

Origin = tuple[int, int, int]
"""Where data come from: the frame of the batch, its meter, and the quality it claims."""


def decode(batch: Batch) -> Columns:
    """Read the frames of a batch into columns."""
    starts, ends, good = bounds_of(batch)
    decoder = _Decoder(batch)
    spans = list(zip(range(len(batch)), starts.tolist(), ends.tolist(), strict=True))
    if not good.all():
        spans = [spans[index] for index in np.flatnonzero(good).tolist()]
    left = take_alike(batch, spans, decoder.history, decoder.rows)
    for index in sorted((*left, *np.flatnonzero(~good).tolist())):
        try:
            is_plain = good[index]
            plain = batch.data[starts[index] : ends[index]] if is_plain else opened(batch, index)
            decoder.take(index, plain)
        except ProtocolError as error:
            decoder.rows.refuse(index, error)
    return decoder.rows.columns()


class _Decoder:
    """Collects what the frames of one batch mean."""

    __slots__ = ("_batch", "history", "rows")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self.history = _history(batch)
        self.rows = Rows(batch, SOUND_FLAGS, b"DataTime=")

    def take(self, index: int, segment: bytes) -> None:
        """Take the segment of one frame, plain or ciphertext that happens to fit its checksum.

        Raises:
            ProtocolError: it gives no row.
        """
        head, data = halves(segment)
        facts = facts_of(number_and_rest(head)[1])
        period, address = facts.command.period, facts.address
        if not period:
            return
        if facts.may_be_sealed and begins_sealed(data) and is_ciphertext(segment):
            data = halves(opened(self._batch, index))[1]
        if facts.refused:
            raise ProtocolError(Refusal.DECODE, facts.refused, HEAD_BYTES)
        if address is not None:
            access = self._batch.profile_of(address).access
            if access is not OPEN and not access.takes_password(facts.password):
                raise ProtocolError(Refusal.DECODE, WRONG_PASSWORD, HEAD_BYTES)
        quality = Quality.BACKFILL if facts.repeated or index in self.history else 0
        origin = (index, self.rows.meter(index, address), int(quality))
        if facts.part is None or facts.part[1] == 1:
            self._add(origin, period, data)
        else:
            self._add_part(origin, period, facts.part, data)

    def _add_part(self, origin: Origin, period: str, part: tuple[int, int], data: bytes) -> None:
        """Add the readings of a part of a split packet."""
        asked = int(self._batch.request[origin[0]])
        context = read_context(self._batch.requests[asked] if asked >= 0 else b"")
        passage = read_part(part, data, context)
        for text in passage.dated:
            self._add(origin, period, text)
        if passage.is_undated:
            message = "a part without DataTime, and none that came before it had one"
            raise ProtocolError(Refusal.DECODE, message)

    def _refuse(self, origin: Origin, message: str) -> None:
        self.rows.refuse(origin[0], ProtocolError(Refusal.DECODE, message))

    def _add(self, origin: Origin, period: str, data: bytes) -> None:
        """Add the readings of some data."""
        data = data.rstrip(b";,")
        texts = texts_of(data)
        plan = plan_of(tuple(texts[::2]))
        if data.translate(_SEPARATORS, _NO_SEPARATORS) != plan.skeleton or b"_" in data:
            texts = self._texts(origin, data)
            plan = plan_of(tuple(texts[::2]))
        if plan.refused:
            self._refuse(origin, plan.refused)
        texts.append(NO_FLAG)
        values, flags = readings_of(plan, texts)
        if not values or (isnan(values[0]) and not any(flags) and all(map(isnan, values))):
            return  # requests, logs and the like: texts, to be found in the frame
        channel = _channel(texts[plan.pollutant]) if plan.pollutant >= 0 else ""
        time = texts[plan.time] if plan.time >= 0 else b""
        self.rows.add((plan.shape, period, channel), origin, time, values, flags)

    def _texts(self, origin: Origin, data: bytes) -> list[bytes]:
        """Return names and values of data that are not name=value throughout.

        Numbers with an underline, which float() takes and the standard does not, become empty.
        """
        pairs, fragments = read_pairs(data)
        if fragments:
            self._refuse(origin, f"an item without a value: {fragments[0][:32]!r}")
        texts: list[bytes] = []
        for name, value in pairs:
            texts += (name, value if b"_" not in value else b"")
        return texts


def _history(batch: Batch) -> frozenset[int]:
    """Return which frames answer a request for history."""
    asked = [
        index
        for index, text in enumerate(batch.requests)
        if text.startswith(HEAD) and b"BeginTime=" in text
    ]
    return frozenset(np.flatnonzero(np.isin(batch.request, asked)).tolist())


def _channel(pollutant: bytes) -> str:
    """Name the channel of an instrument's information after the factor that it measures."""
    text = pollutant[:MAX_CHANNEL_BYTES].decode("latin-1")
    return text if text.isascii() and text.isprintable() else ""
