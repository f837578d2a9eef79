"""A push in readable form and back, its bytes explained, and who speaks in it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from wattwarden.codecs.pushes.carried import frames_in
from wattwarden.codecs.pushes.json_body import HEAD, MOST_BYTES, load, spans
from wattwarden.codecs.pushes.told import Pushes, Told
from wattwarden.protocol.codec import (
    NOTHING_ASKED,
    Batch,
    Columns,
    Field,
    Message,
    ProfileOf,
    refusal,
)
from wattwarden.protocol.errors import ProtocolError

Tell = Callable[[dict[str, Any], ProfileOf], Sequence[Told]]
"""What a body tells, by the rules of its platform; raises ProtocolError where it is none of its."""

BATCH: Final = "batch"
"""The kind of a push that tells of several kinds of things."""
STORED: Final = b"ok"
"""The body of the answer to a push that is stored; platforms look at the status alone."""
# Platforms say when a meter is gone by themselves, and a push is a connection of its own.
IDLE_LIMIT_S: Final = 60.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PushDialogue:
    """One push: whoever it is about.  Nothing is answered before it is stored."""

    __slots__ = ("_profile_of", "_tell", "identity", "idle_limit_s")
    asked = NOTHING_ASKED

    def __init__(self, tell: Tell, profile_of: ProfileOf) -> None:
        self._tell = tell
        self._profile_of = profile_of
        self.identity: str | None = None
        self.idle_limit_s = IDLE_LIMIT_S

    def receive(self, frames: list[bytes], now: int) -> bytes:  # noqa: ARG002  # the seam's
        """Learn of whom the first push tells."""
        for frame in frames:
            if self.identity is None:
                self.identity = self._named(frame)
        return b""

    def tick(self, now: int) -> bytes:  # noqa: ARG002  # the seam's
        """Nothing is asked of platforms."""
        return b""

    def next_deadline(self) -> int | None:
        """Nothing is asked of platforms."""
        return None

    def _named(self, frame: bytes) -> str | None:
        try:
            tolds = self._tell(load(frame), self._profile_of)
        except ProtocolError:
            return None
        return next((told.meter for told in tolds if told.meter is not None), None)


def acknowledge(batch: Batch) -> list[bytes]:
    """Answer every push once it is stored."""
    return [STORED] * len(batch)


def decode(tell: Tell, batch: Batch) -> Columns:
    """Return the readings of pushes and of the frames inside."""
    pushes = Pushes(batch)
    for index, frame in enumerate(batch.frames()):
        try:
            for told in tell(load(frame), batch.profile_of):
                pushes.add(index, told)
        except ProtocolError as error:
            pushes.refuse(refusal(index, error))
    return pushes.columns()


def read(tell: Tell, frame: bytes, profile_of: ProfileOf) -> Message:
    """Read one push; its meter is the one inside, where the frames inside name but one.

    Raises:
        ProtocolError: of every kind but checksum.
    """
    body = load(frame)
    tolds = tell(body, profile_of)
    kinds = {told.kind for told in tolds}
    payloads = [payload for told in tolds for payload in told.payloads]
    inside = [list(_inside(payload, profile_of)) for payload in payloads]
    named = {row["meter"] for rows in inside for row in rows} - {None}
    shown = [
        {"hex": payload.hex(), "frames": rows}
        for payload, rows in zip(payloads, inside, strict=True)
    ]
    own = next((told.meter for told in tolds if told.meter is not None), None)
    heard = next((told.at for told in tolds if told.at is not None), None)
    return Message(
        kinds.pop() if len(kinds) == 1 else BATCH,
        named.pop() if len(named) == 1 else own,
        None if heard is None else _EPOCH + timedelta(microseconds=heard),
        {"body": body, "payloads": shown},
    )


def _inside(payload: bytes, profile_of: ProfileOf) -> Iterator[dict[str, Any]]:
    for codec, frame in frames_in(payload, profile_of):
        row: dict[str, Any] = {"codec": codec.name, "kind": None, "meter": None}
        try:
            message = codec.read(frame, profile_of)
        except ProtocolError as error:
            yield row | {"error": error.message}
            continue
        at = None if message.at is None else message.at.isoformat()
        yield row | {
            "kind": message.kind, "meter": message.meter, "at": at, "fields": dict(message.fields),
        }  # fmt: skip


def encode(message: Message) -> bytes:
    """Build the body of a push from ``fields["body"]``, without white space.

    Raises:
        ValueError: it has none, or is too long.
    """
    try:
        frame = orjson.dumps(message.fields.get("body"))
    except orjson.JSONEncodeError as error:
        text = f"{message.kind} cannot be built: {error}"
        raise ValueError(text) from error
    if not frame.startswith(HEAD):
        text = f"{message.kind} cannot be built: its body is no object"
        raise ValueError(text)
    if len(frame) > MOST_BYTES:
        text = f"{message.kind} would have {len(frame)} bytes, at most {MOST_BYTES} are accepted"
        raise ValueError(text)
    return frame


def explain(frame: bytes, request: bytes | None = None) -> tuple[Field, ...]:
    """Name every member of a body, of a broken one as far as it can be followed."""
    del request
    fields: list[Field] = []
    at = 0
    for name, begin, end in spans(frame):
        fields += [_field(frame, at, begin, "syntax"), _value(frame, begin, end, name)]
        at = end
    fields.append(_field(frame, at, len(frame), "syntax" if at else "rest"))
    return tuple(field for field in fields if field.raw)


def _field(frame: bytes, begin: int, end: int, name: str) -> Field:
    return Field(begin, frame[begin:end], name)


def _value(frame: bytes, begin: int, end: int, name: bytes) -> Field:
    raw = frame[begin:end]
    return Field(begin, raw, name.decode("utf-8", "replace"), raw.decode("utf-8", "replace"))
