"""What a task tells the officer who goes: who, what, where to."""

from collections.abc import Collection, Mapping
from typing import Final

from wattwarden.alarms.enforcement.words import Flag
from wattwarden.alarms.registry.nouns import Enterprise, Region, Supervision

# In the order of what weighs most in the visit.
_REASONS: Final[Mapping[Flag, str]] = {
    Flag.FALSE_RECTIFICATION: "多次整改后同一设施再次报警，涉嫌虚假整改",
    Flag.RUNNING_SICK: "治污设施长期带病运行",
    Flag.STANDING: "严重报警长时间未消除",
    Flag.HIGH_FREQUENCY: "多次产生报警信息",
}


def task_text(enterprise: Enterprise, region: Region | None, flags: Collection[Flag]) -> str:
    """Return the text of a task that flags call for.

    >>> firm = Enterprise(id="E1", name="某水泥制造公司", agency="A", region="R", industry="水泥")
    >>> task_text(firm, Region(id="R", name="李沧区"), [Flag.HIGH_FREQUENCY])
    '李沧区某水泥制造公司多次产生报警信息，请前往现场调查原因。'
    """
    place = "" if region is None or region.name in enterprise.name else region.name
    reasons = "，".join(zh for flag, zh in _REASONS.items() if flag in flags)
    listed = "该企业列入正面清单，到场前须经领导批准。"
    end = listed if enterprise.supervision is Supervision.POSITIVE else ""
    return f"{place}{enterprise.name}{reasons}，请前往现场调查原因。{end}"
