"""CTWing (天翼物联 AEP): what China Telecom's platform pushes over HTTP about NB-IoT meters.

{"messageType":"dataReport","deviceId":"…","IMEI":"…","timestamp":1650554828842,
 "payload":{"APPdata":"Base64 of what the meter sent"} or {"serviceData":{"name":1,…}},…}

Frames of other codecs inside a payload are read as theirs; what they do not say of meter and time
is the push's: IMEI, else deviceId, and ``timestamp``.  Bytes that no codec knows are kept as hex.
Numbers of a data model (profile mode) are factors under the model's names.

Option of a meter's profile: ``properties`` makes quantities of such numbers, by name: a quantity,
or a quantity and the scale that brings the number to its unit, as in
``{"Ua": "voltage_a", "EPI": ["energy_forward", 1000]}``.

Source: the platform's own pushes as published by two open receivers.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from wattwarden.codecs.pushes import json_body, message
from wattwarden.codecs.pushes.carried import BASE64_FIRST, frames_in, payload_of
from wattwarden.codecs.pushes.platforms import CTWING, ONENET
from wattwarden.codecs.pushes.told import Told, address_of, moment_of, numbers_of, texts_of
from wattwarden.protocol.codec import Codec, ProfileOf
from wattwarden.protocol.errors import ProtocolError, Refusal

KINDS: Final = {
    "data_report": "dataReport: what a meter sent, or what the platform has read of it",
    "event_report": "eventReport: an event of the data model",
    "online": "deviceOnlineOfflineReport: the platform hears the meter",
    "offline": "deviceOnlineOfflineReport: the platform hears the meter no more",
    "command_response": "commandResponse: what became of a command",
    "other": "any other messageType, kept as it is",
}
_NAMES: Final = {
    "dataReport": "data_report",
    "dataReportTupTransparent": "data_report",
    "eventReport": "event_report",
    "commandResponse": "command_response",
}
_ONLINE_OFFLINE: Final = "deviceOnlineOfflineReport"
# Bytes of the meter stand here; anywhere else a text is one, unless it holds a frame.
_RAW: Final = ("APPdata", "data", "rawData")


def _is_push(body: dict[str, Any]) -> bool:
    known = isinstance(body.get("messageType"), str) or "payload" in body
    return known and "msg" not in body


def tell(body: dict[str, Any], profile_of: ProfileOf) -> Sequence[Told]:
    """Return what a body tells; raises ProtocolError where it is no push of this platform."""
    if not _is_push(body):
        raise ProtocolError(Refusal.UNKNOWN, "a push of CTWing has a messageType or a payload")
    payload = body.get("payload")
    model = body.get("eventContent", payload)
    if isinstance(payload, dict):
        model = payload.get("serviceData", {k: v for k, v in payload.items() if k not in _RAW})
    own = (body.get(name) for name in ("IMEI", "imei", "deviceId", "deviceSn"))
    told = Told(
        kind=_kind_of(body),
        meter=address_of(*own),
        at=moment_of(body.get("timestamp")),
        payloads=tuple(_payloads(payload, profile_of)),
        numbers=numbers_of(model) if isinstance(model, dict) else {},
    )
    return (told,)


def _kind_of(body: dict[str, Any]) -> str:
    name = body.get("messageType", "dataReport")
    if name == _ONLINE_OFFLINE:
        return "online" if body.get("eventType") in (1, "1") else "offline"
    return _NAMES.get(name, "other") if isinstance(name, str) else "other"


def _payloads(payload: Any, profile_of: ProfileOf) -> list[bytes]:
    """Return the bytes that a payload holds: the raw ones, and whatever else is frames."""
    raw = [payload] if isinstance(payload, str) else []
    rest = payload
    if isinstance(payload, dict):
        raw += [payload[name] for name in _RAW if isinstance(payload.get(name), str)]
        rest = {name: value for name, value in payload.items() if name not in _RAW}
    found = [payload_of(text, BASE64_FIRST, profile_of) for text in raw]
    if not isinstance(payload, str):
        others = (payload_of(text, BASE64_FIRST, profile_of) for text in texts_of(rest))
        found += [one for one in others if one and next(frames_in(one, profile_of), None)]
    return [one for one in found if one]


_recognise: Final = json_body.recognition(CTWING, ONENET)

CODEC: Final = Codec(
    name="ctwing",
    title="CTWing HTTP push (天翼物联 AEP)",
    outline=json_body.outline(_is_push, _recognise),
    kinds=KINDS,
    recognise=_recognise,
    dialogue=partial(message.PushDialogue, tell),
    confirm=None,
    acknowledge=message.acknowledge,
    decode=partial(message.decode, tell),
    read=partial(message.read, tell),
    encode=message.encode,
    explain=message.explain,
    is_guessed=False,
)
