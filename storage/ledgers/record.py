"""Decisions into ledgers: in the transaction in which they are made, or soon after an import."""

from collections.abc import Collection
from typing import Final

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.ledgers.bodies import LedgerCorrection
from wattwarden.alarms.ledgers.telling import TOLD_KINDS, Decided, draft_of
from wattwarden.alarms.registry.nouns import KINDS
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.ledger import enter_drafts, find_entry
from wattwarden.storage.registry.decisions import Entered, told
from wattwarden.storage.registry.owners import ALARM
from wattwarden.storage.registry.records import load_record

_MISSED: Final = (
    "SELECT d.enterprise, min(d.entered_at) AS since, array_agg(d.id) AS ids"
    " FROM ledger_unentered AS u JOIN decision AS d ON d.id = u.decision"
    " WHERE u.slice = ANY($1) AND d.kind = ANY($2) GROUP BY d.enterprise ORDER BY d.enterprise"
)


async def record(connection: Connection, entered: Entered) -> None:
    """Write down what was just decided, if it belongs into a ledger; its slice is held."""
    await connection.execute("DELETE FROM ledger_unentered WHERE decision = $1", entered.id)
    if entered.enterprise is None or entered.kind not in TOLD_KINDS:
        return
    corrected = None
    if isinstance(entered.body, LedgerCorrection):
        corrected = await find_entry(connection, entered.enterprise, entered.body.entry)
    decided = decided_of(entered)
    draft = draft_of(decided, await _name(connection, entered.body), corrected)
    if draft is not None:
        await enter_drafts(connection, entered.enterprise, [draft])


async def record_missed(connection: Connection, slices: Collection[int]) -> None:
    """Write down what was decided about enterprises of some slices without ``record``.

    An import enters many decisions at once.  The caller holds the slices, so that no decision about
    them can be under way meanwhile.
    """
    rows = await connection.fetch(_MISSED, list(slices), sorted(TOLD_KINDS))
    for row in rows:
        found = await told(connection, TOLD_KINDS, enterprise=row["enterprise"], since=row["since"])
        for entered in found:
            if entered.id in row["ids"]:
                await record(connection, entered)
    await connection.execute("DELETE FROM ledger_unentered WHERE slice = ANY($1)", list(slices))


def decided_of(entered: Entered) -> Decided:
    """Return what a ledger needs of a decision."""
    return Decided(entered.id, entered.actor, entered.entered_at, entered.body)


async def _name(connection: Connection, body: Body) -> str:
    """Return what people call what a body is about."""
    reference = body.references()[0]
    kind, identity = reference.kind, reference.id
    if kind == ALARM:
        subject = await connection.fetchval(
            "SELECT subject FROM alarm WHERE id = $1", int(identity)
        )
        kind, _, identity = subject.partition(":")
    if kind == "replacement":
        *_, replaced = await told(connection, ["replacement"], where={"id": identity})
        kind, identity = "consumable", str(getattr(replaced.body, "consumable", ""))
    if kind == "consumable":
        *_, worn = await told(connection, ["consumable"], where={"id": identity})
        return str(getattr(worn.body, "name", "") or getattr(worn.body, "kind", identity))
    noun = KINDS.get(kind)
    found = None if noun is None else await load_record(connection, noun, identity)
    return str(getattr(found, "name", identity))
