"""Offences that go on over a break in production: what there is to be found before and after it."""

from itertools import pairwise

import pytest
from tests.tools.simulator.worlds import world

from wattwarden.alarms.rulebook import default_text, load_rules
from wattwarden.tools.diagnosis.trial import run
from wattwarden.tools.simulator.breaks import Beside, parted
from wattwarden.tools.simulator.steps import Cause, Span

M = 60.0
BREAK = """
start = 2026-03-02
days = 4
[[factory]]
id = "F"
shifts = [["06:00", "12:00"], ["13:00", "18:00"]]
rest_days = []
[[factory.line]]
id = "F-L1"
run_on_min = 20
[[factory.unit]]
id = "P"
kind = "production"
power_kw = 55
[[factory.unit]]
id = "T"
power_kw = 15
[[factory.unit]]
id = "V"
power_kw = 15
drive = "vfd"
"""


def beside(*runs: tuple[float, float], run_on_min: float = 0) -> Beside:
    """Return production of some minutes, and a unit that is on from an hour before until after."""
    spans = [Span(-60 * M, 9000 * M)]
    return Beside([Span(a * M, b * M) for a, b in runs], spans, run_on_min * M, 60.0)


@pytest.mark.parametrize(
    ("rule", "end", "around", "found"),
    [
        pytest.param("R3", 50, beside((0, 100)), [("R3", 10, 50)], id="within production"),
        pytest.param(
            "R2", 250, beside((0, 100), (160, 300)), [("R2", 10, 100), ("R1", 160, 250)],
            id="off over a break",
        ),
        pytest.param(
            "R1", 250, beside((10, 100), (160, 300)), [("R1", 10, 100), ("R1", 160, 250)],
            id="not started, twice",
        ),
        pytest.param(
            "R4", 999, beside((0, 100), (160, 300)), [("R4", 10, 100), ("R4", 160, 300)],
            id="until the line stops",
        ),
        pytest.param(
            "R2", 250, beside((0, 100), (109, 300)), [("R2", 10, 250)], id="a break of minutes",
        ),
        pytest.param(
            "R2", 250, beside((0, 14), (23, 300)), [("R2", 10, 14), ("R1", 23, 250)],
            id="a break of minutes before anybody knew",
        ),
        pytest.param(
            "R2", 250, beside((0, 14), (16, 300)), [("R2", 10, 250)], id="a stop that none believes"
        ),
        pytest.param(
            "R2", 105, beside((0, 98), run_on_min=20), [("R2", 10, 105)], id="its run-on time"
        ),
        pytest.param("R3", 105, beside((0, 98)), [("R3", 10, 98)], id="idling after the line"),
        pytest.param(
            "R2", 250, beside((0, 5), (20, 300)), [("R1", 20, 250)], id="begun in a pause"
        ),
    ],
)  # fmt: skip
def test_an_offence_is_parted_by_breaks(
    rule: str, end: float, around: Beside, found: list[tuple[str, float, float]]
) -> None:
    cause = Cause(rule, 0, 0, 10 * M, end * M, "what was done", 0.0)
    parts = parted(cause, around)
    assert [(one.rule, one.onset_s / M, one.end_s / M) for one in parts] == found


@pytest.mark.parametrize(
    ("rule", "unit", "rules"),
    [("R2", "T", ["R2", "R1"]), ("R3", "T", ["R3"] * 2), ("R4", "V", ["R4"] * 2),
     ("R5", "T", ["R5"] * 2)],
)  # fmt: skip
def test_an_offence_over_lunch_is_two_that_are_found_and_nothing_is_false(
    rule: str, unit: str, rules: list[str]
) -> None:
    offence = f'[[offence]]\nrule = "{rule}"\nunit = "{unit}"\nonset = "day 4 10:00"\n'
    made = world(BREAK, offence + "minutes = 360\nhertz = 25\nload = 0.45\n")
    truth = made.truth()
    assert [one.rule for one in truth] == rules
    assert all(one.end_ms <= other.onset_ms for one, other in pairwise(truth))
    # What is learned is to matter within these few days.
    text = default_text().replace("learn_run_days = 7", "learn_run_days = 1")
    rules_of_days = load_rules(text.replace("learn_load_days = 3", "learn_load_days = 1"))
    trial = run(made, rules_of_days, 2, lambda _slots: None)
    assert (trial.verdict.missed, trial.verdict.false) == ([], [])
