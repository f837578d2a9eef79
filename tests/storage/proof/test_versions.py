"""Packages whose meters were configured anew while they spoke."""

import json
from datetime import datetime, timedelta

import numpy as np
import pytest
from msgspec.structs import replace
from tests.codecs.hj212_frames import MN, NOW, upload
from tests.storage.folding import fold
from tests.storage.proof.place import Place, failed, proven
from tests.storage.proof.scene import PLOT, START, WHEN, address, firm

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.registry import Registry
from wattwarden.protocol.codec import ClockPolicy, Profile
from wattwarden.protocol.envelope import Envelope, SessionRow
from wattwarden.storage.moments import us_of
from wattwarden.storage.proof import documents as docs
from wattwarden.storage.proof.container import unpacked
from wattwarden.storage.proof.frames import Blocks, Sent, blocks_of, read_blocks, written
from wattwarden.storage.proof.said import decode_sent
from wattwarden.storage.proof.terms import MAX_ERAS, reading_terms
from wattwarden.storage.proof.verify import verify
from wattwarden.storage.proof.versions import Shelf, held, reigns
from wattwarden.storage.registry.registry import save_registry

# While treatment is off, which ends fifty minutes later; an entry and its tick every quarter.
CHANGE = 2 * ((PLOT.off[0] + 70) // 15)
MINUTE_US = 60_000_000
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


def sent_as(identity: str, count: int) -> Sent:
    """What a logger of HJ 212 sent, a frame a minute, each of which says a pollutant."""
    blocks = []
    for number in range(count):
        data = upload(
            f"DataTime=20261122{10 + number // 60}{number % 60:02}00;a01001-Rtd=1{number}.5"
        )
        at = NOW + number * MINUTE_US
        envelope = Envelope(
            1, "hj212", "g.0", number, b"", at,
            [SessionRow(1, "p:1", identity)],
            [],
            np.array([at], "<i8").tobytes(),
            np.array([len(data)], "<u4").tobytes(),
            np.zeros(1, "<u4").tobytes(),
            np.full(1, -1, "<i4").tobytes(),
            data,
        )  # fmt: skip
        blocks += [written(one) for _, one in blocks_of(envelope, 0, number + 1, at)]
    return Sent("hj212", identity, read_blocks(b"".join(blocks)))


@pytest.mark.parametrize("identity", [MN, "site"])
def test_versions_are_told_by_factors_and_by_whoever_spoke_for_a_meter(identity: str) -> None:
    sent = [sent_as(identity, 40)]
    began = sent[0].blocks.stored_at[0]
    first = docs.ProfileRecord("hj212", MN, 1, has_key=False, body={"zone": "Asia/Tokyo"})
    second = replace(first, version=2, body={"clock": "server"}, since=began + 20 * MINUTE_US)
    site = docs.ProfileRecord(
        "hj212", "site", 1, has_key=False, body={"cycle_s": 7}, since=began + 9 * MINUTE_US
    )
    bounds = docs.Terms([], [first, second], 300, 3000, 3000)
    name = f"hj212:{MN}"
    said = decode_sent(sent, [name], reading_terms(bounds, sent)).said
    assert len({row.at % MINUTE_US for row in said[name].factors}) == 2, "they read the same"

    entered = [first, replace(second, since=began + 31 * MINUTE_US), site]
    shelf = Shelf(sent, said, (0, 2 * NOW), bounds)
    found = held(entered, shelf)
    assert found == [first, second, site]


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
