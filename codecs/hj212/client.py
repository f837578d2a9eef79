"""The other side of HJ 212: a logger's uploads to a platform, and what the platform answers.

    Upload ─ upload_frame ─► ##LLLL…CRC ─► platform ─► 9014 ─ Answers.feed ─► Answer

An upload is answered under its own QN; whoever sends it again sends the same QN.
"""

from dataclasses import dataclass, field
from typing import Final

from wattwarden.codecs.hj212.frame import MAX_SEGMENT_BYTES, OUTLINE, framed, take_apart
from wattwarden.codecs.hj212.header import (
    CP_BEGIN,
    CP_END,
    VERSION_2025,
    VERSION_SHIFT,
    WANTS_ANSWER,
    YEARS,
    read_header,
)
from wattwarden.protocol.checksum import hj212
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.pairs import read_pairs
from wattwarden.protocol.secret import Secret
from wattwarden.protocol.timetext import write_digits
from wattwarden.protocol.zone import CHINA

REAL_TIME: Final = "2011"
MINUTE: Final = "2051"
HOUR: Final = "2061"
DAY: Final = "2031"
VERSION_OF: Final = {int(year): version for version, year in YEARS.items()}
"""The version that the Flag states, by the year of the standard."""

_DATA_ANSWER: Final = b"9014"
_FINE: Final = b"1"


@dataclass(frozen=True, slots=True)
class Upload:
    """What a logger sends.

    ``qn`` is ms UTC, written in the standard's zone; ``data`` what stands between && and &&;
    ``edition`` is 2005, 2017 or 2025, whose uploads alone can say that they are ``repeated``.
    """

    qn: int
    st: str
    cn: str
    mn: str
    data: str
    password: Secret = field(repr=False)
    edition: int = 2017
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a platform says to the upload of a QN; ``refused`` is why it did not take it, or ""."""

    qn: str
    refused: str = ""


def qn_of(ms: int) -> str:
    """Return the digits of a QN."""
    return write_digits(ms * 1000, CHINA)


def upload_frame(upload: Upload) -> bytes:
    """Make the frame of an upload that wants to be answered.

    Raises:
        ValueError: it is longer than a frame may be, or a part of it would end that part.
    """
    version = VERSION_OF[upload.edition]
    fields = [
        ("QN", qn_of(upload.qn)),
        ("ST", upload.st),
        ("CN", upload.cn),
        ("PW", upload.password.reveal()),
        ("MN", upload.mn),
        ("Flag", str(version << VERSION_SHIFT | WANTS_ANSWER)),
    ]
    if upload.repeated and version >= VERSION_2025:
        fields.append(("RF", "1"))
    for name, value in fields:
        if not value.isascii() or not value.isprintable() or set(value) & set(";,=&"):
            text = f"{name} of an upload is plain ASCII without ; , = &"
            raise ValueError(text)
    head = "".join(f"{name}={value};" for name, value in fields).encode()
    segment = head + CP_BEGIN + upload.data.encode() + CP_END
    if len(segment) > MAX_SEGMENT_BYTES or CP_END in upload.data.encode():
        text = f"an upload has at most {MAX_SEGMENT_BYTES} bytes, this one {len(segment)}"
        raise ValueError(text)
    return framed(segment, hj212(segment))


class Answers:
    """Reads what a platform sends; whatever is no answer to an upload is counted."""

    def __init__(self) -> None:
        self._framer = Framer(OUTLINE)
        self.others = 0

    def feed(self, data: bytes) -> list[Answer]:
        """Take bytes; return the answers that are whole now."""
        found = []
        for frame in self._framer.feed(data):
            answer = _answer(frame)
            if answer is None:
                self.others += 1
            else:
                found.append(answer)
        return found


def _answer(frame: bytes) -> Answer | None:
    try:
        raw = take_apart(frame)
    except ProtocolError:
        return None
    head, _, data = raw.segment.partition(CP_BEGIN)
    header = read_header(head)
    if not raw.fits or header.get(b"CN") != _DATA_ANSWER or b"QN" not in header:
        return None
    said = dict(read_pairs(data.removesuffix(CP_END))[0])
    # Most platforms say nothing; some repeat that all is well.
    bad = [
        f"{name.decode()}={said[name].decode('ascii', 'replace')}"
        for name in (b"QnRtn", b"ExeRtn")
        if said.get(name, _FINE) != _FINE
    ]
    return Answer(header[b"QN"].decode("ascii", "replace"), ", ".join(bad))
