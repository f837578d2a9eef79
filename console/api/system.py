"""What runs the system: decisions, and frames that gave no reading."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field

from wattwarden.alarms.acting.roles import CITY_WIDE
from wattwarden.alarms.acting.scope import Read
from wattwarden.console.api.asked import Filters, Text
from wattwarden.console.api.resource import Asked, Found, Resource, cut, numbered
from wattwarden.console.api.rows import Row
from wattwarden.console.routes import Only
from wattwarden.storage.people.decided import MOST, Decided, decisions_before
from wattwarden.storage.quarantine import Held, Selection, list_held


class DecisionFilters(Filters):
    """Which decisions."""

    kind: Annotated[Text | None, Field(description="Only of this kind.")] = None
    actor: Annotated[Text | None, Field(description="Only by this person.")] = None


class QuarantineFilters(Filters):
    """Which frames."""

    codec: Annotated[Text | None, Field(description="Only of this codec.")] = None
    meter: Annotated[Text | None, Field(description="Only of this address.")] = None
    reason: Annotated[Text | None, Field(description="Only for this reason.")] = None
    state: Annotated[
        Annotated[str, Field(pattern="^(open|resolved)$")] | None,
        Field(description="open or resolved."),
    ] = None


class HeldRow(Row, frozen=True):
    """A frame that gave no reading; `raw` are hexadecimal digits."""

    id: int
    codec: str
    kind: str
    reason: str
    message: str
    byte_offset: int
    raw: str
    raw_size: int
    peer: str
    identity: str | None
    meter: str | None
    received_at: datetime
    state: str
    tries: int
    times: int
    last_received_at: datetime | None


async def _decisions(asked: Asked[DecisionFilters]) -> Found[Decided]:
    before = MOST if asked.after is None else int(asked.after[0])
    filters = asked.filters
    found = await decisions_before(
        asked.connection, before, asked.limit + 1, filters.kind or "", filters.actor or ""
    )
    return cut(found, lambda one: (one.id,), asked.limit)


async def _quarantine(asked: Asked[QuarantineFilters]) -> Found[HeldRow]:
    filters = asked.filters
    selection = Selection(
        codec=filters.codec, meter=filters.meter, reason=filters.reason, state=filters.state
    )
    before = None if asked.after is None else int(asked.after[0])
    found = await list_held(asked.connection, selection, before_id=before, most=asked.limit + 1)
    return cut([_held_row(one) for one in found], lambda one: (one.id,), asked.limit)


def _held_row(one: Held) -> HeldRow:
    plain = {name: getattr(one, name) for name in HeldRow.__struct_fields__ if name != "raw"}
    return HeldRow(**plain, raw=bytes(one.raw).hex())


SYSTEM: Final[tuple[Resource[Any, Any], ...]] = (
    numbered(
        "decisions",
        "决定(审计日志)，最近的在前",
        "Decisions as the chain holds them, the newest first",
        Decided,
        Read.AUDIT,
        DecisionFilters,
        _decisions,
    ),
    numbered(
        "quarantine",
        "隔离区，最近的在前",
        "Frames that gave no reading, the latest first",
        HeldRow,
        Only(CITY_WIDE),
        QuarantineFilters,
        _quarantine,
    ),
)
