"""Which roots and frames a package shows: those of the days in which its rows were received.

rows ─ received from, to ─► roots, up to now ─ leaves ─► senders of its meters
journal, the entries of a root ─► their blocks, whose hash is the leaf ─► proofs
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from msgspec.structs import replace

from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.proof.build import Frames, Shown
from wattwarden.storage.proof.day import Pages, Taken, pages_of, walk_extents
from wattwarden.storage.proof.documents import Terms
from wattwarden.storage.proof.frames import Sent, read_blocks
from wattwarden.storage.proof.keys import Signer
from wattwarden.storage.proof.meaning import reading_terms
from wattwarden.storage.proof.roots import (
    Kept,
    Shards,
    load_leaves,
    load_roots,
    sign_days,
    sign_so_far,
)
from wattwarden.storage.proof.said import Said, senders_of
from wattwarden.storage.proof.statement import (
    Leaf,
    LeafKind,
    Root,
    proofs_of,
    sender_name,
    state_name,
)
from wattwarden.storage.proof.surroundings import load_profile_records

# A local day begins within two days of the one of UTC that has its name.
_STATE_DAYS: Final = 2

Sender = tuple[str, str | None]
"""A codec, and by which name a peer was known."""


@dataclass(frozen=True, slots=True)
class Source:
    """The journal, how far it is, and by whom and when what is shown of it is signed."""

    shards: Shards
    journal: Pages
    signer: Signer
    wall: datetime


@dataclass(frozen=True, slots=True)
class Sought:
    """What is to be shown: what meters said, by which terms; decisions, a state by its day.

    ``stored`` is up to which entry of each shard they are stored, ``at`` when senders' profiles
    count.
    """

    said: Mapping[str, Said]
    terms: Terms
    decisions: Collection[int]
    state: tuple[str, date] | None
    stored: Mapping[int, int]
    at: datetime


async def load_shown(connection: Connection, source: Source, sought: Sought) -> list[Shown]:
    """Return the roots from the first that is needed up to now, with what is shown of each.

    Days that are over are signed first.

    Raises:
        StorageError: Something cannot be read, or the journal is not what was signed.
    """
    journal, signer, wall = source.journal, source.signer, source.wall
    stored = {shard: sought.stored.get(shard, 0) for shard in range(source.shards.shards)}
    await sign_days(connection, source.shards, journal, signer, wall)
    so_far = await sign_so_far(connection, journal, signer, wall, stored)
    roots = await load_roots(connection)
    received = received_span(sought.said)
    meets = [_meets(root, received) for root in roots]
    first = meets.index(True) if True in meets else len(roots)
    shown = []
    for place in range(first, len(roots)):
        root = roots[place]
        before = roots[place - 1].statement.decision if place else 0
        decided = {one for one in sought.decisions if before < one <= root.statement.decision}
        if not (meets[place] or decided or _has_state(root, sought)):
            shown.append(Shown(root))
            continue
        if meets[place]:
            _check_stored(root, stored)
        leaves = await load_leaves(connection, root.statement.day)
        kept = Kept(root, leaves)
        shown.append(
            await _of_root(
                connection, source, kept, sought, frames=received if meets[place] else None
            )
        )
    if so_far is not None:
        meets_now = received if _meets(so_far.root, received) else None
        shown.append(await _of_root(connection, source, so_far, sought, frames=meets_now))
    return shown


def _check_stored(root: Root, stored: Mapping[int, int]) -> None:
    """Refuse to show frames of which no rows are stored yet: they would contradict the readings."""
    for one in root.statement.shards:
        if stored.get(one.shard, 0) < one.last:
            message = (
                f"the writer of shard {one.shard} has stored up to {stored.get(one.shard, 0)}, the"
                f" root of {root.statement.day} goes to {one.last}: try again when it has caught up"
            )
            raise StorageError(message, retryable=True)


async def _of_root(
    connection: Connection,
    source: Source,
    kept: Kept,
    sought: Sought,
    *,
    frames: tuple[int, int] | None,
) -> Shown:
    """Show a root: proofs of decisions and of the state, and frames where they are needed."""
    state = None if sought.state is None else state_name(*sought.state)
    numbers = {str(number) for number in sought.decisions}
    wanted = [
        leaf
        for leaf in kept.leaves
        if (leaf.kind is LeafKind.DECISION and leaf.name in numbers)
        or (leaf.kind is LeafKind.STATE and leaf.name == state)
    ]
    proofs = proofs_of(kept.leaves, wanted)
    if frames is None:
        return Shown(kept.root, (), proofs)
    files = await _frames(connection, source.journal, kept, sought)
    leaves = [leaf for leaf, _, _ in files]
    return Shown(
        kept.root,
        [
            Frames(*sender, blocks, proof)
            for (_, sender, blocks), proof in zip(
                files, proofs_of(kept.leaves, leaves), strict=True
            )
        ],
        proofs,
    )


async def _frames(
    connection: Connection, journal: Pages, kept: Kept, sought: Sought
) -> list[tuple[Leaf, Sender, bytes]]:
    """The frames of a root's day of those who brought what the meters said."""
    senders = {leaf.name: leaf for leaf in kept.leaves if leaf.kind is LeafKind.FRAMES}
    wanted = {_sender(meter) for meter in sought.said if meter in senders}
    behind = [meter for meter in sought.said if meter not in senders]
    if behind:
        wanted |= await _bringers(connection, journal, kept.root, (behind, sought))
    taken = Taken(lambda codec, identity: (codec, identity) in wanted)
    await walk_extents(journal, kept.root.statement.shards, taken)
    files = []
    for sender, blocks in sorted(taken.kept().items(), key=lambda item: sender_name(*item[0])):
        leaf = senders.get(sender_name(*sender))
        files.append((_checked(leaf, taken, sender, kept.root), sender, blocks))
    return files


async def _bringers(
    connection: Connection, journal: Pages, root: Root, wanted: tuple[Sequence[str], Sought]
) -> set[Sender]:
    """Who spoke for meters that have no connection of their own, of all of their protocols.

    A city's day is looked through a page at a time: a meter that was silent must not cost its size.
    What stands before each frame of a DTU is told by the DTU's own profile.
    """
    meters, sought = wanted
    codecs = {meter.partition(":")[0] for meter in meters}
    found: set[Sender] = set()

    def may_bring(codec: str, identity: str | None) -> bool:
        return codec in codecs and (codec, identity) not in found

    async for shard, entries in pages_of(journal, root.statement.shards):
        taken = Taken(may_bring)
        taken.take(shard, entries)
        sent = [Sent(*sender, read_blocks(blocks)) for sender, blocks in taken.kept().items()]
        senders = {f"{one.codec}:{one.identity}" for one in sent} - set(meters)
        profiles = await load_profile_records(connection, senders, sought.at)
        terms = replace(sought.terms, profiles=[*sought.terms.profiles, *profiles])
        found.update(senders_of(sent, meters, reading_terms(terms, sent)))
    return found


def _checked(leaf: Leaf | None, taken: Taken, sender: Sender, root: Root) -> Leaf:
    """The leaf of a sender; what the journal now says of it must be what was signed."""
    name = sender_name(*sender)
    now = next(one for one in taken.leaves() if one.kind is LeafKind.FRAMES and one.name == name)
    if leaf != now:
        message = f"the journal of {root.statement.day} is not what was signed, of {name}"
        raise StorageError(message, retryable=False)
    return now


def received_span(said: Mapping[str, Said]) -> tuple[int, int] | None:
    """When the first and the last row was received, µs; None without rows."""
    times = [
        int(edge)
        for one in said.values()
        if len(one.readings["at"])
        for edge in (one.readings["received_at"].min(), one.readings["received_at"].max())
    ]
    times += [row.received_at for one in said.values() for row in one.factors]
    return (min(times), max(times)) if times else None


def _meets(root: Root, received: tuple[int, int] | None) -> bool:
    first, last = root.statement.received
    return (
        received is not None
        and root.statement.frames > 0
        and first <= received[1]
        and received[0] <= last
    )


def _has_state(root: Root, sought: Sought) -> bool:
    if sought.state is None:
        return False
    return abs((root.statement.day - sought.state[1]).days) <= _STATE_DAYS


def _sender(meter: str) -> Sender:
    codec, _, identity = meter.partition(":")
    return codec, identity
