"""Notices that wait, made into messages: one each, or several in one for a reader.

waiting for one reader by one way ─► the gravest, oldest first
    └► with it: its firm's; all that waited long enough to be a burst

What may have come stays as it was: a later attempt has the same id, and the same words where the
receiver cannot tell it by the id.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.channels.channel import SECOND_US, Message
from wattwarden.alarms.channels.facts import Facts
from wattwarden.alarms.routing.table import Table
from wattwarden.alarms.routing.words import late_mark, merged_title, others

DIGEST: Final = "alarm.digest"
"""The kind of a message of several notices; of one it is ``alarm.`` and why."""

Link = Callable[[int, str, datetime], str]
"""(alarm, recipient, when): the address at which that recipient answers, "" for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A notice of the outbox as the courier needs it."""

    id: int
    message: str
    alarm: int
    enterprise: str
    at: datetime
    why: str
    level: int
    recipient: str
    endpoint: str
    to: tuple[str, ...]
    language: str
    title: str
    body: str
    fields: dict[str, str]
    merges: bool
    due: datetime
    attempts: int
    ambiguous: int
    started: datetime | None
    late: bool
    created: datetime
    reason: str = ""
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A notice to be sent, and those that go along with it."""

    head: Item
    members: tuple[Item, ...] = ()

    @property
    def items(self) -> tuple[Item, ...]:
        """All of them, in the order in which they fell due."""
        if not self.members:
            return (self.head,)
        return tuple(sorted((self.head, *self.members), key=lambda one: one.id))


def bundle(items: Iterable[Item], now: datetime, table: Table) -> list[Bundle]:
    """Return what may be sent now of notices that are due, the gravest first.

    Of notices that merge, a reader gets one message at a time.
    """
    groups: dict[tuple[str, str], list[Item]] = {}
    found = []
    for one in sorted(items, key=lambda one: (-one.level, one.id)):
        if one.merges:
            groups.setdefault((one.endpoint, one.recipient), []).append(one)
        else:
            found.append(Bundle(one))
    found += [_merged(group, now, table) for group in groups.values()]
    return sorted(found, key=lambda one: (-one.head.level, one.head.id))


def compose(bundled: Bundle, table: Table, late: int, url: str) -> Message:
    """Return the message of a bundle.

    Args:
        bundled: What it says.
        table: How much of many is named.
        late: By how many minutes it is, 0 for not; what is late says so.
        url: Where its alarm is answered; a message of several alarms has none.
    """
    head, items = bundled.head, bundled.items
    mark = late_mark(late, head.language) if late else ""
    title, text, kind = head.title, head.body, f"alarm.{head.why}"
    fields = dict(head.fields)
    if len(items) > 1:
        title, kind = merged_title(len(items), head.level, head.language), DIGEST
        shown = [one.title for one in items[: table.merge_lines]]
        left = len(items) - len(shown)
        text = "\n".join([*shown, others(left, head.language)] if left else shown)
        fields |= {"count": str(len(items))}
    alone = len(items) == 1 or {one.alarm for one in items} == {head.alarm}
    return Message(
        id=f"ww_{head.message}",
        level=head.level,
        title=mark + title,
        text=text,
        url=url if alone else "",
        to=head.to,
        fields=fields,
        at_us=int(head.at.timestamp()) * SECOND_US,
        kind=kind,
        reason=head.reason,
        late_min=late,
        facts=head.facts if len(items) == 1 else None,
    )


def late_minutes(bundled: Bundle, table: Table, now: datetime) -> int:
    """Return by how many minutes a message is late, 0 for not.

    What may have come stays as it was, unless its receiver knows it again by its id.  What was
    held, by quiet hours or for a digest, is late only when it comes after that.
    """
    head = bundled.head
    stays = head.ambiguous and not _is_idempotent(head, table)
    if stays and not head.late:
        return 0
    first = head.started if stays and head.started is not None else now
    waited = first - max(head.at, head.due)
    late = waited > timedelta(seconds=table.patience(head.level).late_s)
    return int(waited.total_seconds() // 60) if late else 0


def _is_idempotent(item: Item, table: Table) -> bool:
    endpoint = table.endpoint.get(item.endpoint)
    return endpoint is not None and endpoint.kind().idempotent


def _merged(group: Sequence[Item], now: datetime, table: Table) -> Bundle:
    """Return one reader's next message; ``group`` is in the order of gravity."""
    head = group[0]
    if head.attempts:
        return Bundle(head)
    after = timedelta(seconds=table.merge_after_s)
    burst = now - head.created >= after
    along = [
        one
        for one in group[1:]
        if not one.attempts
        and (one.enterprise == head.enterprise or (burst and now - one.created >= after))
    ]
    return Bundle(head, tuple(along))
