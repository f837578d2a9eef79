"""A meter replaced on a point: history kept, energy going on."""

from datetime import timedelta

import numpy as np
import pytest
from tests.alarms.registry.firm import SINCE, registry

from wattwarden.alarms.registry.changes import changed
from wattwarden.alarms.registry.check import check
from wattwarden.alarms.registry.nouns import Point
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.replace import Energies, join_energies, replace_meter

AT = SINCE + timedelta(days=30)


def test_the_old_point_ends_where_the_new_one_begins() -> None:
    old = registry()
    new = changed(old, replace_meter(old, "T1", "acrel:M7", AT, ct=40.0))
    ended, begun = new.point["T1"], new.point["T1/2"]
    assert (ended.meter, ended.valid_from, ended.valid_to) == ("acrel:M1", SINCE, AT)
    assert (begun.meter, begun.valid_from, begun.valid_to) == ("acrel:M7", AT, None)
    assert (begun.unit, begun.channel, begun.ct) == ("U1", "1-1", 40.0)
    assert check(new) == []
    assert old.point["T1"].valid_to is None


def test_points_are_numbered_on() -> None:
    once = registry()
    twice = changed(once, replace_meter(once, "T1", "acrel:M7", AT))
    later = replace_meter(twice, "T1/2", "acrel:M8", AT + timedelta(days=1))
    assert [change.id for change in later] == ["T1/2", "T1/3"]


@pytest.mark.parametrize(
    ("point", "at"),
    [("T7", AT), ("T1", SINCE), ("T8", AT), ("T8", AT + timedelta(days=1))],
    ids=["no such point", "before it began", "as it ended", "after it ended"],
)
def test_only_a_point_in_use_gets_another_meter(point: str, at: object) -> None:
    ended = Point(meter="acrel:M2", valid_from=SINCE, valid_to=AT, unit="U3", id="T8")
    with pytest.raises(RefusedError):
        replace_meter(registry(("point", ended)), point, "acrel:M7", at)  # type: ignore[arg-type]  # a moment


def energies(*values: int, start: int = 0) -> Energies:
    return Energies(np.arange(start, start + len(values)), np.array(values, np.int64))


def test_energies_go_on_across_meters() -> None:
    joined = join_energies(
        [energies(100, 110, -1, 130), energies(5, -1, 25, start=4), energies(0, 1, start=7)]
    )
    assert joined.at.tolist() == list(range(9))
    assert joined.energy.tolist() == [100, 110, -1, 130, 130, -1, 150, 150, 151]


def test_a_meter_that_counted_nothing_shifts_nothing() -> None:
    joined = join_energies(
        [energies(-1, -1), energies(), energies(7, 9), energies(-1), energies(2)]
    )
    assert joined.energy.tolist() == [-1, -1, 7, 9, -1, 9]
    assert join_energies([]).energy.tolist() == []
