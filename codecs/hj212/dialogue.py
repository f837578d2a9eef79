"""What is said to a meter at once, and what its parts need of one another.

frames ─► identity, idle limit │ 9013, 9022, 1012 │ asked: the context of each part
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from wattwarden.codecs.hj212.answer import profile_for, seal
from wattwarden.codecs.hj212.frame import take_apart
from wattwarden.codecs.hj212.header import (
    COMMANDS,
    CP_BEGIN,
    CP_END,
    HEAD_BYTES,
    VERSION_SHIFT,
    WANTS_ANSWER,
    WRONG_PASSWORD,
    Header,
    address_of,
    answer_to,
    command_of,
    flag_of,
    part_of,
    read_header,
    version_of,
)
from wattwarden.codecs.hj212.parts import Packets
from wattwarden.codecs.hj212.plaintext import UnknownKeyError, plain_of
from wattwarden.protocol.asking import Asking, Denial, Doubting
from wattwarden.protocol.checksum import hj212
from wattwarden.protocol.codec import NOTHING_ASKED, Asked, Profile, ProfileOf
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.pairs import read_pairs
from wattwarden.protocol.timetext import SECOND_DIGITS, write_digits

if TYPE_CHECKING:
    from wattwarden.protocol.line import Line

# RtdInterval may be 3,600 s, and 2017 knows no heartbeat: a silent hour is no fault.
LONGEST_CYCLE_S: Final = 3600
CYCLES_UNTIL_IDLE: Final = 3
# A meter said to report each 30 s may have been set to each 10 min meanwhile.
LEAST_IDLE_S: Final = 600.0

AT_ONCE: Final = frozenset(
    cn for cn, command in COMMANDS.items() if command.reply in {"notice", "clock", "login"}
)
# One letter is found in an eighth of the time of a word, and hardly a frame but of a part has it.
PART_LETTER: Final = ord("U")
PART_MARK: Final = b"PNUM="


class _Proven(NamedTuple):
    """Header and plain data of a frame whose checksum fits; data None where nobody has the key."""

    header: Header
    data: bytes | None


class Hj212Dialogue(Asking, Doubting):
    """Answers what need not wait: heartbeats, logins, requests for the time."""

    __slots__ = (
        "_header",
        "_packets",
        "_profile_of",
        "asked",
        "denial",
        "identity",
        "idle_limit_s",
    )

    def __init__(self, profile_of: ProfileOf) -> None:
        self._profile_of = profile_of
        self._packets: Packets | None = None
        # What its first frame said of it, as few loggers are ever asked.
        self._header = b""
        self.line: Line | None = None
        self.identity: str | None = None
        self.denial: Denial | None = None
        self.idle_limit_s = float(CYCLES_UNTIL_IDLE * LONGEST_CYCLE_S)
        self.asked: Asked = NOTHING_ASKED

    def said(self) -> Mapping[str, str]:
        """Return system (ST), password (PW) and version (0: 2005, 1: 2017, 2: 2025)."""
        header = read_header(self._header)
        named = {name: header.get(name.encode(), b"").decode("latin-1") for name in ("ST", "PW")}
        return {"version": str(version_of(header)), **{k: v for k, v in named.items() if v}}

    def receive(self, frames: list[bytes], now: int) -> bytes:
        """Take frames in order; return what is to be sent at once."""
        out = b""
        asked: dict[int, bytes] | None = None
        if self.asked is not NOTHING_ASKED:
            self.asked = NOTHING_ASKED
        for index, frame in enumerate(frames):
            at = frame.find(b"CN=", HEAD_BYTES) + 3
            if (
                self.identity is not None
                and frame[at : at + 4] not in AT_ONCE
                and (PART_LETTER not in frame or PART_MARK not in frame)
            ):
                continue
            proven = self._proven(frame)
            if proven is None:
                continue
            header, data = proven
            if self.identity is None:
                self._identify(header, frame)
            if data is None or self.denial is not None:
                continue
            context = self._context(header, data)
            if context:
                if asked is None:
                    self.asked = asked = {}
                asked[index] = context
            out += self._reply(header, data, now)
        if self.line is not None:
            for index, request in self.line.hear_all(frames, now).items():
                if _is_recalled(frames[index], request):
                    self.asked = {index: request, **self.asked}
            out += self.line.due(now)
        return out

    def tick(self, now: int) -> bytes:
        """Return what is asked by command: the meter speaks by itself."""
        return b"" if self.line is None else self.line.due(now)

    def next_deadline(self) -> int | None:
        """Return when an answer is overdue."""
        return None if self.line is None else self.line.next_deadline()

    def _proven(self, frame: bytes) -> _Proven | None:
        """Return what a frame says whose checksum fits, None when it does not.

        Of ciphertext without a key the header is believed: else nobody would learn whose is due.
        """
        try:
            raw = take_apart(frame)
            head, mark, data = raw.segment.partition(CP_BEGIN)
            header = read_header(head)
            address_of(header)
            if not raw.is_plain:
                data = plain_of(raw, self._profile_of, self.identity)[len(head) + len(mark) :]
        except UnknownKeyError:
            return _Proven(header, None)
        except ProtocolError:
            return None
        return _Proven(header, data.removesuffix(CP_END))

    def _identify(self, header: Header, frame: bytes) -> None:
        address = address_of(header)
        self._header = frame[HEAD_BYTES : frame.find(CP_BEGIN)]
        if address is None:
            return
        profile = self._profile_of(address)
        if not profile.access.takes_password(header.get(b"PW", b"")):
            self.denial = Denial(address, WRONG_PASSWORD)
            return
        self.identity = address
        cycle_s = profile.cycle_s or LONGEST_CYCLE_S
        self.idle_limit_s = max(LEAST_IDLE_S, float(CYCLES_UNTIL_IDLE * cycle_s))

    def _context(self, header: Header, data: bytes) -> bytes:
        """Return what the parts before this one said that it needs, b"" for nothing."""
        part = part_of(header)
        if part is None or part[1] == 1 or not command_of(header).period:
            return b""
        if self._packets is None:
            self._packets = Packets()
        key = (header.get(b"MN", b""), header.get(b"CN", b""), part[1])
        return self._packets.follow(key, part, data)

    def _reply(self, header: Header, data: bytes, now: int) -> bytes:
        """Answer a frame.  One without a Flag (2005) cannot say what it wants: it is answered."""
        reply = command_of(header).reply
        wanted = b"Flag" not in header or bool(flag_of(header) & WANTS_ANSWER)
        segments: list[bytes] = []
        if reply in {"notice", "clock"} and wanted:
            segments.append(answer_to(header, b"9013", b""))
        if reply == "login" and wanted:
            segments.append(_login_answer(header))
        profile = profile_for(address_of(header), self._profile_of)
        if reply == "clock":
            segments.append(_clock_setting(header, data, now, profile))
        return b"".join(seal(segment, hj212(segment), profile) for segment in segments)


def _is_recalled(frame: bytes, request: bytes) -> bool:
    """Whether a frame is of the time that a request for history names: others go on as usual."""
    named = (_moment(request, b"BeginTime="), _moment(request, b"EndTime="))
    moment = _moment(frame, b"DataTime=")
    return bool(moment and named[0]) and named[0] <= moment <= named[1]


def _moment(frame: bytes, name: bytes) -> bytes:
    """Return the digits of a time in a frame, to the second; b"" for none."""
    at = frame.find(name)
    return frame[at + len(name) : at + len(name) + SECOND_DIGITS] if at >= 0 else b""


def _login_answer(header: Header) -> bytes:
    """9022, as three servers of the 2005 dialect send it: the login's number among the data."""
    number = b"QN=%b;" % header[b"QN"] if b"QN" in header else b""
    rest = {name: value for name, value in header.items() if name != b"QN"}
    return answer_to(rest, b"9022", number + b"Logon=1")


def _clock_setting(header: Header, data: bytes, now: int, profile: Profile) -> bytes:
    """1012 sets the clock that 1013 asked for: a request of ours, with a number of its own."""
    time = write_digits(now, profile.zone).encode()
    factors = [value for name, value in read_pairs(data)[0] if name == b"PolId"]
    fields = [
        b"QN=" + time,
        b"ST=" + header.get(b"ST", b"91"),
        b"CN=1012",
        *(name + b"=" + header[name] for name in (b"PW", b"MN") if name in header),
        b"Flag=%d" % (version_of(header) << VERSION_SHIFT | WANTS_ANSWER),
        CP_BEGIN + b"".join(b"PolId=%b;" % factor for factor in factors[:1]),
    ]
    return b";".join(fields) + b"SystemTime=" + time[:14] + CP_END
