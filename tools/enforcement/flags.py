"""``wattwarden flags``: which firms are recognised for false rectification and the like."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from cyclopts import Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.enforcement.flags import Flagged, flags
from wattwarden.alarms.enforcement.limits import default_limits
from wattwarden.alarms.enforcement.tasks import open_task
from wattwarden.alarms.enforcement.words import FLAGS_ZH
from wattwarden.alarms.registry.nouns import Enterprise
from wattwarden.storage.cases.load import load_basis
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.history import load_history, load_plant
from wattwarden.storage.enforcement.lives import TASK, load_lives
from wattwarden.storage.registry.records import load_kind
from wattwarden.tools.acting import TO_THE_OPERATOR, ReaderForm, reading
from wattwarden.tools.enforcement.forms import At, show
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import parse_time


@dataclass(frozen=True, slots=True)
class _Row:
    enterprise: Enterprise
    flagged: Flagged
    task: str | None


def flags_of(
    enterprise: Annotated[
        str | None, Parameter(name="ENTERPRISE", help="Its id; all when left out.")
    ] = None,
    /,
    *,
    at: At = "now",
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Show which firms are flagged, and for what.

    False rectification (虚假整改), long-term faulty running (长期带病), frequent alarms (高频报警)
    and severe alarms that stand (严重报警未消除).
    """
    settings = settings_of(reader.system)

    async def work() -> list[_Row]:
        async with reading(settings, reader.person, "flags", Read.FLAGS) as view:
            moment = parse_time(at, view.now)
            return await _flagged(view.connection, view.reader.within(enterprise), moment)

    rows = run(work())
    headings = ("企业", "名称", "标记", "任务", "报警", "说明")
    show([_plain(row) for row in rows], headings, [_cells(row) for row in rows], json=reader.json)


async def _flagged(
    connection: Connection, enterprises: frozenset[str] | None, moment: datetime
) -> list[_Row]:
    """Return the flags of some firms, or of all, at a moment, with each firm's open task."""
    limits = default_limits()
    basis, plant = await load_basis(connection), await load_plant(connection)
    rows: list[_Row] = []
    for firm in await load_kind(connection, Enterprise):
        if enterprises is not None and firm.id not in enterprises:
            continue
        history = await load_history(
            connection, firm.id, moment, limits, registry=plant, basis=basis
        )
        found = flags(history, moment, limits)
        if found:
            task = open_task(await load_lives(connection, TASK, firm.id))
            name = None if task is None else task.id
            rows += [_Row(firm, one, name) for one in found]
    return rows


def _cells(row: _Row) -> tuple[object, ...]:
    return (
        row.enterprise.id,
        row.enterprise.name,
        FLAGS_ZH[row.flagged.flag],
        row.task,
        "、".join(map(str, row.flagged.alarms)),
        row.flagged.zh,
    )


def _plain(row: _Row) -> dict[str, Any]:
    return {
        "enterprise": row.enterprise.id,
        "flag": row.flagged.flag,
        "flag_zh": FLAGS_ZH[row.flagged.flag],
        "alarms": row.flagged.alarms,
        "consumables": row.flagged.consumables,
        "task": row.task,
        "zh": row.flagged.zh,
        "en": row.flagged.en,
    }
