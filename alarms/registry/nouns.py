"""What the registry knows: one frozen record a thing, named by an id that people chose.

    Region ── Agency ── Enterprise ── Line ──< Link >── Unit ──< Point (meter, channel or factor)
                            │                            └── Standby (k of n)
                            ├── Outlet ──< Point (factor)
                            ├── Equipment, Person
    Requirement: which equipment whom the authority obliges to have

Ids are texts of the registry's own (an Excel column a person can read), unique per kind.  Powers in
W, voltages in V, currents in A, emissions in t a year; moments are aware UTC datetimes.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=500)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(ge=0)]


class UnitKind(StrEnum):
    """What a unit (设施) is for the rules."""

    PRODUCTION = "production"  # 产污设施
    TREATMENT = "treatment"  # 治污设施
    BOTH = "both"  # 产治一体: one meter for production and treatment
    INDIRECT = "indirect"  # 间接用电: shows that somebody works, nothing else
    MAIN = "main"  # 企业总电: the firm's incoming supply


class Drive(StrEnum):
    """What turns power into work; it decides how states look on a meter."""

    DIRECT = "direct"  # a motor on the mains
    VFD = "vfd"  # a motor behind a frequency converter
    RESISTIVE = "resistive"  # heaters: power goes with the square of the voltage
    PULSED = "pulsed"  # switches by itself (thermostat, pulse valves): judged by its duty


class Supervision(StrEnum):
    """How closely an enterprise is watched."""

    POSITIVE = "positive"  # 正面清单
    ORDINARY = "ordinary"
    FOCUS = "focus"  # 重点


class Role(StrEnum):
    """What a person is; rights follow from it and from the agency or enterprise."""

    DUTY = "duty"  # 班组/环保专员
    HEAD = "head"  # 企业负责人
    MAINTENANCE = "maintenance"  # 运维
    DISTRICT_OFFICER = "district_officer"  # 分局/大队
    CITY_OFFICER = "city_officer"  # 支队
    LEADER = "leader"  # approves visits
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class EquipmentKind(StrEnum):
    """What firms may be obliged to install and to connect."""

    TERMINAL = "terminal"  # 智能终端
    VIDEO = "video"  # 视频
    MONITORING = "monitoring"  # 自动监测


class Noun(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Anything with an id."""

    id: Id


class Region(Noun, frozen=True):
    """A district or town; ``emissions`` are all emitters' yearly totals by pollutant."""

    name: Name
    parent: Id | None = None
    emissions: dict[str, Share] = {}


class Agency(Noun, frozen=True):
    """An authority: the city's (no parent) or a branch."""

    name: Name
    parent: Id | None = None
    region: Id | None = None


class Person(Noun, frozen=True):
    """Somebody with a role, and the agency or the enterprise that bounds what they see."""

    name: Name
    role: Role
    agency: Id | None = None
    enterprise: Id | None = None
    phone: Text = ""
    mail: Text = ""
    wechat: Text = ""
    language: str = "zh"


class Enterprise(Noun, frozen=True):
    """A firm (排污单位)."""

    name: Name
    agency: Id
    region: Id
    industry: Id
    credit_code: Text = ""
    address: Text = ""
    longitude: float | None = None
    latitude: float | None = None
    contact: Text = ""
    phone: Text = ""
    # Persons: who maintains the meters, and which officer answers for the firm.
    maintainer: Id | None = None
    officer: Id | None = None
    supervision: Supervision = Supervision.ORDINARY
    performance_grade: Text = ""
    emissions: dict[str, Share] = {}
    # What the mains are registered for; R16 compares it with the main meter.
    registered_power: Positive | None = None
    zone: str = "Asia/Shanghai"


class Requirement(Noun, frozen=True):
    """Equipment that every enterprise of a class, an industry or a region must have."""

    equipment: EquipmentKind
    supervision: Supervision | None = None
    industry: Id | None = None
    region: Id | None = None


class Equipment(Noun, frozen=True):
    """A terminal, camera or automatic monitor of an enterprise."""

    enterprise: Id
    equipment: EquipmentKind
    installed: bool = False
    networked: bool = False
    address: Text = ""


class Line(Noun, frozen=True):
    """A production line (生产线)."""

    enterprise: Id
    name: Name
    workshop: Text = ""


class Unit(Noun, frozen=True):
    """A production or treatment machine, or the firm's mains."""

    enterprise: Id
    name: Name
    kind: UnitKind
    rated_power: Positive
    drive: Drive = Drive.DIRECT
    # Between phases; 380 is the low-voltage mains of China.
    rated_voltage: Positive = 380.0
    rated_current: Positive | None = None
    # Takes part in the rules that compare it with its lines' production.
    sync: bool = True
    # Its switch is tied to production's: one key starts both.
    interlock: bool = False
    standby: Id | None = None
    # Of BOTH: which part of the rated power is treatment.
    treatment_power: Positive | None = None
    # Numbers of the rule file that are others here, by their name.
    thresholds: dict[str, float] = {}


class Standby(Noun, frozen=True):
    """Units of which ``required`` must run while the others stand by."""

    enterprise: Id
    required: Annotated[int, msgspec.Meta(ge=1)] = 1


class Link(Noun, frozen=True):
    """A unit belongs to a line.  A production unit has one; a treatment unit may serve several."""

    line: Id
    unit: Id
    # Treatment must run this long before production starts, and this long after it stops.
    pre_start_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    run_on_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class Outlet(Noun, frozen=True):
    """Where a line's or firm's emissions leave; ``limits`` by factor code, in the factor's unit."""

    enterprise: Id
    name: Name
    line: Id | None = None
    limits: dict[str, float] = {}


class Point(Noun, frozen=True):
    """Where a meter's channel, or one factor of it, belongs to a unit or an outlet, and since when.

    ``meter`` is ``codec:address``.  Exactly one of unit and outlet is set.  Without a factor the
    point is the channel's electricity; with one it is that factor: a current or power of a
    process station, a running status (0 or 1), or a pollutant of the outlet.
    """

    meter: Id
    valid_from: datetime
    channel: Annotated[str, msgspec.Meta(max_length=8)] = ""
    factor: Text = ""
    unit: Id | None = None
    outlet: Id | None = None
    # What the factor is, where it is one: "power", "current", "status" or "pollutant".
    measures: str = ""
    ct: Positive = 1.0
    pt: Positive = 1.0
    cycle_s: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 60
    valid_to: datetime | None = None
    video: Text = ""


KINDS: dict[str, type[Noun]] = {
    "region": Region,
    "agency": Agency,
    "person": Person,
    "enterprise": Enterprise,
    "requirement": Requirement,
    "equipment": Equipment,
    "line": Line,
    "unit": Unit,
    "standby": Standby,
    "link": Link,
    "outlet": Outlet,
    "point": Point,
}
