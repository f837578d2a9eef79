"""What `make bench` makes of its figures: changes since the run before, the picture, capacity."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bench.capacity import write_capacity
from bench.figures import AtLeast, AtMost, Figure, Section, Series, Table
from bench.page import BEGIN, END, change, render, replace_between, standings
from bench.plot import draw
from bench.records import KeptFigure, Record, facts_of, kept, load, save
from bench.sizing import LARGE, SMALL, Costs, costs_of, needs_of, plan_for

BEGAN = datetime(2026, 11, 20, tzinfo=UTC)


def figure(wanted: str, *values: float) -> KeptFigure:
    return KeptFigure("key", "what", values, wanted, holds=True)


def run(day: int, **sections: Section) -> Record:
    found = {name: kept(section) for name, section in sections.items()}
    return Record(BEGAN + timedelta(days=day), "2 cores", 0.1, found)


def section(key: str, *values: float) -> Section:
    one = Figure(key, f"the {key}", Series(values), AtLeast(0.5), "3, limit 2 µs")
    return Section(
        (one,), (Table((f"numbers of {key}",), (("7",),)),), {f"{key}.us": Series(values)}
    )


@pytest.mark.parametrize(
    ("wanted", "before", "now", "said"),
    [
        pytest.param("≥ 0.5", (0.4, 0.41), (0.6, 0.61), "↑ better (+49 %)", id="more of the good"),
        pytest.param("≥ 0.5", (0.6, 0.61), (0.4, 0.41), "↓ worse (-33 %)", id="less of the good"),
        pytest.param("≤ 50", (40.0, 41.0), (20.0, 21.0), "↑ better (-49 %)", id="less of the bad"),
        pytest.param("≥ 0.5", (0.4, 0.7), (0.6, 0.8), "≈ (+27 %)", id="spreads overlap"),
        pytest.param("≥ 0.5", (1.0, 1.0), (1.01, 1.01), "≈ (+1 %)", id="too little"),
        pytest.param("≤ 0", (0.0,), (0.0,), "≈", id="nothing then as now"),
        pytest.param("≤ 0", (0.0,), (3.0,), "from 0 to 3", id="from nothing"),
    ],
)
def test_a_change_is_one_only_beyond_both_spreads(
    wanted: str, before: tuple[float, ...], now: tuple[float, ...], said: str
) -> None:
    assert change(figure(wanted, *now), figure(wanted, *before)) == said


def test_a_figure_that_was_never_measured_has_not_changed() -> None:
    assert change(figure("≥ 0.5", 0.6), None) == ""


def test_records_come_back_as_they_were_kept(tmp_path: Path) -> None:
    later, earlier = run(2, frames=section("cpu", 0.5)), run(1, text=section("split", 0.7))
    save(tmp_path, later)
    save(tmp_path, earlier)
    assert load(tmp_path) == [earlier, later]


def test_what_a_run_left_out_stands_with_its_day_and_is_compared_with_the_run_before_it() -> None:
    records = [
        run(0, frames=section("cpu", 0.5)),
        run(1, frames=section("cpu", 0.7), text=section("split", 0.4)),
        run(2, text=section("split", 0.8)),
    ]
    page = render(records, ("frames", "text"), "figures.svg")
    assert (
        "| the cpu | 0.7 (0.7–0.7) | ≥ 0.5 | yes | 3, limit 2 µs | ↑ better (+40 %) | 2026-11-21 |"
        in page
    )
    assert (
        "| the split | 0.8 (0.8–0.8) | ≥ 0.5 | yes | 3, limit 2 µs | ↑ better (+100 %) |  |" in page
    )
    assert "Of 2026-11-21:\n\n| numbers of cpu |" in page
    assert facts_of(records)["cpu.us"][0].median == 0.7


def test_the_picture_marks_what_does_not_hold_and_the_run_before() -> None:
    records = [run(0, frames=section("cpu", 0.6)), run(1, frames=section("cpu", 0.4))]
    picture = draw(standings(records, ("frames",)))
    assert picture.count("#b3402a") == 2  # its bar and its number
    assert picture.count("<circle") == 1
    assert ">0.80<" in picture


def test_a_bar_of_nothing_is_not_in_the_picture() -> None:
    lost = Figure("lost", "lost & gone", Series((0.0,)), AtMost(0))
    assert "lost" not in draw(standings([run(0, fleet=Section((lost,)))], ("fleet",)))


def test_a_page_keeps_what_stands_around_the_figures(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"above\n{BEGIN}\nold\n\n{END}below\n", encoding="utf-8")
    replace_between(page, "new\n")
    assert page.read_text(encoding="utf-8") == f"above\n{BEGIN}\nnew\n\n{END}below\n"


COSTS = Costs(
    ((0.0, 0.1), (100.0, 0.2), (1000.0, 0.4)), 50.0, 600.0, 8.0, 200.0, 300.0, 160.0, 300.0
)


@pytest.mark.parametrize(
    ("per_s", "cores"),
    [
        pytest.param(0, 0.1, id="idle"),
        pytest.param(50, 0.15, id="between two points"),
        pytest.param(1000, 0.4, id="the last point"),
        pytest.param(21_000, 1.4, id="beyond it by the cost of a frame"),
    ],
)
def test_cores_follow_the_measured_curve(per_s: float, cores: float) -> None:
    assert COSTS.cores(per_s) == pytest.approx(cores)


def test_what_a_fleet_takes_is_its_frames_times_their_costs() -> None:
    needs = needs_of(60_000, COSTS)
    assert needs.per_s == 1000
    assert needs.rows_gb_day == pytest.approx(1000 * 86_400 * 200 / 1e9)
    assert needs.writes_mb_s == pytest.approx(0.66)
    assert needs.network_mbit_s == pytest.approx(2.4)
    assert needs.memory_gib == pytest.approx((600 * 1024 + 60_000 * 8) / 1024**2)


def test_machines_are_as_small_and_as_few_as_the_scarcest_resource_lets_them_be() -> None:
    city, country = plan_for(needs_of(2_700, COSTS)), plan_for(needs_of(10_000_000, COSTS))
    assert (city.machine, city.count) == (SMALL, 1)
    assert country.machine == LARGE
    assert country.count >= max(country.shares.values())
    assert country.first == "disk"


def test_costs_come_from_the_facts_of_the_runs() -> None:
    values = {
        "curve.0.frames_per_s": 0.0, "curve.0.gateway.cores": 0.25, "curve.0.nats.cores": 0.5,
        "curve.0.gateway.mib": 90.0, "curve.0.nats.mib": 10.0,
        "curve.1.frames_per_s": 45.0, "curve.1.gateway.cores": 0.75, "curve.1.nats.cores": 0.5,
        "acrel.c1000.w1g1.gateway_us": 20.0, "acrel.c1000.w1g1.nats_us": 4.0,
        "acrel.c1000.w1g1.reference_us": 8.0,
        "idle.rss_kib": 2.0, "idle.kernel_kib": 5.0, "endtoend.acrel.rows_bytes": 200.0,
        "endtoend.acrel.log_bytes": 300.0, "endtoend.acrel.journal_bytes": 160.0,
        "wire.acrel.bytes": 290.0,
    }  # fmt: skip
    costs = costs_of({name: (Series((value,)), BEGAN) for name, value in values.items()})
    assert costs == Costs(
        ((0.0, 0.75), (45.0, 1.25)),
        24.0, 100.0, 7.0, 200.0, 300.0, 160.0, 290.0,
    )  # fmt: skip


def test_capacity_says_what_was_never_measured(tmp_path: Path) -> None:
    page = tmp_path / "capacity.md"
    page.write_text(BEGIN + END, encoding="utf-8")
    write_capacity([run(0, frames=section("cpu", 0.5))], page)
    assert "Not measured yet" in page.read_text(encoding="utf-8")
