"""What the small city's firms are ordered and helped with: entered over what stands there."""

from datetime import timedelta
from typing import Any, Final

from tests.console.pages.city import HOUR, NOW

from wattwarden.alarms.decisions.bodies import Absence, Declaration, Measure, Review, WarningLevel
from wattwarden.alarms.decisions.body import Body, Scope
from wattwarden.alarms.responses.bodies import Calendar, Curb, Exemption, Preset, Response, Span
from wattwarden.alarms.service.bodies import (
    Assistance,
    AssistanceStep,
    Deed,
    Document,
    Guidance,
    Reminder,
    RoundTable,
    Topic,
    Training,
)
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter_all
from wattwarden.storage.responses.activate import issue, keep_calendar
from wattwarden.storage.service.papers import Upload, publish

PDF: Final = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"
MANUAL: Final = """一、开机顺序

先开治污设施，运行正常后再开生产设施；停机时先停生产，治污设施再运行 30 分钟。

二、活性炭

按累计运行时间更换，最长不超过 500 小时。更换时拍照，危废入库单一并上传。

三、台账

启停由平台自动记录；更换、巡检、故障由环保专员填写，当天完成。
"""


def stop(unit: str) -> Curb:
    return Curb(scope=Scope.UNIT, subject=unit, measure=Measure.STOP)


def limit(line: str, reduction: float, **hours: Any) -> Curb:
    return Curb(scope=Scope.LINE, subject=line, measure=Measure.LIMIT, reduction=reduction, **hours)


PRESETS: Final[tuple[tuple[str, WarningLevel, dict[str, Any]], ...]] = (
    ("GT", WarningLevel.ORANGE, {"curbs": (stop("GT-P1"),)}),
    ("GT", WarningLevel.RED, {"curbs": (stop("GT-P1"),)}),
    ("HC", WarningLevel.ORANGE, {"curbs": (limit("HC-L1", 0.5),)}),
    ("QH", WarningLevel.YELLOW, {"curbs": (limit("QH-L1", 0.2),)}),
    ("QH", WarningLevel.ORANGE, {"curbs": (stop("QH-P2"), limit("QH-L1", 0.3))}),
    ("PC", WarningLevel.ORANGE, {"curbs": (stop("PC-P1"),)}),
    ("LY", WarningLevel.ORANGE, {"exempt": Exemption.LIVELIHOOD}),
)


async def with_orders(store: Connection) -> None:
    """Presets of some firms, a response that began three hours ago, a calendar, a declaration."""
    presets: list[Body] = [
        Preset(id=f"PS{number}", enterprise=firm, level=level, **fields)
        for number, (firm, level, fields) in enumerate(PRESETS, 1)
    ]
    declared = Declaration(
        id="DC-PC",
        scope=Scope.LINE,
        subject="PC-L1",
        kind=Absence.MAINTENANCE,
        start=NOW - HOUR,
        end=NOW + 8 * HOUR,
        reason="检修",
        state=Review.APPROVED,
    )
    await enter_all(store, [Decision(body, "leader", NOW) for body in [*presets, declared]])
    response = Response(
        id="RE2",
        level=WarningLevel.ORANGE,
        start=NOW - 3 * HOUR,
        end=NOW + 45 * HOUR,
        number="临环应急〔2026〕14 号",
        reason="PM2.5 连续三天超过 150",
    )
    await issue(store, response, "leader", NOW - 3 * HOUR)
    season = Span(start=NOW - timedelta(days=7), end=NOW + timedelta(days=100))
    calendar = Calendar(
        id="CA1",
        name="采暖季铸造错峰",
        spans=(season,),
        measure=Measure.STOP,
        industry="casting",
        exempt=("GT",),
    )
    await keep_calendar(store, calendar, "leader", NOW)


REQUESTS: Final = (
    ("QH", "sun", Topic.RUNNING, "活性炭风机三个月跳闸四次，想请人看看线路和保护定值。"),
    ("CY", "liang", Topic.WASTE, "废活性炭暂存间的标识和台账怎么做？"),
    ("HC", "zhao", Topic.PERMIT, "新增一台水泥磨，排污许可要不要变更？"),
    ("TZ", "tong", Topic.MONITORING, "在线监测和用电监管的数据对不上。"),
    ("QH", "sun", Topic.LEDGER, "台账里更换记录写错了，怎么更正？"),
    ("NP", "yuan", Topic.UPGRADE, "想做产治联动，有没有成熟的做法？"),
)
ANSWERED: Final = "原行不改，在“更正”里新填一行并注明原因；平台会把两行对应起来。"


def steps() -> list[tuple[Body, str]]:
    """What was done about the requests, by whom."""

    def step(number: int, deed: Deed, **more: Any) -> AssistanceStep:
        return AssistanceStep(assistance=f"AS{number}", deed=deed, **more)

    to_come = NOW + 27 * HOUR
    visit = step(1, Deed.SCHEDULE, at=to_come, person="chen", text="请准备好配电柜图纸。")
    return [
        (visit, "leader"),
        (step(2, Deed.ACCEPT), "leader"),
        (step(3, Deed.SCHEDULE, at=NOW + 3 * HOUR, person="zhou"), "leader"),
        (step(5, Deed.SOLVE, text=ANSWERED), "leader"),
        (step(6, Deed.SOLVE, text="已寄去三家企业的改造图。"), "leader"),
        (step(6, Deed.CONFIRM), "yuan"),
    ]


def offered() -> list[Body]:
    """What officers offered: reminders, training, a round table, a manual without a file."""
    due = NOW + 200 * HOUR
    return [
        Reminder(id="RM1", text="月底前更换活性炭，并上传危废入库单。", enterprise="QH", due=due),
        Reminder(id="RM2", text="降温后检查喷淋塔防冻。", industry="coating"),
        Training(
            id="TN1",
            guidance=Guidance.PATROLS,
            title="喷涂行业巡检怎么做",
            at=NOW - 50 * HOUR,
            enterprises=("QH", "CY"),
            attendees=23,
        ),
        RoundTable(id="RT1", title="铸造企业座谈会", at=NOW - 170 * HOUR, enterprises=("GT",)),
        Document(id="DM2", industry="cement", title="水泥行业错峰指南", text=MANUAL),
    ]


async def with_help(store: Connection) -> None:
    """Requests in every state, reminders, training, manuals."""
    asked: list[tuple[Body, str]] = [
        (
            Assistance(
                id=f"AS{number}",
                enterprise=firm,
                topic=topic,
                problem_text=text,
                contact="138-0000-0000 孙立" if number == 1 else "",
            ),
            person,
        )
        for number, (firm, person, topic, text) in enumerate(REQUESTS, 1)
    ]
    made = [*asked, *steps(), *[(body, "leader") for body in offered()]]
    await enter_all(store, [Decision(body, actor, NOW) for body, actor in made])
    coating = Document(id="DM1", industry="coating", title="喷涂行业合规手册（2026）", text=MANUAL)
    await publish(store, coating, Upload("喷涂手册.pdf", PDF), "leader", NOW)
