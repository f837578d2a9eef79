"""Deeds that are kept together or not at all: files with what they prove, a declaration with why.

files ─► evidence decisions, bytes ─► action             one transaction
declaration ─► action "declare"                          one transaction
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from wattwarden.alarms.cases.bodies import Action, Evidence, Verb
from wattwarden.alarms.decisions.bodies import Declaration
from wattwarden.alarms.decisions.body import NEW
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.evidence import Arrived, described, keep_bytes
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.decisions import Entered

# A decision that is kept within another one's transaction fails with it.
_TOGETHER: Final = "keeping what belongs together"


async def keep_evidence(
    connection: Connection, arrived: Arrived, actor: str, now: datetime
) -> Entered:
    """Keep a file that somebody sent, and that they sent it.

    Raises:
        RefusedError: They may not, the file is none, or it is older than what it should prove.
        StorageError: The database is away.
    """
    with errors(_TOGETHER):
        async with connection.transaction():
            entered = await decide(connection, described(arrived, now), actor, now)
            await keep_bytes(connection, arrived.data, now)
    return entered


async def act_with_files(
    connection: Connection, action: Action, files: Sequence[Arrived], actor: str, now: datetime
) -> Entered:
    """Do something about an alarm, proved by files that are sent with it; raises as ``decide``."""
    with errors(_TOGETHER):
        async with connection.transaction():
            kept = [await keep_evidence(connection, one, actor, now) for one in files]
            digests = [one.body.sha256 for one in kept if isinstance(one.body, Evidence)]
            evidence = (*action.evidence, *digests)
            body = msgspec.structs.replace(action, evidence=evidence)
            return await decide(connection, body, actor, now)


async def declare(
    connection: Connection, declaration: Declaration, alarm: int, actor: str, now: datetime
) -> Entered:
    """Declare what explains an alarm, and name it there; raises as ``decide``."""
    with errors(_TOGETHER):
        async with connection.transaction():
            made = await decide(connection, declaration, actor, now)
            action = Action(
                id=NEW,
                alarm=str(alarm),
                verb=Verb.DECLARE,
                reason=declaration.reason,
                declaration=str(getattr(made.body, "id", "")),
            )
            return await decide(connection, action, actor, now)
