"""Decisions are entered once, several of them all or none.

    enter ─► slices FOR SHARE, in order ─► the chain's lock ─► seal ─► row, effect at position + 1

What a decision concerns decides which slices it holds: one enterprise's, or all of the city's.
"""

from collections.abc import Sequence

from wattwarden.alarms.decisions.kinds import check_body
from wattwarden.alarms.decisions.slices import SLICES, slice_of
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.decisions import Decision, Entered
from wattwarden.storage.registry.holding import hold_slices
from wattwarden.storage.registry.owners import owners_of
from wattwarden.storage.registry.sealing import seal_all


async def enter(connection: Connection, decision: Decision) -> Entered:
    """Keep a decision; it takes effect at the step after the one its enterprise is folded to.

    Raises:
        RefusedError: The body contradicts itself, or refers to what the registry does not have.
        StorageError: The database is away.
    """
    (entered,) = await enter_all(connection, [decision])
    return entered


async def enter_all(connection: Connection, decisions: Sequence[Decision]) -> list[Entered]:
    """Keep several decisions, in this order, all or none of them; raises as ``enter``."""
    if not decisions:
        return []
    for decision in decisions:
        check_body(decision.body)
    with errors("entering a decision"):
        async with connection.transaction():
            owners = await owners_of(connection, [(one.body, one.enterprise) for one in decisions])
            slices = {SLICES if owner is None else slice_of(owner) for owner in owners}
            held = await hold_slices(connection, None if SLICES in slices else slices)
            return await seal_all(connection, list(zip(decisions, owners, strict=True)), held)
