"""Invariant: whatever a package holds, the verifier answers, and only what was sealed is whole.

Allowed: nothing.  An input is a part's number and what stands in its place, or a whole file.  Put
in without a new seal it is found, unless it is the part as it was; sealed anew by the very key it
may be anything, and every point is still said; the same input gives the same answer again.
"""

import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from fuzz.harness import Target
from tests.storage.proof.scene import BOUNDS, START, WHEN, Scene

from wattwarden.protocol.codec import default_profile
from wattwarden.storage.moments import us_of
from wattwarden.storage.proof import documents as docs
from wattwarden.storage.proof.build import build
from wattwarden.storage.proof.container import ContainerError, packed, unpacked
from wattwarden.storage.proof.frames import Sent, read_blocks
from wattwarden.storage.proof.origin import part_of
from wattwarden.storage.proof.said import Terms, decode_sent, within
from wattwarden.storage.proof.verify import verify

# A whole file, then parts; the last three are folded, which takes longer.
NAMES: Final = (
    "", docs.MANIFEST, docs.SEAL, docs.KEYS, docs.TERMS, docs.ALARM, docs.DECISIONS, docs.CURVE,
    docs.EXPLANATION, "roots/0001.json", "frames/0001/0001.bin", "readings/0001.csv",
    docs.DAY_STATE, "then/registry.json", "then/rules.toml",
)  # fmt: skip
FOLDED: Final = frozenset(NAMES[-3:])
SEED_BYTES: Final = 9_000  # harness.MAX_INPUT_BYTES cuts what is longer


@dataclass(frozen=True)
class Packages:
    """A package of a few frames, one that is folded as well, and whoever seals them."""

    scene: Scene
    light: dict[str, bytes]
    full: dict[str, bytes]


@cache
def _packages() -> Packages:
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
    first = scene.root(scene.entries[:3], None, closed=True, signer=scene.signer)
    shown = [first, scene.root(scene.entries[3:6], first.root, closed=False, signer=scene.signer)]
    rows = (us_of(START), us_of(START + timedelta(days=1)))
    sent = [Sent(one.codec, one.identity, read_blocks(one.blocks))
            for each in shown for one in each.frames]  # fmt: skip
    decoded = decode_sent(
        sent, list(scene.said), Terms({"acrel": default_profile}, BOUNDS, apart=False)
    )
    said = {name: within(one, *rows) for name, one in decoded.said.items()}
    few = replace(scene.material(shown), snapshot=None, said=said, rows=rows)
    return Packages(
        scene, unpacked(build(few, scene.signer, WHEN, "fuzz")), unpacked(scene.package())
    )


def run(data: bytes) -> None:
    """Hold the invariant for one input."""
    name = NAMES[data[0] % len(NAMES)] if data else ""
    body = data[1:]
    if not name:
        assert not verify(body).is_whole, "a file of nobody's making is whole"
        return
    packages = _packages()
    parts = packages.full if name in FOLDED else packages.light
    changed = {**parts, name: body}
    report = verify(packed(changed), packages.scene.signer.public)
    assert report.is_whole == (parts[name] == body), f"{name} was changed and nobody says so"
    resealed = _sealed_anew(changed, packages.scene)
    if resealed is not None:
        again = verify(resealed)
        assert again.points, "nothing is said"
        assert again == verify(resealed), "said otherwise the second time"


def _sealed_anew(parts: dict[str, bytes], scene: Scene) -> bytes | None:
    """The same parts under a seal of their own; None where there is no manifest to seal."""
    try:
        manifest = docs.read(parts[docs.MANIFEST], docs.Manifest)
    except (ValueError, RecursionError):
        return None
    rest = {name: data for name, data in parts.items() if name not in {docs.MANIFEST, docs.SEAL}}
    listed = {name: part_of(data) for name, data in rest.items()}
    manifest = msgspec.structs.replace(manifest, parts=listed, key=scene.signer.public)
    sealed = docs.written(manifest)
    try:
        return packed(
            {
                **rest,
                docs.MANIFEST: sealed,
                docs.SEAL: scene.signer.sign(docs.PACKAGE, sealed).encode(),
            }
        )
    except ContainerError:
        return None


def _seeds() -> list[bytes]:
    packages = _packages()
    seeds = [bytes([0]) + packed({"a.json": b"{}", "b/1.bin": bytes(40)})]
    for number, name in enumerate(NAMES[1:], 1):
        parts = packages.full if name in FOLDED else packages.light
        seeds.append(bytes([number]) + parts[name][:SEED_BYTES])
    return seeds


def _mend(data: bytes, rng: Random) -> bytes:
    """Let a tenth stand where another part was; the others stay."""
    return data if rng.random() > 0.1 else bytes([rng.randrange(len(NAMES))]) + data[1:]


TOKENS: Final = (
    b"PK\3\4",
    b"PK\1\2",
    b"PK\5\6",
    b"null",
    b"[[[[",
    b'{"',
    b"1e999",
    b"\xff\xff\xff\xff",
)
TARGET: Final = Target("evidence", run, _seeds, _mend, TOKENS)
