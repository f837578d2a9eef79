"""What was done, counted as authorities report it."""

from datetime import UTC, datetime, timedelta

from tests.alarms.statistics.made import case, inspection, request, task

from wattwarden.alarms.cases.bodies import Fault
from wattwarden.alarms.enforcement.words import Mode, Outcome
from wattwarden.alarms.registry.nouns import Agency, Enterprise
from wattwarden.alarms.service.bodies import Deed, Guidance, RoundTable, Solution, Topic, Training
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.response import Period, enforced, served
from wattwarden.alarms.statistics.scope import firms_of_agency

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_the_share_of_inspections_that_stayed_off_site_is_the_authoritys() -> None:
    looked = [inspection(Mode.OFF_SITE, "E1") for _ in range(312)]
    looked += [inspection(Mode.ON_SITE, "E2") for _ in range(88)]
    looked += [inspection(Mode.SURPRISE, "E2"), inspection(Mode.OFF_SITE, "E2", switched=True)]
    found = enforced(looked, [], [], {"E1"})
    assert found.off_site == Rate(312, 402)
    assert f"{found.off_site.value:.3f}" == "0.776"
    assert (found.off_site_times, found.on_site_times, found.positive_off_site) == (313, 90, 312)


def test_tasks_are_counted_with_what_their_visits_came_to() -> None:
    visits = [task(Outcome.ORDERED) for _ in range(20)] + [task(Outcome.FILED), task(None)]
    found = enforced([], visits, [], ())
    assert (found.tasks, found.tasks_open) == (22, 22)
    assert (found.outcomes[Outcome.ORDERED], found.outcomes[Outcome.FILED]) == (20, 1)
    assert found.outcomes[Outcome.EXEMPTED] == 0


def test_problems_urged_are_cases_of_firms_and_what_inspections_found_alone() -> None:
    cases = [
        case(handled=NOW),
        case(handled=NOW, fault=Fault.ENTERPRISE),
        case(handled=NOW, fault=Fault.METERING),
        case(),
    ]
    looked = [
        inspection(Mode.OFF_SITE, "E1", problems=3),
        inspection(Mode.OFF_SITE, "E1", problems=1, concluded=4),
        inspection(Mode.ON_SITE, "E1", problems=7, alarms=("5",)),
    ]
    assert enforced(looked, [], cases, ()).problems_urged == 2 + 3 + 4


def test_help_is_counted_by_firms_and_problems() -> None:
    asked = [
        request("E1", Deed.SOLVE),
        request("E1", Deed.SOLVE, Deed.CONFIRM),
        request("E2", Deed.SOLVE, Deed.REOPEN),
        request("E3", Deed.DECLINE),
    ]
    alone = [
        Solution(
            id="SL1", enterprise="E4", topic=Topic.PERMIT, problem_text="许可", solution="变更"
        )
    ]
    trained = [
        Training(id="TN1", guidance=Guidance.TRAINING, title="t", at=NOW, enterprises=("E1",))
    ]
    table = RoundTable(id="RT1", title="t", at=NOW, enterprises=("E1", "E2"))
    found = served(asked, alone, trained, [table, table, table])
    assert (found.asked.requests, found.asked.firms_asking) == (4, 3)
    assert (found.asked.firms_solved, found.asked.problems_solved) == (1, 2)
    assert (found.problems_solved, found.trainings, found.round_tables) == (3, 1, 3)
    assert (found.solved_by_topic[Topic.PERMIT], found.solved_by_topic[Topic.RUNNING]) == (1, 2)


def test_a_period_ends_before_its_end() -> None:
    period = Period(NOW, NOW + timedelta(days=1))
    assert NOW in period
    assert period.until not in period


def test_an_agency_sees_the_firms_of_those_below_it_and_no_others() -> None:
    agencies = {one.id: one for one in (
        Agency(id="A", name="city"), Agency(id="A1", name="one", parent="A"),
        Agency(id="A2", name="two", parent="A"), Agency(id="A11", name="ward", parent="A1"),
    )}  # fmt: skip
    firms = [
        Enterprise(id=f"E-{agency}", name="e", agency=agency, region="R", industry="i")
        for agency in agencies
    ]
    assert firms_of_agency("A", firms, agencies) == ["E-A", "E-A1", "E-A11", "E-A2"]
    assert firms_of_agency("A1", firms, agencies) == ["E-A1", "E-A11"]
    assert firms_of_agency("A2", firms, agencies) == ["E-A2"]
