"""How parts that wear out are shown: as JSON, as a line of a list, with all that was done."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from wattwarden.alarms.consumables.bodies import CheckResult, WasteEntry
from wattwarden.alarms.consumables.carbon import Remark, objections, uncalculated
from wattwarden.alarms.consumables.chain import STATES_ZH, Change, Colour, Step
from wattwarden.alarms.consumables.numbers import default_numbers
from wattwarden.alarms.consumables.wear import LEVELS_ZH
from wattwarden.storage.consumables.load import PartNow
from wattwarden.tools.times import local, rfc3339

PART_HEADINGS: Final = (
    "编号", "企业", "设施", "类型", "状态", "灯", "已用h", "未知h", "已用天", "剩余h", "预计到期",
    "更换记录",
)  # fmt: skip
_COLOURS_ZH: Final = {Colour.GREEN: "绿", Colour.AMBER: "黄", Colour.RED: "红"}
# As many digits of a hash as tell files of one firm apart.
_DIGITS: Final = 12


def remarks_of(one: PartNow) -> list[Remark]:
    """Return what reviewers object to in a part's calculation, or in that there is none."""
    accepted = default_numbers().carbon
    known = [] if one.part.carbon is None else list(objections(one.part.carbon, accepted))
    return [*known, *uncalculated(one.part.body, one.part.carbon, accepted)]


def show_remarks(remarks: Sequence[Remark]) -> None:
    """Print remarks, a line each."""
    for remark in remarks:
        print(f"  注意: {remark.zh} / {remark.en}")


def part_plain(one: PartNow) -> dict[str, Any]:
    """Return a part as JSON holds it."""
    body, wear, last = one.part.body, one.wear, one.part.last
    return {
        "id": body.id,
        "enterprise": one.part.enterprise,
        "unit": body.unit,
        "kind": body.kind,
        "name": body.name,
        "level": one.level,
        "colour": one.colour,
        "since": rfc3339(one.part.since),
        "hours": round(wear.hours, 2),
        "unknown_hours": round(wear.unknown_hours, 2),
        "days": round(wear.days, 2),
        "share": round(wear.share, 4),
        "left_hours": None if wear.left_hours is None else round(wear.left_hours, 2),
        "pace_h_d": wear.pace_h_d,
        "due_at": None if wear.due_at is None else rfc3339(wear.due_at),
        "reminded_at": None if one.reminded_at is None else rfc3339(one.reminded_at),
        "chain": None if last is None else last.state,
        "remarks": [remark.objection for remark in remarks_of(one)],
    }


def part_row(one: PartNow) -> tuple[object, ...]:
    """Return a part as a line of a list."""
    body, wear, last = one.part.body, one.wear, one.part.last
    return (
        body.id,
        one.part.enterprise,
        body.unit,
        body.name or _kind(one),
        LEVELS_ZH[one.level],
        _COLOURS_ZH[one.colour],
        f"{wear.hours:.1f}",
        f"{wear.unknown_hours:.1f}",
        f"{wear.days:.1f}",
        "" if wear.left_hours is None else f"{wear.left_hours:.1f}",
        _local(wear.due_at),
        "" if last is None else STATES_ZH[last.state],
    )


def part_facts(one: PartNow) -> list[tuple[str, object]]:
    """Return all that is known of a part, each with what it is called."""
    body, wear = one.part.body, one.wear
    limits = (
        "" if body.limit_hours is None else f"{body.limit_hours:g}小时",
        "" if body.limit_days is None else f"{body.limit_days:g}天",
    )
    cells = dict(zip(PART_HEADINGS, part_row(one), strict=True))
    return [
        ("编号", body.id),
        ("企业", one.part.enterprise),
        ("设施", body.unit),
        ("类型", _kind(one)),
        ("名称", body.name),
        ("期限", "或".join(filter(None, limits))),
        ("状态", cells["状态"]),
        ("灯", cells["灯"]),
        ("起算时间", local(one.part.since)),
        ("已用小时", cells["已用h"]),
        ("未知小时", cells["未知h"]),
        ("已用天数", cells["已用天"]),
        ("已用比例", f"{wear.share:.1%}"),
        ("剩余小时", cells["剩余h"]),
        ("日均运行小时", "" if wear.pace_h_d is None else f"{wear.pace_h_d:.1f}"),
        ("预计到期", cells["预计到期"]),
        ("提醒时间", _local(one.reminded_at)),
        ("更换记录", cells["更换记录"]),
    ]


def change_plain(change: Change) -> dict[str, Any]:
    """Return a replacement and what followed as JSON holds it."""
    return {
        "replacement": change.replacement.id,
        "state": change.state,
        "replaced_at": rfc3339(change.replacement.replaced_at),
        "entered_at": rfc3339(change.at),
        "by": change.actor,
        "evidence": list(change.replacement.evidence),
        "steps": [
            {"at": rfc3339(deed.at), "by": deed.actor, "kind": deed.step.kind_name}
            | {"body": msgspec.to_builtins(deed.step)}
            for deed in change.deeds
        ],
    }


def change_lines(change: Change, called: Mapping[str, str]) -> Iterator[str]:
    """Yield a replacement and what followed as lines; ``called`` are people's names by id."""
    replacement = change.replacement
    yield f"{replacement.id} {STATES_ZH[change.state]}"
    digests = "、".join(one[:_DIGITS] for one in replacement.evidence)
    more = (replacement.amount, replacement.note, f"附件 {digests}" if digests else "")
    who = called.get(change.actor, change.actor)
    yield _line("更换", replacement.replaced_at, who, *more)
    for deed in change.deeds:
        yield _line(*_told(deed.step, deed.at, called.get(deed.actor, deed.actor)))


def _told(step: Step, at: datetime, who: str) -> tuple[str, datetime, str, str]:
    """What a step was, when, by whom, with what."""
    if isinstance(step, WasteEntry):
        stored = f"{step.code} {step.mass_kg:g} kg {step.container} {step.place}".rstrip()
        return "危废入库", step.stored_at, who, stored
    passed = step.result is CheckResult.PASS
    return "非现场核查通过" if passed else "非现场核查不通过", at, who, step.opinion


def _line(what: str, at: datetime, *more: str) -> str:
    return "  " + "  ".join(filter(None, (what, local(at), *more)))


def _kind(one: PartNow) -> str:
    return default_numbers().kind_of(one.part.body.kind).zh or one.part.body.kind


def _local(moment: datetime | None) -> str:
    return "" if moment is None else local(moment)
