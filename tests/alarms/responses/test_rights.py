"""Who may order, answer warnings and record consumables: role by deed by own or foreign firm."""

from datetime import UTC, datetime
from itertools import product

import msgspec
import pytest

from wattwarden.alarms.acting.rights import refusal
from wattwarden.alarms.consumables.bodies import Carbon, CheckResult, OffsiteCheck, WasteEntry
from wattwarden.alarms.decisions.bodies import (
    Consumable,
    Measure,
    Plan,
    Replacement,
    WarningLevel,
)
from wattwarden.alarms.decisions.body import Body, Scope
from wattwarden.alarms.decisions.kinds import check_body, decode_body
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person, Role
from wattwarden.alarms.responses.bodies import (
    Calendar,
    Exemption,
    Preset,
    Response,
    ResponseStep,
    ResponseVerb,
    Span,
)

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 3, tzinfo=UTC)
SPANS = (Span(start=NOW, end=LATER),)
AGENCIES = {
    one.id: one
    for one in (
        Agency(id="A", name="市局"),
        Agency(id="A1", name="一分局", parent="A"),
        Agency(id="A2", name="二分局", parent="A"),
    )
}
OWN = Enterprise(id="E1", name="甲", agency="A1", region="R", industry="x")
FOREIGN = Enterprise(id="E2", name="乙", agency="A2", region="R", industry="x")
PLACES = {
    Role.DUTY: {"enterprise": "E1"},
    Role.HEAD: {"enterprise": "E1"},
    Role.MAINTENANCE: {"enterprise": "E1"},
    Role.DISTRICT_OFFICER: {"agency": "A1"},
    Role.CITY_OFFICER: {"agency": "A"},
    Role.LEADER: {"agency": "A"},
    Role.ADMINISTRATOR: {},
    Role.AUDITOR: {},
}
FIRM = {Role.DUTY, Role.HEAD}
CITY = {Role.CITY_OFFICER, Role.LEADER}
OFFICERS = {*CITY, Role.DISTRICT_OFFICER}
DEEDS: dict[str, tuple[Body, set[Role]]] = {
    "order": (
        Plan(id="p", scope=Scope.UNIT, subject="U1", measure=Measure.STOP, start=NOW, end=LATER),
        OFFICERS,
    ),
    "preset": (
        Preset(
            id="p", enterprise="E1", level=WarningLevel.RED, exempt=Exemption.PROTECTED
        ),
        OFFICERS,
    ),
    "calendar of a firm": (
        Calendar(id="c", name="c", spans=SPANS, measure=Measure.STOP, scope=Scope.ENTERPRISE,
                 subject="E1"),
        OFFICERS,
    ),
    "register a part": (
        Consumable(id="c", unit="U2", kind="bags", replaced_at=NOW, limit_days=9),
        FIRM | OFFICERS,
    ),
    "calculate carbon": (
        Carbon(id="c", consumable="c", mass_kg=1, share=0.1, reduction_mg_m3=1, flow_m3_h=1,
               hours_per_day=8),
        FIRM | OFFICERS,
    ),
    "replace": (Replacement(id="r", consumable="c", replaced_at=NOW), FIRM),
    "store waste": (
        WasteEntry(id="w", replacement="r", code="900-039-49", mass_kg=1, container="袋",
                   stored_at=NOW),
        FIRM,
    ),
    "check": (OffsiteCheck(id="k", replacement="r", result=CheckResult.PASS), OFFICERS),
    "reject": (
        Replacement(id="r", consumable="c", replaced_at=NOW, rejected=True),
        OFFICERS,
    ),
}  # fmt: skip
CITY_DEEDS: dict[str, tuple[Body, set[Role]]] = {
    "issue": (Response(id="r", level=WarningLevel.RED, start=NOW, end=LATER), CITY),
    "close": (ResponseStep(id="s", response="r", verb=ResponseVerb.CLOSE), CITY),
    "calendar of an industry": (
        Calendar(id="c", name="c", spans=SPANS, measure=Measure.STOP, industry="x"),
        CITY,
    ),
}


def person(role: Role) -> Person:
    return Person(id="P", name="某人", role=role, **PLACES[role])


@pytest.mark.parametrize(
    ("role", "deed", "firm"),
    list(product(Role, DEEDS, (OWN, FOREIGN))),
    ids=lambda value: value.id if isinstance(value, Enterprise) else str(value),
)
def test_who_may_do_what_to_whose_firm(role: Role, deed: str, firm: Enterprise) -> None:
    body, roles = DEEDS[deed]
    reached = firm is OWN or role in CITY
    refused = refusal(person(role), body.right(), firm, AGENCIES)
    assert (refused is None) == (role in roles and reached)
    assert refused is None or (refused.zh and refused.en)


@pytest.mark.parametrize(("role", "deed"), list(product(Role, CITY_DEEDS)), ids=str)
def test_who_may_do_what_to_the_whole_city(role: Role, deed: str) -> None:
    body, roles = CITY_DEEDS[deed]
    assert (refusal(person(role), body.right(), None, AGENCIES) is None) == (role in roles)


@pytest.mark.parametrize("deed", [*DEEDS, *CITY_DEEDS])
def test_a_body_is_read_back_as_it_was_kept(deed: str) -> None:
    body, _ = (DEEDS | CITY_DEEDS)[deed]
    check_body(body)
    assert decode_body(body.kind_name, msgspec.json.encode(body)) == body


def test_whoever_may_issue_a_response_may_order_each_of_its_plans() -> None:
    plan = DEEDS["order"][0]
    for role in CITY:
        for firm in (OWN, FOREIGN):
            assert refusal(person(role), plan.right(), firm, AGENCIES) is None
