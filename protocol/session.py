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

What the bytes are is found by ``Stream``; what they mean is said here.  Times are microseconds
UTC.  Answers that wait for the journal are no business of the session: ``Codec.acknowledge`` gives
them once the envelope is stored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from wattwarden.protocol.asking import Asking, Bindable, Denial, Doubting
from wattwarden.protocol.codec import NOTHING_ASKED, Codec, Dialogue, ProfileOf
from wattwarden.protocol.command import Command, Outcome, Peer, only_reports
from wattwarden.protocol.events import (
    Closing,
    Denied,
    Event,
    LoggedIn,
    Received,
    SessionLimits,
    Skipped,
)
from wattwarden.protocol.line import Line
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.protocol.stream import NEVER, Cut, Piece, Stream


class Session:
    """The conversation with one peer on the meter port.

    ``codec`` is whose frames the peer sends, ``identity`` the address by which it is known; both
    are None until it has said so, and the identity again when another codec claims the bytes.
    """

    __slots__ = (
        "_asking",
        "_closing",
        "_dialogue",
        "_events",
        "_in_step",
        "_limits",
        "_login_by",
        "_profile_of",
        "_stream",
        "codec",
        "heard_at",
        "identity",
        "unsent",
    )

    def __init__(
        self, codecs: Sequence[Codec], profile_of: ProfileOf, limits: SessionLimits, now: int
    ) -> None:
        self._profile_of = profile_of
        self._limits = limits
        self._stream = Stream(codecs, round(limits.partial_frame_s * SECOND_US))
        self._events: list[Event] = []
        self.unsent = b""
        """What ``data_to_send`` would give now."""
        # The codec while nothing is owed to noise or waits for its rest, for the short way.
        self._in_step: Codec | None = None
        self._dialogue: Dialogue | None = None
        # The same, where it can ask.
        self._asking: Asking | None = None
        self._closing = False
        self.heard_at = now
        """When the peer last sent a frame."""
        self._login_by = now + round(limits.pre_login_s * SECOND_US)
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
        self._stream.begin(codec)
        self.identity = identity
        self._events.append(LoggedIn(codec, identity))
        self.unsent += dialogue.tick(now)

    def receive_data(self, data: bytes, now: int) -> None:
        """Take bytes of the peer; their meaning is in ``next_event`` and ``data_to_send``."""
        if self._closing:
            return
        stream = self._stream
        self._take(stream.feed(data, now, self._credit_bytes()), now)
        # Until it is known who speaks, each segment may be what it fails to prove that with.
        self._in_step = self.codec if stream.is_in_step and self.identity is not None else None

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
            raise only_reports("it" if codec is None else codec.name)
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
        return min(self._silence_by(), self._stream.partial_by, NEVER if poll is None else poll)

    def tick(self, now: int) -> None:
        """Let time pass."""
        if self._closing:
            return
        if self._dialogue is not None:
            self.unsent += self._dialogue.tick(now)
        overdue = now >= self._silence_by()
        if overdue or now >= self._stream.partial_by:
            self._take(self._stream.give_up_partial(now), now)
        # A frame found inside the partial one counts as heard.
        if overdue and now >= self._silence_by():
            silent = self.identity is not None
            self._close(
                "silent beyond the protocol's limit" if silent else "no login before the deadline"
            )

    def end(self, now: int) -> None:
        """Take note that the peer hung up; what waited for its rest comes as last events."""
        if not self._closing:
            self._take(self._stream.give_up_partial(now), now)
            self._close("the peer hung up")

    def reject(self, frame: bytes, now: int) -> None:
        """Take back a frame whose checksum, left open while framing, does not fit.

        It is searched again from its second byte; what is sound inside comes as new events.
        """
        if not self._closing:
            self._in_step = None
            self._take(self._stream.reject(frame), now)

    def _take(self, pieces: Iterable[Piece], now: int) -> None:
        """Say what each piece means, until one ends the session."""
        for piece in pieces:
            if isinstance(piece, Cut):
                self._hear(piece.codec, piece.frames, now)
            elif isinstance(piece, Skipped):
                self._skip(piece)
            else:
                self._close(piece.reason)
            if self._closing:
                return
        codec = self._stream.codec
        if self.codec is None and codec is not None:
            self._begin_dialogue(codec, now)

    def _begin_dialogue(self, codec: Codec, now: int) -> Dialogue:
        if self.identity is not None:
            self.identity = None
            self._login_by = now + round(self._limits.pre_login_s * SECOND_US)
        self.codec = codec
        dialogue = self._dialogue = codec.dialogue(self._profile_of)
        self._asking = dialogue if isinstance(dialogue, Asking) else None
        return dialogue

    def _hear(self, codec: Codec, frames: list[bytes], now: int) -> None:
        dialogue = self._dialogue
        if dialogue is None or codec is not self.codec:
            dialogue = self._begin_dialogue(codec, now)
        self.heard_at = now
        out = dialogue.receive(frames, now)
        if out:
            self.unsent += out
        self._report(codec, dialogue, frames)

    def _report(self, codec: Codec, dialogue: Dialogue, frames: list[bytes]) -> None:
        identity = dialogue.identity
        if identity != self.identity and identity is not None:
            self.identity = identity
            self._events.append(LoggedIn(codec, identity))
        if isinstance(dialogue, Doubting) and dialogue.denial is not None:
            self._deny(codec, dialogue.denial, frames)
        else:
            self._events.append(Received(codec, frames, dialogue.asked))

    def _deny(self, codec: Codec, denial: Denial, frames: list[bytes]) -> None:
        """End the session of a peer that failed to prove who it is."""
        self._events.append(Denied(codec, denial.identity, denial.reason))
        self._events.append(Skipped(b"".join(frames), denial.reason))
        self._close(denial.reason)

    def _silence_by(self) -> int:
        if self.identity is None or self._dialogue is None:
            return self._login_by
        return self.heard_at + round(self._dialogue.idle_limit_s * SECOND_US)

    def _credit_bytes(self) -> int:
        limits = self._limits
        return limits.noise_before_login_bytes if self.identity is None else limits.noise_bytes

    def _skip(self, skipped: Skipped) -> None:
        self._events.append(skipped)
        credit = self._credit_bytes()
        if self._stream.noise_bytes > credit:
            self._close(f"more than {credit} bytes without a frame")

    def _close(self, reason: str) -> None:
        """End the session; what still waited for its rest belongs to no frame."""
        if self._closing:
            return
        left = self._stream.end()
        if left:
            self._events.append(Skipped(left, reason))
        self._closing = True
        self._in_step = None
        self._events.append(Closing(reason))
