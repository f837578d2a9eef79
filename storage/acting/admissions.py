"""What stands against a body of each kind; a kind that is not here is taken as it is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from wattwarden.alarms.decisions.body import Body
from wattwarden.storage.acting.acting import Admission, Deed, act
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered

ADMISSIONS: Final[Mapping[str, Admission]] = {}


async def decide(
    connection: Connection,
    body: Body,
    actor: str,
    now: datetime,
    *,
    enterprise: str | None = None,
    effective_at: datetime | None = None,
) -> Entered:
    """Do what somebody decides: the way that every command and page goes.

    Raises:
        RefusedError: They may not, or something stands against it.
        StorageError: The database is away.
    """
    deed = Deed(body, actor, now, effective_at, enterprise)
    return await act(connection, deed, ADMISSIONS.get(body.kind_name))
