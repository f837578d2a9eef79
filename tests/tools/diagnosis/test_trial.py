"""One trial: a scenario written out, folded and judged."""

import pytest

from wattwarden.alarms.rulebook import default_rules, default_text, load_rules
from wattwarden.tools.diagnosis.trial import Trial, merged, run
from wattwarden.tools.simulator.scenario import parse_scenario
from wattwarden.tools.simulator.world import World

FACTORY = """
[[factory]]
id = "{name}"
cycle_s = {cycle}
shifts = [["08:00", "20:00"]]
rest_days = []
line = [{{id = "{name}-L1"}}]
unit = [
    {{id = "{name}-P1", kind = "production", power_kw = 37}},
    {{id = "{name}-T1", power_kw = 15}},
]
"""
SCENARIO = (
    "start = 2026-03-02\ndays = 3\n"
    + FACTORY.format(name="A", cycle=60)
    + FACTORY.format(name="B", cycle=300)
    + """
[[offence]]
rule = "R2"
unit = "A-T1"
onset = "day 2 10:00"
minutes = 40

[[offence]]
rule = "R2"
unit = "B-T1"
onset = "day 3 10:00"
minutes = 60

[[happening]]
kind = "maintenance"
unit = "B-T1"
onset = "day 2 10:00"
minutes = 60
"""
)
DECLARED = """
[[decision]]
kind = "declaration"
at = "day 1 02:00"
[decision.body]
id = "d"
scope = "unit"
subject = "B-T1"
kind = "maintenance"
start = "day 2 09:00"
end = "day 2 12:00"
state = "approved"
"""


def tried(text: str) -> Trial:
    return run(World(parse_scenario(text)), default_rules(), 1, lambda _slots: None)


@pytest.mark.parametrize(
    ("text", "false"),
    [
        pytest.param(SCENARIO + DECLARED, 0, id="declared"),
        pytest.param(SCENARIO, 1, id="a stop that nobody declared"),
    ],
)
def test_firms_of_several_cycles_are_judged_under_their_decisions(text: str, false: int) -> None:
    trial = tried(text)
    found = trial.verdict.tallies["R2"]
    assert (found.true, found.missed, found.false) == (2, 0, false)
    assert trial.line_days == 4
    assert trial.readings == 3 * 2 * (1440 + 288)


@pytest.mark.parametrize(
    ("decided", "false"),
    [
        pytest.param("day 2 09:40", 0, id="before"),
        pytest.param("day 2 10:14", 1, id="when it was told already"),
    ],
)
def test_a_decision_counts_from_its_own_minute(decided: str, false: int) -> None:
    """Within the six hours that are folded at once."""
    trial = tried(SCENARIO + DECLARED.replace("day 1 02:00", decided))
    assert trial.verdict.tallies["R2"].false == false
    assert trial.readings == 3 * 2 * (1440 + 288)


def test_no_delay_is_shorter_than_the_rule_s_own() -> None:
    """Two samples come a cycle apart: with five minutes between them nobody waits for ten."""
    delays = tried(SCENARIO + DECLARED).verdict.tallies["R2"].delays
    assert all(0 <= one <= cycle for one, cycle in zip(sorted(delays), (60, 300), strict=True))


def test_what_was_missed_and_what_was_false_is_told_with_local_times() -> None:
    (false,) = tried(SCENARIO).report()["false_alarms"]
    assert (false["rule"], false["unit"]) == ("R2", "B-T1")
    assert false["raised"].startswith("2026-03-03 10:")
    assert false["raised"].endswith("+08:00")
    deaf = load_rules(default_text().replace("theta_off = 0.10", "theta_off = 0.0"))
    report = run(World(parse_scenario(SCENARIO)), deaf, 1, lambda _slots: None).report()
    assert [(one["unit"], one["onset"]) for one in report["missed_offences"]] == [
        ("A-T1", "2026-03-03 10:00:00+08:00"),
        ("B-T1", "2026-03-04 10:00:00+08:00"),
    ]


def test_several_trials_are_one_report() -> None:
    one = tried(SCENARIO + DECLARED)
    report = merged([one, one])
    assert (report["line_days"], report["types"][1]["true"]) == (8, 4)
    assert report["readings"] == 2 * one.readings
