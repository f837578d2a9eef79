"""What a cluster that was disturbed is held against."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from bench.found import MARGIN_S, Found, differences, others

LAST = datetime(2026, 3, 2, 12, tzinfo=UTC)
LONG_AGO = LAST - timedelta(hours=3)
LATELY = LAST - timedelta(seconds=MARGIN_S / 2)
ROW = ("12", "", "i", LONG_AGO, 220.0, 1.0, 220.0, 7)


def found(*episodes: tuple[str, datetime, datetime | None], rows: int = 1) -> Found:
    return Found(
        Counter({ROW: rows}), {(rule, "unit:U", began, ended) for rule, began, ended in episodes}
    )


def test_what_is_the_same_differs_nowhere() -> None:
    one = found(("R1", LONG_AGO, LAST - timedelta(hours=2)), ("R2", LONG_AGO, None))
    assert list(differences(one, one, LAST)) == []


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        (found(rows=0), "1 rows are missing, 0 too many"),
        (found(rows=2), "0 rows are missing, 1 too many"),
        (found(("R1", LONG_AGO, None)), "only in the cluster: R1 unit:U 09:00:00 to now"),
    ],
    ids=["lost", "doubled", "an episode too many"],
)
def test_what_was_lost_doubled_or_judged_otherwise_is_named(cluster: Found, said: str) -> None:
    [complaint] = differences(cluster, found(), LAST)
    assert complaint.startswith(said)


def test_an_episode_that_ended_otherwise_is_named_from_both_sides() -> None:
    one = found(("R1", LONG_AGO, LONG_AGO + timedelta(minutes=9)))
    other = found(("R1", LONG_AGO, LONG_AGO + timedelta(minutes=8)))
    assert [text.partition(":")[0] for text in differences(one, other, LAST)] == [
        "only alone",
        "only in the cluster",
    ]


def test_what_the_end_cut_off_and_rules_of_ticks_may_differ() -> None:
    one = found(("R1", LATELY, None), ("R2", LONG_AGO, LATELY), ("R9", LONG_AGO, None))
    other = found(("R2", LONG_AGO, None))
    assert list(differences(one, other, LAST)) == []
    assert others(one, other) == {"R9": 1}
