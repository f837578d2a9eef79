"""What stands against a body of each kind; a kind that is not here is taken as it is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.decisions.norms import ThresholdSet
from wattwarden.storage.acting.acting import Admission, Deed, act
from wattwarden.storage.cases.admit import CASE_ADMISSIONS
from wattwarden.storage.consumables.admit import CONSUMABLE_ADMISSIONS
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.enforcement.admit import ENFORCEMENT_ADMISSIONS
from wattwarden.storage.ledgers.admit import ADMISSIONS as LEDGER_ADMISSIONS
from wattwarden.storage.ledgers.record import record
from wattwarden.storage.outbox.admit import OUTBOX_ADMISSIONS
from wattwarden.storage.registry.decisions import Entered
from wattwarden.storage.registry.norms import NORM_ADMISSIONS, put_thresholds
from wattwarden.storage.responses.admit import RESPONSE_ADMISSIONS
from wattwarden.storage.service.admit import SERVICE_ADMISSIONS

ADMISSIONS: Final[Mapping[str, Admission]] = {
    **CASE_ADMISSIONS,
    **ENFORCEMENT_ADMISSIONS,
    **LEDGER_ADMISSIONS,
    **CONSUMABLE_ADMISSIONS,
    **RESPONSE_ADMISSIONS,
    **SERVICE_ADMISSIONS,
    **OUTBOX_ADMISSIONS,
    **NORM_ADMISSIONS,
}


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
    with errors(f"writing a {body.kind_name} into the ledger"):
        async with connection.transaction():
            entered = await act(connection, deed, ADMISSIONS.get(body.kind_name))
            await record(connection, entered)
            if entered.kind == ThresholdSet.kind_name:
                await put_thresholds(connection, entered)
    return entered
