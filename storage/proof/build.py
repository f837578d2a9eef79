"""A package put together and sealed: the same material gives the same bytes, but for the seal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.proof import documents as docs
from wattwarden.storage.proof.container import packed
from wattwarden.storage.proof.keys import Signer
from wattwarden.storage.proof.meaning import curve_of
from wattwarden.storage.proof.origin import part_of
from wattwarden.storage.proof.refold import Snapshot
from wattwarden.storage.proof.said import Said, factors_csv, readings_csv
from wattwarden.storage.proof.statement import Proof, Root
from wattwarden.storage.rows.binding import ClockBounds

_README: Final = """\
电力监管报警证据包 / package of evidence about an alarm

核验（无需联网，无需服务器）/ verify, without network or server:
    wattwarden evidence verify 本文件.zip [--key 主管部门公布的公钥]

explanation.txt  报警说明 / why the alarm was raised
curve.svg        曲线 / the curve
readings/        解码读数 / what meters said
frames/          原始报文 / frames as they were received
roots/           签名日根及证明 / signed daily roots, with proofs
decisions.json   决定与处置 / what people decided, when
notices.json     通知 / who was told, when
manifest.json    清单 / SHA-256 of every part, signed in manifest.sig

任何一个字节的改动都会在核验时被发现。
Verification finds a change of any byte.
"""


@dataclass(frozen=True, slots=True)
class Frames:
    """All frames of a sender in a root's day, and the proof of their hash."""

    codec: str
    identity: str | None
    blocks: bytes
    proof: Proof


@dataclass(frozen=True, slots=True)
class Shown:
    """A root, and what is shown of its day."""

    root: Root
    frames: Sequence[Frames] = ()
    proofs: Sequence[Proof] = ()


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What was in force at a moment: the enterprise's records, and the rule file."""

    registry: Registry
    rules: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Everything that a package shows; ``window`` in ms, ``rows`` in microseconds."""

    episode: docs.Episode
    window: tuple[int, int]
    rows: tuple[int, int]
    snapshot: Snapshot | None
    then_step: int
    then: Rulebook
    now: Rulebook
    decisions: Sequence[docs.DecisionRecord]
    notices: Sequence[Mapping[str, Any]]
    shown: Sequence[Shown]
    said: Mapping[str, Said]
    profiles: Sequence[docs.ProfileRecord]
    bounds: ClockBounds


def build(material: Material, signer: Signer, made_at: datetime, program: str) -> bytes:
    """Return the package; the key in use seals it.

    Raises:
        ContainerError: It is more than a package may hold.
    """
    parts = {
        docs.KEYS: docs.written(list(signer.keys)),
        docs.ALARM: docs.written(material.episode),
        docs.EXPLANATION: docs.told(material.episode),
        docs.CURVE: curve_of(material.said, material.episode, material.window),
        docs.DECISIONS: docs.written(list(material.decisions)),
        docs.NOTICES: docs.written(list(material.notices)),
        docs.README: _README.encode(),
        **_rulebook(docs.THEN, material.then),
        **_rulebook(docs.NOW, material.now),
        **_readings(material),
        **_roots(material.shown),
    }
    if material.snapshot is not None:
        parts[docs.DAY_STATE] = material.snapshot.state
        parts[docs.KEPT_STATE] = material.snapshot.kept
    manifest = docs.Manifest(
        format=docs.FORMAT,
        program=program,
        alarm=material.episode.id,
        enterprise=material.episode.enterprise,
        made_at=made_at,
        window=material.window,
        rows=material.rows,
        snapshot=None if material.snapshot is None else material.snapshot.day,
        then_step=material.then_step,
        key=signer.public,
        parts={name: part_of(data) for name, data in parts.items()},
    )
    sealed = docs.written(manifest)
    parts[docs.MANIFEST] = sealed
    parts[docs.SEAL] = signer.sign(docs.PACKAGE, sealed).encode()
    return packed(parts)


def _rulebook(name: str, book: Rulebook) -> dict[str, bytes]:
    return {
        f"{name}/registry.json": docs.registry_written(book.registry),
        f"{name}/rules.toml": book.rules.encode(),
    }


def _readings(material: Material) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    meters: list[docs.MeterFiles] = []
    for number, (name, said) in enumerate(sorted(material.said.items()), 1):
        readings, factors = f"readings/{number:04}.csv", ""
        parts[readings] = readings_csv(said.readings)
        if said.factors:
            factors = f"factors/{number:04}.csv"
            parts[factors] = factors_csv(said.factors)
        meters.append(docs.MeterFiles(name, readings, factors))
    bounds = material.bounds
    terms = docs.Terms(
        meters,
        list(material.profiles),
        bounds.ahead_s,
        bounds.retention_days,
        bounds.future_days,
    )
    return {docs.TERMS: docs.written(terms), **parts}


def _roots(shown: Sequence[Shown]) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    for number, one in enumerate(shown, 1):
        files: list[docs.FrameFile] = []
        for place, frames in enumerate(one.frames, 1):
            part = f"frames/{number:04}/{place:04}.bin"
            parts[part] = frames.blocks
            files.append(docs.FrameFile(part, frames.codec, frames.identity, frames.proof))
        record = docs.RootRecord(one.root, files, list(one.proofs))
        parts[f"roots/{number:04}.json"] = docs.written(record)
    return parts
