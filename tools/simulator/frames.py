"""Readings as frames, through the codecs' own encoders.

acrel   91 with the 0x60 block: secondary values, whole seconds, counters of 10 Wh
hj212   2011 with power and currents, or one current; 2021 with a running status; kept: RF=1 of 2025
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from wattwarden.codecs import load_codecs
from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.codec import Codec, Message
from wattwarden.tools.simulator.moments import ZONE
from wattwarden.tools.simulator.site import Machine, Site, Speaker, Station

ACREL_CHANNEL: Final = "1-1"
ACREL_LAYOUT: Final = "prepaid_0x60"
# The blower of a sewage works: a current that is a channel of its own.
CURRENT_CODE: Final = "e30201"
STATUS_CODE: Final = "SB1-RS"
VERSION_2017: Final = 5
VERSION_2025: Final = 9
SYSTEM: Final = "51"  # process conditions of waste gas treatment
EMISSION_SYSTEM: Final = "31"  # sources of air pollution
PASSWORD: Final = "123456"  # noqa: S105  # the standard's example, known to everybody
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PHASES: Final = ("a", "b", "c")

Values = Mapping[str, float]
"""One reading by the names of ``Readings``, in primary units; NaN and -1 for what is missing."""


def protocol_of(site: Site, speaker: Speaker) -> str:
    """Return the name of the codec that a machine's meter, or a station, speaks."""
    if isinstance(speaker, Station):
        return "hj212"
    return site.firms[speaker.firm].spec.protocol


def channel_of(protocol: str, meter: str) -> str:
    """Return under which channel the readings of a meter are stored."""
    if protocol == "acrel":
        return ACREL_CHANNEL
    return CURRENT_CODE if meter == "current" else ""


@dataclass(frozen=True)
class Frames:
    """Makes the frames of every meter of a site."""

    site: Site

    def codec(self, speaker: Speaker) -> Codec:
        """Return the codec of a machine's meter, or of a station."""
        return load_codecs()[self._protocol(speaker)]

    def login(self, speaker: Speaker) -> bytes:
        """Return what a meter says first on a connection, b"" for nothing."""
        if self._protocol(speaker) != "acrel":
            return b""
        fields = {
            "serial": speaker.address,
            "iccid": f"898604{speaker.address}",
            "rssi": 23,
            "report_interval_min": max(1, speaker.cycle_s // 60),
        }
        message = Message("register", speaker.address, None, fields)
        return self.codec(speaker).encode(message)

    def report(self, machine: Machine, values: Values, *, kept: bool) -> bytes:
        """Return the frame of a reading; ``kept`` says that it could not be sent before."""
        if self._protocol(machine) == "acrel":
            return self._acrel(machine, values)
        return self._hj212(machine, values, kept=kept)

    def emission(self, station: Station, at_ms: int, value: float, flag: int) -> bytes:
        """Return the frame of a pollutant at an outlet, in the unit of its limit."""
        at, code = _local(at_ms), station.spec.factor
        fields: dict[str, Any] = {
            "QN": f"{at:%Y%m%d%H%M%S}000",
            "ST": EMISSION_SYSTEM,
            "CN": "2011",
            "PW": PASSWORD,
            "MN": station.address,
            "Flag": str(VERSION_2017),
            "CP": f"DataTime={at:%Y%m%d%H%M%S};{code}-Rtd={value:.3f},{code}-Flag={chr(flag)}",
        }
        return self.codec(station).encode(Message("realtime", station.address, None, fields))

    def _protocol(self, speaker: Speaker) -> str:
        return protocol_of(self.site, speaker)

    def _acrel(self, machine: Machine, values: Values) -> bytes:
        ratio = machine.ratio
        block: dict[str, Any] = {
            "clock": LocalTime.of(_local(values["at_ms"])),
            "pt": 1,
            "ct": ratio,
            "power_total": round(values["power"] / ratio),
            "power_factor_total": round(values["power_factor"], 3),
            "energy_forward": int(values["energy"]) // ratio,
        }
        for phase in _PHASES:
            block[f"voltage_{phase}"] = round(values[f"voltage_{phase}"], 1)
            block[f"current_{phase}"] = round(values[f"current_{phase}"] / ratio, 2)
        sections = [{"channel": ACREL_CHANNEL, "layout": ACREL_LAYOUT, "values": block}]
        fields = {"serial": machine.address, "sections": sections}
        return self.codec(machine).encode(Message("upload", machine.address, None, fields))

    def _hj212(self, machine: Machine, values: Values, *, kept: bool) -> bytes:
        at = _local(values["at_ms"])
        fields: dict[str, Any] = {
            "QN": f"{at:%Y%m%d%H%M%S}000",
            "ST": SYSTEM,
            "CN": "2021" if machine.spec.meter == "status" else "2011",
            "PW": PASSWORD,
            "MN": machine.address,
            "Flag": str(VERSION_2025 if kept else VERSION_2017),
        }
        if kept:
            fields["RF"] = "1"
        fields["CP"] = _data(machine, values, f"{at:%Y%m%d%H%M%S}")
        kind = "status" if machine.spec.meter == "status" else "realtime"
        return self.codec(machine).encode(Message(kind, machine.address, None, fields))


def _data(machine: Machine, values: Values, time: str) -> str:
    """The data of an HJ 212 frame, without CP=&& and &&."""
    if machine.spec.meter == "status":
        return f"DataTime={time};{STATUS_CODE}={int(values['status'])}"
    if machine.spec.meter == "current":
        pairs = [(CURRENT_CODE, f"{values['current_a']:.2f}")]
    else:
        pairs = [("d10001", f"{values['power'] / 1000:.4f}")]
        for place, phase in enumerate(_PHASES):
            pairs.append((f"d1000{4 + place}", f"{values[f'voltage_{phase}']:.1f}"))
        for place, phase in enumerate(_PHASES):
            pairs.append((f"d1000{7 + place}", f"{values[f'current_{phase}']:.2f}"))
        pairs.append(("d10010", f"{values['power_factor']:.3f}"))
    said = ";".join(f"{code}-Rtd={text},{code}-Flag=N" for code, text in pairs)
    return f"DataTime={time};{said}"


def _local(at_ms: float) -> datetime:
    if math.isnan(at_ms):
        raise ValueError("a reading has a time")
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZONE)
