"""What enforcement speaks of: flags, verbs, outcomes, sources, with their Chinese names."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Flag(StrEnum):
    """What an enterprise is recognised by, and a task is proposed for."""

    FALSE_RECTIFICATION = "false_rectification"
    RUNNING_SICK = "running_sick"
    HIGH_FREQUENCY = "high_frequency"
    STANDING = "standing"


class TaskVerb(StrEnum):
    """What may be done with a task."""

    APPROVE = "approve"
    REJECT = "reject"
    # A leader lets a visit go on to a firm that came onto the positive list meanwhile.
    ENDORSE = "endorse"
    ASSIGN = "assign"
    ACCEPT = "accept"
    ARRIVE = "arrive"
    RESULT = "result"
    FOLLOW_UP = "follow_up"
    CLOSE = "close"
    ATTACH = "attach"


class Outcome(StrEnum):
    """What a visit came to."""

    NO_PROBLEM = "no_problem"
    GUIDED = "guided"
    ORDERED = "ordered"
    FILED = "filed"
    EXEMPTED = "exempted"


class Mode(StrEnum):
    """How an inspection begins."""

    OFF_SITE = "off_site"
    ON_SITE = "on_site"
    SURPRISE = "surprise"


class Means(StrEnum):
    """What an inspection looks at."""

    ELECTRICITY = "electricity"
    VIDEO = "video"
    MONITORING = "monitoring"  # the firm's automatic monitoring
    SAMPLING = "sampling"  # the monitoring station measures
    DRONE = "drone"
    VEHICLE = "vehicle"
    LEDGERS = "ledgers"


class InspectionVerb(StrEnum):
    """What may be done with an inspection."""

    SWITCH = "switch"
    CONCLUDE = "conclude"


class StationVerb(StrEnum):
    """What may be done with a station."""

    RELIEVE = "relieve"
    END = "end"


class Source(StrEnum):
    """Where a finding comes from."""

    PATROL = "patrol"
    VIDEO = "video"
    DRONE = "drone"
    VEHICLE = "vehicle"
    LABORATORY = "laboratory"
    COMPLAINT = "complaint"
    ONLINE = "online"


class ClueVerb(StrEnum):
    """What may be done with a clue."""

    ASSIGN = "assign"
    CONFIRM = "confirm"
    DISMISS = "dismiss"


class FocusVerb(StrEnum):
    """What may be done with a weak point."""

    RECTIFY = "rectify"
    CONFIRM = "confirm"
    RETURN = "return"


FLAGS_ZH: Final[Mapping[Flag, str]] = {
    Flag.FALSE_RECTIFICATION: "虚假整改",
    Flag.RUNNING_SICK: "长期带病",
    Flag.HIGH_FREQUENCY: "高频报警",
    Flag.STANDING: "严重报警未消除",
}
TASK_VERBS_ZH: Final[Mapping[TaskVerb, str]] = {
    TaskVerb.APPROVE: "批准",
    TaskVerb.REJECT: "驳回",
    TaskVerb.ENDORSE: "领导批准到场",
    TaskVerb.ASSIGN: "指派",
    TaskVerb.ACCEPT: "接受",
    TaskVerb.ARRIVE: "到场",
    TaskVerb.RESULT: "结果",
    TaskVerb.FOLLOW_UP: "回访观察",
    TaskVerb.CLOSE: "办结",
    TaskVerb.ATTACH: "并入报警",
}
INSPECTION_VERBS_ZH: Final[Mapping[InspectionVerb, str]] = {
    InspectionVerb.SWITCH: "转现场",
    InspectionVerb.CONCLUDE: "办结",
}
STATION_VERBS_ZH: Final[Mapping[StationVerb, str]] = {
    StationVerb.RELIEVE: "换班",
    StationVerb.END: "撤离",
}
CLUE_VERBS_ZH: Final[Mapping[ClueVerb, str]] = {
    ClueVerb.ASSIGN: "指派",
    ClueVerb.CONFIRM: "查实",
    ClueVerb.DISMISS: "查否",
}
FOCUS_VERBS_ZH: Final[Mapping[FocusVerb, str]] = {
    FocusVerb.RECTIFY: "整改",
    FocusVerb.CONFIRM: "确认",
    FocusVerb.RETURN: "退回",
}
OUTCOMES_ZH: Final[Mapping[Outcome, str]] = {
    Outcome.NO_PROBLEM: "未发现问题",
    Outcome.GUIDED: "现场指导",
    Outcome.ORDERED: "责令改正",
    Outcome.FILED: "立案查处",
    Outcome.EXEMPTED: "免予处罚",
}
MODES_ZH: Final[Mapping[Mode, str]] = {
    Mode.OFF_SITE: "非现场",
    Mode.ON_SITE: "现场",
    Mode.SURPRISE: "突击检查",
}
MEANS_ZH: Final[Mapping[Means, str]] = {
    Means.ELECTRICITY: "用电监控",
    Means.VIDEO: "视频",
    Means.MONITORING: "自动监测",
    Means.SAMPLING: "监测站采样",
    Means.DRONE: "无人机",
    Means.VEHICLE: "走航车",
    Means.LEDGERS: "台账",
}
SOURCES_ZH: Final[Mapping[Source, str]] = {
    Source.PATROL: "巡查",
    Source.VIDEO: "视频监控",
    Source.DRONE: "无人机",
    Source.VEHICLE: "走航监测车",
    Source.LABORATORY: "实验室监测",
    Source.COMPLAINT: "信访投诉",
    Source.ONLINE: "在线监测数据",
}
