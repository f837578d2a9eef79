"""docs/rules.md: its rule file, as it stands there, judges as the page says."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest
from tests.alarms.episodes.test_degraded import learned
from tests.alarms.factory import Day, alarms, simple

from wattwarden.alarms.registry.nouns import Enterprise
from wattwarden.alarms.rulebook import Rules, default_rules, default_text, load_rules
from wattwarden.tools.main import main

PAGE: Final = (Path(__file__).resolve().parents[2] / "docs" / "rules.md").read_text("utf-8")
(OWN,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
(VERSION,) = re.findall(r'to `"([^"`]+)"`', PAGE)
TEXT: Final = default_text().replace('version = "1"', f'version = "{VERSION}"') + OWN
JUDGED: Final = re.findall(
    r"^\| (\d+) %[^|]*\| (R\d+) after (\d+) min \| (R\d+) after (\d+) min", PAGE, re.M
)
(INDUSTRY,) = tomllib.loads(OWN)["industry"]
# The walk, up to the reference.
MOST_LINES: Final = 80


def found_by(rules: Rules, percent: int) -> tuple[str, int]:
    """Return the rule that is broken by a fan that draws so much, and after how many minutes."""
    factory = simple()
    factory.registry.put(
        "enterprise", Enterprise(id="e", name="厂", agency="a", region="r", industry=INDUSTRY)
    )
    share = percent / 100
    factor = 0.6 if percent > 50 else 1.0
    day = Day(factory, rules=rules).share("t", slice(100, 200), share, share, factor)
    ((rule, _, began, raised),) = alarms(day, day.fold(state=learned(day))[1])
    return rule, raised - began


def test_the_walk_is_short_and_touches_one_file() -> None:
    walk = PAGE.partition("# Reference")[0]
    assert len(walk.splitlines()) < MOST_LINES
    assert len(JUDGED) == 3


@pytest.mark.parametrize("row", JUDGED, ids=lambda row: f"{row[0]} %")
def test_the_made_up_industry_is_judged_as_the_page_says(row: tuple[str, ...]) -> None:
    percent, *said = row
    told = [(said[0], int(said[1])), (said[2], int(said[3]))]
    assert [found_by(rules, int(percent)) for rules in (default_rules(), load_rules(TEXT))] == told


def test_the_file_is_checked_and_a_slip_in_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "galvanising.toml"
    file.write_text(TEXT, "utf-8")
    assert main(["rules", "check", str(file)]) == 0
    assert f"rules {VERSION}+" in capsys.readouterr().out
    file.write_text(TEXT.replace("theta_off = 0.15", "theta_of = 0.15"), "utf-8")
    assert main(["rules", "check", str(file)]) == 1
    assert "did you mean theta_off?" in capsys.readouterr().out
