"""What an agency may see, to be read by its own systems: one record a line, of its firms alone.

share       who it is for, of which time, and what its records are
region, agency, enterprise, line, unit, point     the registry, without people and telephones
state       what a unit does at the end of the time
alarm       alarms raised in it, with what became of them
figures     statistics of each firm
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec

from wattwarden.alarms.acting.rights import upwards
from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.statistics.figures import By
from wattwarden.alarms.statistics.response import Period
from wattwarden.alarms.statistics.scope import firms_of_agency
from wattwarden.storage.database import Connection
from wattwarden.storage.statistics.load import part_of
from wattwarden.storage.statistics.report import load_report

# Readers look for this before anything else; it grows when a field changes its meaning.
SHARE_VERSION: Final = 1
# Whom to call is not the other agency's business.
_PRIVATE: Final = frozenset({"contact", "phone", "maintainer", "officer"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """For which agency, of which time."""

    agency: str
    period: Period


async def shared(
    connection: Connection, registry: Registry, wanted: Wanted
) -> AsyncIterator[dict[str, Any]]:
    """Yield the records, each with its ``kind``; nothing of other agencies' firms is among them.

    Raises:
        StorageError: The database is away.
    """
    firms = firms_of_agency(wanted.agency, registry.enterprise.values(), registry.agency)
    period = wanted.period
    yield {
        "kind": "share",
        "version": SHARE_VERSION,
        "agency": wanted.agency,
        "since": period.since,
        "until": period.until,
        "enterprises": len(firms),
    }
    report = await load_report(connection, registry, firms, period, By.ENTERPRISE)
    for record in _registry(part_of(registry, firms), wanted.agency):
        yield record
    for unit, state in sorted(report.now.items()):
        yield {"kind": "state", "unit": unit, "state": state.name.lower()}
    for case in report.cases:
        yield _alarm(case)
    for row in report.rows:
        figures = asdict(row.figures) | {"coverage": None}
        yield {"kind": "figures", "enterprise": row.name, **figures}


def _registry(part: Registry, agency: str) -> Iterator[dict[str, Any]]:
    agencies = {name for name in part.agency if agency in upwards(name, part.agency)}
    regions = {one.region for one in part.enterprise.values()}
    for kind in ("region", "agency", "enterprise", "line", "unit", "point"):
        for name, record in sorted(getattr(part, kind).items()):
            if (kind == "agency" and name not in agencies) or (
                kind == "region" and name not in regions
            ):
                continue
            fields = msgspec.to_builtins(record)
            yield {"kind": kind} | {
                # A unit has a kind of its own.
                ("unit_kind" if field == "kind" else field): value
                for field, value in fields.items()
                if field not in _PRIVATE
            }


def _alarm(case: Case) -> dict[str, Any]:
    return {
        "kind": "alarm",
        "id": case.id,
        "rule": case.rule,
        "class": case.grade,
        "subject": case.subject,
        "enterprise": case.enterprise,
        "line": case.line,
        "raised": case.raised,
        "cleared": case.cleared,
        "state": case.state,
        "level": int(case.level),
        "rectified": case.rectified,
        "verified": case.verified,
        "closed": case.closed,
        "cause": case.cause,
        "fault": case.fault,
        "zh": case.episode.zh,
        "en": case.episode.en,
    }
