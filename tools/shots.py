"""What a replay sends: from lines of hex, frames as JSONL, or captures.

hex   │ cut ─► pieces, grouped by codec and meter
JSONL │ key ``hex``; ``accept`` false or a kind that begins with negative: must stay unanswered,
      │ unless ``error`` is decode; ``key`` {MN: hex} adds keys
pcap  │ flows ─► sessions ─► frames, grouped by connection
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from typing import Any, Final

import msgspec

from wattwarden.protocol.codec import DEFAULT_PROFILE, Codec, Profile
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.events import (
    Closing,
    Denied,
    LoggedIn,
    Received,
    SessionLimits,
    Skipped,
)
from wattwarden.protocol.session import Session
from wattwarden.tools.decoding import Decoder
from wattwarden.tools.flows import Flows
from wattwarden.tools.lines import numbered_lines, payload
from wattwarden.tools.pcap import MAGIC_BYTES, is_capture, packets

# Connections of a capture that are listened to at a time; the oldest is forgotten first.
MAX_SESSIONS: Final = 65_536

Group = tuple[object, ...]
"""Shots of one group go over one connection, in order."""


@dataclass(frozen=True, slots=True)
class Shot:
    """Bytes to send in one go.

    ``at`` is microseconds UTC where the source says when they were sent; ``silent`` that the source
    wants them unanswered.
    """

    raw: bytes
    group: Group
    at: int | None = None
    silent: bool = False


@dataclass(slots=True)
class SourceCounters:
    """What could not be sent.  ``first_fault`` says what was wrong with the first bad line."""

    bad_lines: int = 0
    first_fault: str = ""
    foreign_flows: int = 0
    gaps: int = 0

    def fault(self, message: str) -> None:
        """Count a line that is no frame's hex."""
        self.bad_lines += 1
        self.first_fault = self.first_fault or message


class KeyRing:
    """Profiles that differ from the default in their keys; files add keys while they are read."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._profiles = {address: Profile(key=key) for address, key in keys.items()}

    def add(self, address: str, key: bytes) -> None:
        """Use ``key`` for this meter from now on."""
        self._profiles[address] = Profile(key=key)

    def profile_of(self, address: str) -> Profile:
        """Return the profile of a meter."""
        return self._profiles.get(address, DEFAULT_PROFILE)


class Source:
    """Turns files into shots."""

    def __init__(self, codecs: tuple[Codec, ...], keys: KeyRing, port: int = 0) -> None:
        self.counters = SourceCounters()
        self._codecs = codecs
        self._keys = keys
        self._decoder = Decoder(codecs, keys.profile_of)
        self._port = port
        self._named: dict[str, Group] = {}

    def shots(self, name: str, file: BufferedReader) -> Iterator[Shot]:
        """Yield the shots of one file; ``name`` keeps groups of several files apart.

        Raises:
            CommandError: a capture is damaged.
        """
        if is_capture(file.peek(MAGIC_BYTES)[:MAGIC_BYTES]):
            yield from self._capture(name, file)
            return
        for number, line in numbered_lines(file):
            try:
                yield from self._line(name, number, line)
            except (ProtocolError, msgspec.DecodeError, ValueError, RecursionError) as error:
                self.counters.fault(f"{name}, line {number}: {error}")

    def _line(self, name: str, number: int, line: bytes | None) -> Iterator[Shot]:
        if line is None:
            raise ValueError("the line is too long")
        if not line.startswith(b"{"):
            yield from self._pieces((name, number), payload(line))
            return
        row = msgspec.json.decode(line, type=dict[str, Any])
        raw = bytes.fromhex(_hex_of(row))
        for address, digits in _keys_of(row).items():
            self._keys.add(address, bytes.fromhex(digits))
        negative = row.get("accept") is False or str(row.get("kind", "")).startswith("negative")
        # A sound frame with an impossible value is stored, and so answered, like any other.
        if negative and row.get("error") != Refusal.DECODE:
            yield Shot(raw, (name, number), silent=True)
        else:
            yield from self._pieces((name, number), raw)

    def _pieces(self, place: Group, data: bytes) -> Iterator[Shot]:
        """A frame goes to its meter's connection; what is none goes alone, to hold nobody up."""
        for piece in self._decoder.cut(data):
            if piece.codec is not None and piece.sound:
                yield Shot(piece.raw, self._group(piece.codec, piece.raw, place))
            else:
                yield Shot(piece.raw, (*place, piece.offset))

    def _group(self, codec: Codec, frame: bytes, place: Group) -> Group:
        """Frames that name no meter follow the one before them of the same codec."""
        try:
            meter = codec.read(frame, self._keys.profile_of).meter
        except ProtocolError:
            meter = None
        if meter is None:
            return self._named.get(codec.name, place)
        group = self._named[codec.name] = (codec.name, meter)
        return group

    def _capture(self, name: str, file: BufferedReader) -> Iterator[Shot]:
        flows = Flows(self._port)
        sessions: dict[int, Session] = {}
        for chunk in flows.chunks(packets(file)):
            session = sessions.get(chunk.flow)
            if session is None:
                session = Session(self._codecs, self._keys.profile_of, SessionLimits(), chunk.at)
                sessions[chunk.flow] = session
                if len(sessions) > MAX_SESSIONS:
                    del sessions[next(iter(sessions))]
            session.receive_data(chunk.data, chunk.at)
            for raw in self._heard(session):
                yield Shot(raw, (name, chunk.flow), chunk.at)
        self.counters.gaps += flows.counters.gaps

    def _heard(self, session: Session) -> Iterator[bytes]:
        while (event := session.next_event()) is not None:
            match event:
                case Received():
                    yield from event.frames
                case Skipped() if session.codec is not None:
                    yield event.data
                case Closing():
                    self.counters.foreign_flows += 1
                case Skipped() | LoggedIn() | Denied():
                    pass


def _keys_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Return keys by meter; a ValidationError where they are none."""
    return msgspec.convert(row.get("key") or {}, dict[str, str])


def _hex_of(row: Mapping[str, Any]) -> str:
    digits = row.get("hex")
    if not isinstance(digits, str):
        raise ValueError('the line has no text under "hex"')  # noqa: TRY004  # the file's fault
    return digits
