"""Entries of ledgers: numbered and sealed per enterprise, never changed, corrected by others.

    digest = SHA-256( predecessor's digest ‖ canonical JSON of the entry )

The seal is that of the chain of decisions; each enterprise has a chain of its own, so that a page
that was printed for one firm can be held against that firm's entries alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from wattwarden.alarms.decisions.chain import FIRST_PREDECESSOR, sealed
from wattwarden.alarms.ledgers.contents import Content

# What is found in readings is written down this much later: 10 minutes a meter that fills a gap is
# waited for, 10 in which an episode may go on again, and two readings of 5-minute meters to be
# sure.  Part of what is sealed: another number would make every moment of entry look wrong.
SETTLE: Final = timedelta(minutes=30)
# An entry made later than this after the fact is marked (补录): a firm's day and the next morning.
LATE: Final = timedelta(hours=24)
# Clocks of people's computers and ours differ by minutes at most; what is later is to come.
AHEAD: Final = timedelta(minutes=5)


class LedgerKind(StrEnum):
    """The ledgers, a sheet each."""

    PRODUCTION = "production"  # 生产设施启停
    TREATMENT = "treatment"  # 治污设施启停
    PATROL = "patrol"  # 巡检
    REPAIR = "repair"  # 检修
    CONSUMABLE = "consumable"  # 耗材更换
    ALARM = "alarm"  # 报警及整改
    ABNORMAL = "abnormal"  # 异常情况
    SPECIAL = "special"  # 特殊时段


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is to be entered.  ``source`` is what it rests on: ``decision:17``, ``unit:U1``."""

    kind: LedgerKind
    source: str
    occurred_at: datetime
    entered_at: datetime
    actor: str
    content: Content
    # The number of the entry that this one takes the place of …
    corrects: int | None = None
    # … or the draft before it, which has no number yet.
    amends: "Draft | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry as it is kept; ``number`` counts from 1 in each enterprise's ledger."""

    enterprise: str
    number: int
    kind: LedgerKind
    source: str
    occurred_at: datetime
    entered_at: datetime
    actor: str
    corrects: int | None
    content: Content
    predecessor: bytes
    digest: bytes

    @property
    def late(self) -> bool:
        """Whether it was entered long after the fact."""
        return self.entered_at - self.occurred_at > LATE


@dataclass(frozen=True, slots=True)
class Corrector:
    """The entry by its number that stands in another's place, or withdraws it for good."""

    number: int
    withdraws: bool

    @property
    def mark_zh(self) -> str:
        """What the entry that fell is marked with."""
        return "作废" if self.withdraws else "已更正"

    @property
    def remark_zh(self) -> str:
        """What is said of the entry that fell."""
        if self.withdraws:
            return f"作废,由第{self.number}条撤销"
        return f"已由第{self.number}条更正"


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a ledger: its last entry's number, digest and moment of entry."""

    number: int = 0
    digest: bytes = FIRST_PREDECESSOR
    entered_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)


def append(enterprise: str, head: Head, drafts: Iterable[Draft]) -> list[Entry]:
    """Seal drafts one after another behind the end of an enterprise's ledger.

    No entry is entered before its predecessor, whatever its draft says, nor before it occurred.
    """
    entries: list[Entry] = []
    numbers: dict[Draft, int] = {}
    for draft in drafts:
        entered_at = max(draft.entered_at, head.entered_at).astimezone(UTC)
        values: dict[str, Any] = {
            "enterprise": enterprise,
            "number": head.number + 1,
            "kind": draft.kind,
            "source": draft.source,
            "occurred_at": min(draft.occurred_at, entered_at).astimezone(UTC),
            "entered_at": entered_at,
            "actor": draft.actor,
            "corrects": draft.corrects if draft.amends is None else numbers[draft.amends],
        }
        numbers[draft] = values["number"]
        digest = seal(head.digest, values, draft.content)
        entries.append(
            Entry(**values, content=draft.content, predecessor=head.digest, digest=digest)
        )
        head = Head(head.number + 1, digest, entered_at)
    return entries


def seal(predecessor: bytes, values: Mapping[str, Any], content: object) -> bytes:
    """Return the digest of an entry, whether it is about to be written or was read back.

    Args:
        predecessor: The digest of the entry before it.
        values: ``enterprise`` to ``corrects``, as the fields of ``Entry``; moments are UTC.
        content: A ``Content``, or the same as plain JSON.
    """
    names = (
        "enterprise", "number", "kind", "source", "occurred_at", "entered_at", "actor", "corrects",
    )  # fmt: skip
    plain = {name: msgspec.to_builtins(values[name]) for name in names}
    return sealed(predecessor, plain | {"content": content})


def standing(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries that no other one corrects."""
    kept = list(entries)
    corrected = {one.corrects for one in kept}
    return [one for one in kept if one.number not in corrected]
