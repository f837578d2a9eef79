"""Packages whose meters were configured anew while they spoke."""

import json
from datetime import datetime, timedelta

import numpy as np
import pytest
from msgspec.structs import replace
from tests.storage.folding import fold
from tests.storage.proof.place import Place, failed, proven
from tests.storage.proof.scene import PLOT, START, WHEN, address, firm

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.registry import Registry
from wattwarden.protocol.codec import ClockPolicy, Profile
from wattwarden.storage.moments import us_of
from wattwarden.storage.proof import documents as docs
from wattwarden.storage.proof.container import unpacked
from wattwarden.storage.proof.frames import Blocks, Sent
from wattwarden.storage.proof.terms import MAX_ERAS, reading_terms
from wattwarden.storage.proof.verify import verify
from wattwarden.storage.proof.versions import reigns
from wattwarden.storage.registry.registry import save_registry

# While treatment is off, which ends fifty minutes later; an entry and its tick every quarter.
CHANGE = 2 * ((PLOT.off[0] + 70) // 15)
SERVER = Profile(clock=ClockPolicy.SERVER, version=1)


async def enter(place: Place, version: int, body: dict[str, object], at: datetime) -> None:
    await place.store.execute(
        "INSERT INTO meter_profile (meter, version, entered_at, actor, body)"
        " SELECT id, $1, $2, 'x', $3 FROM meter WHERE address = $4",
        version,
        at,
        json.dumps(body),
        address(2),
    )


def shown(data: bytes) -> list[docs.ProfileRecord]:
    return docs.read(unpacked(data)[docs.TERMS], docs.Terms).profiles


async def test_what_was_entered_after_the_last_frame_reads_none(place: Place) -> None:
    await place.fill()
    await enter(place, 1, {"zone": "UTC"}, WHEN)

    data = await place.export()
    assert failed(verify(data)) == []
    assert shown(data) == []


@pytest.mark.parametrize(
    "entered",
    [
        pytest.param(0, id="at once"),
        pytest.param(-2, id="learnt late"),
        pytest.param(10, id="read after it had waited in the journal"),
    ],
)
async def test_each_frame_is_read_by_the_version_by_which_it_was_stored(
    place: Place, entered: int
) -> None:
    whole = place.journal.entries
    await save_registry(place.store, difference(Registry(), firm()), "test", now=START)
    place.journal.entries = whole[:CHANGE]
    await place.write({})
    place.journal.entries = whole
    await place.write({("acrel", address(2)): SERVER})
    await fold(place.dsn)
    at = whole[CHANGE + entered].stored_at - timedelta(milliseconds=1)
    await enter(place, 1, {"clock": "server"}, at)
    await enter(place, 2, {"clock": "server", "recall": "auto"}, at + timedelta(hours=1))
    await enter(place, 3, {"clock": "trust"}, WHEN)

    data = await place.export()
    report = verify(data)
    assert failed(report) == []
    assert "readings" in proven(report)
    [record] = shown(data)
    assert (record.version, record.since) == (1, us_of(whole[CHANGE].stored_at))


@pytest.mark.parametrize(
    ("fits", "entered", "since"),
    [
        pytest.param(["111", "111"], [0, 12], [0, 20], id="alike: when it was entered"),
        pytest.param(["110", "001"], [0, 12], [0, 30], id="later"),
        pytest.param(["100", "011"], [0, 25], [0, 20], id="earlier"),
        pytest.param(["111", "000"], [0, 12], [0, None], id="never"),
        pytest.param(["100", "000", "011"], [0, 12, 99], [0, None, 20], id="one is left out"),
        pytest.param(["100", "010", "001"], [0, 12, 14], [0, 20, 30], id="one after the other"),
        pytest.param(["000", "000"], [0, 12], [0, None], id="nothing fits"),
    ],
)
def test_a_version_holds_from_the_frame_that_only_it_reads(
    fits: list[str], entered: list[int], since: list[int | None]
) -> None:
    table = np.array([[one == "1" for one in row] for row in fits])
    assert reigns(np.array([10, 20, 30]), table, entered) == since


def test_profiles_that_change_without_end_are_no_terms() -> None:
    one = docs.ProfileRecord("acrel", "m", 1, has_key=False, body={})
    profiles = [replace(one, since=number) for number in range(MAX_ERAS + 1)]
    terms = docs.Terms([], profiles[:-1], 0, 0, 0)
    sent = [Sent("acrel", "m", Blocks())]
    assert len(reading_terms(terms, sent).eras["acrel"]) == MAX_ERAS
    with pytest.raises(ValueError, match="MAX_ERAS"):
        reading_terms(docs.Terms([], profiles, 0, 0, 0), sent)
