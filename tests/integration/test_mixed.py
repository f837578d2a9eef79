"""Meters of every protocol at once, pushing and polled: what they say is what is stored."""

from collections.abc import Iterator
from typing import Final

import pytest
from tests.integration.mixed import compare, open_doors, simulate
from tests.integration.system import System

pytestmark = pytest.mark.integration

METERS: Final = 72
CODECS: Final = {
    "acrel", "acrel_gateway", "ctwing", "dlms", "dlt698", "dtu", "gdw376", "hj212", "onenet",
}  # fmt: skip


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with open_doors({}) as system:
        yield system


async def test_what_meters_of_every_kind_say_is_what_is_stored(system: System) -> None:
    truth = system.folder / "truth.jsonl"
    summary = simulate(system, truth, METERS, cycle_s=1.5, minutes=0.1, garbage=10, seed=7)
    assert summary["unacked"] == summary["misunderstood"] == 0, summary
    assert not summary["left out"]
    assert summary["answers"] > METERS / 2
    assert summary["garbage"] > 0
    found = await compare(system, truth, 20)
    assert not found.faults, found.faults
    assert found.said == found.stored == found.equal
    assert set(found.by_codec) == CODECS
