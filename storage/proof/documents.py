"""What is in a package: names of its parts, and the documents among them (canonical JSON).

manifest.json      SHA-256 of every other part, and what the package is about
manifest.sig       its signature, by the last of keys.json
keys.json          public keys, each signed by the one before
roots/NNNN.json    signed daily roots, with proofs of what is shown of their days
frames/NNNN/MMMM.bin   all frames of one sender of that root's day, as received
terms.json         meters, their profiles, bounds of clocks: by what frames are read
readings/MMMM.csv, factors/MMMM.csv    what the frames say, as it was stored
then/…, now/…      registry and rules: when the alarm was raised, and when it was exported
decisions.json     what people decided about the enterprise and the alarm
state/day.bin, state/kept.bin          the fold before the window, and what it ended with
alarm.json, explanation.txt, curve.svg, notices.json, readme.txt
"""

import re
from datetime import date, datetime
from typing import Any, Final, TypeVar

import msgspec

from wattwarden.alarms.decisions.chain import canonical, sealed
from wattwarden.alarms.decisions.kinds import decode_body
from wattwarden.alarms.episodes.findings import Explanation, Key
from wattwarden.alarms.registry.nouns import KINDS
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.moments import us_of
from wattwarden.storage.proof.statement import Proof, Root

FORMAT: Final = 1
PACKAGE: Final = b"package"
"""What a manifest is signed for."""

MANIFEST: Final = "manifest.json"
SEAL: Final = "manifest.sig"
KEYS: Final = "keys.json"
TERMS: Final = "terms.json"
ALARM: Final = "alarm.json"
DECISIONS: Final = "decisions.json"
NOTICES: Final = "notices.json"
EXPLANATION: Final = "explanation.txt"
CURVE: Final = "curve.svg"
README: Final = "readme.txt"
DAY_STATE: Final = "state/day.bin"
KEPT_STATE: Final = "state/kept.bin"
THEN: Final = "then"
NOW: Final = "now"

_ALONE: Final = frozenset({
    MANIFEST, SEAL, KEYS, TERMS, ALARM, DECISIONS, NOTICES, EXPLANATION, CURVE, README, DAY_STATE,
    KEPT_STATE,
})  # fmt: skip
_AMONG_OTHERS: Final = re.compile(
    r"roots/\d{4}\.json|frames/\d{4}/\d{4,5}\.bin|(readings|factors)/\d{4,5}\.csv"
    rf"|({THEN}|{NOW})/(registry\.json|rules\.toml)"
)

# The registry of a firm of a thousand units is 2 MB, the decisions of its five years as much.
MAX_DOCUMENT_BYTES: Final = 32 * 2**20
# Registry records; thousands of meters are a city, not a firm.
MAX_RECORDS: Final = 20_000

_Document = TypeVar("_Document")


class Part(msgspec.Struct, frozen=True):
    """Size and SHA-256 (hexadecimal) of a part."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a package is about; its parts by name.

    ``window`` (ms) is what is folded and drawn, ``rows`` (microseconds) of which stretch of the
    meters' time readings are shown.  ``snapshot`` is the local day of the state, None without one.
    ``then_step`` is the step up to which decisions count when the alarm was raised.
    """

    format: int
    program: str
    alarm: int
    enterprise: str
    made_at: datetime
    window: tuple[int, int]
    rows: tuple[int, int]
    snapshot: date | None
    then_step: int
    key: str
    parts: dict[str, Part]


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """The alarm as it stood when the package was made; times are ms Unix."""

    id: int
    rule: str
    subject: str
    kind: str
    enterprise: str
    enterprise_name: str
    line: str
    began: int
    raised: int
    ended: int | None
    grade_up: int
    version: str
    explanation: Explanation
    found_in: str
    found_late: bool
    withdrawn: bool
    case: dict[str, Any]
    corrections: list[dict[str, Any]]

    @property
    def key(self) -> Key:
        """By what the episode is known."""
        return Key(self.rule, self.subject, self.kind, self.began)


class MeterFiles(msgspec.Struct, frozen=True):
    """A meter, and the parts with its readings and, where it has any, its factors ("" else)."""

    name: str
    readings: str
    factors: str


class ProfileRecord(msgspec.Struct, frozen=True):
    """A meter's profile in force; ``has_key``: it has a key, which no package holds."""

    codec: str
    address: str
    version: int
    has_key: bool
    body: dict[str, Any]


class Terms(msgspec.Struct, frozen=True):
    """By what frames are read."""

    meters: list[MeterFiles]
    profiles: list[ProfileRecord]
    ahead_s: int
    retention_days: int
    future_days: int


class FrameFile(msgspec.Struct, frozen=True):
    """All frames of a sender in a root's day: the part, and the proof of its hash."""

    part: str
    codec: str
    identity: str | None
    proof: Proof


class RootRecord(msgspec.Struct, frozen=True):
    """A root with what is shown of its day."""

    root: Root
    files: list[FrameFile]
    proofs: list[Proof]


class DecisionRecord(msgspec.Struct, frozen=True):
    """A decision as it is chained."""

    id: int
    kind: str
    actor: str
    entered_at: datetime
    effective_at: datetime
    enterprise: str | None
    step: int
    body: Any
    predecessor: str
    digest: str

    @property
    def is_sealed(self) -> bool:
        """Whether the digest is that of what it says."""
        content = {
            "id": self.id,
            "kind": self.kind,
            "actor": self.actor,
            "entered_at_us": us_of(self.entered_at),
            "effective_at_us": us_of(self.effective_at),
            "enterprise": self.enterprise,
            "step": self.step,
            "body": self.body,
        }
        return sealed(bytes.fromhex(self.predecessor), content).hex() == self.digest

    def read(self) -> Any:
        """Return its body as the fold takes it; ValueError where it is none of its kind."""
        return decode_body(self.kind, msgspec.json.encode(self.body))


def is_part(name: str) -> bool:
    """Tell whether a package has parts of that name."""
    return name in _ALONE or _AMONG_OTHERS.fullmatch(name) is not None


def written(document: Any) -> bytes:
    """Return a document as the package holds it."""
    return canonical(document)


def read(data: bytes, kind: type[_Document]) -> _Document:
    """Read a document.

    Raises:
        ValueError: It is none of its kind, not canonical, or too large.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        message = f"{len(data)} bytes, MAX_DOCUMENT_BYTES is {MAX_DOCUMENT_BYTES}"
        raise ValueError(message)
    document = msgspec.json.decode(data, type=kind)
    if canonical(document) != data:
        raise ValueError("a document is not written canonically")
    return document


def registry_written(registry: Registry) -> bytes:
    """Return records of the registry as the package holds them."""
    return canonical(
        {
            kind: [records[name] for name in sorted(records)]
            for kind in KINDS
            if (records := getattr(registry, kind))
        }
    )


def registry_read(data: bytes) -> Registry:
    """Read records of the registry; raises as ``read``."""
    plain = read(data, dict[str, list[dict[str, Any]]])
    if sum(map(len, plain.values())) > MAX_RECORDS:
        message = f"more than MAX_RECORDS, {MAX_RECORDS}, records"
        raise ValueError(message)
    registry = Registry()
    for kind, records in plain.items():
        if kind not in KINDS:
            message = f"there is no kind {kind[:40]!a} in the registry"
            raise ValueError(message)
        for record in records:
            registry.put(kind, msgspec.convert(record, KINDS[kind]))
    return registry


def told(episode: Episode) -> bytes:
    """Return the explanation as people read it."""
    explanation = episode.explanation
    lines = [explanation.zh, explanation.en, ""]
    for title in ("signals", "thresholds"):
        for name, signal in sorted(getattr(explanation, title).items()):
            value = "-" if signal.value is None else f"{signal.value:g}"
            lines.append(f"{title[:-1]} {name} {value} {signal.unit}".rstrip())
    lines += [f"window {name} {value:g} s" for name, value in sorted(explanation.windows.items())]
    return "\n".join([*lines, f"rules {explanation.version}", ""]).encode()
