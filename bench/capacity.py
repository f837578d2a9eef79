"""The page of capacity: machines and money for fleets of meters, from what was last measured.

    .venv/bin/python bench/size.py      writes docs/capacity.md anew, measures nothing

Nothing here is measured: each input is a fact of the records in results/, with its day.  What is
assumed (a frame a minute, how full a machine may be, what one costs) stands in sizing.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.figures import Table, rounded
from bench.page import replace_between
from bench.records import FOLDER, HERE, Record, facts_of, load
from bench.sizing import Facts, Needs, Plan, costs_of, needs_of, plan_for

PAGE: Final = HERE.parent / "docs/capacity.md"
FLEETS: Final = (2_700, 100_000, 1_000_000, 10_000_000)


def write_capacity(records: Sequence[Record], page: Path) -> None:
    """Write the tables of the page anew; says so there where a measurement is missing."""
    facts = facts_of(records)
    replace_between(page, _render(facts))


def _render(facts: Facts) -> str:
    try:
        costs = costs_of(facts)
    except (KeyError, ValueError) as missing:
        return f"Not measured yet: {missing}. `make bench` measures it and writes this page."
    fleets = [needs_of(meters, costs) for meters in FLEETS]
    plans = [plan_for(needs) for needs in fleets]
    return "\n\n".join((
        str(_needs_table(fleets)),
        str(_plans_table(fleets, plans)),
        str(_shares_table(fleets, plans)),
        "What this was computed from:",
        str(_inputs_table(facts)),
    ))  # fmt: skip


def _needs_table(fleets: Sequence[Needs]) -> Table:
    heading = (
        "meters, a frame a minute each", "frames/s", "cores", "memory, GiB", "rows, GB a day",
        "journal, GB a day", "written, MB/s", "meters' network, Mbit/s",
    )  # fmt: skip
    rows = tuple(
        (
            f"{one.meters:,}", rounded(one.per_s), rounded(one.cores), rounded(one.memory_gib),
            rounded(one.rows_gb_day), rounded(one.journal_gb_day), rounded(one.writes_mb_s),
            rounded(one.network_mbit_s),
        )
        for one in fleets
    )  # fmt: skip
    return Table(heading, rows)


def _plans_table(fleets: Sequence[Needs], plans: Sequence[Plan]) -> Table:
    heading = ("meters", "machines", "of the kind", "runs out first", "yuan a month, assumed")
    rows = tuple(
        (
            f"{needs.meters:,}", f"{plan.count:,}", plan.machine.name,
            f"{plan.first} ({plan.shares[plan.first]:.0%})" if plan.count == 1 else plan.first,
            f"{plan.count * plan.machine.yuan_a_month:,.0f}",
        )
        for needs, plan in zip(fleets, plans, strict=True)
    )  # fmt: skip
    return Table(heading, rows)


def _shares_table(fleets: Sequence[Needs], plans: Sequence[Plan]) -> Table:
    names = tuple(plans[0].shares)
    heading = ("machines that each resource alone would fill", *names)
    rows = tuple(
        (f"{needs.meters:,}", *(rounded(plan.shares[name]) for name in names))
        for needs, plan in zip(fleets, plans, strict=True)
    )
    return Table(heading, rows)


def _inputs_table(facts: Facts) -> Table:
    begins = ("curve.", "acrel.c1000.w1g1.", "idle.", "endtoend.acrel.", "wire.acrel.")
    rows = tuple(
        (f"`{name}`", str(found), f"{day:%Y-%m-%d}")
        for name, (found, day) in sorted(facts.items())
        if name.startswith(begins) and not (name.startswith("curve.") and name.endswith(".mib"))
    )
    return Table(("fact", "measured (spread)", "on"), rows)


if __name__ == "__main__":
    write_capacity(load(FOLDER), PAGE)
