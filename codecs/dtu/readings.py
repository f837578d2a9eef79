"""What the meters behind DTUs answered, as columns.

Modbus     meter = the DTU, channel = slave or as configured; only with its request
DL/T 645   meter = its own address
"""

from collections.abc import Mapping
from dataclasses import replace

from wattwarden.codecs.dlt645.frame import check as check_645
from wattwarden.codecs.dlt645.frame import meter_of as meter_of_645
from wattwarden.codecs.dlt645.readings import readings_of as readings_of_645
from wattwarden.codecs.dtu.frame import Carried, Inner, inner_of
from wattwarden.codecs.dtu.packets import packet_of
from wattwarden.codecs.modbus.frame import check
from wattwarden.codecs.modbus.maps import MeterType
from wattwarden.codecs.modbus.readings import meters_of, readings_of
from wattwarden.protocol.codec import DEFAULT_PROFILE, Batch, Columns, ProfileOf
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.rows import Rows

Meters = Mapping[int, tuple[MeterType, str]]


def decode(batch: Batch) -> Columns:
    """Read the answers of a batch into columns; by its packets a DTU announces itself."""
    rows = Rows(batch, b"", b"")
    sites = [_site_of(batch.profile_of, identity) for identity in batch.identities]
    announced: dict[str, int] = {}
    for index, frame in enumerate(batch.frames()):
        prefix, meters = sites[batch.session[index]]
        inner = inner_of(frame, len(prefix) if frame.startswith(prefix) else 0)
        if inner is None:
            name = batch.identities[batch.session[index]]
            if name is not None:
                announced.setdefault(name, index)
            continue
        try:
            if inner.kind is Carried.DLT645:
                parts = check_645(inner.raw)
                readings = readings_of_645(parts)
                if readings:
                    meter = rows.meter(index, meter_of_645(parts.address))
                    rows.add_present((index, meter, 0), readings)
            else:
                _take(rows, batch, index, inner, meters)
        except ProtocolError as error:
            rows.refuse(index, error)
    return replace(rows.columns(), announced=announced)


def _take(rows: Rows, batch: Batch, index: int, inner: Inner, meters: Meters) -> None:
    number = int(batch.request[index])
    adu = check(inner.raw)
    meter = meters.get(adu.slave)
    if number < 0 or meter is None:
        return
    readings = readings_of(adu, check(batch.requests[number]), *meter)
    if readings:
        rows.add_present((index, rows.meter(index, None), 0), readings)


def _site_of(profile_of: ProfileOf, identity: str | None) -> tuple[bytes, Meters]:
    """Return the prefix of a DTU's frames, and its meters by slave."""
    options = DEFAULT_PROFILE.options if identity is None else profile_of(identity).options
    return packet_of(options.get("prefix")), meters_of(options)
