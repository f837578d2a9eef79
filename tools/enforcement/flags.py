"""``wattwarden flags``: which firms are recognised for false rectification and the like."""

from typing import Annotated, Any

from cyclopts import Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.enforcement.words import FLAGS_ZH
from wattwarden.storage.enforcement.flagged import FlaggedFirm, load_flags
from wattwarden.tools.acting import TO_THE_OPERATOR, ReaderForm, reading
from wattwarden.tools.enforcement.forms import At, show
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import parse_time


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

    async def work() -> list[FlaggedFirm]:
        async with reading(settings, reader.person, "flags", Read.FLAGS) as view:
            moment = parse_time(at, view.now)
            return await load_flags(view.connection, view.reader.within(enterprise), moment)

    rows = run(work())
    headings = ("企业", "名称", "标记", "任务", "报警", "说明")
    show([_plain(row) for row in rows], headings, [_cells(row) for row in rows], json=reader.json)


def _cells(row: FlaggedFirm) -> tuple[object, ...]:
    return (
        row.enterprise.id,
        row.enterprise.name,
        FLAGS_ZH[row.flagged.flag],
        row.task,
        "、".join(map(str, row.flagged.alarms)),
        row.flagged.zh,
    )


def _plain(row: FlaggedFirm) -> dict[str, Any]:
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
