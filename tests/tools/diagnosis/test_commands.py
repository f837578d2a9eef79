"""``wattwarden bench diagnosis``: the figures, what went wrong, and what is remarked beforehand."""

import json
from pathlib import Path

import pytest
from tests.tools.diagnosis.test_trial import DECLARED, SCENARIO

from wattwarden.tools.diagnosis.commands import diagnosis

Capture = pytest.CaptureFixture[str]
REQUIRED = {
    "seed", "days", "warmup_days", "line_days", "false_per_10000_line_days", "types",
}  # fmt: skip
OF_A_TYPE = [
    "rule", "offence", "true", "false", "missed", "precision", "recall", "delay_median_s",
    "delay_p90_s",
]  # fmt: skip


@pytest.fixture
def pending(tmp_path: Path) -> Path:
    """A scenario with a stop that is declared, and that nobody approves."""
    file = tmp_path / "pending.toml"
    file.write_text(SCENARIO + DECLARED.replace('state = "approved"', ""), "utf-8")
    return file


def test_what_was_false_is_told_with_rule_unit_and_local_time(
    pending: Path, capsys: Capture
) -> None:
    diagnosis(scenario=(pending,), warmup=1)
    told = capsys.readouterr()
    assert "false: R2 B-T1 2026-03-03 10:" in told.out
    assert "declaration d stays pending" in told.err


def test_the_figures_have_the_keys_that_programs_expect(pending: Path, capsys: Capture) -> None:
    diagnosis(scenario=(pending,), warmup=1, as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert report.keys() >= REQUIRED
    assert all(list(row) == OF_A_TYPE for row in report["types"])
    assert [one["unit"] for one in report["false_alarms"]] == ["B-T1"]
    assert report["missed_offences"] == []
