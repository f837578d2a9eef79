"""What meters said, as rows: out of their frames anew, or as they are stored; and as text.

    frames ─ codec, clock policies ─► rows ─ of one key: the first, completed by later ones ─┐
    store ───────────────────────────────────────────────────────────────────────────────────┴► CSV

Both come to the same text, byte for byte, when what is stored is what the frames say.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import ProfileOf
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import MISSING, QUANTITIES
from wattwarden.storage.proof.frames import Sent, gathered
from wattwarden.storage.rows.binding import ClockBounds
from wattwarden.storage.rows.ingest import BoundBlock, Prepared, prepare
from wattwarden.storage.rows.tables import READING

Columns = Mapping[str, NDArray[Any]]

KEY_KINDS: Final = {
    "channel": "S8", "period": "S1", "at": "i8", "received_at": "i8", "quality": "i4",
}  # fmt: skip
# Where a row is stored says nothing about what was measured.
_KEPT_BITS: Final = np.int32(~Quality.DEFAULT_PARTITION)
_BLANK: Final = 0x20


class FactorRow(NamedTuple):
    """What is no electricity, of one frame: amounts and flags run beside the codes.

    ``at`` and ``received_at`` are microseconds UTC; a missing amount is None, a missing flag a
    blank.
    """

    channel: str
    period: str
    at: int
    received_at: int
    quality: int
    codes: tuple[str, ...]
    amounts: tuple[float | None, ...]
    flags: str


@dataclass(frozen=True, slots=True)
class Said:
    """What one meter said, sorted by time, channel and period.

    ``readings`` has the columns of ``KEY_KINDS`` and every quantity; a missing value is NaN or
    ``MISSING``.
    """

    readings: Columns
    factors: Sequence[FactorRow] = ()


@dataclass(slots=True)
class Decoded:
    """What frames came to, by meter (``codec:address``), and how many did not."""

    said: dict[str, Said] = field(default_factory=dict)
    frames: int = 0
    # Frames that gave no row though they should have, or a part of it only.
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """By what frames are read: profiles by codec and address, and bounds of clocks.

    ``apart``: in a child process first, which a frame may end (it waits as ``decoder_died``).
    """

    profile_of: Mapping[str, ProfileOf]
    bounds: ClockBounds
    apart: bool = True


def decode_sent(sent: Sequence[Sent], meters: Collection[str], terms: Terms) -> Decoded:
    """Read what some meters said out of frames, whoever brought them.

    Raises:
        ValueError: There is no codec of that name.
    """
    decoded = Decoded()
    for name, prepared in _prepared(sent, terms):
        decoded.frames += len(prepared.gathered)
        decoded.refused += len(prepared.decoded.poison) + sum(
            len(piece.columns.refused) for piece in prepared.decoded.pieces
        )
        for meter in meters:
            codec, _, address = meter.partition(":")
            if codec == name:
                decoded.said[meter] = _of_meter(prepared.blocks, address)
    return decoded


def senders_of(
    sent: Sequence[Sent], meters: Collection[str], terms: Terms
) -> set[tuple[str, str | None]]:
    """Return by which senders (codec, identity) some meters spoke; raises as ``decode_sent``."""
    found: set[tuple[str, str | None]] = set()
    for name, prepared in _prepared(sent, terms):
        batch = prepared.gathered.batch
        for block in prepared.blocks:
            wanted = [f"{name}:{address}" in meters for address in block.addresses]
            mine = np.array(wanted, np.bool_)[block.rows.meter]
            sessions = np.unique(batch.session[block.rows.order[mine]]).tolist()
            found |= {(name, batch.identities[session]) for session in sessions}
    return found


def within(said: Said, since: int, until: int) -> Said:
    """Return what was measured from a moment on and before another (microseconds UTC)."""
    at = said.readings["at"]
    return Said(
        take(said.readings, (at >= since) & (at < until)),
        [row for row in said.factors if since <= row.at < until],
    )


def take(columns: Columns, chosen: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the chosen rows, by mask or by places."""
    return {name: values[chosen] for name, values in columns.items()}


def readings_csv(columns: Columns) -> bytes:
    """Write readings as text: times in UTC, values in the units that the head names.

    Numbers of single precision have as many digits as tell them apart.
    """
    names = [name for name in QUANTITIES if _has_values(columns, name)]
    head = ["channel", "period", "at", "received_at", "quality"]
    units = [f"{name} [{QUANTITIES[name].unit}]" for name in names]
    cells = [
        [text.decode() for text in columns["channel"].tolist()],
        [text.decode() for text in columns["period"].tolist()],
        _moments(columns["at"]),
        _moments(columns["received_at"]),
        list(map(str, columns["quality"].tolist())),
        *(_numbers(columns[name]) for name in names),
    ]
    lines = [",".join([*head, *units]), *map(",".join, zip(*cells, strict=True)), ""]
    return "\n".join(lines).encode()


def factors_csv(rows: Sequence[FactorRow]) -> bytes:
    """Write what is no electricity as text: ``code=amount`` and the flag, one column for all."""
    at = _moments(np.array([row.at for row in rows], np.int64))
    received = _moments(np.array([row.received_at for row in rows], np.int64))
    digits: dict[float, str] = {}
    lines = ["channel,period,at,received_at,quality,factors"]
    for row, when, came in zip(rows, at, received, strict=True):
        said = ";".join(
            f"{code}={_digits(amount, digits)}{flag.strip()}"
            for code, amount, flag in zip(row.codes, row.amounts, row.flags, strict=True)
        )
        lines.append(f"{row.channel},{row.period},{when},{came},{row.quality},{said}")
    return "\n".join([*lines, ""]).encode()


def nothing_read() -> dict[str, NDArray[Any]]:
    """Return readings without rows."""
    return {name: np.empty(0, kind) for name, kind in _kinds().items()}


def in_order(columns: Columns) -> dict[str, NDArray[Any]]:
    """Return readings sorted by time, channel and period; of the same key as they came."""
    order = np.lexsort([columns["period"], columns["channel"], columns["at"]])
    return take(columns, order)


def _prepared(sent: Sequence[Sent], terms: Terms) -> Iterator[tuple[str, Prepared]]:
    """Yield what senders of each codec sent, decoded; ValueError where there is no such codec."""
    codecs = load_codecs()
    for name in sorted({one.codec for one in sent}):
        if name not in codecs:
            message = f"there is no codec {name[:40]!a}"
            raise ValueError(message)
        frames = gathered(name, [one for one in sent if one.codec == name], terms.profile_of[name])
        yield name, prepare(codecs[name], frames, terms.bounds, apart=terms.apart)


def _of_meter(blocks: Sequence[BoundBlock], address: str) -> Said:
    parts: list[Columns] = []
    orders: list[NDArray[Any]] = []
    factors: list[tuple[int, FactorRow]] = []
    for block in blocks:
        if address not in block.addresses:
            continue
        mine = block.rows.meter == block.addresses.index(address)
        bound = replace(block, rows=block.rows.take(mine))
        if block.table is READING:
            parts.append(_columns(bound))
            orders.append(bound.rows.order)
        else:
            factors += zip(bound.rows.order.tolist(), _factor_rows(bound), strict=True)
    factors.sort(key=lambda pair: pair[0])
    readings: Columns = nothing_read()
    if parts:
        whole = {name: np.concatenate([part[name] for part in parts]) for name in readings}
        arrival = np.argsort(np.concatenate(orders), kind="stable")
        readings = _first_of_each(in_order(take(whole, arrival)))
    return Said(readings, _first_factors([row for _, row in factors]))


def _columns(block: BoundBlock) -> dict[str, NDArray[Any]]:
    rows, count = block.rows, len(block.rows)
    columns: dict[str, NDArray[Any]] = {
        "channel": np.full(count, rows.channel.encode(), "S8"),
        "period": np.full(count, rows.period.encode(), "S1"),
        "at": rows.at,
        "received_at": rows.received_at,
        "quality": rows.quality.astype(np.int32) & _KEPT_BITS,
    }
    for name, kind in _kinds().items():
        if name in rows.values:
            columns[name] = rows.values[name].astype(kind, copy=False)
        elif name not in columns:
            columns[name] = np.full(count, MISSING if kind == "i8" else np.nan, kind)
    return columns


def _first_of_each(columns: Columns) -> Columns:
    """Of rows with one key the first, with what later ones say that it left open."""
    keys = (columns["at"], columns["channel"], columns["period"])
    again = np.zeros(len(keys[0]), np.bool_)
    if len(again) < 2:
        return columns
    again[1:] = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    if not again.any():
        return columns
    first = 0
    for place in np.flatnonzero(again).tolist():
        if not again[place - 1]:
            first = place - 1
        news = [name for name in QUANTITIES if _says_otherwise(columns[name], first, place)]
        if news and all(_is_missing(columns[name][first]) for name in news):
            columns["quality"][first] |= columns["quality"][place]
            for name in news:
                columns[name][first] = columns[name][place]
    return take(columns, ~again)


def _first_factors(rows: Sequence[FactorRow]) -> list[FactorRow]:
    """The same for rows of factors, by their list of codes as well."""
    found: dict[tuple[int, str, str, tuple[str, ...]], FactorRow] = {}
    for row in rows:
        key = (row.at, row.channel, row.period, row.codes)
        first = found.setdefault(key, row)
        if first is row:
            continue
        amounts = tuple(
            later if one is None else one
            for one, later in zip(first.amounts, row.amounts, strict=True)
        )
        flags = "".join(
            later if one == " " else one for one, later in zip(first.flags, row.flags, strict=True)
        )
        fits = all(
            later is None or later == one for one, later in zip(amounts, row.amounts, strict=True)
        ) and all(later in (" ", one) for one, later in zip(flags, row.flags, strict=True))
        if fits and (amounts, flags) != (first.amounts, first.flags):
            quality = first.quality | row.quality
            found[key] = first._replace(amounts=amounts, flags=flags, quality=quality)
    return sorted(found.values(), key=lambda row: (row.at, row.channel, row.period, row.codes))


def _factor_rows(block: BoundBlock) -> Iterator[FactorRow]:
    rows = block.rows
    flags = rows.values.get("flags")
    for place, amounts in enumerate(rows.values["amounts"].tolist()):
        letters = bytes(len(block.codes)) if flags is None else flags[place].tobytes()
        yield FactorRow(
            rows.channel,
            rows.period,
            int(rows.at[place]),
            int(rows.received_at[place]),
            int(rows.quality[place]) & int(_KEPT_BITS),
            block.codes,
            tuple(None if amount != amount else amount for amount in amounts),  # noqa: PLR0124  NaN
            letters.replace(b"\0", b" ").decode("ascii"),
        )


def _kinds() -> dict[str, str]:
    return KEY_KINDS | {name: "i8" if one.exact else "f4" for name, one in QUANTITIES.items()}


def _has_values(columns: Columns, name: str) -> bool:
    values = columns[name]
    missing = values == MISSING if QUANTITIES[name].exact else np.isnan(values)
    return bool((~missing).any())


def _is_missing(value: Any) -> bool:
    return bool(value == MISSING or value != value)  # noqa: PLR0124  NaN


def _says_otherwise(values: NDArray[Any], first: int, later: int) -> bool:
    return not _is_missing(values[later]) and bool(values[later] != values[first])


def _moments(us: NDArray[np.int64]) -> list[str]:
    texts: list[str] = np.datetime_as_string(us.astype("datetime64[us]"), unit="us").tolist()
    return [f"{text}Z" for text in texts]


def _numbers(values: NDArray[Any]) -> list[str]:
    """Values as texts: each different one is written once."""
    found, places = np.unique(values, return_inverse=True)
    texts = np.array(["" if _is_missing(one) else str(one) for one in found], object)
    cells: list[str] = texts[places.reshape(-1)].tolist()
    return cells


def _digits(amount: float | None, known: dict[float, str]) -> str:
    if amount is None:
        return ""
    if amount not in known:
        known[amount] = str(np.float32(amount))
    return known[amount]
