"""Scenarios made larger or smaller, longer or shorter, for judging."""

from importlib import resources
from math import ceil
from pathlib import Path
from typing import Final

import msgspec

from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.scenario import (
    Scenario,
    lasting,
    load_scenario,
    parse_scenario,
)
from wattwarden.tools.simulator.site import build_site

DEFAULT: Final = "judge"
"""The shipped scenario with all confounders and all offences."""


def shipped(name: str) -> Scenario:
    """Read a scenario that comes with the program."""
    file = resources.files("wattwarden.tools.simulator.scenarios") / f"{name}.toml"
    return parse_scenario(file.read_text(encoding="utf-8"), name)


def chosen(files: tuple[Path, ...], days: int | None, lines: int | None) -> list[Scenario]:
    """Read the scenarios, or the default, with other days and lines where they are asked for.

    Raises:
        UsageError: A file is wrong, or a scenario without a drawn city is to have other lines.
    """
    scenarios = [load_scenario(file) for file in files] or [shipped(DEFAULT)]
    if days is not None:
        scenarios = [lasting(one, days) for one in scenarios]
    return scenarios if lines is None else [_with_lines(one, lines) for one in scenarios]


def _with_lines(scenario: Scenario, lines: int) -> Scenario:
    """Draw so many more or fewer factories that there are about ``lines`` lines."""
    city = scenario.city
    if city is None:
        message = f"scenario {scenario.name} has no drawn city"
        raise UsageError(message, "leave --lines out, or give it a [city]; docs/scenarios.md")
    there = sum(len(firm.lines) for firm in build_site(scenario, scenario.seed).firms)
    share = lines / there
    return msgspec.structs.replace(
        scenario,
        city=msgspec.structs.replace(
            city,
            factories=ceil(city.factories * share),
            production=ceil(city.production * share),
            treatment=ceil(city.treatment * share),
        ),
    )
