"""What machines are sent: the JSON document of a message, for webhooks of either kind.

{"type": "alarm.raised", "timestamp": "2026-11-22T03:00:00Z", "data": {id, level, title, …}}

``timestamp`` is when the notice fell due and stays the same in every attempt; addresses of people
are not in it.
"""

from typing import Final

import orjson

from wattwarden.alarms.channels.channel import BuildError, Message
from wattwarden.alarms.channels.texts import cut_bytes, iso_utc

# Standard Webhooks 1.0.0 recommends less than 20 kB.
MAX_PAYLOAD_BYTES: Final = 20_000
_MAX_ESCAPE_BYTES: Final = 6  # \u0001
PAYLOAD_VERSION: Final = 1


def payload(message: Message) -> bytes:
    """Return the document of a message, its text cut where the whole would be too long.

    Raises:
        BuildError: It is too long without any text.
    """
    whole = _document(message, message.text)
    if len(whole) <= MAX_PAYLOAD_BYTES:
        return whole
    room = MAX_PAYLOAD_BYTES - len(_document(message, ""))
    while room > 0:
        document = _document(message, cut_bytes(message.text, room))
        if len(document) <= MAX_PAYLOAD_BYTES:
            return document
        # JSON writes one byte as up to six: so much less is surely not too little.
        room -= -(-(len(document) - MAX_PAYLOAD_BYTES) // _MAX_ESCAPE_BYTES)
    raise BuildError("fields are longer than a webhook may be")


def _document(message: Message, text: str) -> bytes:
    data = {
        "version": PAYLOAD_VERSION,
        "id": message.id,
        "level": message.level,
        "title": message.title,
        "text": text,
        "url": message.url,
        "fields": dict(message.fields),
    }
    timestamp = iso_utc(message.at_us)
    return orjson.dumps({"type": message.kind, "timestamp": timestamp, "data": data})
