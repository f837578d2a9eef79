"""Requests to a meter that answers when asked, in the wrapper."""

from collections.abc import Sequence
from typing import Final

from wattwarden.codecs.dlms.message import encode
from wattwarden.protocol.codec import Message

PUBLIC_CLIENT: Final = 16
CONFIRMED_HIGH: Final = 0xC1  # invoke id 1, confirmed, high priority
REGISTER: Final = 3
VALUE: Final = 2


def request(address: str, items: Sequence[str]) -> bytes:
    """Ask the server at wrapper port ``address`` for ``items``, each ``OBIS[:class[:attribute]]``.

    A register's value where class and attribute are not given.

    Raises:
        ValueError: an address or an item is none.
    """
    asked = [_item(item) for item in items]
    fields = {
        "source_port": PUBLIC_CLIENT,
        "destination_port": int(address),
        "invoke_id_and_priority": CONFIRMED_HIGH,
    }
    if len(asked) == 1:
        return encode(Message("get_request", fields={**fields, **asked[0]}))
    return encode(Message("get_request_list", fields={**fields, "items": asked}))


def _item(item: str) -> dict[str, str | int]:
    obis, *rest = item.split(":")
    numbers = [int(part) for part in rest]
    kind, attribute = [*numbers, *(REGISTER, VALUE)[len(numbers) :]]
    return {"obis": obis, "class": kind, "attribute": attribute}
