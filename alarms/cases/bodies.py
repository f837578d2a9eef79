"""Seen, handled, rectified, verified: what people decide about alarms.

    action     somebody does something about an alarm: one of the verbs of ``lifecycle``
    evidence   a file arrived: its hash, what it is, when it was received and when it was taken

Who acts and when is the decision's; nothing of it can be given otherwise.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Final

import msgspec

from wattwarden.alarms.acting.roles import ENTERPRISE, MAINTENANCE, OFFICERS, Roles
from wattwarden.alarms.decisions.body import Body, Moment, Reference, Report
from wattwarden.alarms.registry.nouns import Id, Name, Text
from wattwarden.alarms.registry.problems import Problem

# A plan with more steps is a project, whose papers are evidence.
MAX_PLAN_STEPS: Final = 50
# Photos of one repair; a film is one file.
MAX_FILES: Final = 50

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Verb(StrEnum):
    """What people do about an alarm."""

    ACK = "ack"  # 确认: somebody saw it
    HANDLE = "handle"  # 处置: the cause is known, somebody works on it
    PLAN = "plan"  # 整改方案
    RECTIFY = "rectify"  # 整改完成, as the firm says
    VERIFY = "verify"  # 核实
    REJECT = "reject"  # 退回: not rectified
    CLOSE = "close"  # 办结
    DECLARE = "declare"  # 申报
    ESCALATE = "escalate"  # 升级: an officer makes it graver by a level
    COMMENT = "comment"  # 备注


class Cause(StrEnum):
    """Why it happened (异常原因)."""

    AGEING = "ageing"  # 部件老化
    BREAKAGE = "breakage"  # 设备故障
    BLOCKAGE = "blockage"  # 堵塞
    CONSUMABLE = "consumable"  # 耗材失效
    OPERATION = "operation"  # 操作不当, 忘开
    CONTROL = "control"  # 控制系统故障
    DELIBERATE = "deliberate"  # 故意停运
    POWER_SUPPLY = "power_supply"  # 供电异常
    PROCESS = "process"  # 工艺调整
    METER = "meter"  # 表计故障
    COMMUNICATION = "communication"  # 通讯故障
    OTHER = "other"  # 其他


CAUSES_ZH: Final[Mapping[Cause, str]] = {
    Cause.AGEING: "部件老化",
    Cause.BREAKAGE: "设备故障",
    Cause.BLOCKAGE: "堵塞",
    Cause.CONSUMABLE: "耗材失效",
    Cause.OPERATION: "操作不当",
    Cause.CONTROL: "控制系统故障",
    Cause.DELIBERATE: "故意停运",
    Cause.POWER_SUPPLY: "供电异常",
    Cause.PROCESS: "工艺调整",
    Cause.METER: "表计故障",
    Cause.COMMUNICATION: "通讯故障",
    Cause.OTHER: "其他原因",
}


class Fault(StrEnum):
    """Where the fault was, as an officer judges it."""

    ENTERPRISE = "enterprise"  # 企业异常
    METERING = "metering"  # 监测设备异常


FAULTS_ZH: Final[Mapping[Fault, str]] = {
    Fault.ENTERPRISE: "企业异常",
    Fault.METERING: "监测设备异常",
}


class PlanStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One step of a rectification plan (整改方案)."""

    what: Name
    by: Moment
    who: Text = ""


# The fields beside alarm, verb and reason: those that a verb needs, and those that it may have.
FORMS: Final[Mapping[Verb, tuple[frozenset[str], frozenset[str]]]] = {
    Verb.ACK: (frozenset(), frozenset()),
    Verb.HANDLE: (
        frozenset({"reason", "cause"}),
        frozenset({"part", "steps", "deadline", "evidence"}),
    ),
    Verb.PLAN: (frozenset({"steps", "deadline"}), frozenset({"evidence"})),
    Verb.RECTIFY: (frozenset({"reason"}), frozenset({"cause", "part", "evidence"})),
    Verb.VERIFY: (frozenset({"fault"}), frozenset({"evidence"})),
    Verb.REJECT: (frozenset({"reason"}), frozenset({"evidence", "deadline"})),
    Verb.CLOSE: (frozenset({"reason"}), frozenset({"fault"})),
    Verb.DECLARE: (frozenset({"declaration"}), frozenset({"evidence"})),
    Verb.ESCALATE: (frozenset({"reason"}), frozenset()),
    Verb.COMMENT: (frozenset({"reason"}), frozenset({"evidence"})),
}


class Action(Body, frozen=True, kw_only=True):
    """Somebody does something about an alarm; ``reason`` is what they say about it.

    ``evidence`` are SHA-256 of files that were kept before.  A plan's author is who decides this.
    """

    kind_name: ClassVar[str] = "action"
    prefix: ClassVar[str] = "AC"

    id: Id
    alarm: Id
    verb: Verb
    reason: Report = ""
    cause: Cause | None = None
    # What was replaced or mended.
    part: Text = ""
    steps: Annotated[tuple[PlanStep, ...], msgspec.Meta(max_length=MAX_PLAN_STEPS)] = ()
    deadline: Moment | None = None
    fault: Fault | None = None
    declaration: Id | None = None
    evidence: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_FILES)] = ()

    def references(self) -> tuple[Reference, ...]:
        """Return the alarm, and the declaration that explains it."""
        alarm = Reference("alarm", "alarm", self.alarm)
        if self.declaration is None:
            return (alarm,)
        return (alarm, Reference("declaration", "declaration", self.declaration))

    def right(self) -> str:
        """Return the right that the verb takes."""
        return f"action.{self.verb}"

    def contradictions(self) -> Iterator[Problem]:
        """Yield what the verb needs and what it has no use for."""
        needed, possible = FORMS[self.verb]
        given = {name for name in _OPTIONAL if getattr(self, name)}
        for name in sorted(needed - given):
            yield self.problem(name, f"须填写{_FIELDS_ZH[name]}", f"{self.verb} needs {name}")
        for name in sorted(given - needed - possible - {"reason"}):
            yield self.problem(name, f"此处不填{_FIELDS_ZH[name]}", f"{self.verb} has no {name}")
        for digest in self.evidence:
            if not _SHA256.fullmatch(digest):
                message = "a file is named by its SHA-256, 64 hex digits"
                yield self.problem("evidence", "附件须为64位十六进制摘要", message)


_OPTIONAL: Final = frozenset().union(*(needed | possible for needed, possible in FORMS.values()))

# As forms name the fields.
_FIELDS_ZH: Final[Mapping[str, str]] = {
    "reason": "说明",
    "cause": "原因",
    "part": "更换部件",
    "steps": "整改步骤",
    "deadline": "整改期限",
    "fault": "核实结论",
    "declaration": "申报",
    "evidence": "佐证材料",
}


class Evidence(Body, frozen=True, kw_only=True):
    """A file about something; ``about`` is its kind as bodies refer to it (alarm, task, unit…).

    ``taken_at`` is what the device wrote into the file, where it did; ``media`` is what the bytes
    are, whatever the file was called.
    """

    kind_name: ClassVar[str] = "evidence"
    prefix: ClassVar[str] = "EV"

    id: Id
    about: Name
    subject: Id
    sha256: str
    size: Annotated[int, msgspec.Meta(gt=0)]
    media: Name
    name: Name
    received_at: Moment
    taken_at: Moment | None = None
    note: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return what the file is about."""
        return (Reference("subject", self.about, self.subject),)

    def contradictions(self) -> Iterator[Problem]:
        """Yield a hash that is none."""
        if not _SHA256.fullmatch(self.sha256):
            message = "a file's SHA-256 has 64 hex digits"
            yield self.problem("sha256", "文件摘要应为64位十六进制", message)


BODIES: Final[tuple[type[Body], ...]] = (Action, Evidence)
_AT_THE_FIRM: Final[Roles] = ENTERPRISE | MAINTENANCE
_ALL: Final[Roles] = _AT_THE_FIRM | OFFICERS
# Who may decide what of these: the firm acts, the authority judges.
RIGHTS: Final[Mapping[str, Roles]] = {
    "action.ack": _AT_THE_FIRM,
    "action.handle": _AT_THE_FIRM,
    # A feasible plan may come from an officer's technical staff.
    "action.plan": _ALL,
    "action.rectify": _AT_THE_FIRM,
    "action.declare": ENTERPRISE,
    "action.comment": _ALL,
    "action.verify": OFFICERS,
    "action.reject": OFFICERS,
    "action.close": OFFICERS,
    "action.escalate": OFFICERS,
    "evidence": _ALL,
}
