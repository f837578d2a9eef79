"""What is signed once a day, over everything that came and was done: leaves, tree, statement.

    frames of a sender │ shards │ decisions │ audit log │ ledgers │ states     leaves, sorted
                       └──────── Merkle tree ────────┘
    statement: day, root of the tree, SHA-256 of the statement before ─ ed25519 ─► signature

One leaf stands for all frames that one sender sent in the day: who has the leaf and its proof knows
that none is missing, none was added, and none of another sender is shown.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec

from wattwarden.alarms.decisions.chain import canonical
from wattwarden.storage.proof.keys import Signer, is_signed
from wattwarden.storage.proof.tree import climbed, paths_of, root_of

FORMAT: Final = 1
ROOT: Final = b"root"
"""What a statement is signed for."""


class LeafKind(StrEnum):
    """What a leaf stands for; its name and its count."""

    FRAMES = "frames"
    """All frames of a sender, by ``sender_name``; how many.  The hash is of their blocks."""
    SHARD = "shard"
    """Every entry of a shard of the journal; how many.  Of kinds, times and payloads' hashes."""
    DECISION = "decision"
    """A decision by its number; the digest of the chain of decisions up to it."""
    AUDIT = "audit"
    """What was done about accounts within the day; how many."""
    LEDGER = "ledger"
    """The last entry of an enterprise's ledger, its number; the digest of the chain up to it."""
    STATE = "state"
    """The state at the beginning of an enterprise's day."""


class Leaf(msgspec.Struct, frozen=True, order=True):
    """One member of a day's tree; ``sha256`` is hexadecimal."""

    kind: LeafKind
    name: str
    count: int
    sha256: str


class Extent(msgspec.Struct, frozen=True):
    """Which entries of a shard a statement is about, the first and the last."""

    shard: int
    first: int
    last: int


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed.  ``closed``: the day was over; else it is the day so far.

    ``previous`` is the SHA-256 of the statement before, "" for the first.  ``decision`` is the last
    decision that this or an earlier statement covers.  ``received`` bounds when the frames were
    received (microseconds UTC, both 0 without frames).
    """

    format: int
    day: date
    closed: bool
    previous: str
    tree: str
    leaves: int
    records: int
    frames: int
    shards: list[Extent]
    decision: int
    received: tuple[int, int]
    made_at: datetime
    key: str


class Proof(msgspec.Struct, frozen=True):
    """A leaf, its place in the tree, and its neighbours on the way to the root."""

    leaf: Leaf
    place: int
    path: list[str]


class Root(msgspec.Struct, frozen=True):
    """A statement as it was signed, and a time-stamp of it where one was asked for (base64)."""

    statement: Statement
    signature: str
    token: bytes | None = None

    @property
    def sealed(self) -> bytes:
        """The bytes that were signed."""
        return canonical(self.statement)

    @property
    def digest(self) -> str:
        """By which the next statement names this one."""
        return hashlib.sha256(self.sealed).hexdigest()

    @property
    def is_signed(self) -> bool:
        """Whether the key that the statement names signed it."""
        return is_signed(self.statement.key, ROOT, self.sealed, self.signature)

    def proves(self, proof: Proof) -> bool:
        """Tell whether a leaf is one of the tree's."""
        try:
            path = [bytes.fromhex(one) for one in proof.path]
        except ValueError:
            return False
        data = canonical(proof.leaf)
        return climbed(data, proof.place, self.statement.leaves, path) == bytes.fromhex(
            self.statement.tree
        )


def sender_name(codec: str, identity: str | None) -> str:
    """Return by what a sender is known; peers that never said who they are stand together."""
    return codec if identity is None else f"{codec}:{identity}"


def state_name(enterprise: str, day: date) -> str:
    """Return by what the state at the beginning of an enterprise's day is known."""
    return f"{enterprise} {day.isoformat()}"


def tree_of(leaves: Iterable[Leaf]) -> str:
    """Return the root over leaves, hexadecimal."""
    return root_of([canonical(leaf) for leaf in sorted(leaves)]).hex()


def proofs_of(leaves: Iterable[Leaf], wanted: Sequence[Leaf]) -> list[Proof]:
    """Return the proofs of some of the leaves."""
    ordered = sorted(leaves)
    index = {leaf: place for place, leaf in enumerate(ordered)}
    places = [index[leaf] for leaf in wanted]
    paths = paths_of([canonical(leaf) for leaf in ordered], places)
    return [
        Proof(leaf, place, [one.hex() for one in path])
        for leaf, place, path in zip(wanted, places, paths, strict=True)
    ]


def signed(statement: Statement, signer: Signer) -> Root:
    """Return a statement with its signature."""
    return Root(statement, signer.sign(ROOT, canonical(statement)))


def follows(root: Root, before: Root) -> bool:
    """Tell whether a root names the one before, and goes on where that ended in every shard."""
    last = {one.shard: one.last for one in before.statement.shards}
    first = {one.shard: one.first for one in root.statement.shards}
    return root.statement.previous == before.digest and all(
        first.get(shard) == end + 1 for shard, end in last.items()
    )


def lacking(root: Root) -> int:
    """Return how many entries are missing between those that a root stands over."""
    said = root.statement
    return sum(one.last - one.first + 1 for one in said.shards) - said.records
