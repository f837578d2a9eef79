"""The XML that gateways speak, read safely and bounded.

<root><common><gateway_id>…</gateway_id>…</common>
      <id_validate operation="request|sequence|md5|result">…</id_validate>
    | <heart_beat operation="notify|time"><time>…</time></heart_beat>
    | <data><time>yyyyMMddHHmmss</time><meter id="01"><function id="WPP">433.31</function>…
</root>
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from wattwarden.protocol.codec import MAX_CHANNEL_BYTES
from wattwarden.protocol.errors import ProtocolError, Refusal

# Two buses of 247 meters each.
MOST_METERS: Final = 494
MOST_FUNCTIONS: Final = 64
MOST_NAME_LETTERS: Final = 32

_NAME: Final = re.compile(rf"[!-~]{{1,{MOST_NAME_LETTERS}}}")
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Notice:
    """A text about a gateway: ``parts`` are what its element says, by name."""

    gateway: str | None
    building: str
    operation: str
    parts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """What a gateway reports: by meter, what each function reads."""

    gateway: str | None
    time: str
    meters: dict[str, dict[str, float]]


def parse(text: bytes) -> Element:
    """Read XML; nothing in it may be declared, included or expanded.

    Raises:
        ProtocolError: decode.
    """
    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ProtocolError(Refusal.DECODE, f"this is no XML: {type(error).__name__}") from error
    return root


def notice_of(root: Element, name: str) -> Notice:
    """Return what the element ``name`` of a text says."""
    element = root.find(name)
    if element is None:
        return Notice(gateway_of(root), "", "", {})
    parts = {part.tag: (part.text or "").strip() for part in list(element)[:MOST_FUNCTIONS]}
    building = (root.findtext("common/building_id") or "").strip()
    return Notice(gateway_of(root), building, element.get("operation", "").lower(), parts)


def gateway_of(root: Element) -> str | None:
    """Return how the gateway calls itself, None where that can be no name."""
    name = (root.findtext("common/gateway_id") or "").strip()
    return name if _NAME.fullmatch(name) else None


def report_of(root: Element) -> Report:
    """Return what a text reports.

    Raises:
        ProtocolError: length, more meters than two buses have; decode, a meter without a name.
    """
    meters: dict[str, dict[str, float]] = {}
    for meter in root.iterfind("data/meter"):
        name = meter.get("id", "").strip()
        if not _NAME.fullmatch(name) or len(name) > MAX_CHANNEL_BYTES:
            text = f"a meter is named by 1 to {MAX_CHANNEL_BYTES} letters, got {name[:40]!a}"
            raise ProtocolError(Refusal.DECODE, text)
        meters.setdefault(name, {}).update(_functions(meter))
        if len(meters) > MOST_METERS:
            text = f"at most {MOST_METERS} meters are accepted"
            raise ProtocolError(Refusal.LENGTH, text)
    return Report(gateway_of(root), (root.findtext("data/time") or "").strip(), meters)


def _functions(meter: Element) -> Iterator[tuple[str, float]]:
    """Yield what functions read; one with an error, or without a number, reads nothing."""
    for count, function in enumerate(meter.iterfind("function")):
        name, value = function.get("id", "").strip(), (function.text or "").strip()
        sound = not function.get("error") and _NAME.fullmatch(name) and _NUMBER.fullmatch(value)
        if sound and count < MOST_FUNCTIONS:
            yield name, float(value)


def write_notice(notice: Notice, name: str) -> bytes:
    """Write a text about a gateway."""
    parts = "".join(f"<{tag}>{escape(value)}</{tag}>" for tag, value in notice.parts.items())
    text = (
        '<?xml version="1.0" encoding="utf-8"?><root><common>'
        f"<building_id>{escape(notice.building)}</building_id>"
        f"<gateway_id>{escape(notice.gateway or '')}</gateway_id>"
        f'<type>{name}</type></common><{name} operation="{notice.operation}">'
        f"{parts}</{name}></root>"
    )
    return text.encode()


def write_report(report: Report) -> bytes:
    """Write what a gateway reports."""
    meters = "".join(
        f'<meter id="{escape(name)}">'
        + "".join(
            f'<function id="{escape(function)}" error="">{value!r}</function>'
            for function, value in functions.items()
        )
        + "</meter>"
        for name, functions in report.meters.items()
    )
    text = (
        '<?xml version="1.0" encoding="utf-8"?><root><common>'
        f"<gateway_id>{escape(report.gateway or '')}</gateway_id><type>report</type></common>"
        f"<data><time>{escape(report.time)}</time>{meters}</data></root>"
    )
    return text.encode()
