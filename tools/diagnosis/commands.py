"""``wattwarden bench``: how good the product is, by its own measurements."""

from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, Final

import orjson
from cyclopts import App, Parameter
from rich.text import Text

from wattwarden.alarms.rulebook import RuleError, Rules, default_rules
from wattwarden.tools.diagnosis.scale import chosen
from wattwarden.tools.diagnosis.trial import merged, peak_rss_mib, run
from wattwarden.tools.errors import UsageError
from wattwarden.tools.options import AsJson
from wattwarden.tools.render import console, show_table, slot_progress
from wattwarden.tools.rules import read_rules
from wattwarden.tools.simulator.remarks import remark
from wattwarden.tools.simulator.world import World

HEADINGS: Final = (
    "rule", "offence", "true", "false", "missed",
    "precision", "recall", "delay s, median", "90 %",
)  # fmt: skip
# Of what was missed and what was false; the rest is in the JSON.
MOST_SHOWN: Final = 20

app = App(name="bench", help="Measure how good the diagnosis is on a simulated city.")


@app.command
def diagnosis(
    *,
    scenario: Annotated[
        tuple[Path, ...], Parameter(help="Scenario files; else the shipped one with everything.")
    ] = (),
    seed: Annotated[int | None, Parameter(help="Another seed than the scenario's.")] = None,
    days: Annotated[int | None, Parameter(help="Simulated days, the warm-up included.")] = None,
    warmup: Annotated[int, Parameter(help="Days that are folded and not judged.")] = 14,
    lines: Annotated[int | None, Parameter(help="About so many production lines.")] = None,
    rules: Annotated[Path | None, Parameter(help="Rule file instead of the shipped one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a city that offends, diagnose it, and compare alarms with the truth.

    One offence is one scripted cause longer than its rule's delay.  It is found by the right rule
    on the right unit, raised between onset and end + off-delay; every other alarm is false.
    """
    if (seed is not None and seed < 0) or (lines is not None and lines < 1):
        raise UsageError("--seed or --lines is too small", "seeds begin at 0, lines at 1")
    scenarios = chosen(scenario, days, lines)
    short = [one for one in scenarios if one.days <= warmup]
    if warmup < 0 or short:
        message = f"a warm-up of {warmup} days leaves nothing to judge"
        raise UsageError(message, "give more --days, or a shorter --warmup")
    book = rules_of(rules)
    worlds = [World(one, seed) for one in scenarios]
    for world in worlds:
        remark(world)
    began = perf_counter()
    with slot_progress(sum(world.slots for world in worlds)) as advance:
        trials = [run(world, book, warmup, advance) for world in worlds]
    report = {
        **merged(trials),
        "seconds": round(perf_counter() - began, 1),
        "peak_rss_mib": peak_rss_mib(),
    }
    if as_json:
        console().out(orjson.dumps(report).decode(), highlight=False)
    else:
        _show(report)


def rules_of(file: Path | None) -> Rules:
    """Read a rule file, or the shipped one.

    Raises:
        UsageError: The file cannot be read, or is no rule file; names the key.
    """
    if file is None:
        return default_rules()
    try:
        return read_rules(file)
    except RuleError as error:
        message = f"rules {file}: {error}"
        raise UsageError(message, "correct the key that is named") from error


def _show(report: dict[str, Any]) -> None:
    """Print the report for people, and how fast it was made."""
    out = console()
    show_table(HEADINGS, [tuple(row.values()) for row in report["types"]])
    speed = report["readings"] / max(report["seconds"], 0.1)
    out.print(
        Text(
            f"{report['false_per_10000_line_days']} false alarms per 10,000 line-days "
            f"over {report['line_days']:,} line-days; {report['warmup_days']} days of warm-up "
            f"not judged\n{report['readings']:,} readings simulated and folded in "
            f"{report['seconds']} s ({speed:,.0f}/s), {report['peak_rss_mib']} MiB at most; "
            f"{report['late_left_out']:,} came more than a day late and were left out"
        )
    )
    if others := report["other_alarms"]:
        told = ", ".join(f"{rule} {count}" for rule, count in others.items())
        out.print(Text(f"other alarms: {told}", "dim"))
    for title, key in (("missed", "missed_offences"), ("false", "false_alarms")):
        count = sum(row[title] for row in report["types"])
        for row in report[key][:MOST_SHOWN]:
            out.print(Text(f"{title}: {' '.join(row.values())}"))
        if count > MOST_SHOWN:
            out.print(Text(f"… {count} {title}; --json tells {len(report[key])} of them", "dim"))
