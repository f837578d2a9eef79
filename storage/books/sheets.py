"""The sheets of a registry book: a sheet a kind, a column a field, heads in Chinese or English."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import inspect

from wattwarden.alarms.decisions.bodies import Absence, Cycle, Measure, Repeat, Review, WarningLevel
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.decisions.kinds import BODIES
from wattwarden.alarms.registry.nouns import (
    KINDS,
    Drive,
    EquipmentKind,
    Role,
    Supervision,
    UnitKind,
)

# The sheet that explains the others; nothing is read from it.
NOTES: Final = "说明"
BOOK_KINDS: Final = (
    *KINDS, "plan", "declaration", "consumable", "replacement", "patrol",
)  # fmt: skip


class Form(StrEnum):
    """How a cell is read."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    TRUTH = "truth"
    MOMENT = "moment"
    CHOICE = "choice"
    AMOUNTS = "amounts"
    TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a kind as a column; a cell times ``scale`` is the field's value."""

    field: str
    zh: str
    en: str
    form: Form
    required: bool
    default: Any
    scale: int | float = 1
    # What a person writes for each value of a choice.
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A kind as a sheet."""

    kind: str
    zh: str
    type: type[msgspec.Struct]
    columns: tuple[Column, ...]

    def column(self, head: str) -> Column | None:
        """Return the column of a head in either language, None when there is none."""
        wanted = head.replace(" ", "").casefold()
        for column in self.columns:
            if wanted in (column.zh.casefold(), column.en.casefold(), column.field):
                return column
        return None


# What choices are called in sheets and tables.
LABELS: Final[dict[type[StrEnum], dict[str, str]]] = {
    UnitKind: {
        "production": "产污设施",
        "treatment": "治污设施",
        "both": "产治一体",
        "indirect": "间接用电",
        "main": "企业总电",
    },
    Drive: {"direct": "工频", "vfd": "变频", "resistive": "电热", "pulsed": "间歇"},
    Supervision: {"positive": "正面清单", "ordinary": "一般", "focus": "重点"},
    Role: {
        "duty": "环保专员",
        "head": "企业负责人",
        "maintenance": "运维",
        "district_officer": "分局执法人员",
        "city_officer": "支队执法人员",
        "leader": "分管领导",
        "administrator": "系统管理员",
        "auditor": "审计",
    },
    EquipmentKind: {"terminal": "智能终端", "video": "视频", "monitoring": "自动监测"},
    Scope: {"enterprise": "企业", "line": "产线", "unit": "设施"},
    Measure: {"stop": "停产", "limit": "限产"},
    Cycle: {"continuous": "连续", "daily": "每日"},
    WarningLevel: {"yellow": "黄色", "orange": "橙色", "red": "红色"},
    Absence: {
        "outage": "停运",
        "maintenance": "检修",
        "meter_fault": "表计故障",
        "trial": "试车",
        "power_cut": "停电",
    },
    Repeat: {"daily": "每日", "weekly": "每周"},
    Review: {
        "pending": "待审核",
        "approved": "通过",
        "rejected": "不通过",
        "withdrawn": "已撤回",
        "revoked": "已撤销",
    },
}
_SHEETS: Final = {
    "region": "区域",
    "agency": "机构",
    "person": "人员",
    "enterprise": "企业",
    "requirement": "应装要求",
    "equipment": "监控设备",
    "line": "产线",
    "unit": "设施",
    "standby": "备用组",
    "link": "产治关联",
    "outlet": "排口",
    "point": "监测点",
    "plan": "停限产计划",
    "declaration": "申报",
    "consumable": "耗材",
    "replacement": "耗材更换",
    "patrol": "巡检",
}
# Heads of fields; what a kind calls differently comes after them.
_HEADS: Final = {
    "id": "编号",
    "name": "名称",
    "parent": "上级",
    "region": "区域",
    "agency": "机构",
    "enterprise": "企业",
    "line": "产线",
    "unit": "设施",
    "outlet": "排口",
    "standby": "备用组",
    "person": "人员",
    "emissions": "年排放量t",
    "role": "角色",
    "phone": "电话",
    "mail": "邮箱",
    "wechat": "微信",
    "language": "语言",
    "industry": "行业",
    "credit_code": "统一社会信用代码",
    "address": "地址",
    "longitude": "经度",
    "latitude": "纬度",
    "contact": "联系人",
    "maintainer": "运维人员",
    "officer": "执法人员",
    "supervision": "监管类别",
    "performance_grade": "绩效等级",
    "registered_power": "报装功率kW",
    "zone": "时区",
    "equipment": "设备类型",
    "installed": "已安装",
    "networked": "已联网",
    "workshop": "车间",
    "kind": "类型",
    "rated_power": "额定功率kW",
    "drive": "驱动方式",
    "rated_voltage": "额定电压V",
    "rated_current": "额定电流A",
    "sync": "参与同步",
    "interlock": "联锁",
    "treatment_power": "治污功率kW",
    "thresholds": "阈值",
    "required": "须运行台数",
    "pre_start_s": "提前启动s",
    "run_on_s": "延后停机s",
    "limits": "限值",
    "meter": "仪表",
    "valid_from": "生效时间",
    "valid_to": "失效时间",
    "channel": "通道",
    "factor": "因子",
    "measures": "测量类型",
    "ct": "CT变比",
    "pt": "PT变比",
    "cycle_s": "周期s",
    "video": "视频地址",
    "scope": "对象类型",
    "subject": "对象编号",
    "measure": "措施",
    "start": "开始时间",
    "end": "结束时间",
    "reduction": "压减比例%",
    "cycle": "执行周期",
    "from_hour": "每日开始",
    "to_hour": "每日结束",
    "level": "预警等级",
    "exempt": "豁免",
    "enabled": "启用",
    "base_energy": "基准日电量kWh",
    "reason": "事由",
    "origin": "来源",
    "repeats": "重复",
    "until": "重复至",
    "state": "审核状态",
    "opinion": "审核意见",
    "ended": "提前结束原因",
    "why": "补录原因",
    "evidence": "附件摘要",
    "replaced_at": "更换时间",
    "limit_hours": "小时上限",
    "limit_days": "天数上限",
    "consumable": "耗材",
    "amount": "数量",
    "waste": "危废入库",
    "rejected": "核查不通过",
    "note": "备注",
    "at": "时间",
    "findings": "发现问题",
}
_SCALES: Final[dict[str, tuple[str, float]]] = {
    "rated_power": ("rated_power_kw", 1_000),
    "treatment_power": ("treatment_power_kw", 1_000),
    "registered_power": ("registered_power_kw", 1_000),
    "base_energy": ("base_energy_kwh", 1_000),
    "reduction": ("reduction_percent", 0.01),
}


def _sheet(kind: str) -> Sheet:
    struct: type[msgspec.Struct] = (KINDS | BODIES)[kind]
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101  # for the type checker: it is one
    fields = sorted(info.fields, key=lambda field: field.name != "id")
    return Sheet(kind, _SHEETS[kind], struct, tuple(_column(field) for field in fields))


def _column(field: inspect.Field) -> Column:
    form, labels = _form(field.type)
    english, scale = _SCALES.get(field.name, (field.name, 1))
    default = None if field.default is msgspec.NODEFAULT else field.default
    return Column(
        field.name, _HEADS[field.name], english, form, field.required, default, scale, labels
    )


def _form(kind: inspect.Type) -> tuple[Form, tuple[tuple[str, str], ...]]:
    match kind:
        case inspect.UnionType():
            return _form(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
        case inspect.Metadata():
            return _form(kind.type)
        case inspect.EnumType():
            return Form.CHOICE, tuple(LABELS[kind.cls].items())  # type: ignore[index]  # a StrEnum
        case inspect.DictType():
            return Form.AMOUNTS, ()
        case inspect.VarTupleType():
            return Form.TEXTS, ()
        case _:
            return _PLAIN[type(kind)], ()


_PLAIN: Final[dict[type[inspect.Type], Form]] = {
    inspect.StrType: Form.TEXT,
    inspect.FloatType: Form.NUMBER,
    inspect.IntType: Form.INTEGER,
    inspect.BoolType: Form.TRUTH,
    inspect.DateTimeType: Form.MOMENT,
}

SHEETS: Final = {kind: _sheet(kind) for kind in BOOK_KINDS}


def sheet_named(title: str) -> Sheet | None:
    """Return the sheet of a title: Chinese, or the kind in English, in the plural too."""
    wanted = title.strip().casefold()
    for sheet in SHEETS.values():
        if wanted in (sheet.zh, sheet.kind, f"{sheet.kind}s", _plural(sheet.kind)):
            return sheet
    return None


def _plural(kind: str) -> str:
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}es"


Cell = str | int | float | bool | datetime | None
"""What a cell holds: a book of spreadsheets has all of them, one of text files only text."""
