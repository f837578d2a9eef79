"""R1, R2, R6: treatment that is off, or late, while its line produces."""

import numpy as np
import pytest
from tests.alarms.factory import Day, Factory, alarms, ends, simple

from wattwarden.alarms.episodes.findings import Raised, Returned
from wattwarden.alarms.registry.nouns import Drive, UnitKind
from wattwarden.alarms.rulebook import default_text, load_rules

NIGHT = slice(0, 60)


def morning(factory: Factory, slots: int = 240) -> Day:
    """Nobody works until slot 60."""
    day = Day(factory, slots)
    for unit in day.plant.units:
        day.off(unit, NIGHT)
    return day


def test_treatment_that_is_not_started_is_r1_after_ten_minutes() -> None:
    day = morning(simple()).off("t", slice(60, 240))
    assert alarms(day, day.fold()[1]) == [("R1", "t", 60, 70)]


@pytest.mark.parametrize(
    ("minutes", "found"),
    [
        pytest.param(5, [], id="just before"),
        pytest.param(6, [("R2", "t", 100, 105)], id="just after"),
    ],
)
def test_treatment_that_is_shut_down_is_r2_after_five_minutes(
    minutes: int, found: list[tuple[str, str, int, int]]
) -> None:
    day = morning(simple()).off("t", slice(100, 100 + minutes))
    assert alarms(day, day.fold()[1]) == found


def test_an_episode_ends_at_the_first_sample_without_it() -> None:
    day = morning(simple()).off("t", slice(100, 130))
    assert ends(day, day.fold()[1]) == [("R2", 130)]


def test_a_single_sample_neither_begins_nor_ends_an_episode() -> None:
    day = morning(simple()).off("t", slice(80, 81)).off("t", slice(100, 130))
    day.share("t", slice(110, 111), 1.0, 1.0, 0.8)
    found = day.fold()[1]
    assert alarms(day, found) == [("R2", "t", 100, 105)]
    assert ends(day, found) == [("R2", 130)]


def test_what_comes_back_within_ten_minutes_is_the_same_episode() -> None:
    day = morning(simple()).off("t", slice(100, 120)).off("t", slice(126, 140))
    found = day.fold()[1]
    assert alarms(day, found) == [("R2", "t", 100, 105)]
    returned = [one for one in found if isinstance(one, Returned)]
    assert [(one.key.rule, int(day.minute(one.at))) for one in returned] == [("R2", 128)]
    assert int(day.minute(returned[0].key.began)) == 100
    assert ends(day, found) == [("R2", 120), ("R2", 140)]


def test_what_comes_back_later_is_another_episode() -> None:
    day = morning(simple()).off("t", slice(100, 120)).off("t", slice(131, 150))
    assert alarms(day, day.fold()[1]) == [("R2", "t", 100, 105), ("R2", "t", 131, 136)]


def test_production_that_stops_ends_the_episode_and_another_run_begins_with_r1() -> None:
    day = morning(simple()).off("t", slice(100, 240)).off("p", slice(130, 160))
    found = alarms(day, day.fold()[1])
    assert found == [("R2", "t", 100, 105), ("R1", "t", 160, 170)]


@pytest.mark.parametrize(
    ("minutes", "found"),
    [
        pytest.param(3, [], id="in time"),
        pytest.param(5, [("R6", "t", 62, 67)], id="late"),
        pytest.param(12, [("R1", "t", 60, 70)], id="not started at all"),
    ],
)
def test_a_late_start_is_r6_unless_it_is_r1(
    minutes: int, found: list[tuple[str, str, int, int]]
) -> None:
    day = morning(simple()).off("t", slice(60, 60 + minutes))
    assert alarms(day, day.fold()[1]) == found


def test_a_late_start_is_told_though_the_unit_was_shut_down_soon_after() -> None:
    day = morning(simple()).off("t", slice(60, 65)).off("t", slice(80, 100))
    assert alarms(day, day.fold()[1]) == [("R6", "t", 62, 67), ("R2", "t", 80, 85)]


def test_an_alarm_ends_after_the_off_delay_of_its_rule() -> None:
    text = default_text().replace(
        "delay_s = 300\noff_delay_s = 180", "delay_s = 300\noff_delay_s = 900"
    )
    day = Day(simple(), 240, load_rules(text)).off("t", slice(100, 120)).off("t", slice(130, 150))
    assert ends(day, day.fold()[1]) == [("R2", 150)]


def test_treatment_must_start_before_production_where_the_link_says_so() -> None:
    day = morning(simple(link={"pre_start_s": 600.0}))
    day.share("t", slice(56, 60), 1.0, 1.0, 0.8)
    assert [rule for rule, *_ in alarms(day, day.fold()[1])] == ["R6"]
    day.share("t", slice(48, 60), 1.0, 1.0, 0.8)
    assert alarms(day, day.fold()[1]) == []


def test_a_unit_that_runs_when_it_is_first_heard_of_has_no_known_start() -> None:
    day = Day(simple(link={"pre_start_s": 600.0}), 60)
    assert alarms(day, day.fold()[1]) == []


def test_treatment_that_stops_before_its_run_on_time_is_r2() -> None:
    day = morning(simple(link={"run_on_s": 900.0}))
    day.off("p", slice(150, 240)).off("t", slice(152, 240))
    assert alarms(day, day.fold()[1]) == [("R2", "t", 152, 157)]


def test_treatment_that_runs_on_long_enough_is_no_offence() -> None:
    day = morning(simple(link={"run_on_s": 900.0}))
    day.off("p", slice(150, 240)).off("t", slice(162, 240))
    assert alarms(day, day.fold()[1]) == []


def test_a_unit_without_the_sync_flag_is_not_compared() -> None:
    day = morning(simple(sync=False)).off("t", slice(60, 240))
    assert alarms(day, day.fold()[1]) == []


def test_unknown_time_does_not_count() -> None:
    day = morning(simple()).off("t", slice(100, 160)).silent("t", slice(103, 120))
    found = alarms(day, day.fold()[1])
    # Three minutes before the gap, two and a half after it; the gap itself is nobody's.
    assert found == [("R2", "t", 100, 123)]


def test_a_gap_of_two_cycles_counts() -> None:
    day = morning(simple()).off("t", slice(100, 160)).silent("t", slice(103, 104))
    assert alarms(day, day.fold()[1]) == [("R2", "t", 100, 105)]


def test_nothing_clears_while_it_is_unknown() -> None:
    day = morning(simple()).off("t", slice(100, 240)).silent("t", slice(120, 240))
    found = day.fold()[1]
    assert alarms(day, found) == [("R2", "t", 100, 105)]
    assert ends(day, found) == []


def test_without_knowing_production_nobody_is_judged() -> None:
    day = morning(simple()).off("t", slice(100, 240)).silent("p", slice(99, 240))
    assert alarms(day, day.fold()[1]) == []


def test_after_a_gap_of_production_the_time_counts_from_its_return() -> None:
    day = morning(simple()).off("t", slice(97, 240)).silent("p", slice(99, 150))
    assert alarms(day, day.fold()[1]) == [("R1", "t", 150, 160)]


def test_a_frozen_production_meter_accuses_nobody() -> None:
    day = morning(simple()).off("t", slice(120, 240))
    frozen = slice(90, 240)
    day.share("p", frozen, 1.0, 1.0, 0.8)
    for name in ("power", "current", "current_low", "current_high", "voltage_low", "voltage_high"):
        day.put("p", frozen, **{name: float(getattr(day.grid, name)[89, 0])})
    found = alarms(day, day.fold()[1])
    assert [(rule, subject) for rule, subject, *_ in found] == [("R10", "c:p")]


class TestStandby:
    @staticmethod
    def group(required: int = 1) -> Day:
        factory = Factory().standby(required).unit("p", UnitKind.PRODUCTION)
        for name in ("t1", "t2", "t3"):
            factory.unit(name, standby="g")
        return morning(factory)

    def test_one_of_them_is_enough(self) -> None:
        day = self.group().off("t2", slice(60, 240)).off("t3", slice(60, 240))
        assert alarms(day, day.fold()[1]) == []

    def test_a_change_over_is_no_offence(self) -> None:
        day = self.group().off("t2", slice(60, 120)).off("t3", slice(60, 240))
        day.off("t1", slice(121, 240))
        assert alarms(day, day.fold()[1]) == []

    def test_the_one_that_ran_last_is_blamed(self) -> None:
        day = self.group().off("t1", slice(60, 240)).off("t3", slice(60, 240))
        day.off("t2", slice(120, 240))
        assert alarms(day, day.fold()[1]) == [("R2", "t2", 120, 125)]

    def test_the_first_is_blamed_where_none_ever_ran(self) -> None:
        day = self.group()
        for name in ("t1", "t2", "t3"):
            day.off(name, slice(0, 240))
        assert alarms(day, day.fold()[1]) == [("R1", "t1", 60, 70)]

    def test_two_are_needed_where_the_group_says_so(self) -> None:
        day = self.group(2).off("t2", slice(60, 240)).off("t3", slice(60, 240))
        assert alarms(day, day.fold()[1]) == [("R1", "t2", 60, 70)]

    def test_a_hidden_member_may_be_running(self) -> None:
        day = self.group().off("t1", slice(60, 240)).off("t2", slice(60, 240))
        day.silent("t3", slice(55, 240))
        assert alarms(day, day.fold()[1]) == []

    def test_an_idling_member_is_excused_by_one_that_works(self) -> None:
        day = self.group().idle("t1", slice(100, 160)).off("t3", slice(60, 240))
        assert alarms(day, day.fold()[1]) == []

    def test_of_a_late_group_one_is_named(self) -> None:
        day = self.group()
        for name in ("t1", "t2", "t3"):
            day.off(name, slice(60, 66))
        assert [rule for rule, *_ in alarms(day, day.fold()[1])] == ["R6"]


def test_a_pulsed_unit_is_off_when_it_was_not_on_for_its_window() -> None:
    day = Day(simple(drive=Drive.PULSED), 300)
    for start in range(0, 120, 20):
        day.off("t", slice(start + 3, start + 20))
    day.off("t", slice(123, 300))
    # The window of an hour from the last pulse, then two samples.
    assert alarms(day, day.fold()[1]) == [("R2", "t", 182, 183)]


@pytest.mark.parametrize(
    ("counter", "raised"),
    [
        pytest.param(False, 211, id="nothing tells of the gap: its window begins with its end"),
        pytest.param(True, 160, id="the counter tells that there was no pulse in the gap"),
    ],
)
def test_a_pulsed_unit_whose_meter_was_away_is_given_its_window(
    *, counter: bool, raised: int
) -> None:
    day = Day(simple(drive=Drive.PULSED), 240).off("t", slice(100, 240))
    day.grid.energy[:] = 5_000 if counter else -1
    day.silent("t", slice(120, 150))
    assert alarms(day, day.fold()[1]) == [("R2", "t", raised - 1, raised)]


def test_a_status_alone_tells_that_treatment_is_off() -> None:
    day = morning(simple())
    nothing = dict.fromkeys(
        ("power", "current", "current_low", "current_high", "voltage_low", "voltage_high",
         "power_factor"), np.nan,
    )  # fmt: skip
    day.put("t", slice(0, 240), status=1, **nothing).put("t", slice(100, 130), status=0)
    found = day.fold()[1]
    assert alarms(day, found)[-1] == ("R2", "t", 100, 105)
    raised = [one.alarm for one in found if isinstance(one, Raised)][-1]
    assert "仅有运行状态信号" in raised.explanation.zh


def test_with_cycles_of_five_minutes_two_samples_are_enough() -> None:
    factory = Factory(cycle_s=300).unit("p", UnitKind.PRODUCTION).unit("t")
    day = morning(factory).off("t", slice(100, 110))
    assert alarms(day, day.fold()[1]) == [("R2", "t", 100, 101)]


def test_an_alarm_explains_itself() -> None:
    day = morning(simple()).off("t", slice(100, 130))
    alarm = next(one.alarm for one in day.fold()[1] if isinstance(one, Raised))
    said = alarm.explanation
    assert said.zh.startswith("t在生产期间（生产负荷 100%）已关闭：功率 0 kW（平常 10 kW 的 0%）")
    assert said.en.startswith("t was shut down while its line produces (production load 100%)")
    assert said.signals["power"].unit == "W"
    assert said.thresholds["state.theta_off"].value == pytest.approx(0.1)
    assert said.windows == {"lasted_s": 300.0, "R2.delay_s": 300.0}
    assert said.version == alarm.version == day.rules.version
    assert alarm.line == "l"


def test_a_unit_that_draws_no_current_has_no_power_factor_to_speak_of() -> None:
    day = morning(simple()).share("t", slice(100, 130), 0.0, 0.0, 1.0)
    (raised,) = [one.alarm for one in day.fold()[1] if isinstance(one, Raised)]
    assert raised.rule == "R2"
    assert "功率因数" not in raised.explanation.zh
    assert "power factor" not in raised.explanation.en
    # What the meter said of it stays in the record.
    assert raised.explanation.signals["power_factor"].value == 1.0
