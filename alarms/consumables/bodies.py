"""What people do about things that wear out: the bodies of these decisions.

    carbon             how long a filling of activated carbon lasts, calculated
    waste              a used part was put in store as hazardous waste (危废入库)
    consumable_check   an officer looked at what was uploaded of a replacement, off-site

The part itself and its replacement are ``consumable`` and ``replacement``.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Final

import msgspec

from wattwarden.alarms.acting.roles import ENTERPRISE, OFFICERS, Roles
from wattwarden.alarms.decisions.body import Body, Moment, Reference
from wattwarden.alarms.registry.nouns import Id, Name, Positive, Text
from wattwarden.alarms.registry.problems import Problem

# As a national code of hazardous waste is written: trade, number, category.
_CODE: Final = re.compile(r"\d{3}-\d{3}-\d{2}")
HoursOfDay = Annotated[float, msgspec.Meta(gt=0, le=24)]
ShareOfMass = Annotated[float, msgspec.Meta(gt=0, le=1)]


class CheckResult(StrEnum):
    """What an off-site check came to."""

    PASS = "pass"  # noqa: S105  no password
    REJECT = "reject"


class Carbon(Body, frozen=True, kw_only=True):
    """A filling of activated carbon as it was designed: kg, kg/kg, mg/m³, m³/h, h/d."""

    kind_name: ClassVar[str] = "carbon"
    prefix: ClassVar[str] = "CB"

    id: Id
    consumable: Id
    mass_kg: Positive
    share: ShareOfMass
    reduction_mg_m3: Positive
    flow_m3_h: Positive
    hours_per_day: HoursOfDay

    def references(self) -> tuple[Reference, ...]:
        """Return the consumable."""
        return (Reference("consumable", "consumable", self.consumable),)

    def right(self) -> str:
        """Return the right to say how long a part lasts."""
        return "consumable"


class WasteEntry(Body, frozen=True, kw_only=True):
    """A used part in store: its national code, kg, the container and the place."""

    kind_name: ClassVar[str] = "waste"
    prefix: ClassVar[str] = "WS"

    id: Id
    replacement: Id
    code: Name
    mass_kg: Positive
    container: Name
    stored_at: Moment
    place: Text = ""
    note: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the replacement."""
        return (Reference("replacement", "replacement", self.replacement),)

    def contradictions(self) -> Iterator[Problem]:
        """Yield a code that is none."""
        if not _CODE.fullmatch(self.code):
            message = "a code is written 900-039-49"
            yield self.problem("code", "危废代码格式如900-039-49", message)


class OffsiteCheck(Body, frozen=True, kw_only=True):
    """What an officer found in the records of a replacement, without going there."""

    kind_name: ClassVar[str] = "consumable_check"
    prefix: ClassVar[str] = "CC"

    id: Id
    replacement: Id
    result: CheckResult
    opinion: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the replacement."""
        return (Reference("replacement", "replacement", self.replacement),)

    def contradictions(self) -> Iterator[Problem]:
        """Yield a rejection without a reason."""
        if self.result is CheckResult.REJECT and not self.opinion:
            message = "who rejects says why"
            yield self.problem("opinion", "核查不通过须说明理由", message)


BODIES: Final[tuple[type[Body], ...]] = (Carbon, WasteEntry, OffsiteCheck)
# Who may decide what of these.
RIGHTS: Final[Mapping[str, Roles]] = {
    "waste": ENTERPRISE,
    "consumable_check": OFFICERS,
}
