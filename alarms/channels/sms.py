"""What the gateways of template SMS share: names, lists in answers, books of what was sent.

Neither gateway is idempotent.  Each keeps a book of the messages of a number and a day, in which a
record carries the id that we gave it; a message that the book does not hold was never taken.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from wattwarden.alarms.channels.answers import text_of
from wattwarden.alarms.channels.channel import SECOND_US, Absent, Message, Outcome, RetryAt, Unknown

# Of a template's variable: 20 to 35 characters by vendor and kind of template; the narrowest fits.
MAX_VARIABLE_CHARS: Final = 20

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Book:
    """How a gateway tells what became of messages.

    Attributes:
        records: Its records, out of the document of an answer.
        id_field: The field of a record that holds our message's id.
        became: What a record says.
        wait_s: When to ask again where the gateway gave no answer.
    """

    records: Callable[[Record], list[Record]]
    id_field: str
    became: Callable[[Record], Outcome]
    wait_s: int


def members(document: Record, name: str) -> list[Record]:
    """Return the objects in a list of an answer; none where there is no such list."""
    found = document.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def look_up(book: Book, found: Outcome | Record, message: Message, now_us: int) -> Outcome | Absent:
    """Return what became of a message, by a gateway's book.

    Args:
        book: How the gateway tells it.
        found: The document of its answer, or the outcome of asking where there is none.
        message: The one that was sent, perhaps.
        now_us: The time.
    """
    if isinstance(found, Unknown):
        return RetryAt(now_us // SECOND_US + book.wait_s, found.reason)
    if not isinstance(found, Mapping):
        return found
    for record in book.records(found):
        if text_of(record, book.id_field) == message.id:
            return book.became(record)
    return Absent("no record of this message")
