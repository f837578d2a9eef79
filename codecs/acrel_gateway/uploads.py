"""What gateways report, as columns: the gateway is the address, its meters are the channels."""

from functools import cache
from math import nan

from wattwarden.codecs.acrel_gateway.frame import DATA_ZIPPED, SEALED, check
from wattwarden.codecs.acrel_gateway.secrets import decrypt, unzip
from wattwarden.codecs.acrel_gateway.texts import Report, parse, report_of
from wattwarden.codecs.pushes.told import property_of
from wattwarden.codecs.tables import read_table
from wattwarden.protocol.codec import Batch, Columns, Profile
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.rows import NO_FLAG, Measured, Rows, Shape


def decode(batch: Batch) -> Columns:
    """Decrypt and read the reports of a batch."""
    rows = Rows(batch, b"", b"")
    shapes: dict[tuple[tuple[str, ...], tuple[Measured, ...]], Shape] = {}
    for index, frame in enumerate(batch.frames()):
        if frame[2:3] and frame[2] in SEALED:
            try:
                _take(rows, shapes, batch, index)
            except ProtocolError as error:
                rows.refuse(index, ProtocolError(error.kind, error.message))
    return rows.columns()


def _take(
    rows: Rows,
    shapes: dict[tuple[tuple[str, ...], tuple[Measured, ...]], Shape],
    batch: Batch,
    index: int,
) -> None:
    kind, data = check(batch.frame(index))
    gateway = batch.identities[batch.session[index]]
    profile = batch.profile_of(gateway or "")
    if gateway is None or profile.key is None:
        raise ProtocolError(Refusal.UNKNOWN, "no key: the gateway has not proved who it is")
    text = decrypt(data, profile.key)
    report = report_of(parse(unzip(text) if kind == DATA_ZIPPED else text))
    if report.gateway not in (None, gateway):
        message = f"the report is that of {report.gateway}, the gateway is {gateway}"
        raise ProtocolError(Refusal.DECODE, message)
    meter = rows.meter(index, gateway)
    for channel, factors, measured in _sorted(report, profile):
        names = (tuple(factors), tuple(measured))
        shape = shapes.setdefault(names, Shape(*names))
        values = [*factors.values(), *measured.values()]
        time = report.time.encode()
        origin = (index, meter, 0)
        rows.add((shape, "instant", channel), origin, time, values, NO_FLAG * len(values))


def _sorted(
    report: Report, profile: Profile
) -> list[tuple[str, dict[str, float], dict[Measured, float]]]:
    """Tell, by meter, the functions that are quantities from those that are but named."""
    found = []
    for channel, functions in report.meters.items():
        factors: dict[str, float] = {}
        measured: dict[Measured, float] = {}
        for name, value in functions.items():
            what = _measured(channel, name, profile)
            if what is None:
                factors[name] = value
            else:
                measured.setdefault(what, value)
        if factors or measured:
            found.append((channel, factors, measured))
    return found


def _measured(channel: str, name: str, profile: Profile) -> Measured | None:
    chosen = property_of(profile, name)
    if chosen is not None:
        return chosen._replace(channel=channel)
    quantity, scale = _table().get(name.upper(), ("", nan))
    return Measured(channel, quantity, scale) if quantity else None


@cache
def _table() -> dict[str, tuple[str, float]]:
    rows = read_table("acrel_gateway_functions")
    return {row["id"]: (row["quantity"], float(row["scale"])) for row in rows}
