"""Requests to a meter that answers when asked."""

from collections.abc import Sequence
from typing import Final

from wattwarden.codecs.dlt698.message import encode
from wattwarden.protocol.codec import Message

# As the head-end that meters know: CA 0 is any client, 16 the public one of many platforms.
CLIENT: Final = 0x10


def request(address: str, items: Sequence[str], piid: int = 0) -> bytes:
    """Ask the meter at ``address`` for the attributes of ``items``, each an OAD in hex.

    Raises:
        ValueError: an address or an item is none.
    """
    fields = {"SA": address, "CA": CLIENT, "piid": piid}
    if len(items) == 1:
        return encode(Message("get_request", fields={**fields, "oad": items[0]}))
    return encode(Message("get_request_list", fields={**fields, "items": list(items)}))
