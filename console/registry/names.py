"""What kinds and fields of the registry are called, in both languages."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from wattwarden.alarms.acting.roles import ROLES_ZH
from wattwarden.alarms.registry.nouns import Drive, EquipmentKind, Role, Supervision, UnitKind
from wattwarden.console.drawing.said import Said
from wattwarden.console.firms.words import WATCHED
from wattwarden.console.words import ROLES_EN

KIND_NAMES: Final[Mapping[str, Said]] = {
    "enterprise": Said("企业", "Firms"),
    "line": Said("生产线", "Lines"),
    "unit": Said("设施", "Units"),
    "link": Said("产治关系", "Links"),
    "standby": Said("备用组", "Standby groups"),
    "outlet": Said("排放口", "Outlets"),
    "point": Said("测点", "Points"),
    "person": Said("人员", "People"),
    "agency": Said("执法机构", "Agencies"),
    "region": Said("行政区", "Regions"),
    "requirement": Said("安装要求", "Requirements"),
    "equipment": Said("监控设备", "Equipment"),
}
FIELDS: Final[Mapping[str, Said]] = {
    "id": Said("编号", "Id"),
    "name": Said("名称", "Name"),
    "parent": Said("上级", "Above it"),
    "region": Said("行政区", "Region"),
    "agency": Said("主管机构", "Agency"),
    "enterprise": Said("企业", "Firm"),
    "line": Said("生产线", "Line"),
    "unit": Said("设施", "Unit"),
    "outlet": Said("排放口", "Outlet"),
    "role": Said("角色", "Role"),
    "phone": Said("电话", "Telephone"),
    "mail": Said("邮箱", "Mail"),
    "wechat": Said("微信", "WeChat"),
    "language": Said("语言", "Language"),
    "industry": Said("行业", "Industry"),
    "credit_code": Said("统一社会信用代码", "Credit code"),
    "address": Said("地址", "Address"),
    "longitude": Said("经度", "Longitude"),
    "latitude": Said("纬度", "Latitude"),
    "contact": Said("联系人", "Contact"),
    "maintainer": Said("运维人员", "Maintainer"),
    "officer": Said("责任执法员", "Officer"),
    "supervision": Said("监管类别", "Supervision"),
    "performance_grade": Said("绩效等级", "Performance grade"),
    "emissions": Said("年排放量（吨，按污染物）", "Emissions (t a year, by pollutant)"),
    "registered_power": Said("报装功率（W）", "Registered power (W)"),
    "zone": Said("时区", "Time zone"),
    "equipment": Said("设备种类", "Kind of equipment"),
    "installed": Said("已安装", "Installed"),
    "networked": Said("已联网", "Connected"),
    "workshop": Said("车间", "Workshop"),
    "kind": Said("产污或治污", "Production or treatment"),
    "rated_power": Said("额定功率（W）", "Rated power (W)"),
    "rated_voltage": Said("额定电压（V）", "Rated voltage (V)"),
    "rated_current": Said("额定电流（A）", "Rated current (A)"),
    "treatment_power": Said("治污最低功率（W）", "Least treatment power (W)"),
    "drive": Said("驱动方式", "Drive"),
    "sync": Said("要求同步", "Has to run with it"),
    "interlock": Said("已联锁", "Interlocked"),
    "standby": Said("备用组", "Standby group"),
    "thresholds": Said("单独阈值", "Thresholds of its own"),
    "required": Said("至少运行台数", "Least that run"),
    "pre_start_s": Said("提前开启（秒）", "Starts before (s)"),
    "run_on_s": Said("延后关停（秒）", "Runs on (s)"),
    "limits": Said("排放限值（因子编码）", "Limits (by factor code)"),
    "meter": Said("表计（规约:表号）", "Meter (codec:address)"),
    "channel": Said("回路", "Channel"),
    "factor": Said("因子", "Factor"),
    "measures": Said("测量内容", "What it measures"),
    "ct": Said("电流互感器变比", "CT ratio"),
    "pt": Said("电压互感器变比", "PT ratio"),
    "cycle_s": Said("上报周期（秒）", "Cycle (s)"),
    "valid_from": Said("起用时间", "From"),
    "valid_to": Said("停用时间", "Until"),
    "video": Said("视频", "Video"),
}
# The same of fields that keep a word and no member of an enum.
WORDS: Final[Mapping[tuple[str, str], Mapping[str, Said]]] = {
    ("person", "language"): {"zh": Said("中文", "Chinese"), "en": Said("英文", "English")},
    ("point", "measures"): {
        "": Said("用电（无因子）", "electricity (no factor)"),
        "power": Said("功率", "power"),
        "current": Said("电流", "current"),
        "status": Said("启停状态", "running status"),
        "pollutant": Said("污染物", "pollutant"),
    },
}
# What may be chosen, by the enum and then as it is kept.
CHOICES: Final[Mapping[type[Enum], Mapping[Any, Said]]] = {
    UnitKind: {
        UnitKind.PRODUCTION: Said("产污设施", "production"),
        UnitKind.TREATMENT: Said("治污设施", "treatment"),
        UnitKind.BOTH: Said("产治一体", "production and treatment in one"),
        UnitKind.INDIRECT: Said("间接用电", "indirect"),
        UnitKind.MAIN: Said("企业总电", "the firm's supply"),
    },
    Drive: {
        Drive.DIRECT: Said("工频直驱", "on the mains"),
        Drive.VFD: Said("变频", "behind a converter"),
        Drive.RESISTIVE: Said("电阻加热", "heater"),
        Drive.PULSED: Said("间歇通断", "switches by itself"),
    },
    Supervision: WATCHED,
    Role: {one: Said(ROLES_ZH[one], ROLES_EN[one]) for one in Role},
    EquipmentKind: {
        EquipmentKind.TERMINAL: Said("智能终端", "terminal"),
        EquipmentKind.VIDEO: Said("视频", "video"),
        EquipmentKind.MONITORING: Said("自动监测", "monitoring"),
    },
}
