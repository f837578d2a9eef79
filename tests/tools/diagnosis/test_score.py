"""Judging: what counts as found, missed and false."""

import pytest

from wattwarden.tools.diagnosis.score import Claim, Delay, Offence, Verdict, judge, unless_of

DELAYS = {
    (rule, unit): Delay(600.0, 180.0)
    for rule in ("R1", "R2", "R3", "R4", "R5")
    for unit in ("fan", "pump")
}
FAN = Offence("R3", "fan", 1000.0, 5000.0)


def verdict(*claims: Claim, offences: tuple[Offence, ...] = (FAN,)) -> Verdict:
    return judge(offences, claims, DELAYS)


@pytest.mark.parametrize("raised", [1000.0, 1630.0, 5180.0])
def test_the_right_rule_on_the_right_unit_in_time_is_found(raised: float) -> None:
    row = verdict(Claim("R3", "fan", raised)).tallies["R3"].row("R3")
    assert (row["true"], row["false"], row["missed"]) == (1, 0, 0)
    assert row["delay_median_s"] == raised - 1000 - 600


@pytest.mark.parametrize(
    "claim",
    [
        pytest.param(Claim("R4", "fan", 2000.0), id="wrong type"),
        pytest.param(Claim("R3", "pump", 2000.0), id="wrong unit"),
        pytest.param(Claim("R3", "fan", 999.0), id="before the onset"),
        pytest.param(Claim("R3", "fan", 5181.0), id="after the off-delay"),
    ],
)
def test_anything_else_is_one_miss_and_one_false(claim: Claim) -> None:
    judged = verdict(claim)
    assert judged.tallies["R3"].missed == 1
    assert judged.tallies[claim.rule].false == 1
    assert judged.false == [claim]


def test_a_second_episode_inside_one_offence_is_false() -> None:
    row = verdict(Claim("R3", "fan", 1700.0), Claim("R3", "fan", 3000.0)).tallies["R3"].row("R3")
    assert (row["true"], row["false"], row["missed"]) == (1, 1, 0)
    assert (row["precision"], row["recall"]) == (0.5, 1.0)


def test_a_cause_no_longer_than_the_delay_is_no_offence() -> None:
    short = Offence("R3", "fan", 1000.0, 1600.0)
    judged = verdict(Claim("R3", "fan", 1500.0), offences=(short,))
    assert judged.missed == []
    assert judged.tallies["R3"].false == 1


def test_two_offences_of_one_unit_are_claimed_one_each() -> None:
    later = Offence("R3", "fan", 9000.0, 12000.0)
    judged = verdict(Claim("R3", "fan", 9650.0), Claim("R3", "fan", 1650.0), offences=(later, FAN))
    assert judged.tallies["R3"].true == 2
    assert judged.tallies["R3"].row("R3")["delay_p90_s"] == 50.0


def test_false_alarms_are_counted_per_ten_thousand_line_days() -> None:
    assert verdict(Claim("R1", "fan", 2000.0)).per_line_days(20_000) == 0.5
    assert verdict().per_line_days(0) == 0.0


def test_nothing_to_count_gives_no_ratio() -> None:
    row = verdict(offences=()).tallies["R5"].row("R5")
    assert (row["precision"], row["recall"], row["delay_median_s"]) == (None, None, None)


def test_an_alarm_of_the_warm_up_s_last_offence_is_not_judged() -> None:
    late = Claim("R3", "fan", 5180.0)
    others = [Claim("R3", "fan", 5181.0), Claim("R4", "fan", 2000.0), Claim("R3", "pump", 2000.0)]
    assert unless_of([FAN], [late, *others], DELAYS) == others
