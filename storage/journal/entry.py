"""Entries of the journal, and how JetStream's answers become entries."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from nats.aio.msg import Msg

from wattwarden.storage.journal.errors import JournalRefused
from wattwarden.storage.journal.jetstream import StoredMessage

MSG_ID: Final = "Nats-Msg-Id"


class Kind(StrEnum):
    """What an entry is; the last word of its subject."""

    FRAMES = "frames"
    """An envelope of frames."""
    SESSION = "session"
    """Connections opened, logged in, closed."""
    ALIVE = "alive"
    """A gateway's sign of life."""
    TICK = "tick"
    """A second has passed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the journal.

    ``stored_at`` is the server's clock, UTC, cut to microseconds; ``msg_id`` is "" without one.
    """

    sequence: int
    kind: Kind
    msg_id: str
    payload: bytes
    stored_at: datetime


def consecutive(entries: Iterable[Entry], first: int) -> list[Entry]:
    """Return the entries from sequence ``first`` on, as far as they follow one another."""
    run: list[Entry] = []
    for entry in entries:
        if entry.sequence == first + len(run):
            run.append(entry)
    return run


def entry_of(message: Msg) -> Entry:
    """Read an answer to a direct get.

    Raises:
        JournalRefused: its kind is not known to this version.
    """
    headers = message.headers or {}
    return Entry(
        int(headers["Nats-Sequence"]),
        _kind_of(headers["Nats-Subject"]),
        headers.get(MSG_ID, ""),
        message.data,
        _moment_of(headers["Nats-Time-Stamp"]),
    )


def entry_of_stored(message: StoredMessage) -> Entry:
    """Read a message as a stream's leader gives it.

    Raises:
        JournalRefused: its kind is not known to this version.
    """
    return Entry(
        message.seq,
        _kind_of(message.subject),
        _header_of(message.hdrs, MSG_ID),
        message.data,
        _moment_of(message.time),
    )


def _kind_of(subject: str) -> Kind:
    word = subject.rpartition(".")[2]
    try:
        return Kind(word)
    except ValueError as error:
        text = f"the journal holds an entry of kind {word!r}: a newer version wrote it"
        raise JournalRefused(text) from error


def _moment_of(text: str) -> datetime:
    """Parse RFC 3339 with nanoseconds."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _header_of(block: bytes, name: str) -> str:
    """One header of a message's header block, "" without it."""
    for line in block.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.decode() == name:
            return value.strip().decode()
    return ""
