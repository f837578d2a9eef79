"""JetStream's own words: its API over one link, and what a stream of ours must look like.

The API is JSON over requests to ``$JS.API.…``; nats-py has no direct batch get, and its requests
outwait a lost connection, so the few calls needed are made here, over ``Link``.

What is checked about durability, and what cannot be:

    the stream's own configuration   always, at every start: file storage, no persist_mode async
                                     (it cancels the server's sync silently), refuse when full,
                                     nothing expires, direct get allowed
    the server's sync_interval       only where somebody can know: ``Durability``.  No client can
                                     ask the server; its monitoring port tells, if it has one.
                                     Even that does not show persist_mode: hence the first check
    the disk below the server        never: whether it lies about fsync is beyond any client
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.errors import JournalAway, JournalFull, JournalRefused
from wattwarden.storage.journal.link import Link

NANOSECONDS: Final = 1_000_000_000
# How long JetStream recognises a repeated Msg-Id: longer than any retry of one append takes; the
# numbers inside envelopes catch what is repeated later.
DUPLICATE_WINDOW_S: Final = 120
# Direct batch get came with 2.11, persist_mode with 2.12; older servers are not tried.
OLDEST_SERVER: Final = (2, 12)
# /varz is some 10 KiB; whoever sends more is no nats-server.
MAX_VARZ_BYTES: Final = 1024 * 1024
VARZ_TIMEOUT_S: Final = 2.0

STREAM_NOT_FOUND: Final = 10059
NO_MESSAGE_FOUND: Final = 10037
STREAM_NAME_IN_USE: Final = 10058
WRONG_LAST_SEQUENCE: Final = frozenset({10071, 10164})
# Too few servers of a cluster are there yet for as many copies; it comes as 400, and passes.
_NO_PEERS: Final = 10005
# The same message is being stored at this moment: the attempt before it was only not answered in
# time, as while a leader is elected.  It comes as 409, and passes.
_IN_PROCESS: Final = 10158
_PASSES: Final = frozenset({_NO_PEERS, _IN_PROCESS})
_NO_ROOM: Final = frozenset({10023, 10047})
_STORE_FAILED: Final = 10077
# Invalid stream configuration; replicas without a cluster.  Both come as 500, yet never pass.
_NEVER_PASSES: Final = frozenset({10052, 10074})
_NO_ROOM_TEXTS: Final = ("maximum bytes exceeded", "insufficient", "no space left")


class Durability(Enum):
    """What is known about the server's fsync before it acknowledges."""

    CONFIGURED = "this program wrote the server's configuration, with sync_interval: always"
    MONITORED = "the server's monitoring port says sync_always"
    UNKNOWN = "nobody has shown that the server syncs before it acknowledges"
    LAZY = (
        "the server acknowledges before it syncs: set sync_interval: always in its jetstream block"
    )


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How large one shard's stream may grow, and on how many servers it is kept."""

    max_bytes: int
    replicas: int = 1


class ApiFault(msgspec.Struct, frozen=True):
    """An error as JetStream reports it."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class PubAck(msgspec.Struct, frozen=True):
    """The answer to a publish."""

    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: ApiFault | None = None


class StreamState(msgspec.Struct, frozen=True):
    """What a stream holds.  An empty one has ``first_seq`` = ``last_seq`` + 1 (both 0 when new)."""

    messages: int
    bytes: int
    first_seq: int
    last_seq: int


class StoredMessage(msgspec.Struct, frozen=True):
    """A message as the stream's leader gives it; ``data`` and ``hdrs`` travel as base64."""

    subject: str
    seq: int
    time: str
    data: bytes = b""
    hdrs: bytes = b""


class ApiReply(msgspec.Struct, frozen=True):
    """The answer of any call; which fields are set depends on the call."""

    error: ApiFault | None = None
    config: dict[str, Any] | None = None  # passed back as it came, with fields unknown to us
    state: StreamState | None = None
    message: StoredMessage | None = None
    purged: int = 0


_replies: Final = msgspec.json.Decoder(ApiReply)
_acks: Final = msgspec.json.Decoder(PubAck)
_rules: Final[Mapping[str, tuple[frozenset[object], str]]] = {
    "persist_mode": (
        frozenset({None, "", "default"}),
        "acknowledges before the disk has it; make the stream anew without it",
    ),
    "storage": (frozenset({"file"}), "would not survive a restart"),
    "retention": (frozenset({"limits"}), "would delete what one consumer has read"),
    "discard": (frozenset({"new"}), "would delete the oldest when full"),
    "max_age": (frozenset({None, 0}), "would delete by age"),
    "max_msgs": (frozenset({None, 0, -1}), "must be unlimited, bytes are the limit"),
    "max_msgs_per_subject": (frozenset({None, 0, -1}), "would delete by subject"),
    "allow_direct": (frozenset({True}), "must be on, consumers read by direct get"),
    "no_ack": (frozenset({None, False}), "must be off, acknowledged means stored"),
    "sealed": (frozenset({None, False}), "must be off, a sealed stream takes nothing"),
    "mirror": (frozenset({None}), "a mirror takes nothing"),
}


def wanted_config(name: str, subjects: str, nudges: str, limits: StreamLimits) -> dict[str, Any]:
    """Return the configuration of a new stream.

    ``nudges`` is where JetStream repeats the headers of each message once it is stored.
    """
    return {
        "name": name,
        "subjects": [subjects],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_bytes": limits.max_bytes,
        "max_age": 0,
        "num_replicas": limits.replicas,
        "duplicate_window": DUPLICATE_WINDOW_S * NANOSECONDS,
        "allow_direct": True,
        "deny_delete": True,
        "republish": {"src": subjects, "dest": nudges, "headers_only": True},
    }


def complaints(config: Mapping[str, Any], subjects: str) -> list[str]:
    """Return what makes a stream unfit to be a journal; empty when it is fit."""
    found = [
        f"{field} is {config.get(field)!r}: {why}"
        for field, (allowed, why) in _rules.items()
        if not _is_one_of(config.get(field), allowed)
    ]
    if config.get("subjects") != [subjects]:
        found.append(f"subjects are {config.get('subjects')!r}: must be [{subjects!r}] alone")
    window = config.get("duplicate_window")
    if not isinstance(window, int) or window < DUPLICATE_WINDOW_S * NANOSECONDS:
        found.append(f"duplicate_window is {window!r} ns: must be {DUPLICATE_WINDOW_S} s at least")
    return found


async def call(link: Link, name: str, body: object, *, timeout_s: float) -> ApiReply:
    """Call ``$JS.API.<name>`` and return its answer, which may be a fault.

    Raises:
        JournalAway: no answer, or JetStream is not ready yet.
    """
    payload = b"" if body is None else msgspec.json.encode(body)
    answer = await link.request(f"$JS.API.{name}", payload, timeout_s=timeout_s)
    try:
        return _replies.decode(answer.data)
    except msgspec.DecodeError as error:
        text = f"{name} was answered with something else: {error}"
        raise JournalAway(text) from error


async def publish(
    link: Link, subject: str, payload: bytes, headers: dict[str, str], *, timeout_s: float
) -> PubAck:
    """Publish into a stream and return its acknowledgement, which may be a fault.

    Raises:
        JournalAway: no answer; the message may be stored all the same.
    """
    answer = await link.request(subject, payload, headers=headers, timeout_s=timeout_s)
    try:
        return _acks.decode(answer.data)
    except msgspec.DecodeError as error:
        text = f"{subject} was answered with something else: {error}"
        raise JournalAway(text) from error


def error_of(fault: ApiFault, what: str) -> StorageError:
    """Return the error that a fault means for whoever did ``what``."""
    text = f"{what}: {fault.description} ({fault.err_code})"
    full = fault.err_code == _STORE_FAILED and fault.description.startswith(_NO_ROOM_TEXTS)
    if full or fault.err_code in _NO_ROOM:
        return JournalFull(text)
    if fault.err_code in _PASSES:
        return JournalAway(text)
    ours = fault.code in range(400, 500) and fault.code not in {408, 429}
    if ours or fault.err_code in _NEVER_PASSES:
        return JournalRefused(text)
    return JournalAway(text)


async def ask_monitors(urls: Iterable[str]) -> Durability:
    """Ask the monitoring ports (``http://host:8222``) of all servers whether they sync always.

    MONITORED when all say so, LAZY when one says no, UNKNOWN when one is silent or none is given.
    """
    answers = await asyncio.gather(*(_syncs_always(url) for url in urls))
    if False in answers:
        return Durability.LAZY
    return Durability.MONITORED if answers and None not in answers else Durability.UNKNOWN


async def _syncs_always(url: str) -> bool | None:
    """What one server says, None when it says nothing."""
    try:
        async with asyncio.timeout(VARZ_TIMEOUT_S):
            answer = await _fetch_varz(url)
        varz = msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])
        return varz["jetstream"]["config"].get("sync_always") is True
    except (OSError, TimeoutError, ValueError, LookupError, TypeError, AttributeError):
        return None


async def _fetch_varz(url: str) -> bytes:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=MAX_VARZ_BYTES)
    try:
        writer.write(f"GET /varz HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
        answer = bytearray()
        while len(answer) < MAX_VARZ_BYTES and (part := await reader.read(MAX_VARZ_BYTES)):
            answer += part
        return bytes(answer)
    finally:
        writer.close()


def _is_one_of(value: object, allowed: frozenset[object]) -> bool:
    """Membership that survives values without a hash."""
    return any(value == one for one in allowed)
