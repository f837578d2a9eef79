"""HJ 212 (污染物在线监控系统数据传输标准) of 2005, 2017 and 2025: text over TCP.

## LLLL segment CCCC CR LF     LLLL decimal, bytes of the segment; CCCC its CRC in hex
segment: QN=…;ST=…;CN=…;PW=…;MN=…;Flag=…;[PNUM=…;PNO=…;][RF=1;]CP=&&data&&
data:    DataTime=…;a34004-Rtd=14,a34004-Flag=N;…

Flag: bit 0 an answer is wanted, bit 1 the packet is split, bits 2–7 the version (0: 2005,
1: 2017, 2: 2025).  In 2025 the data may be SM4-ECB without padding, a tail shorter than a block
left plain; length and CRC are those of the plain text.  The standard prints the ciphertext as
numbers; it is taken as raw bytes, the one form that fits its own length field.  Sources:
HJ 212-2017; HJ 212-2025 through open implementations; frames of many projects, CRCs recomputed.

Met in the field and accepted: lower-case CRC, no CR LF, ``;`` at the end of the data, MN of any
length up to 32, PNO before PNUM and zero-padded, ``,`` between header fields, no QN and no Flag
(2005), GBK text, items cut between the parts of a split packet, ciphertext whose plain tail is
counted but not sent (restored if an earlier item ends so and the checksum agrees).  When a code
repeats in a frame, its first value becomes the reading; ``read`` keeps all.

Option of a meter's profile: ``ack_cp`` (text, "") is the data of the 9014 that answers an upload;
some loggers want ``QnRtn=1;ExeRtn=1``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isnan
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from wattwarden.codecs.tables import (
    Command,
    find_factor,
    read_commands,
    read_factors,
    read_terms,
)
from wattwarden.protocol.checksum import hj212, hj212_many
from wattwarden.protocol.codec import (
    DEFAULT_PROFILE,
    MAX_CHANNEL_BYTES,
    Batch,
    Claim,
    Codec,
    Columns,
    Field,
    Message,
    Profile,
    ProfileOf,
)
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.outline import LengthPrefixed
from wattwarden.protocol.pairs import (
    CHARSETS,
    charset_of,
    is_text,
    put,
    read_pairs,
    read_tree,
    split,
    write_field,
    write_tree,
)
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.rows import NO_FLAG, Measured, Rows, Shape
from wattwarden.protocol.timetext import read_digits, write_digits

HEAD: Final = b"##"
CP_BEGIN: Final = b"CP=&&"
CP_END: Final = b"&&"
CRLF: Final = b"\r\n"
HEAD_BYTES: Final = 6
CRC_BYTES: Final = 4
# The standard ends at 1,024; loggers of VOC stations, with a hundred factors, send 3 KiB at once.
MAX_SEGMENT_BYTES: Final = 4096
MAX_FRAME_BYTES: Final = HEAD_BYTES + MAX_SEGMENT_BYTES + CRC_BYTES
MAX_MN_BYTES: Final = 32  # 24 in the standard, 27 seen
MAX_CODE_BYTES: Final = 32  # "a34004-NightData" has 16
MAX_PART_DIGITS: Final = 6  # the width of PNUM in the 2025 standard
# An item cut in two joins two parts; a meter that cuts at every boundary joins a few.
MAX_JOINED_BYTES: Final = 16_384
SM4_BLOCK_BYTES: Final = 16
# Unprintable bytes in a first block: none in a text, one in a damaged one, ten in ciphertext.
CIPHER_BYTES_IN_BLOCK: Final = 4
MAX_TAILS: Final = 8  # each costs a checksum; a meter ends all its items alike

WANTS_ANSWER: Final = 1
IS_SPLIT: Final = 2
VERSION_SHIFT: Final = 2
VERSION_2025: Final = 2
YEARS: Final = {0: "2005", 1: "2017", VERSION_2025: "2025"}

# RtdInterval may be 3,600 s, and 2017 knows no heartbeat: a silent hour is no fault.
LONGEST_CYCLE_S: Final = 3600
CYCLES_UNTIL_IDLE: Final = 3
# A meter said to report each 30 s may have been set to each 10 min meanwhile.
LEAST_IDLE_S: Final = 600.0

SOUND_FLAGS: Final = b"Nn"
HEX_DIGITS: Final = frozenset(b"0123456789abcdefABCDEF")
# Statistics whose value is a text, and those whose value is the reading itself.
TEXTS: Final = frozenset({"Flag", "EFlag", "SampleTime", "CompleteTime", "SN"})
VALUES: Final = frozenset({"Rtd", "Avg", "Info"})
HEADER_ORDER: Final = ("QN", "ST", "CN", "PW", "MN", "Flag", "PNUM", "PNO", "RF")
EXTRAS: Final = ("CP", "CPText", "Cipher", "Charset")

COMMANDS: Final[Mapping[bytes, Command]] = read_commands("hj212_commands")
PERIOD_OF_KIND: Final = {command.kind: command.period for command in COMMANDS.values()}
CN_OF_KIND: Final = {command.kind: cn.decode() for cn, command in COMMANDS.items()}
OTHER: Final = Command("other", "", "", "其他命令 a command that is not in the table")
TERMS: Final[Mapping[tuple[str, str], str]] = read_terms("hj212_terms")
AT_ONCE: Final = frozenset(
    cn for cn, command in COMMANDS.items() if command.reply in {"notice", "clock", "login"}
)

Header = dict[bytes, bytes]


# ── framing ─────────────────────────────────────────────────────────────────────


def _measure(buffer: bytes, start: int) -> int:
    digits = buffer[start + 2 : start + HEAD_BYTES]
    if not digits.isdigit():
        return -1 if digits else 0
    if len(digits) < 4:
        return 0
    size = HEAD_BYTES + int(digits) + CRC_BYTES
    if size > MAX_FRAME_BYTES:
        return -1
    if buffer[start + size - 6 : start + size - 4] != CP_END:
        size -= _lost_bytes(buffer, start, start + size)
    return size


def _lost_bytes(buffer: bytes, start: int, end: int) -> int:
    """Return by how much a frame ends early whose sender forgot the plain tail behind ciphertext.

    Its length field counts the tail, so that there is one place to look, besides ``end``.
    """
    data = buffer.find(CP_BEGIN, start, end) + len(CP_BEGIN)
    lost = (end - CRC_BYTES - len(CP_END) - data) % SM4_BLOCK_BYTES
    early = end - lost
    if buffer[early : early + len(CRLF)] != CRLF or data < len(CP_BEGIN):
        return 0
    cipher = _is_cipher(buffer[start + HEAD_BYTES : early - CRC_BYTES])
    return lost if cipher and _seems(buffer, start, early) else 0


def _seems(buffer: bytes, start: int, end: int) -> bool:
    """Whether the end looks right; the checksum is left to ``confirm``, which does many at once."""
    return (
        buffer[end - 6 : end - 4] == CP_END
        and HEX_DIGITS.issuperset(buffer[end - 4 : end])
        and end - start >= HEAD_BYTES + len(CP_BEGIN) + len(CP_END) + CRC_BYTES
    )


def _fits(buffer: bytes, start: int, end: int) -> bool:
    """Whether the checksum fits.

    Ciphertext, whose plain text the checksum is about, passes here: only ``confirm`` and ``read``
    have the keys.  Text never passes for ciphertext, however its bits were flipped.
    """
    if not _seems(buffer, start, end):
        return False
    segment = buffer[start + HEAD_BYTES : end - CRC_BYTES]
    return hj212(segment) == int(buffer[end - CRC_BYTES : end], 16) or _is_cipher(segment)


OUTLINE: Final = LengthPrefixed(
    head=HEAD,
    most_bytes=MAX_FRAME_BYTES,
    measure=_measure,
    fits=_fits,
    seems=_seems,
    separators=CRLF,
)


def recognise(head: bytes) -> Claim:
    """Tell whether a connection that begins with these bytes speaks HJ 212."""
    if not head.startswith(HEAD):
        return Claim.MORE if HEAD.startswith(head) else Claim.NO
    size = _measure(head, 0)
    if size == 0:
        return Claim.MORE
    return Claim.YES if size > 0 else Claim.NO


def _frame(segment: bytes, crc: int, lost: int = 0) -> bytes:
    return b"##%04d%b%04X\r\n" % (len(segment) + lost, segment, crc)


# ── header, encryption ──────────────────────────────────────────────────────────


def _header(raw: bytes) -> Header:
    """Read the fields before CP.  A comma between them is a misprint that became practice."""
    items = raw.replace(b",", b";").strip(b";").split(b";")
    try:
        fields = dict([item.split(b"=") for item in items])
    except ValueError:
        fields = {}
    if len(fields) != len(items):  # not name=value throughout, or a name twice: the first counts
        fields = {}
        for item in items:
            name, _, value = item.partition(b"=")
            fields.setdefault(name, value)
    return fields


def _flag(header: Header) -> int:
    raw = header.get(b"Flag", b"").strip()
    return int(raw) if raw.isdigit() and len(raw) <= 3 else 0


def _version(header: Header) -> int:
    return _flag(header) >> VERSION_SHIFT


def _mn(header: Header) -> str | None:
    """Return the address of the meter, None when there is none.  Raises ProtocolError."""
    raw = header.get(b"MN", b"").strip()
    if not raw:
        return None
    text = raw.decode("latin-1")
    if len(raw) > MAX_MN_BYTES or not raw.isascii() or not text.isprintable() or " " in text:
        raise ProtocolError(
            Refusal.DECODE,
            f"MN is at most {MAX_MN_BYTES} printable ASCII characters, got {text[:40]!r}",
        )
    return text


class _Facts(NamedTuple):
    """What a header without its QN says.  ``answer`` begins the 9014 it wants, b"" for none."""

    command: Command
    address: str | None
    refused: str
    repeated: bool
    part: tuple[int, int] | None
    answer: bytes


def _number_and_rest(head: bytes) -> tuple[bytes, bytes]:
    """Part a QN of 17 digits, with its separator, from a header that begins with it."""
    if head.startswith(b"QN=") and head[20:21] == b";" and head[3:20].isdigit():
        return head[:21], head[21:]
    return b"", head


# But for its QN a meter's header is always the same; 400 bytes each, enough for a city's meters.
@lru_cache(maxsize=32_768)
def _facts(rest: bytes) -> _Facts:
    header = _header(rest)
    command = COMMANDS.get(header.get(b"CN", b""), OTHER)
    address, refused = None, ""
    try:
        address = _mn(header)
    except ProtocolError as error:
        refused = error.message
    wanted = command.reply == "data" and _flag(header) & WANTS_ANSWER
    answer = _answer(header, b"9014", b"")[: -len(CP_END)] if wanted else b""
    return _Facts(command, address, refused, header.get(b"RF") == b"1", _part(header), answer)


def _part(header: Header) -> tuple[int, int] | None:
    """Return which part of how many a frame is."""
    number, count = header.get(b"PNO", b"").strip(), header.get(b"PNUM", b"").strip()
    if not (number.isdigit() and count.isdigit() and len(number + count) <= 2 * MAX_PART_DIGITS):
        return None
    part = (int(number), int(count))
    return part if 1 <= part[0] <= part[1] else None


def _is_cipher(segment: bytes) -> bool:
    """Whether data look encrypted: version 2025, and a first block that is no text."""
    head, mark, data = segment.partition(CP_BEGIN)
    block = data[: min(SM4_BLOCK_BYTES, len(data) - len(CP_END))]
    if not mark or len(block) < SM4_BLOCK_BYTES:
        return False
    odd = sum(not 0x20 <= byte <= 0x7E for byte in block)
    return odd >= CIPHER_BYTES_IN_BLOCK and _version(_header(head)) >= VERSION_2025


def _sm4(key: bytes) -> Cipher[modes.ECB]:
    try:
        return Cipher(algorithms.SM4(key), modes.ECB())  # noqa: S305  # the standard's choice
    except ValueError as error:
        message = f"a key of SM4 has {SM4_BLOCK_BYTES} bytes, this one {len(key)}"
        raise ProtocolError(Refusal.CHECKSUM, message) from error


def encrypt(data: bytes, key: bytes) -> bytes:
    """Encrypt the data of a 2025 frame; a tail shorter than a block stays as it is (annex A.2)."""
    whole = len(data) // SM4_BLOCK_BYTES * SM4_BLOCK_BYTES
    return _sm4(key).encryptor().update(data[:whole]) + data[whole:]


def decrypt(data: bytes, key: bytes) -> bytes:
    """Undo ``encrypt``."""
    whole = len(data) // SM4_BLOCK_BYTES * SM4_BLOCK_BYTES
    return _sm4(key).decryptor().update(data[:whole]) + data[whole:]


class _Raw(NamedTuple):
    """A segment as sent, its stated CRC, and how many bytes of it were not sent."""

    segment: bytes
    crc: int
    lost: int


def _segment(frame: bytes) -> _Raw:
    """Take one whole frame apart.  Raises ProtocolError."""
    if not frame.startswith(HEAD):
        raise ProtocolError(Refusal.UNKNOWN, f"a frame begins with ##, got {frame[:2].hex(' ')}")
    digits = frame[2:HEAD_BYTES]
    if not digits.isdigit() or len(digits) < 4:
        raise ProtocolError(Refusal.LENGTH, f"length is four digits, got {digits!r}", 2)
    size = int(digits)
    if size > MAX_SEGMENT_BYTES:
        message = f"a segment has at most {MAX_SEGMENT_BYTES} bytes, the length field says {size}"
        raise ProtocolError(Refusal.LENGTH, message, 2)
    found = len(frame.rstrip(CRLF)) - HEAD_BYTES - CRC_BYTES
    lost = size - found
    if lost and lost != _lost_bytes(frame, 0, HEAD_BYTES + size + CRC_BYTES):
        message = f"the length field says {size} bytes, the segment has {max(found, 0)}"
        raise ProtocolError(Refusal.LENGTH, message, 2)
    end = HEAD_BYTES + found
    crc = frame[end : end + CRC_BYTES]
    if not HEX_DIGITS.issuperset(crc):
        raise ProtocolError(Refusal.CHECKSUM, f"checksum is four hex digits, got {crc!r}", end)
    return _Raw(frame[HEAD_BYTES:end], int(crc, 16), lost)


def _plain(raw: _Raw, profile_of: ProfileOf, identity: str | None) -> bytes:
    """Return the plain text of a segment whose CRC does not fit as sent.  Raises ProtocolError.

    One in 256 wrong plain texts fits the checksum, of which eight bits reach from byte to byte; so
    it must be a text besides, which ciphertext under a wrong key or with a wrong bit never gives.
    """
    head, mark, data = raw.segment.partition(CP_BEGIN)
    header = _header(head)
    meter = _mn(header) or identity
    key = profile_of(meter).key if meter is not None else None
    end = HEAD_BYTES + len(raw.segment)
    if key is not None and mark and _version(header) >= VERSION_2025:
        opened = decrypt(data[: -len(CP_END)], key)
        for tail in _tails(opened, raw.lost) if is_text(opened) else ():
            plain = head + mark + opened + tail + CP_END
            if hj212(plain) == raw.crc:
                return plain
        message = f"checksum is {raw.crc:04X}, neither the bytes nor the decrypted text fit"
        raise ProtocolError(Refusal.CHECKSUM, message, end)
    if _is_cipher(raw.segment):
        message = f"encrypted, no key of {meter or 'its meter'} is known"
        raise ProtocolError(Refusal.CHECKSUM, message, HEAD_BYTES + len(head) + len(mark))
    message = f"checksum of the segment is {hj212(raw.segment):04X}, the frame says {raw.crc:04X}"
    raise ProtocolError(Refusal.CHECKSUM, message, end)


def _tails(opened: bytes, lost: int) -> list[bytes]:
    """Return what the ``lost`` bytes behind a text can be: what stood there in an item before.

    The checksum tells whether they are.
    """
    if not lost:
        return [b""]
    begun = opened[opened.rfind(b"-") :]
    found: dict[bytes, None] = {}
    at = opened.find(begun)
    while 0 <= at < len(opened) - len(begun) and len(found) < MAX_TAILS:
        found[opened[at + len(begun) : at + len(begun) + lost]] = None
        at = opened.find(begun, at + 1)
    return [tail for tail in found if len(tail) == lost]


def _proven(frame: bytes, profile_of: ProfileOf) -> tuple[Header, bytes] | None:
    """Return header and data of a frame whose checksum fits, None when it does not.

    Of ciphertext without a key the header is believed: else nobody would learn whose is due.
    """
    try:
        raw = _segment(frame)
        head, mark, data = raw.segment.partition(CP_BEGIN)
        header = _header(head)
        meter = _mn(header)
        if hj212(raw.segment) != raw.crc:
            if meter is not None and profile_of(meter).key is None and _is_cipher(raw.segment):
                return header, b""
            data = _plain(raw, profile_of, None)[len(head) + len(mark) :]
    except ProtocolError:
        return None
    return header, data.removesuffix(CP_END)


# ── conversation ────────────────────────────────────────────────────────────────


def _answer(header: Header, cn: bytes, data: bytes) -> bytes:
    """Make the segment that answers a frame, under its number, password and meter."""
    fields = [name + b"=" + header[name] for name in (b"QN", b"PW", b"MN") if name in header]
    fields.insert(b"QN" in header, b"ST=91;CN=" + cn)
    flag = _version(header) << VERSION_SHIFT
    return b"%b;Flag=%d;CP=&&%b&&" % (b";".join(fields), flag, data)


def _seal(segment: bytes, crc: int, profile: Profile) -> bytes:
    """Make the frame of a segment, its data encrypted when those of the meter are."""
    if profile.key is not None:
        head, mark, data = segment.partition(CP_BEGIN)
        if _version(_header(head)) < VERSION_2025:
            return _frame(segment, crc)
        try:
            segment = head + mark + encrypt(data[: -len(CP_END)], profile.key) + CP_END
        except ProtocolError:  # a key of the wrong size: what cannot be encrypted is not said
            return b""
    return _frame(segment, crc)


def _profile(meter: str | None, profile_of: ProfileOf) -> Profile:
    return DEFAULT_PROFILE if meter is None else profile_of(meter)


class Hj212Dialogue:
    """Answers what need not wait: heartbeats, logins, requests for the time."""

    __slots__ = ("_profile_of", "identity", "idle_limit_s")

    def __init__(self, profile_of: ProfileOf) -> None:
        self._profile_of = profile_of
        self.identity: str | None = None
        self.idle_limit_s = float(CYCLES_UNTIL_IDLE * LONGEST_CYCLE_S)

    def receive(self, frames: list[bytes], now: int) -> bytes:
        """Take frames in order; return what is to be sent at once."""
        out = b""
        for frame in frames:
            at = frame.find(b"CN=", HEAD_BYTES) + 3
            if self.identity is not None and frame[at : at + 4] not in AT_ONCE:
                continue
            proven = _proven(frame, self._profile_of)
            if proven is None:
                continue
            header, data = proven
            if self.identity is None:
                self._identify(header)
            out += self._reply(header, data, now)
        return out

    def tick(self, now: int) -> bytes:  # noqa: ARG002  # the seam's signature; nothing is polled
        """Return nothing: the meter speaks by itself."""
        return b""

    def next_deadline(self) -> int | None:
        """Return None."""
        return None

    def _identify(self, header: Header) -> None:
        self.identity = _mn(header)
        if self.identity is not None:
            cycle_s = self._profile_of(self.identity).cycle_s or LONGEST_CYCLE_S
            self.idle_limit_s = max(LEAST_IDLE_S, float(CYCLES_UNTIL_IDLE * cycle_s))

    def _reply(self, header: Header, data: bytes, now: int) -> bytes:
        """Answer a frame.  One without a Flag (2005) cannot say what it wants: it is answered."""
        reply = COMMANDS.get(header.get(b"CN", b""), OTHER).reply
        wanted = b"Flag" not in header or bool(_flag(header) & WANTS_ANSWER)
        segments: list[bytes] = []
        if reply in {"notice", "clock"} and wanted:
            segments.append(_answer(header, b"9013", b""))
        if reply == "login" and wanted:
            segments.append(_login_answer(header))
        profile = _profile(_mn(header), self._profile_of)
        if reply == "clock":
            segments.append(_clock_setting(header, data, now, profile))
        return b"".join(_seal(segment, hj212(segment), profile) for segment in segments)


def _login_answer(header: Header) -> bytes:
    """9022, as three servers of the 2005 dialect send it: the login's number among the data."""
    number = b"QN=%b;" % header[b"QN"] if b"QN" in header else b""
    rest = {name: value for name, value in header.items() if name != b"QN"}
    return _answer(rest, b"9022", number + b"Logon=1")


def _clock_setting(header: Header, data: bytes, now: int, profile: Profile) -> bytes:
    """1012 sets the clock that 1013 asked for: a request of ours, with a number of its own."""
    time = write_digits(now, profile.zone).encode()
    factors = [value for name, value in read_pairs(data)[0] if name == b"PolId"]
    fields = [
        b"QN=" + time,
        b"ST=" + header.get(b"ST", b"91"),
        b"CN=1012",
        *(name + b"=" + header[name] for name in (b"PW", b"MN") if name in header),
        b"Flag=%d" % (_version(header) << VERSION_SHIFT | WANTS_ANSWER),
        CP_BEGIN + b"".join(b"PolId=%b;" % factor for factor in factors[:1]),
    ]
    return b";".join(fields) + b"SystemTime=" + time[:14] + CP_END


def acknowledge(batch: Batch) -> list[bytes]:
    """Return the 9014 for each upload that wants an answer, b"" for every other frame.

    For frames that ``confirm`` has confirmed.  Each part of a split packet is answered by itself.
    """
    answers = [b""] * len(batch)
    waiting: list[tuple[int, bytes, Profile]] = []
    for index, frame in enumerate(batch.frames()):
        number, rest = _number_and_rest(frame[HEAD_BYTES : frame.find(CP_BEGIN)])
        facts = _facts(rest)
        if not facts.answer:
            continue
        profile = _profile(facts.address, batch.profile_of)
        data = str(profile.options.get("ack_cp", "")).encode() if profile.options else b""
        waiting.append((index, number + facts.answer + data + CP_END, profile))
    if not waiting:
        return answers
    segments = [segment for _, segment, _ in waiting]
    ends = np.cumsum([len(segment) for segment in segments])
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    checksums = hj212_many(np.frombuffer(b"".join(segments), np.uint8), starts, ends).tolist()
    for (index, segment, profile), crc in zip(waiting, checksums, strict=True):
        answers[index] = _seal(segment, crc, profile)
    return answers


# ── many frames at once ─────────────────────────────────────────────────────────

_NO_DIGIT: Final = 255
_HEX_VALUE: Final = np.array(
    [int(chr(byte), 16) if byte in HEX_DIGITS else _NO_DIGIT for byte in range(256)], np.uint8
)


def _bounds(batch: Batch) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each segment begins and ends, and whether its checksum fits its raw bytes."""
    data = np.frombuffer(batch.data, np.uint8)
    first, behind = batch.offsets[:-1], batch.offsets[1:]
    starts = first + HEAD_BYTES
    good = behind - starts >= CRC_BYTES
    heads = first * good
    length = np.zeros(len(batch), np.int64)
    if len(data) < HEAD_BYTES:
        return starts, starts, np.zeros(len(batch), bool)
    good &= (data[heads] == HEAD[0]) & (data[heads + 1] == HEAD[0])
    for place in range(2, HEAD_BYTES):
        digit = data[heads + place].astype(np.int64) - ord("0")
        good &= (digit >= 0) & (digit <= 9)
        length = length * 10 + digit
    ends = starts + length
    good &= ends + CRC_BYTES <= behind
    ends *= good
    stated = np.zeros(len(batch), np.int64)
    for place in range(CRC_BYTES if good.any() else 0):
        digit = _HEX_VALUE[data[ends + place]]
        good &= digit < 16
        stated = stated * 16 + digit
    starts *= good
    ends *= good
    good &= hj212_many(data, starts, ends) == stated
    for index in np.flatnonzero(good & (behind - ends > CRC_BYTES)).tolist():
        tail = batch.data[int(ends[index]) + CRC_BYTES : int(behind[index])]
        good[index] = tail == CRLF or not tail.strip(CRLF)
    return starts, ends, good


def _opened(batch: Batch, index: int) -> bytes:
    """Return the plain segment of a frame whose checksum does not fit.  Raises ProtocolError."""
    identity = batch.identities[batch.session[index]]
    return _plain(_segment(batch.frame(index)), batch.profile_of, identity)


def confirm(batch: Batch) -> NDArray[np.bool_]:
    """Tell of each frame whether its checksum fits, ciphertext being decrypted first.

    False too for ciphertext whose key is not known: it is kept, but nobody answers for it.
    """
    good = _bounds(batch)[2]
    for index in np.flatnonzero(~good).tolist():
        try:
            _opened(batch, index)
        except ProtocolError:
            continue
        good[index] = True
    return good


# A table and what to leave out for bytes.translate: of data only = and ; remain, ``,`` as ;.
_SEPARATORS: Final = bytes.maketrans(b",", b";")
_NO_SEPARATORS: Final = bytes(byte for byte in range(256) if byte not in b"=;,")


@dataclass(frozen=True, slots=True)
class Plan:
    """Where readings are in a list name, value, name, value, …, to which ``NO_FLAG`` is appended.

    ``time`` and ``pollutant`` are indices of values, -1 for none.
    """

    skeleton: bytes
    time: int
    pollutant: int
    values: Callable[[list[bytes]], tuple[bytes, ...]]
    flags: Callable[[list[bytes]], tuple[bytes, ...]]
    shape: Shape
    refused: str


def _picker(places: Sequence[int]) -> Callable[[list[bytes]], tuple[bytes, ...]]:
    """Return what picks the values at ``places``, at -1 the last one."""
    indices = [2 * place + 1 if place >= 0 else -1 for place in places]
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda texts: tuple(texts[index] for index in indices)


@lru_cache(maxsize=512)
def _shape(factors: tuple[str, ...], quantities: tuple[Measured, ...]) -> Shape:
    return Shape(factors, quantities)


# Meters send the same names day after day; a fleet knows a few hundred lists of them.
@lru_cache(maxsize=512)
def _plan(names: tuple[bytes, ...]) -> Plan:
    place: dict[bytes, int] = {}
    for index, name in enumerate(names):
        place.setdefault(name, index)
    factors: dict[str, int] = {}
    quantities: dict[tuple[str, str], tuple[int, float]] = {}
    refused = ""
    for name, index in place.items():
        text = name.decode("latin-1")
        code, dash, statistic = text.rpartition("-")
        if not dash or statistic in TEXTS:
            continue
        if not code or len(name) > MAX_CODE_BYTES or not (text.isascii() and text.isprintable()):
            refused = f"a code is at most {MAX_CODE_BYTES} printable characters, got {text[:40]!r}"
            continue
        factor = find_factor(read_factors("hj212_factors"), code)
        if factor is not None and factor.quantity and statistic in VALUES:
            key = (code if factor.own_channel else "", factor.quantity)
            if key not in quantities and len(key[0]) <= MAX_CHANNEL_BYTES:
                quantities[key] = (index, factor.scale)
                continue
        factors[code if statistic == "Rtd" else text] = index
    values = (*factors.values(), *(index for index, _ in quantities.values()))
    flags = (names[index].rpartition(b"-")[0] + b"-Flag" for index in values)
    measured = tuple(Measured(*key, scale) for key, (_, scale) in quantities.items())
    return Plan(
        skeleton=(b"=;" * len(names))[:-1],
        time=2 * place[b"DataTime"] + 1 if b"DataTime" in place else -1,
        pollutant=2 * place[b"PolId"] + 1 if b"PolId" in place else -1,
        values=_picker(values),
        flags=_picker([place.get(flag, -1) for flag in flags]),
        shape=_shape(tuple(factors), measured),
        refused=refused,
    )


def _number(text: bytes) -> float:
    """Read a decimal number; NaN for any other text."""
    try:
        return float(text) if b"_" not in text else np.nan
    except ValueError:
        return np.nan


def _flag_letter(text: bytes) -> bytes:
    letter = text[:1]
    return (letter if letter.isascii() else b"?") or NO_FLAG


def _readings(plan: Plan, texts: list[bytes]) -> tuple[list[float], bytes]:
    """Return the numbers of a row and the flag of each."""
    picked = plan.values(texts)
    try:
        values = list(map(float, picked))
    except ValueError:
        values = list(map(_number, picked))
    flags = b"".join(plan.flags(texts))
    if len(flags) != len(values) or not flags.isascii():
        flags = b"".join(map(_flag_letter, plan.flags(texts)))
    return values, flags


Origin = tuple[int, int, int]
"""Where data come from: the frame of the batch, its meter, and the quality it claims."""


class _Part(NamedTuple):
    """A part of a split packet."""

    number: int
    origin: Origin
    data: bytes


class _Decoder:
    """Collects what the frames of one batch mean."""

    __slots__ = ("_batch", "_history", "_packets", "rows")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._packets: dict[tuple[int, int, str, int], list[dict[int, _Part]]] = {}
        self._history = _history(batch)
        self.rows = Rows(batch, SOUND_FLAGS, b"DataTime=")

    def take(self, index: int, segment: bytes) -> None:
        """Take the plain segment of one frame.  Raises ProtocolError."""
        head, data = _halves(segment)
        command, address, refused, repeated, part, _ = _facts(_number_and_rest(head)[1])
        if not command.period:
            return
        if refused:
            raise ProtocolError(Refusal.DECODE, refused, HEAD_BYTES)
        quality = Quality.BACKFILL if repeated or index in self._history else 0
        origin = (index, self.rows.meter(index, address), int(quality))
        if part is None or part[1] == 1:
            self._add(origin, command.period, data, b"")
            return
        number, count = part
        key = (int(self._batch.session[index]), origin[1], command.kind, count)
        packets = self._packets.setdefault(key, [{}])
        if number in packets[-1]:
            packets.append({})
        packets[-1][number] = _Part(number, origin, data)

    def join(self) -> None:
        """Add the parts of split packets, those as one between which an item was cut."""
        for key, packets in self._packets.items():
            period = PERIOD_OF_KIND[key[2]]
            for packet in packets:
                parts = sorted(packet.values())
                time = next((found for part in parts if (found := _time_in(part.data))), b"")
                if not time:
                    for part in parts:
                        self._refuse(
                            part.origin, "a part without DataTime, nor its packet's others"
                        )
                    continue
                for origin, data in _runs(parts):
                    try:
                        self._add(origin, period, data, time)
                    except ProtocolError as error:
                        self.rows.refuse(origin[0], error)

    def _refuse(self, origin: Origin, message: str) -> None:
        self.rows.refuse(origin[0], ProtocolError(Refusal.DECODE, message))

    def _add(self, origin: Origin, period: str, data: bytes, time: bytes) -> None:
        """Add the readings of some data; ``time`` is that of the packet if they have none."""
        data = data.rstrip(b";,")
        texts = data.replace(b",", b";").replace(b"=", b";").split(b";")
        plan = _plan(tuple(texts[::2]))
        if data.translate(_SEPARATORS, _NO_SEPARATORS) != plan.skeleton or b"_" in data:
            texts = self._texts(origin, data)
            plan = _plan(tuple(texts[::2]))
        if plan.refused:
            self._refuse(origin, plan.refused)
        texts.append(NO_FLAG)
        values, flags = _readings(plan, texts)
        if not values or (isnan(values[0]) and not any(flags) and all(map(isnan, values))):
            return  # requests, logs and the like: texts, to be found in the frame
        channel = _channel(texts[plan.pollutant]) if plan.pollutant >= 0 else ""
        time = texts[plan.time] if plan.time >= 0 else time
        self.rows.add((plan.shape, period, channel), origin, time, values, flags)

    def _texts(self, origin: Origin, data: bytes) -> list[bytes]:
        """Return names and values of data that are not name=value throughout.

        Numbers with an underline, which float() takes and the standard does not, become empty.
        """
        pairs, fragments = read_pairs(data)
        if fragments:
            self._refuse(origin, f"an item without a value: {fragments[0][:32]!r}")
        texts: list[bytes] = []
        for name, value in pairs:
            texts += (name, value if b"_" not in value else b"")
        return texts


def _history(batch: Batch) -> frozenset[int]:
    """Return which frames answer a request for history."""
    asked = [index for index, text in enumerate(batch.requests) if b"BeginTime=" in text]
    return frozenset(np.flatnonzero(np.isin(batch.request, asked)).tolist())


def _runs(parts: list[_Part]) -> Iterator[tuple[Origin, bytes]]:
    """Yield the data of parts, as one where an item was cut between a part and the next."""
    run = parts[:1]
    for part in parts[1:]:
        if part.number != run[-1].number + 1 or not _is_cut(run, part.data):
            yield run[0].origin, b"".join(piece.data for piece in run)
            run = []
        run.append(part)
    yield run[0].origin, b"".join(piece.data for piece in run)


def _halves(segment: bytes) -> tuple[bytes, bytes]:
    """Return header and data of a plain segment.  Raises ProtocolError."""
    head, mark, data = segment.partition(CP_BEGIN)
    if not mark or not data.endswith(CP_END):
        raise ProtocolError(Refusal.DECODE, "a segment ends with CP=&&…&&", HEAD_BYTES)
    return head, data[: -len(CP_END)]


def _channel(pollutant: bytes) -> str:
    """Name the channel of an instrument's information after the factor that it measures."""
    text = pollutant[:MAX_CHANNEL_BYTES].decode("latin-1")
    return text if text.isascii() and text.isprintable() else ""


def _time_in(data: bytes) -> bytes:
    at = data.find(b"DataTime=")
    return split(data[at : at + 32])[0].partition(b"=")[2] if at >= 0 else b""


def _is_cut(run: list[_Part], data: bytes) -> bool:
    """Whether an item was cut between a run of parts and the next one."""
    last = run[-1].data.replace(b",", b";").rpartition(b";")[2]
    first = data.replace(b",", b";").partition(b";")[0]
    whole = all(not item or item.partition(b"=")[0] not in {b"", item} for item in (last, first))
    return not whole and sum(len(part.data) for part in run) < MAX_JOINED_BYTES


def decode(batch: Batch) -> Columns:
    """Read the frames of a batch into columns."""
    starts, ends, good = _bounds(batch)
    decoder = _Decoder(batch)
    data = batch.data
    bounds = zip(starts.tolist(), ends.tolist(), good.tolist(), strict=True)
    for index, (start, end, fits) in enumerate(bounds):
        try:
            decoder.take(index, data[start:end] if fits else _opened(batch, index))
        except ProtocolError as error:
            decoder.rows.refuse(index, error)
    decoder.join()
    return decoder.rows.columns()


# ── one frame, for people ───────────────────────────────────────────────────────


def read(frame: bytes, profile_of: ProfileOf) -> Message:
    """Read one whole frame, CR LF allowed behind it.  Raises ProtocolError.

    ``fields`` has the header as texts and under ``CP`` the data as ``pairs.read_tree`` gives them.
    ``CPText`` is there where ``CP`` does not give back the data exactly, and always for ciphertext
    (its plain text); ``Cipher`` is that in hex, ``Charset`` whatever is not UTF-8.
    """
    raw = _segment(frame)
    segment = raw.segment
    plain = segment if hj212(segment) == raw.crc else _plain(raw, profile_of, None)
    head, data = _halves(plain)
    header = _header(head)
    if not header.get(b"CN"):
        raise ProtocolError(Refusal.DECODE, "the frame has no CN", HEAD_BYTES)
    meter = _mn(header)
    time = dict(reversed(read_pairs(data)[0])).get(b"DataTime")
    try:
        at = read_digits(time, _profile(meter, profile_of).zone) if time else None
    except ProtocolError as error:
        offset = HEAD_BYTES + plain.find(b"DataTime=")
        raise ProtocolError(error.kind, error.message, offset) from error
    kind = COMMANDS.get(header[b"CN"], OTHER).kind
    return Message(kind, meter, at, _native(head, data, segment, plain), _part(header))


def _native(head: bytes, data: bytes, segment: bytes, plain: bytes) -> dict[str, Any]:
    """Return every field under its own name, as ``encode`` takes them."""
    charset = charset_of(plain)
    fields: dict[str, Any] = {}
    for item in head.replace(b",", b";").split(b";"):
        name, _, value = item.decode(charset, "replace").partition("=")
        if name:
            put(fields, name, value)
    fields["CP"] = read_tree(data, charset)
    if plain is not segment or write_tree(fields["CP"]) != data.decode(charset):
        fields["CPText"] = data.decode(charset)
    if plain is not segment:
        fields["Cipher"] = segment[len(head) + len(CP_BEGIN) : -len(CP_END)].hex()
    if charset != CHARSETS[0]:
        fields["Charset"] = charset
    return fields


def encode(message: Message) -> bytes:
    """Make the frame of a message as ``read`` gives it.

    ``CP`` may also be a text.  CN, MN, PNUM and PNO are taken from the message when its fields lack
    them.  Raises ValueError for what no frame can carry.
    """
    fields = message.fields
    try:
        charset = str(fields.get("Charset", CHARSETS[0]))
        cp = fields.get("CPText", fields.get("CP", ""))
        data = (write_tree(cp) if isinstance(cp, Mapping) else str(cp)).encode(charset)
        pairs = (write_field(name, value, ";") for name, value in _ordered(message))
        head = "".join(f"{pair};" for pair in pairs).encode(charset)
        body = bytes.fromhex(fields["Cipher"]) if "Cipher" in fields else data
    except (LookupError, TypeError) as error:
        text = f"no frame can carry {error}"
        raise ValueError(text) from error
    lost = len(data) - len(body)
    if lost not in {0, len(data) % SM4_BLOCK_BYTES} or CP_BEGIN in head:
        raise ValueError("ciphertext is as long as its text, and CP is the last field")
    plain = head + CP_BEGIN + data + CP_END
    if len(plain) > MAX_SEGMENT_BYTES:
        text = f"a segment has at most {MAX_SEGMENT_BYTES} bytes, this one {len(plain)}"
        raise ValueError(text)
    return _frame(head + CP_BEGIN + body + CP_END, hj212(plain), lost)


def _ordered(message: Message) -> list[tuple[str, Any]]:
    """Return the header's fields, in the standard's order when the message had to complete them."""
    given = {name: value for name, value in message.fields.items() if name not in EXTRAS}
    number, count = message.part or (None, None)
    known = {"CN": CN_OF_KIND.get(message.kind), "MN": message.meter, "PNO": number, "PNUM": count}
    added = {name: value for name, value in known.items() if value is not None} | given
    if "CN" not in added:
        text = f"the kind {message.kind!r} has no CN, and the fields name none"
        raise ValueError(text)
    if len(added) == len(given):
        return list(given.items())
    order = {name: place for place, name in enumerate(HEADER_ORDER)}
    return sorted(added.items(), key=lambda item: order.get(item[0], len(order)))


# ── explanation ─────────────────────────────────────────────────────────────────


def explain(frame: bytes, request: bytes | None) -> tuple[Field, ...]:  # noqa: ARG001  # the seam's
    """Say what each stretch of a frame is, of a broken one as far as it goes.

    The stretches, one behind the other, are the frame.
    """
    end = _segment_end(frame)
    head_end = frame.find(CP_BEGIN, HEAD_BYTES, end)
    head_end = end if head_end < 0 else head_end
    data_begin = min(head_end + len(CP_BEGIN), end)
    data_end = end - len(CP_END) if frame[data_begin:end].endswith(CP_END) else end
    cipher = _is_cipher(frame[HEAD_BYTES:end])
    data = frame[data_begin:data_end]
    shown = (
        [Field(data_begin, data, "密文 ciphertext", f"encrypted, {len(data)} bytes")]
        if cipher
        else _explain_data(frame, data_begin, data_end)
    )
    fields = (
        Field(0, frame[:2], "包头 head", "" if frame[:2] == HEAD else "! not ##"),
        Field(2, frame[2:HEAD_BYTES], "长度 length", _explain_length(frame, end), "B"),
        *_explain_head(frame, head_end),
        Field(head_end, frame[head_end:data_begin], f"CP {TERMS['field', 'CP']}"),
        *shown,
        Field(data_end, frame[data_end:end], "CP end"),
        Field(end, frame[end : end + CRC_BYTES], "校验 checksum", _explain_crc(frame, end)),
        Field(end + CRC_BYTES, frame[end + CRC_BYTES :], "包尾 tail"),
    )
    return tuple(field for field in fields if field.raw)


def _segment_end(frame: bytes) -> int:
    """Return where the segment ends: by its length, or at the last && of a broken frame."""
    size = _measure(frame, 0)
    if 0 < size <= len(frame):
        return size - CRC_BYTES
    last = frame.rfind(CP_END, HEAD_BYTES)
    return last + len(CP_END) if last >= 0 else max(len(frame), HEAD_BYTES)


def _explain_length(frame: bytes, end: int) -> str:
    digits = frame[2:HEAD_BYTES]
    if not digits.isdigit():
        return "! four digits are due"
    found = max(min(end, len(frame)) - HEAD_BYTES, 0)
    return str(int(digits)) if int(digits) == found else f"! says {int(digits)}, found {found}"


def _explain_crc(frame: bytes, end: int) -> str:
    crc = frame[end : end + CRC_BYTES]
    if len(crc) < CRC_BYTES or not HEX_DIGITS.issuperset(crc):
        return "! four hex digits are due"
    segment = frame[HEAD_BYTES:end]
    computed = hj212(segment)
    if computed == int(crc, 16):
        return "fits"
    return "of the plain text" if _is_cipher(segment) else f"! computed {computed:04X}"


def _items(frame: bytes, begin: int, items: list[bytes]) -> Iterator[tuple[int, bytes, str, str]]:
    """Yield offset, bytes with separator, name and value of items that follow each other."""
    at = begin
    for item in items:
        name, _, value = item.decode(charset_of(item)).partition("=")
        yield at, frame[at : at + len(item) + 1], name, value
        at += len(item) + 1


def _explain_head(frame: bytes, end: int) -> Iterator[Field]:
    items = frame[HEAD_BYTES:end].replace(b",", b";").split(b";")
    for at, raw, name, value in _items(frame[:end], HEAD_BYTES, items):
        meaning = ""
        if name == "CN":
            meaning = COMMANDS.get(value.encode(), OTHER).name
        elif name == "ST":
            meaning = TERMS.get(("system", value), "")
        elif name == "Flag":
            meaning = _flag_meaning(_flag({b"Flag": value.encode()}))
        label = f"{name} {TERMS.get(('field', name), '')}"
        yield Field(at, raw, label.strip(), f"{value} {meaning}".strip())


def _flag_meaning(flag: int) -> str:
    version = YEARS.get(flag >> VERSION_SHIFT, "unknown version")
    answer = "answer wanted" if flag & WANTS_ANSWER else "no answer wanted"
    return f"{version}, {answer}" + (", split packet" if flag & IS_SPLIT else "")


def _explain_data(frame: bytes, begin: int, end: int) -> Iterator[Field]:
    for at, raw, name, value in _items(frame[:end], begin, split(frame[begin:end])):
        code, _, statistic = name.rpartition("-")
        factor = find_factor(read_factors("hj212_factors"), code)
        called = f"{factor.name_zh} {factor.name_en}" if factor is not None else ""
        term = TERMS.get(("statistic", statistic) if code else ("parameter", name), "")
        meaning = TERMS.get(("flag", value), "") if statistic == "Flag" else ""
        unit = factor.unit if factor is not None and statistic not in TEXTS else ""
        label = " ".join(part for part in (name, called, term) if part)
        yield Field(at, raw, label, f"{value} {meaning}".strip(), unit)


CODEC: Final = Codec(
    name="hj212",
    title="HJ 212 污染物在线监控系统数据传输标准 (2005, 2017, 2025)",
    outline=OUTLINE,
    kinds={command.kind: command.name for command in (*COMMANDS.values(), OTHER)},
    recognise=recognise,
    dialogue=Hj212Dialogue,
    confirm=confirm,
    acknowledge=acknowledge,
    decode=decode,
    read=read,
    encode=encode,
    explain=explain,
)
