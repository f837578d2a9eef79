"""OneNET (中移物联): what China Mobile's platform pushes over HTTP about NB-IoT meters.

{"msg":{"type":1,"at":1594199318758,"imei":"…","dev_id":606702219,"ds_id":"3300_0_5706",
 "value":"hex of what the meter sent"},"msg_signature":"…","nonce":"…"}

``msg`` is a message, a list of messages, or either written as a text.  Type 1 is a data point, 2
says that the meter is heard (``status`` 1) or no more (0).  Newer projects push ``messageType`` and
``notifyType`` with a data model under ``data.params``.

Frames of other codecs inside a value are read as theirs; what they do not say of meter and time is
the message's: imei, else dev_id, and ``at``.  Bytes that no codec knows are kept as hex.  A number
at an object of the IPSO registry is its quantity, any other number a factor under its own name.

Option of a meter's profile: ``properties``, as for the codec ``ctwing``.

Source: published pushes of water and electricity meters; resources as the registry of the Open
Mobile Alliance has them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import orjson

from wattwarden.codecs.onenet.resources import quantity_of
from wattwarden.codecs.pushes import json_body, message
from wattwarden.codecs.pushes.carried import HEX_FIRST, frames_in, payload_of
from wattwarden.codecs.pushes.platforms import CTWING, ONENET
from wattwarden.codecs.pushes.told import Told, address_of, moment_of, numbers_of, texts_of
from wattwarden.protocol.codec import Codec, Message, ProfileOf
from wattwarden.protocol.errors import ProtocolError, Refusal

KINDS: Final = {
    "data_point": "type 1: a value, often what the meter sent",
    "online": "type 2: the platform hears the meter",
    "offline": "type 2: the platform hears the meter no more",
    "property": "notifyType property: numbers of the data model",
    "event": "notifyType event: an event of the data model",
    "batch": "messages of several kinds",
    "encrypted": "enc_msg: messages that the platform has encrypted, kept as they are",
    "other": "any other message, kept as it is",
}
_DATA_POINT: Final = 1
_LOGIN: Final = 2
_NOTICES: Final = {"property": "property", "event": "event"}
# As many as fit into a body of the longest kind, 100 bytes each.
MOST_MESSAGES: Final = 512
_OWN: Final = ("imei", "dev_id", "deviceName", "device_name", "deviceId", "device_id")


def _is_push(body: dict[str, Any]) -> bool:
    return "msg" in body or isinstance(body.get("enc_msg"), str)


def tell(body: dict[str, Any], profile_of: ProfileOf) -> Sequence[Told]:
    """Return what a body tells; raises ProtocolError where it is no push of this platform."""
    if "msg" not in body:
        if _is_push(body):
            return (Told("encrypted", None, None),)
        raise ProtocolError(Refusal.UNKNOWN, "a push of OneNET has a msg")
    messages = messages_of(body["msg"])
    if len(messages) > MOST_MESSAGES:
        text = f"{len(messages)} messages, at most {MOST_MESSAGES} are accepted"
        raise ProtocolError(Refusal.LENGTH, text)
    return [_told(one, profile_of) for one in messages] or [Told("other", None, None)]


def messages_of(msg: Any) -> list[Any]:
    """Return the messages of a body's ``msg``, whichever way they are written."""
    if isinstance(msg, str):
        try:
            msg = orjson.loads(msg)
        except orjson.JSONDecodeError:
            return [msg]
    return msg if isinstance(msg, list) else [msg]


def _told(one: Any, profile_of: ProfileOf) -> Told:
    if not isinstance(one, Mapping):
        return Told("other", None, None)
    meter = address_of(*(one.get(name) for name in _OWN))
    at = moment_of(one.get("at", one.get("time", one.get("timestamp"))))
    kind = one.get("type")
    if kind == _LOGIN:
        return Told("online" if one.get("status") in (1, "1") else "offline", meter, at)
    if kind == _DATA_POINT or "value" in one:
        return _data_point(one, meter, at, profile_of)
    notice = one.get("notifyType")
    if isinstance(notice, str) and notice in _NOTICES:
        data = one.get("data")
        numbers = numbers_of(data.get("params", data) if isinstance(data, Mapping) else None)
        return Told(_NOTICES[notice], meter, at, numbers=numbers)
    return Told("other", meter, at)


def _data_point(
    one: Mapping[str, Any], meter: str | None, at: int | None, profile_of: ProfileOf
) -> Told:
    value, stream = one.get("value"), str(one.get("ds_id", "value"))
    if isinstance(value, str):
        payload = payload_of(value, HEX_FIRST, profile_of)
        return Told("data_point", meter, at, (payload,) if payload else ())
    if isinstance(value, Mapping | list):
        payloads = tuple(_payloads(value, profile_of))
        return Told("data_point", meter, at, payloads, numbers=numbers_of(value))
    numbers = numbers_of({stream: value})
    measured = quantity_of(stream)
    if measured is None or not numbers:
        return Told("data_point", meter, at, numbers=numbers)
    return Told("data_point", meter, at, quantities=((measured, numbers[stream]),))


def _payloads(value: Any, profile_of: ProfileOf) -> Iterator[bytes]:
    """Yield what the texts of a structured value stand for, where that is frames."""
    for text in texts_of(value):
        payload = payload_of(text, HEX_FIRST, profile_of)
        if payload and next(frames_in(payload, profile_of), None):
            yield payload


def read(frame: bytes, profile_of: ProfileOf) -> Message:
    """Read one push; messages that are written as a text are shown as what they say, too.

    Raises:
        ProtocolError: of every kind but checksum.
    """
    found = message.read(tell, frame, profile_of)
    msg = found.fields["body"].get("msg")
    if not isinstance(msg, str):
        return found
    return replace(found, fields={**found.fields, "messages": messages_of(msg)})


_recognise: Final = json_body.recognition(ONENET, CTWING)

CODEC: Final = Codec(
    name="onenet",
    title="OneNET HTTP push (中移物联)",
    outline=json_body.outline(_is_push, _recognise),
    kinds=KINDS,
    recognise=_recognise,
    dialogue=partial(message.PushDialogue, tell),
    confirm=None,
    acknowledge=message.acknowledge,
    decode=partial(message.decode, tell),
    read=read,
    encode=message.encode,
    explain=message.explain,
    is_guessed=False,
)
