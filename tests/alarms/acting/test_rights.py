"""Rights: every role, every right, the firm of one's own and others', and the city."""

import pytest

from wattwarden.alarms.acting.rights import RIGHTS, reaches, refusal, upwards
from wattwarden.alarms.cases import bodies as cases
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person, Role

AGENCIES = {
    one.id: one
    for one in (
        Agency(id="A", name="市局"),
        Agency(id="A1", name="李沧分局", parent="A"),
        Agency(id="A11", name="李沧一中队", parent="A1"),
        Agency(id="A2", name="即墨分局", parent="A"),
    )
}
OWN = Enterprise(id="E1", name="某水泥", agency="A11", region="R1", industry="cement")
OTHER = Enterprise(id="E2", name="某印染", agency="A2", region="R2", industry="dyeing")
FIRM = (Role.DUTY, Role.HEAD, Role.MAINTENANCE)
OFFICERS = (Role.DISTRICT_OFFICER, Role.CITY_OFFICER, Role.LEADER)
# Who may use which right, as people are told it; written out, not derived.
ABLE = {
    "registry": "administrator",
    "norm_draft": "administrator city_officer leader",
    "rules": "city_officer leader",
    "grading": "city_officer leader",
    "thresholds": "city_officer leader",
    "norm_refusal": "administrator city_officer leader",
    "plan": "district_officer city_officer leader",
    "declaration": "duty head",
    "declaration.review": "district_officer city_officer leader",
    "declaration.end": "duty head district_officer city_officer leader",
    "consumable": "duty head district_officer city_officer leader",
    "replacement": "duty head",
    "patrol": "duty head",
    "action.ack": "duty head maintenance",
    "action.handle": "duty head maintenance",
    "action.plan": "duty head maintenance district_officer city_officer leader",
    "action.rectify": "duty head maintenance",
    "action.declare": "duty head",
    "action.comment": "duty head maintenance district_officer city_officer leader",
    "action.verify": "district_officer city_officer leader",
    "action.reject": "district_officer city_officer leader",
    "action.close": "district_officer city_officer leader",
    "action.escalate": "district_officer city_officer leader",
    "evidence": "duty head maintenance district_officer city_officer leader",
}


def somebody(role: Role) -> Person:
    """Of the firm, of its district, of the city's agency, or of no agency."""
    if role in FIRM:
        return Person(id="P", name="李敏", role=role, enterprise="E1")
    agency = {Role.DISTRICT_OFFICER: "A1", Role.CITY_OFFICER: "A", Role.LEADER: "A"}.get(role)
    return Person(id="P", name="王建国", role=role, agency=agency)


PLACES = {"own": OWN, "other": OTHER, "city": None}
# Whose matters each role of the above may act on, if it has the right.
SCOPE = {
    **dict.fromkeys(FIRM, "own"),
    Role.DISTRICT_OFFICER: "own",
    **dict.fromkeys((Role.CITY_OFFICER, Role.LEADER), "own other city"),
    **dict.fromkeys((Role.ADMINISTRATOR, Role.AUDITOR), "own other city"),
}
CELLS = [(role, place) for role in Role for place in PLACES]


@pytest.mark.parametrize("right", ABLE)
def test_who_may_do_what_to_whom(right: str) -> None:
    allowed = {
        (role, place)
        for role, place in CELLS
        if refusal(somebody(role), right, PLACES[place], AGENCIES) is None
    }
    roles = ABLE[right].split()
    assert allowed == {(role, place) for role, place in CELLS
                       if role in roles and place in SCOPE[role].split()}  # fmt: skip


def test_every_right_of_cases_is_in_the_table() -> None:
    assert set(cases.RIGHTS) <= set(ABLE)
    assert set(ABLE) <= set(RIGHTS)


@pytest.mark.parametrize("right", sorted(RIGHTS))
def test_an_auditor_changes_nothing(right: str) -> None:
    assert refusal(somebody(Role.AUDITOR), right, OWN, AGENCIES) is not None


def test_a_refusal_says_in_both_languages_who_could() -> None:
    found = refusal(somebody(Role.DUTY), "action.verify", OWN, AGENCIES)
    assert found is not None
    assert (
        found.zh == "李敏(环保专员)无权办理此事(action.verify),须由区级执法员、市级执法员、领导办理"
    )
    assert "city_officer, district_officer, leader" in found.en


def test_a_refusal_says_whose_matter_it_is_not() -> None:
    found = refusal(somebody(Role.DUTY), "action.ack", OTHER, AGENCIES)
    assert found is not None
    assert found.zh == "企业E2不在李敏的管辖范围内"
    city = refusal(somebody(Role.DUTY), "action.ack", None, AGENCIES)
    assert city is not None
    assert city.en == "the whole city is not P's to act on"


@pytest.mark.parametrize(
    ("agency", "role", "reached"),
    [
        ("A", Role.DISTRICT_OFFICER, ["own", "other", "city"]),
        ("A1", Role.LEADER, ["own"]),
        ("A11", Role.DISTRICT_OFFICER, ["own"]),
        ("A2", Role.CITY_OFFICER, ["other"]),
        ("gone", Role.CITY_OFFICER, []),
        (None, Role.CITY_OFFICER, []),
        (None, Role.ADMINISTRATOR, ["own", "other", "city"]),
        ("A1", Role.ADMINISTRATOR, ["own"]),
    ],
)
def test_an_agency_reaches_the_firms_of_its_branches(
    agency: str | None, role: Role, reached: list[str]
) -> None:
    person = Person(id="P", name="王建国", role=role, agency=agency)
    assert [name for name, firm in PLACES.items() if reaches(person, firm, AGENCIES)] == reached


def test_somebody_of_a_firm_never_reaches_beyond_it_whatever_their_agency() -> None:
    both = Person(id="P", name="李敏", role=Role.HEAD, enterprise="E1", agency="A")
    assert not reaches(both, OTHER, AGENCIES)
    assert not reaches(both, None, AGENCIES)


def test_agencies_above_each_other_end() -> None:
    around = {"X": Agency(id="X", name="x", parent="Y"), "Y": Agency(id="Y", name="y", parent="X")}
    assert upwards("X", around) == ["X", "Y"]
    assert upwards("A11", AGENCIES) == ["A11", "A1", "A"]
