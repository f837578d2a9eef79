"""``wattwarden flags``: which firms are recognised for false rectification and the like."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.enforcement.flags import Flagged, flags
from wattwarden.alarms.enforcement.limits import default_limits
from wattwarden.alarms.enforcement.tasks import open_task
from wattwarden.alarms.enforcement.words import FLAGS_ZH
from wattwarden.alarms.registry.nouns import Enterprise
from wattwarden.storage.cases.load import load_basis
from wattwarden.storage.enforcement.history import load_history, load_plant
from wattwarden.storage.enforcement.lives import TASK, load_lives
from wattwarden.storage.registry.records import load_kind
from wattwarden.tools.acting import AsReader, reading
from wattwarden.tools.enforcement.forms import At, show
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
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
    person: AsReader = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Show which firms are flagged, and for what.

    False rectification (虚假整改), long-term faulty running (长期带病), frequent alarms (高频报警)
    and severe alarms that stand (严重报警未消除).
    """
    settings = settings_of(system)

    async def work() -> list[_Row]:
        limits = default_limits()
        async with reading(settings, person, "flags", Read.FLAGS) as view:
            connection, firms = view.connection, view.reader.within(enterprise)
            moment = parse_time(at, view.now)
            basis, plant = await load_basis(connection), await load_plant(connection)
            rows = []
            for firm in await load_kind(connection, Enterprise):
                if firms is not None and firm.id not in firms:
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

    rows = run(work())
    cells = [
        (
            row.enterprise.id,
            row.enterprise.name,
            FLAGS_ZH[row.flagged.flag],
            row.task,
            "、".join(map(str, row.flagged.alarms)),
            row.flagged.zh,
        )
        for row in rows
    ]
    plain = [
        {
            "enterprise": row.enterprise.id,
            "flag": row.flagged.flag,
            "flag_zh": FLAGS_ZH[row.flagged.flag],
            "alarms": row.flagged.alarms,
            "consumables": row.flagged.consumables,
            "task": row.task,
            "zh": row.flagged.zh,
            "en": row.flagged.en,
        }
        for row in rows
    ]
    show(plain, ("企业", "名称", "标记", "任务", "报警", "说明"), cells, json=json)
