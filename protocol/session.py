"""One connection, sans-IO: bytes and times in, events and bytes out.

    UNKNOWN ── a codec claims the first bytes ──► RECOGNISED ── first identity ──► LOGGED IN
       │                                          │   ▲    ▲                        │    │
       │                                          │   │    └── another codec claims ┘    │
       └── deadline, foreign protocol, noise ─────┴───┼──────── silence, noise ──────────┴─► CLOSING
                                                      └─ another codec claims

    receive_data(data, now)   bytes of the peer         next_event()     what they meant
    tick(now)                 time has passed           data_to_send()   what to answer at once
    reject(frame, now)        checksum failed later     next_deadline()  when tick has work
    end(now)                  the peer hung up

Short ways for whoever has thousands of sessions: take_frames in place of receive_data where it
works, take_events for next_event until None, unsent to see whether data_to_send has anything;
routine_codec says whose Codec.routine may judge the next segment in place of the session, which
then only has to know that it was heard_at that time.

Times are microseconds UTC.  Answers that wait for the journal are no business of the session:
``Codec.acknowledge`` gives them once the envelope is stored.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from wattwarden.protocol.asking import Asking, Bindable
from wattwarden.protocol.codec import NOTHING_ASKED, Codec, Dialogue, ProfileOf
from wattwarden.protocol.command import CannotAskError, Command, Outcome, Peer
from wattwarden.protocol.events import (
    Closing,
    Event,
    LoggedIn,
    Received,
    SessionLimits,
    Skipped,
)
from wattwarden.protocol.foreign import foreign_protocol, may_become_foreign
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.line import Line
from wattwarden.protocol.recognition import MAX_HEAD_BYTES, claim

__all__ = [
    "MAX_HEAD_BYTES",
    "NEVER",
    "SECOND_US",
    "Closing",
    "Event",
    "LoggedIn",
    "Received",
    "Session",
    "SessionLimits",
    "Skipped",
]

_UNKNOWN: Final = "no codec knows it"
_UNENDED: Final = "frame without its end"

SECOND_US: Final = 1_000_000
NEVER: Final = 2**63 - 1


class Session:
    """The conversation with one peer on the meter port.

    ``codec`` is whose frames the peer sends, ``identity`` the address by which it is known; both
    are None until it has said so, and the identity again when another codec claims the bytes.
    """

    __slots__ = (
        "_asking",
        "_closing",
        "_codecs",
        "_dialogue",
        "_events",
        "_framer",
        "_framing",
        "_head",
        "_in_step",
        "_limits",
        "_login_by",
        "_made_up_bytes",
        "_noise_bytes",
        "_partial_by",
        "_profile_of",
        "codec",
        "heard_at",
        "identity",
        "unsent",
    )

    def __init__(
        self, codecs: Sequence[Codec], profile_of: ProfileOf, limits: SessionLimits, now: int
    ) -> None:
        self._codecs = codecs
        self._profile_of = profile_of
        self._limits = limits
        self._events: list[Event] = []
        self.unsent = b""
        """What ``data_to_send`` would give now."""
        # Without a framer the bytes' codec is in question, and the head waits for the answer.
        self._framer: Framer | None = None
        self._framing: Codec | None = None
        # The codec while nothing is owed to noise or waits for its rest, for the short way.
        self._in_step: Codec | None = None
        self._head = b""
        self._dialogue: Dialogue | None = None
        # The same, where it can ask.
        self._asking: Asking | None = None
        self._noise_bytes = self._made_up_bytes = 0
        self._closing = False
        self.heard_at = now
        """When the peer last sent a frame."""
        self._login_by = now + round(limits.pre_login_s * SECOND_US)
        self._partial_by = NEVER
        self.codec: Codec | None = None
        self.identity: str | None = None

    def bind(self, codec: Codec, identity: str, now: int) -> None:
        """Know the peer before it says anything, by where it dialled in.

        Of a session that was made for this codec alone, before anything else is done with it.

        Raises:
            ValueError: peers of this codec say who they are.
        """
        dialogue = self._begin_dialogue(codec, now)
        if not isinstance(dialogue, Bindable):
            message = f"peers of {codec.name} say who they are"
            raise ValueError(message)  # noqa: TRY004  # of the right type, for another way in
        dialogue.bind(identity, now)
        self._framer, self._framing = Framer(codec.outline), codec
        self.identity = identity
        self._events.append(LoggedIn(codec, identity))
        self.unsent += dialogue.tick(now)

    def receive_data(self, data: bytes, now: int) -> None:
        """Take bytes of the peer; their meaning is in ``next_event`` and ``data_to_send``."""
        self._in_step = None
        self._feed(data, now)
        framer = self._framer
        if framer is not None and framer.is_clean and not self._noise_bytes:
            self._in_step = self.codec if self._framing is self.codec else None

    def take_frames(self, data: bytes, now: int) -> list[bytes] | None:
        """Take bytes as ``receive_data`` does, if they are whole frames of ``codec`` and no more.

        Nearly all segments are: the frames come back without an event.  None: nothing was taken,
        ``receive_data`` has to look.  Empty: they were taken, and events tell what they meant.
        """
        codec, dialogue = self._in_step, self._dialogue
        frames: list[bytes] = []
        if codec is None or dialogue is None or codec.outline.run(data, 0, frames) != len(data):
            return None
        self.heard_at = now
        out = dialogue.receive(frames, now)
        if out:
            self.unsent += out
        asked = dialogue.asked
        # Most dialogues give this very constant, and identity costs less than an empty mapping.
        if dialogue.identity == self.identity and (asked is NOTHING_ASKED or not asked):
            return frames
        self._report(codec, dialogue, frames)
        return []

    def next_event(self) -> Event | None:
        """Return the next event in order, None when there is none for now."""
        return self._events.pop(0) if self._events else None

    def take_events(self) -> list[Event]:
        """Return all events at once, in order: what ``next_event`` would give until None."""
        events = self._events
        self._events = []
        return events

    def data_to_send(self) -> bytes:
        """Return, once, the bytes that the peer is owed without waiting for the journal."""
        unsent, self.unsent = self.unsent, b""
        return unsent

    @property
    def routine_codec(self) -> Codec | None:
        """The codec whose ``routine`` may judge the next segment, None when none may."""
        codec = self._in_step
        if codec is None or self.identity is None or codec.routine is None:
            return None
        # What is routine answers nothing.
        line = self.line
        return codec if line is None or not line.is_busy else None

    @property
    def line(self) -> Line | None:
        """What the peer is asked by, None while there is nothing to ask."""
        return None if self._asking is None else self._asking.line

    def order(self, number: int, command: Command, peer: Peer) -> None:
        """Ask the peer what a command wants; ``outcomes`` tells what came of it, by its number.

        Of ``peer`` the session itself tells ``said``.

        Raises:
            CannotAskError: it cannot be asked that.
        """
        codec, asking, dialogue = self.codec, self._asking, self._dialogue
        if codec is None or codec.ask is None or asking is None or dialogue is None:
            name = "nobody" if codec is None else codec.title
            message = f"this meter cannot be asked: {name} only reports by itself"
            raise CannotAskError(message, "wait for its next report")
        questions = codec.ask(command, replace(peer, said=asking.said()))
        if asking.line is None:
            asking.line = Line()
        asking.line.order(number, questions)
        self.unsent += dialogue.tick(peer.now)

    def outcomes(self) -> list[Outcome]:
        """Return, once, what came of commands that ended."""
        line = self.line
        return [] if line is None else line.take_outcomes()

    @property
    def is_over(self) -> bool:
        """Whether ``Closing`` was told or is the last event to come."""
        return self._closing

    def next_deadline(self) -> int:
        """Return when ``tick`` next has work, NEVER once the session is over."""
        if self._closing:
            return NEVER
        poll = self._dialogue.next_deadline() if self._dialogue is not None else None
        return min(self._silence_by(), self._partial_by, NEVER if poll is None else poll)

    def tick(self, now: int) -> None:
        """Let time pass."""
        if self._closing:
            return
        if self._dialogue is not None:
            self.unsent += self._dialogue.tick(now)
        overdue = now >= self._silence_by()
        if overdue or now >= self._partial_by:
            self._give_up_partial(now)
        # A frame found inside the partial one counts as heard.
        if overdue and now >= self._silence_by():
            silent = self.identity is not None
            self._close(
                "silent beyond the protocol's limit" if silent else "no login before the deadline"
            )

    def end(self, now: int) -> None:
        """Take note that the peer hung up; what waited for its rest comes as last events."""
        if not self._closing:
            self._give_up_partial(now)
            self._close("the peer hung up")

    def reject(self, frame: bytes, now: int) -> None:
        """Take back a frame whose checksum, left open while framing, does not fit.

        It is searched again from its second byte; what is sound inside comes as new events.
        """
        if self.codec is None or self._closing:
            return
        self._in_step = None
        # It was taken for a frame, and may have made up for noise.
        back = min(len(frame), self._made_up_bytes)
        self._made_up_bytes -= back
        self._noise_bytes += back
        framer = Framer(self.codec.outline)
        frames = framer.recut(frame)
        self._hear(self.codec, frames, now)
        self._skip(framer.take_noise(), "checksum does not fit")

    def _feed(self, data: bytes, now: int) -> None:
        framer = self._framer
        if framer is None:
            self._recognise(self._head + data, now)
            return
        frames = framer.feed(data)
        if framer.is_clean:
            self._hear(self._framing, frames, now)
            self._partial_by = NEVER
            return
        noise = framer.take_noise()
        if noise and not frames and self._change_codec(noise, framer.pending, now):
            return
        self._take(framer, frames, noise, _UNKNOWN, now)

    def _recognise(self, data: bytes, now: int) -> None:
        """Ask every codec whose the bytes are."""
        if self._closing:
            return
        start, codec = claim(self._codecs, data, self._credit() - self._noise_bytes)
        if start and self.codec is None and not self._noise_bytes:
            foreign = foreign_protocol(data)
            if foreign is not None:
                self._head = data
                self._close(f"{foreign} on the meter port")
                return
            if codec is None and may_become_foreign(data):
                self._head = data
                return
        self._settle(codec, data, start, now)

    def _change_codec(self, noise: bytes, pending: bytes, now: int) -> bool:
        """Ask the others: the peer may have changed its protocol (a DTU, a replayed capture)."""
        others = [codec for codec in self._codecs if codec is not self._framing]
        data = noise + pending
        start, codec = claim(others, data, self._credit() - self._noise_bytes)
        if start >= len(noise) or (codec is None and pending):
            return False
        self._settle(codec, data, start, now)
        return True

    def _settle(self, codec: Codec | None, data: bytes, start: int, now: int) -> None:
        """Give the bytes from ``start`` on to the codec, or keep them for those that want more."""
        self._head = data[start:]
        if start:
            self._skip(data[:start], _UNKNOWN)
            if self._closing:
                return
        if codec is not None:
            self._frame_anew(codec, _UNKNOWN, now)
        elif self.codec is not None and not self._head:
            self._frame_anew(self.codec, _UNKNOWN, now)
        else:
            self._framer = self._framing = None
            if self.codec is not None and self._partial_by == NEVER:
                self._partial_by = now + round(self._limits.partial_frame_s * SECOND_US)

    def _frame_anew(self, codec: Codec, reason: str, now: int) -> None:
        """Frame the bytes that waited for their codec."""
        if self.codec is None:
            self._begin_dialogue(codec, now)
        head, self._head = self._head, b""
        framer = self._framer = Framer(codec.outline)
        self._framing = codec
        self._partial_by = NEVER
        frames = framer.feed(head)
        self._take(framer, frames, framer.take_noise(), reason, now)

    def _begin_dialogue(self, codec: Codec, now: int) -> Dialogue:
        if self.identity is not None:
            self.identity = None
            self._login_by = now + round(self._limits.pre_login_s * SECOND_US)
        self.codec = codec
        dialogue = self._dialogue = codec.dialogue(self._profile_of)
        self._asking = dialogue if isinstance(dialogue, Asking) else None
        return dialogue

    def _take(
        self, framer: Framer, frames: list[bytes], noise: bytes, reason: str, now: int
    ) -> None:
        """Pass on what the framer gave, and watch over what it keeps."""
        self._hear(self._framing, frames, now)
        if not framer.pending:
            self._partial_by = NEVER
        elif frames or noise or self._partial_by == NEVER:
            self._partial_by = now + round(self._limits.partial_frame_s * SECOND_US)
        if noise:
            self._skip(noise, reason)

    def _hear(self, codec: Codec | None, frames: list[bytes], now: int) -> None:
        if codec is None or not frames:
            return
        dialogue = self._dialogue
        if dialogue is None or codec is not self.codec:
            # Bytes that look like another protocol's change nothing; a frame does.
            dialogue = self._begin_dialogue(codec, now)
        self.heard_at = now
        out = dialogue.receive(frames, now)
        if out:
            self.unsent += out
        if self._noise_bytes:
            made_up = min(self._noise_bytes, sum(map(len, frames)))
            self._noise_bytes -= made_up
            self._made_up_bytes += made_up
        self._report(codec, dialogue, frames)

    def _report(self, codec: Codec, dialogue: Dialogue, frames: list[bytes]) -> None:
        identity = dialogue.identity
        if identity != self.identity and identity is not None:
            self.identity = identity
            self._events.append(LoggedIn(codec, identity))
        self._events.append(Received(codec, frames, dialogue.asked))

    def _give_up_partial(self, now: int) -> None:
        """The rest of a frame did not come: look for a true start inside it."""
        framer = self._framer
        if framer is not None and not framer.pending:
            return
        if framer is not None and self._framing is self.codec:
            self._partial_by = NEVER
            frames = framer.resynchronise()
            self._take(framer, frames, framer.take_noise(), _UNENDED, now)
        elif self.codec is not None:
            # It might have been another protocol's; what it is, it must be in this one.
            self._head = self._head if framer is None else framer.pending
            self._frame_anew(self.codec, _UNENDED, now)

    def _silence_by(self) -> int:
        if self.identity is None or self._dialogue is None:
            return self._login_by
        return self.heard_at + round(self._dialogue.idle_limit_s * SECOND_US)

    def _credit(self) -> int:
        limits = self._limits
        return limits.noise_before_login_bytes if self.identity is None else limits.noise_bytes

    def _skip(self, data: bytes, reason: str) -> None:
        if not data:
            return
        self._events.append(Skipped(data, reason))
        self._noise_bytes += len(data)
        credit = self._credit()
        if self._noise_bytes > credit:
            self._close(f"more than {credit} bytes without a frame")

    def _close(self, reason: str) -> None:
        """End the session; what still waited for its rest belongs to no frame."""
        if self._closing:
            return
        left = self._head or (self._framer.pending if self._framer is not None else b"")
        if left:
            self._events.append(Skipped(left, reason))
        self._closing = True
        self._head, self._framer, self._in_step = b"", None, None
        self._events.append(Closing(reason))
