"""Deeds about consumables that are more than one decision: all of it, or nothing."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from wattwarden.alarms.cases.bodies import Evidence
from wattwarden.alarms.consumables.bodies import Carbon, CheckResult, OffsiteCheck
from wattwarden.alarms.consumables.carbon import run_hours
from wattwarden.alarms.decisions.bodies import Replacement
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.evidence import Arrived
from wattwarden.storage.cases.together import keep_evidence
from wattwarden.storage.consumables.load import find_change, load_parts
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.decisions import Decision, Entered
from wattwarden.storage.registry.entering import enter


async def check_replacement(
    connection: Connection, check: OffsiteCheck, actor: str, now: datetime
) -> Entered:
    """Keep an off-site check; a replacement that is rejected has not been one: hours count on.

    Raises:
        RefusedError: The person may not, or it is not its turn.
        StorageError: The database is away.
    """
    with errors(f"keeping a {check.kind_name}"):
        async with connection.transaction():
            entered = await decide(connection, check, actor, now)
            found = await find_change(connection, check.replacement)
            if check.result is CheckResult.REJECT and found is not None:
                rejected = msgspec.structs.replace(found[1].replacement, rejected=True)
                await enter(connection, Decision(rejected, actor, now))
    return entered


async def replace_part(
    connection: Connection,
    replacement: Replacement,
    files: Sequence[Arrived],
    actor: str,
    now: datetime,
) -> Entered:
    """Keep a replacement, and the files that are sent with it to show it.

    Raises:
        RefusedError: The person may not, a file is none, or it is not its turn; nothing was kept.
        StorageError: The database is away.
    """
    with errors(f"keeping a {replacement.kind_name}"):
        async with connection.transaction():
            kept = [await keep_evidence(connection, one, actor, now) for one in files]
            digests = [one.body.sha256 for one in kept if isinstance(one.body, Evidence)]
            evidence = (*replacement.evidence, *digests)
            body = msgspec.structs.replace(replacement, evidence=evidence)
            return await decide(connection, body, actor, now)


async def calculate(connection: Connection, design: Carbon, actor: str, now: datetime) -> Entered:
    """Keep a calculation of carbon, and its run hours as the limit of the part.

    A firm's sets the first limit in hours; one that stands is changed by an officer's.

    Raises:
        RefusedError: The person may not, or the part is no carbon.
        StorageError: The database is away.
    """
    with errors(f"keeping a {design.kind_name}"):
        async with connection.transaction():
            entered = await decide(connection, design, actor, now)
            for part in await load_parts(connection, identity=design.consumable):
                body = msgspec.structs.replace(part.body, limit_hours=run_hours(design))
                await decide(connection, body, actor, now)
    return entered
