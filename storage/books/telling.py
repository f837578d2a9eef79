"""Changes as whoever asked for them reads them: by the heads and cells of the sheets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.registry.changes import Change
from wattwarden.storage.books.cells import to_cell
from wattwarden.storage.books.parse import Known
from wattwarden.storage.books.sheets import SHEETS, Column


class How(StrEnum):
    """What becomes of a record."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Cells:
    """A field that is otherwise than before: its column, and what stands there."""

    zh: str
    en: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Told:
    """What becomes of one record or decision; ``fields`` are those that change."""

    kind: str
    id: str
    name: str
    how: How
    fields: tuple[Cells, ...]


def told_of(changes: Iterable[Change], bodies: Iterable[AnyBody], known: Known) -> list[Told]:
    """Return what changes do to what is known, in their order."""
    told = [_told(one.kind, one.id, one.record, known) for one in changes]
    return told + [_told(one.kind_name, str(getattr(one, "id", "")), one, known) for one in bodies]


def _told(kind: str, identity: str, after: msgspec.Struct | None, known: Known) -> Told:
    before = known.get(kind, {}).get(identity)
    how = How.ADDED if before is None else How.REMOVED if after is None else How.CHANGED
    fields = _differing(SHEETS[kind].columns, before, after) if how is How.CHANGED else ()
    return Told(kind, identity, str(getattr(after or before, "name", "")), how, fields)


def _differing(
    columns: Sequence[Column], before: msgspec.Struct | None, after: msgspec.Struct | None
) -> tuple[Cells, ...]:
    return tuple(
        Cells(one.zh, one.en, _cell(one, before), _cell(one, after))
        for one in columns
        if getattr(before, one.field) != getattr(after, one.field)
    )


def _cell(column: Column, record: msgspec.Struct | None) -> str:
    cell = to_cell(column, getattr(record, column.field))
    return "" if cell is None else str(cell)
