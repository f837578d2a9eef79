"""Drafts of what all are measured by: listed with what became of them, put in force, refused."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import unified_diff
from typing import Final

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.decisions.norms import Norm, NormDraft, NormRefusal
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.drawing.said import Said
from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered, told
from wattwarden.storage.registry.norms import fates_of, find_draft

# The shipped file has a fifth of that; beyond, files are shown as they are: comparing them takes
# the square of their lines.
MOST_LINES: Final = 4_000
# One looks for what was decided of late; a city's units come to hundreds of drafts in a year.
MOST_DECIDED: Final = 30
Problems = list[tuple[str, str]]
"""What stands against something, in Chinese and in English."""


@dataclass(frozen=True, slots=True)
class Row:
    """A draft as it was entered, and what became of it; None: it waits for somebody else."""

    entered: Entered
    draft: NormDraft
    fate: Entered | None

    @property
    def is_refused(self) -> bool:
        """Whether it was refused or withdrawn."""
        return self.fate is not None and isinstance(self.fate.body, NormRefusal)

    @property
    def why(self) -> str:
        """Why it was refused; "" where it was not."""
        body = None if self.fate is None else self.fate.body
        return body.reason if isinstance(body, NormRefusal) else ""


@dataclass(frozen=True, slots=True)
class Drafts:
    """Drafts that wait, then those that were decided last; ``left_out`` were decided before."""

    rows: list[Row]
    left_out: int

    @property
    def waiting(self) -> list[Row]:
        """Those that wait for somebody."""
        return [one for one in self.rows if one.fate is None]


def difference(standing: str, wanted: str) -> Said:
    """Return the lines that a draft takes away (-) and adds (+), with a line around them."""
    lines, other = standing.splitlines(), wanted.splitlines()
    if len(lines) + len(other) > MOST_LINES:
        return Said(wanted, wanted)
    text = "\n".join(list(unified_diff(lines, other, n=1, lineterm=""))[2:])
    return Said(text or "与现行内容相同", text or "the same as in force")


async def drafts_of(connection: Connection, norm: Norm) -> Drafts:
    """Return the drafts of a norm, the newest first.

    Raises:
        StorageError: The database is away.
    """
    made = await told(connection, [NormDraft.kind_name], where={"norm": norm.value})
    fates = await fates_of(connection, norm)
    rows = [
        Row(one, one.body, fates.get(one.body.id))
        for one in reversed(made)
        if isinstance(one.body, NormDraft)
    ]
    decided_ones = [row for row in rows if row.fate is not None]
    shown = [row for row in rows if row.fate is None] + decided_ones[:MOST_DECIDED]
    return Drafts(shown, len(rows) - len(shown))


async def put_in_force(visit: Visit, norm: Norm, made: Callable[[NormDraft], Body]) -> Problems:
    """Put the draft that a form names in force; return what stands against it.

    Raises:
        PageError: 404; there is no such draft.
    """
    return await decided(visit, made(await _named(visit, norm)))


async def refuse(visit: Visit, norm: Norm) -> Problems:
    """Refuse the draft that a form names, or withdraw it; return what stands against it.

    Raises:
        PageError: 404; there is no such draft.
    """
    found = await _named(visit, norm)
    reason = visit.field("why")
    if not reason:
        return [("请说明退回的理由。", "Say why it is refused.")]
    return await decided(visit, NormRefusal(draft=found.id, reason=reason))


async def decided(visit: Visit, body: Body) -> Problems:
    """Decide a body as the visitor; return what stands against it, nothing where it was done."""
    try:
        await visit.act(body)
    except RefusedError as error:
        return [(one.zh, one.en) for one in error.problems]
    return []


async def _named(visit: Visit, norm: Norm) -> NormDraft:
    async with visit.reading() as (connection, _reader):
        found = await find_draft(connection, visit.field("draft"))
    if found is None or found[1].norm is not norm:
        raise NOT_FOUND
    return found[1]
