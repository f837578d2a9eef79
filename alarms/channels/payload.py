"""What machines are sent: the JSON document of a message, for webhooks of either kind.

{"type": "alarm.raised", "timestamp": "2026-11-22T03:00:00Z", "data": {schema, id, level, …}}

``facts`` declares it.  ``timestamp`` is when the notice fell due and stays the same in every
attempt; addresses of people are not in it.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from wattwarden.alarms.channels.channel import SECOND_US, BuildError, Message
from wattwarden.alarms.channels.facts import SCHEMA, Data, Document
from wattwarden.alarms.channels.texts import cut_bytes

# Standard Webhooks 1.0.0 recommends less than 20 kB.
MAX_PAYLOAD_BYTES: Final = 20_000
_MAX_ESCAPE_BYTES: Final = 6  # \u0001


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
    raise BuildError("facts are longer than a webhook may be")


def _document(message: Message, text: str) -> bytes:
    data = Data(
        schema=SCHEMA,
        id=message.id,
        level=message.level,
        reason=message.reason,
        late_min=message.late_min,
        title=message.title,
        text=text,
        url=message.url,
        alarm=message.facts,
    )
    at = datetime.fromtimestamp(message.at_us // SECOND_US, UTC)
    return msgspec.json.encode(Document(type=message.kind, timestamp=at, data=data))
