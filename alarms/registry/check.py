"""What is wrong with a registry as a whole: nothing that is wrong here is ever stored.

``check`` finds what would make a fold wrong or ambiguous, ``remarks`` what may be meant so: units
that nobody meters, equipment that is obliged and missing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from wattwarden.alarms.registry.check_points import check_points
from wattwarden.alarms.registry.nouns import (
    KINDS,
    Agency,
    Enterprise,
    Noun,
    Region,
    Requirement,
    Role,
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.problems import Problem
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import number_faults

# Which field of a kind names a record of which other.
REFERENCES: Final = {
    "region": {"parent": "region"},
    "agency": {"parent": "agency", "region": "region"},
    "person": {"agency": "agency", "enterprise": "enterprise"},
    "enterprise": {
        "agency": "agency",
        "region": "region",
        "maintainer": "person",
        "officer": "person",
    },
    "requirement": {"region": "region"},
    "equipment": {"enterprise": "enterprise"},
    "line": {"enterprise": "enterprise"},
    "unit": {"enterprise": "enterprise", "standby": "standby"},
    "standby": {"enterprise": "enterprise"},
    "link": {"line": "line", "unit": "unit"},
    "outlet": {"enterprise": "enterprise", "line": "line"},
    "point": {"unit": "unit", "outlet": "outlet"},
}
# Fields whose record must be of the same enterprise as the one that names it.
_SAME_ENTERPRISE: Final = (("unit", "standby"), ("outlet", "line"))
_OF_ENTERPRISES: Final = frozenset({Role.DUTY, Role.HEAD})
_OF_AGENCIES: Final = frozenset({Role.DISTRICT_OFFICER, Role.CITY_OFFICER, Role.LEADER})


def check(registry: Registry) -> list[Problem]:
    """Return every problem, by kind and id; none when the registry holds together."""
    problems = list(_bounds(registry))
    if not problems:
        # What follows compares values, which must be of their kind for it.
        problems += _references(registry)
        problems += _trees(registry)
        problems += _persons(registry)
        problems += _enterprises(registry)
        problems += _units(registry)
        problems += _links(registry)
        problems += check_points(registry)
    return sorted(problems)


def remarks(registry: Registry) -> list[Problem]:
    """Return what may be meant so, by kind and id."""
    found = list(_unmetered(registry))
    found += _missing_equipment(registry)
    return sorted(found)


def _records(registry: Registry, kind: str) -> Mapping[str, Noun]:
    records: Mapping[str, Noun] = getattr(registry, kind)
    return records


def _bounds(registry: Registry) -> Iterator[Problem]:
    """Records made in Python were never held against their own bounds."""
    for kind, noun in KINDS.items():
        for identity, record in _records(registry, kind).items():
            try:
                msgspec.convert(msgspec.to_builtins(record), noun)
            except msgspec.ValidationError as error:
                yield Problem(kind, identity, "", "字段不合规", str(error))


def _references(registry: Registry) -> Iterator[Problem]:
    for kind, fields in REFERENCES.items():
        for identity, record in _records(registry, kind).items():
            for field, target in fields.items():
                named = getattr(record, field)
                if named is not None and named not in _records(registry, target):
                    zh = f"{named} 不存在({target})"
                    yield Problem(kind, identity, field, zh, f"there is no {target} {named}")


def _trees(registry: Registry) -> Iterator[Problem]:
    yield from _circles("region", registry.region)
    yield from _circles("agency", registry.agency)


def _circles(kind: str, nodes: Mapping[str, Region] | Mapping[str, Agency]) -> Iterator[Problem]:
    """Every node that is its own ancestor; each parent is followed once."""
    sound: set[str] = set()
    for start in nodes:
        path: dict[str, None] = {}
        node: str | None = start
        while node is not None and node in nodes and node not in sound and node not in path:
            path[node] = None
            node = nodes[node].parent
        if node is not None and node in path:
            circle = list(path)[list(path).index(node) :]
            zh, en = "上级关系成环", f"its parents go in a circle: {', '.join(circle)}"
            yield Problem(kind, min(circle), "parent", zh, en)
        sound.update(path)


def _persons(registry: Registry) -> Iterator[Problem]:
    for person in registry.person.values():
        if person.role in _OF_ENTERPRISES and person.enterprise is None:
            zh, en = "该角色须填写所属企业", f"a {person.role} belongs to an enterprise"
            yield Problem("person", person.id, "enterprise", zh, en)
        if person.role in _OF_AGENCIES and person.agency is None:
            zh, en = "该角色须填写所属机构", f"a {person.role} belongs to an agency"
            yield Problem("person", person.id, "agency", zh, en)


def _enterprises(registry: Registry) -> Iterator[Problem]:
    zones: set[str] = set()
    for enterprise in registry.enterprise.values():
        if enterprise.zone not in zones and not _is_zone(enterprise.zone):
            en = f"{enterprise.zone} is no time zone, such as Asia/Shanghai"
            yield Problem("enterprise", enterprise.id, "zone", "时区名称无效", en)
        zones.add(enterprise.zone)
        yield from _place(enterprise)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _place(enterprise: Enterprise) -> Iterator[Problem]:
    for field, most in (("longitude", 180.0), ("latitude", 90.0)):
        degrees = getattr(enterprise, field)
        if degrees is not None and not -most <= degrees <= most:
            en = f"{degrees} is beyond {most:g} degrees"
            yield Problem("enterprise", enterprise.id, field, "经纬度超出范围", en)


def _units(registry: Registry) -> Iterator[Problem]:
    mains: dict[str, str] = {}
    members: Counter[str] = Counter()
    for unit in registry.unit.values():
        if unit.standby is not None:
            members[unit.standby] += 1
        if unit.kind is UnitKind.MAIN:
            first = mains.setdefault(unit.enterprise, unit.id)
            if first != unit.id:
                zh, en = f"企业总电已有 {first}", f"its enterprise has the mains {first} already"
                yield Problem("unit", unit.id, "kind", zh, en)
        yield from _treatment_part(unit)
        for fault in number_faults(unit.thresholds):
            # Whatever it says: a fold would stop at it.
            yield Problem("unit", unit.id, "thresholds", f"阈值不可用：{fault.zh}", fault.en)
    for standby in registry.standby.values():
        if standby.required > members[standby.id]:
            zh = f"须运行 {standby.required} 台,组内仅 {members[standby.id]} 台"
            en = f"{standby.required} must run, but it has {members[standby.id]} members"
            yield Problem("standby", standby.id, "required", zh, en)
    for kind, field in _SAME_ENTERPRISE:
        yield from _strangers(registry, kind, field)


def _treatment_part(unit: Unit) -> Iterator[Problem]:
    if unit.treatment_power is None:
        return
    if unit.kind is not UnitKind.BOTH:
        en = "only a unit of kind both has a treatment part"
        yield Problem("unit", unit.id, "treatment_power", "仅产治一体设施填写治污功率", en)
    elif unit.treatment_power >= unit.rated_power:
        en = "the treatment part is not less than the whole rated power"
        yield Problem("unit", unit.id, "treatment_power", "治污功率须小于额定功率", en)


def _strangers(registry: Registry, kind: str, field: str) -> Iterator[Problem]:
    others = _records(registry, REFERENCES[kind][field])
    for identity, record in _records(registry, kind).items():
        other = others.get(getattr(record, field) or "")
        if other is not None and _enterprise(other) != _enterprise(record):
            zh = f"{other.id} 属于另一企业 {_enterprise(other)}"
            en = f"{other.id} is of another enterprise, {_enterprise(other)}"
            yield Problem(kind, identity, field, zh, en)


def _enterprise(record: Noun) -> str:
    enterprise: str = getattr(record, "enterprise", "")
    return enterprise


def _links(registry: Registry) -> Iterator[Problem]:
    pairs: dict[tuple[str, str], str] = {}
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for link in registry.link.values():
        line, unit = registry.line.get(link.line), registry.unit.get(link.unit)
        first = pairs.setdefault((link.line, link.unit), link.id)
        if first != link.id:
            zh, en = f"与 {first} 重复", f"the same line and unit as {first}"
            yield Problem("link", link.id, "", zh, en)
        if line is None or unit is None:
            continue
        lines[unit.id].append(line.id)
        if line.enterprise != unit.enterprise:
            zh = f"设施属于 {unit.enterprise},产线属于 {line.enterprise}"
            en = f"the unit is of {unit.enterprise}, the line of {line.enterprise}"
            yield Problem("link", link.id, "unit", zh, en)
        if unit.kind is UnitKind.MAIN:
            en = "the mains belong to the enterprise, not to a line"
            yield Problem("link", link.id, "unit", "企业总电不属于产线", en)
    for unit_id, named in lines.items():
        if len(set(named)) > 1 and registry.unit[unit_id].kind is UnitKind.PRODUCTION:
            listed = ", ".join(sorted(set(named)))
            zh, en = f"产污设施在多条产线上:{listed}", f"production on several lines: {listed}"
            yield Problem("unit", unit_id, "", zh, en)


def _unmetered(registry: Registry) -> Iterator[Problem]:
    metered = {point.unit for point in registry.point.values() if point.valid_to is None}
    linked = {link.unit for link in registry.link.values()}
    for unit in registry.unit.values():
        if unit.id not in metered:
            yield Problem("unit", unit.id, "", "没有在用监测点", "no point meters it now")
        if unit.kind in (UnitKind.PRODUCTION, UnitKind.TREATMENT) and unit.id not in linked:
            yield Problem("unit", unit.id, "", "未关联产线", "it belongs to no line")


def _missing_equipment(registry: Registry) -> Iterator[Problem]:
    present = {
        (one.enterprise, one.equipment)
        for one in registry.equipment.values()
        if one.installed and one.networked
    }
    for enterprise in registry.enterprise.values():
        obliged = {one.equipment for one in obliging(registry.requirement.values(), enterprise)}
        for equipment in sorted(obliged):
            if (enterprise.id, equipment) not in present:
                zh = f"应装未装或未联网:{equipment}"
                en = f"{equipment} is required, and not installed and networked"
                yield Problem("enterprise", enterprise.id, "", zh, en)


def obliging(requirements: Iterable[Requirement], firm: Enterprise) -> Iterator[Requirement]:
    """Yield the requirements that oblige a firm."""
    for one in requirements:
        wanted = (one.supervision, one.industry, one.region)
        found = (firm.supervision, firm.industry, firm.region)
        if all(want in (None, has) for want, has in zip(wanted, found, strict=True)):
            yield one
