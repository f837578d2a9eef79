"""How entries read: a sheet a kind, its columns, and what stands in them, in Chinese.

Every sheet has the same columns around its own: number and moment of occurrence before, who entered
it and when and what became of it behind.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final, TypeAlias

from wattwarden.alarms.cases.bodies import CAUSES_ZH, FAULTS_ZH, Verb
from wattwarden.alarms.cases.lifecycle import VERBS_ZH
from wattwarden.alarms.ledgers.contents import (
    Abnormality,
    Acted,
    AlarmEvent,
    Checked,
    Content,
    Corrected,
    Motion,
    Patrolled,
    Repaired,
    Replaced,
    Special,
    Stored,
    Withdrawn,
)
from wattwarden.alarms.ledgers.entries import Corrector, Entry, LedgerKind
from wattwarden.alarms.ledgers.reconcile import BY_ITSELF
from wattwarden.alarms.states.codes import NAMES_ZH

Cell: TypeAlias = str | int | datetime
"""Moments are aware, in the enterprise's zone."""
NameOf: TypeAlias = Callable[[str], str]
"""Names a person by their id."""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and how many letters (of half a Chinese character) wide it is printed."""

    head: str
    width: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """A kind's title and its own columns, the first of which names the thing."""

    title: str
    own: tuple[Column, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, in order."""
        return (*_BEFORE, *self.own, *_BEHIND)


_TIME: Final = 20
_BEFORE: Final = (Column("序号", 7), Column("发生时间", _TIME))
_BEHIND: Final = (Column("录入人", 12), Column("录入时间", _TIME), Column("备注", 20))
_MOTION: Final = (Column("设施", 22), Column("启停", 8), Column("说明", 38))
SHEETS: Final[Mapping[LedgerKind, Sheet]] = {
    LedgerKind.PRODUCTION: Sheet("生产设施启停", _MOTION),
    LedgerKind.TREATMENT: Sheet("治污设施启停", _MOTION),
    LedgerKind.PATROL: Sheet(
        "巡检", (Column("巡检对象", 22), Column("巡检人", 12), Column("发现问题", 40))
    ),
    LedgerKind.REPAIR: Sheet(
        "检修",
        (
            Column("设施", 18),
            Column("检修人", 12),
            Column("开始时间", _TIME),
            Column("结束时间", _TIME),
            Column("原因", 18),
            Column("更换部件", 16),
            Column("检修内容", 30),
        ),
    ),
    LedgerKind.CONSUMABLE: Sheet(
        "耗材更换",
        (
            Column("耗材", 18),
            Column("事项", 14),
            Column("数量", 12),
            Column("危废入库", 20),
            Column("说明", 28),
        ),
    ),
    LedgerKind.ALARM: Sheet(
        "报警及整改",
        (
            Column("对象", 18),
            Column("报警编号", 9),
            Column("报警类型", 20),
            Column("事项", 12),
            Column("说明", 44),
        ),
    ),
    LedgerKind.ABNORMAL: Sheet(
        "异常情况",
        (
            Column("对象", 16),
            Column("开始时间", _TIME),
            Column("结束时间", _TIME),
            Column("原因", 20),
            Column("应对措施", 20),
            Column("是否报告", 9),
            Column("异常情况", 36),
        ),
    ),
    LedgerKind.SPECIAL: Sheet(
        "特殊时段",
        (
            Column("对象", 18),
            Column("情形", 14),
            Column("开始时间", _TIME),
            Column("结束时间", _TIME),
            Column("措施", 40),
        ),
    ),
}
_OCCASIONS: Final = {
    "heavy_pollution": "重污染天气",
    "off_peak": "错峰生产",
    "other": "其他",
}
# By what entries keep, which is the word and not the member.
_CAUSES: Final = {str(cause): name for cause, name in CAUSES_ZH.items()}
_FAULTS: Final = {str(fault): name for fault, name in FAULTS_ZH.items()}
_STATES: Final = {state.name.lower(): name for state, name in NAMES_ZH.items()}
_NOTHING_FOUND: Final = "无异常"
_GOES_ON: Final = "未结束"


def cells(
    entry: Entry, corrector: Corrector | None, zone: tzinfo, name_of: NameOf
) -> tuple[Cell, ...]:
    """Return what stands in the columns of an entry's sheet.

    Args:
        entry: The entry.
        corrector: What stands in its place; None: it stands itself.
        zone: The enterprise's.
        name_of: What a person is called.
    """
    own = _own(entry.content, zone, name_of)
    if own is None:
        # Of what corrects another entry only the thing and the words are its own.
        gap = ("",) * (len(SHEETS[entry.kind].own) - 2)
        own = (entry.content.name, *gap, _words(entry.content))
    return (
        entry.number,
        entry.occurred_at.astimezone(zone),
        *own,
        "系统" if entry.actor == BY_ITSELF else name_of(entry.actor),
        entry.entered_at.astimezone(zone),
        _remark(entry, corrector),
    )


def said(entry: Entry, zone: tzinfo, name_of: NameOf) -> str:
    """Return an entry's own columns as one line."""
    cells_of = _own(entry.content, zone, name_of)
    told: Sequence[Cell]
    match entry.content:
        case AlarmEvent(name=name, alarm=alarm, raised=raised, text=text) as event:
            told = (name, f"{_event(raised=raised)}{alarm}：{_type(event)}", text)
        case Acted(name=name, alarm=alarm) as act:
            *_, what, how = _acted(act, zone, name_of)
            told = (name, f"报警{alarm}{what}：{how}" if how else f"报警{alarm}{what}")
        case _:
            told = (entry.content.name, _words(entry.content)) if cells_of is None else cells_of
    return " ".join(_text(cell) for cell in told if cell != "")


def backfilled(entries: Iterable[Entry]) -> int:
    """Count the entries that people made long after the fact (补录); what corrects is none."""
    return sum(one.late and one.corrects is None and one.actor != BY_ITSELF for one in entries)


def count_text(entries: Sequence[Entry], correctors: Mapping[int, Corrector]) -> str:
    """Say how many entries there are, how many were made long after the fact, how many fell.

    ``correctors`` are what stands in the place of entries, by the number of these.
    """
    fell = Counter(
        corrector.mark_zh for one in entries if (corrector := correctors.get(one.number))
    )
    fallen = "".join(f",{mark}{many}条" for mark, many in sorted(fell.items(), reverse=True))
    return f"共{len(entries)}条,其中补录{backfilled(entries)}条{fallen}"


def _own(content: Content, zone: tzinfo, name_of: NameOf) -> tuple[Cell, ...] | None:
    """The columns of a sheet of its own; None for what corrects an entry of any."""
    show = _OWN.get(type(content))
    return None if show is None else show(content, zone, name_of)


def _motion(content: Motion, zone: tzinfo, _name_of: NameOf) -> tuple[Cell, ...]:
    return (content.name, "启动" if content.running else "停止", _hidden(content, zone))


def _patrolled(content: Patrolled, _zone: tzinfo, name_of: NameOf) -> tuple[Cell, ...]:
    return (content.name, name_of(content.person), content.findings or _NOTHING_FOUND)


def _repaired(content: Repaired, zone: tzinfo, name_of: NameOf) -> tuple[Cell, ...]:
    began, ended = content.began.astimezone(zone), _end(content.ended, zone)
    who = name_of(content.person)
    return (content.name, who, began, ended, content.cause, content.parts, content.work)


def _replaced(content: Replaced, _zone: tzinfo, _name_of: NameOf) -> tuple[Cell, ...]:
    files = f"附件{content.files}份" if content.files else ""
    note = ";".join(filter(None, (content.note, files)))
    return (content.name, "更换", content.amount, content.waste, note)


def _stored(content: Stored, _zone: tzinfo, _name_of: NameOf) -> tuple[Cell, ...]:
    waste = f"{content.code} {content.container}"
    return (content.name, "危废入库", f"{content.mass_kg:g} kg", waste, content.note)


def _checked(content: Checked, _zone: tzinfo, _name_of: NameOf) -> tuple[Cell, ...]:
    what = "核查通过" if content.passed else "核查不通过"
    return (content.name, what, "", "", content.opinion)


def _alarm(content: AlarmEvent, _zone: tzinfo, _name_of: NameOf) -> tuple[Cell, ...]:
    what = _event(raised=content.raised)
    return (content.name, content.alarm, _type(content), what, content.text)


def _event(*, raised: bool) -> str:
    return "报警" if raised else "解除报警"


def _type(content: AlarmEvent) -> str:
    """Name a rule as people do, with its number."""
    return f"{content.meaning}({content.rule})" if content.meaning else content.rule


def _acted(content: Acted, zone: tzinfo, _name_of: NameOf) -> tuple[Cell, ...]:
    what = VERBS_ZH[Verb(content.verb)]
    said = [content.text]
    if content.cause:
        said.append(f"原因:{_CAUSES.get(content.cause, content.cause)}")
    if content.part:
        said.append(f"更换部件:{content.part}")
    if content.deadline is not None:
        said.append(f"期限:{_text(content.deadline.astimezone(zone))}")
    if content.fault:
        said.append(_FAULTS.get(content.fault, content.fault))
    if content.files:
        said.append(f"附件{content.files}份")
    return (content.name, content.alarm, "", what, ";".join(filter(None, said)))


def _abnormal(content: Abnormality, zone: tzinfo, _name_of: NameOf) -> tuple[Cell, ...]:
    return (
        content.name,
        content.start.astimezone(zone),
        _end(content.end, zone),
        _CAUSES.get(content.cause, content.cause) if content.alarm else content.cause,
        content.measure,
        "是" if content.reported else "否",
        content.condition,
    )


def _special(content: Special, zone: tzinfo, _name_of: NameOf) -> tuple[Cell, ...]:
    occasion = _OCCASIONS.get(content.occasion, content.occasion)
    start, end = content.start.astimezone(zone), _end(content.end, zone)
    return (content.name, occasion, start, end, content.measure)


_OWN: Final[Mapping[type[Content], Callable[[Any, tzinfo, NameOf], tuple[Cell, ...]]]] = {
    Motion: _motion,
    Patrolled: _patrolled,
    Repaired: _repaired,
    Replaced: _replaced,
    Stored: _stored,
    Checked: _checked,
    AlarmEvent: _alarm,
    Acted: _acted,
    Abnormality: _abnormal,
    Special: _special,
}


def _words(content: Content) -> str:
    """What corrects another entry, in words."""
    if isinstance(content, Corrected):
        return f"更正为:{content.text}(原因:{content.reason})"
    return "补传数据表明未发生"


def _hidden(content: Motion, zone: tzinfo) -> str:
    if not content.hidden:
        return ""
    state = _STATES.get(content.hidden, content.hidden)
    if content.hidden_since is None:
        return f"此前{state}"
    since = content.hidden_since.astimezone(zone)
    return f"{_text(since)}起{state},启停发生在其间"


def _remark(entry: Entry, corrector: Corrector | None) -> str:
    """What to know of an entry besides: made late, corrects, was corrected."""
    remarks = []
    if entry.corrects is not None:
        verb = "撤销" if isinstance(entry.content, Withdrawn) else "更正"
        remarks.append(f"{verb}第{entry.corrects}条")
    elif entry.late and entry.actor == BY_ITSELF:
        remarks.append("补传数据后记入")
    elif entry.late:
        why = entry.content.why if isinstance(entry.content, Patrolled) else ""
        remarks.append(f"补录(原因:{why})" if why else "补录")
    if corrector is not None:
        remarks.append(corrector.remark_zh)
    return ",".join(remarks)


def _end(moment: datetime | None, zone: tzinfo) -> Cell:
    return _GOES_ON if moment is None else moment.astimezone(zone)


def _text(cell: Cell) -> str:
    return f"{cell:%Y-%m-%d %H:%M:%S}" if isinstance(cell, datetime) else str(cell)
