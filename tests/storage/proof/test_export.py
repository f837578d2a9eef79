"""A package out of a store that a writer and a warden have filled."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.storage.proof.place import Place, failed, proven, with_ticks
from tests.storage.proof.scene import (
    DAY_MIN,
    PLOT,
    START,
    WHEN,
    address,
    entries,
    envelope,
    frame,
)

from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.moments import us_of
from wattwarden.storage.proof import day
from wattwarden.storage.proof import documents as docs
from wattwarden.storage.proof.container import unpacked
from wattwarden.storage.proof.day import Taken
from wattwarden.storage.proof.export import NoSuchAlarmError
from wattwarden.storage.proof.keys import rotate
from wattwarden.storage.proof.roots import load_leaves, load_roots, sign_days
from wattwarden.storage.proof.statement import LeafKind, follows
from wattwarden.storage.proof.verify import verify


async def test_a_package_proves_the_alarm_from_its_frames_to_the_signed_roots(
    place: Place,
) -> None:
    await place.fill()
    await place.store.execute(
        "INSERT INTO meter_profile (meter, version, entered_at, actor, body) VALUES"
        """ (1, 1, $1, 'x', '{"zone": "Asia/Shanghai", "options": {"password": "sesame"}}')""",
        START - timedelta(days=1),
    )
    data = await place.export()

    report = verify(data)
    assert b"Asia/Shanghai" in unpacked(data)[docs.TERMS]
    assert b"sesame" not in data

    assert failed(report) == []
    assert proven(report) >= {
        "container", "parts", "seal", "roots", "frames", "readings", "state", "episode", "end",
        "curve",
    }  # fmt: skip
    parts = unpacked(data)
    senders = {
        file.identity
        for name in parts
        if name.startswith("roots/")
        for file in docs.read(parts[name], docs.RootRecord).files
    }
    assert senders == {address(1), address(2)}, "frames of another firm's meter are shown"
    roots = await load_roots(place.store)
    assert [one.statement.day.day for one in roots] == [1, 2]
    assert follows(roots[1], roots[0])
    kinds = {leaf.kind for leaf in await load_leaves(place.store, roots[0].statement.day)}
    assert kinds >= {LeafKind.FRAMES, LeafKind.SHARD, LeafKind.DECISION, LeafKind.AUDIT}
    source = place.source()
    again = await sign_days(place.store, source.shards, source.journal, source.signer, WHEN)
    assert again == [], "a day is signed once"

    rotate(place.secrets, WHEN)
    report = verify(await place.export(), pinned=source.signer.public)
    assert failed(report) == []
    assert "key" in proven(report)

    await place.store.execute("UPDATE reading SET power_total = power_total + 1 WHERE meter = 1")
    report = verify(await place.export())
    assert any("differ" in one for one in failed(report)), "readings that no frame says"

    second_day = [one.stored_at.day for one in place.journal.entries].index(2)
    changed = place.journal.entries[second_day]
    payload = changed.payload.replace(b"10.0.0.", b"10.0.1.")
    place.journal.entries[second_day] = replace(changed, payload=payload)
    with pytest.raises(StorageError, match="not what was signed"):
        await place.export()


DAY = timedelta(days=1)


def beyond(place: Place, minutes: float) -> Entry:
    """An entry behind the last one, in which both meters speak once more."""
    last = place.journal.entries[-1]
    at = START + timedelta(minutes=PLOT.days * DAY_MIN + minutes)
    frames = [(name, frame(name, at, 0.8, 7), us_of(at) + 1) for name in (address(1), address(2))]
    number = len(place.journal.entries)
    return Entry(
        last.sequence + 1, Kind.FRAMES, "late", envelope(frames, number), at + timedelta(seconds=1)
    )


@pytest.mark.parametrize(
    ("entered", "version"),
    [([START - DAY, WHEN], 1), ([START - 2 * DAY, START - DAY, WHEN], 2), ([WHEN, WHEN + DAY], 1)],
    ids=["before", "twice before", "all later"],
)
async def test_what_is_configured_after_the_frames_does_not_read_them(
    place: Place, entered: list[datetime], version: int
) -> None:
    await place.fill()
    for number, at in enumerate(entered, 1):
        zone = "Asia/Shanghai" if number == version else "UTC"
        await place.store.execute(
            "INSERT INTO meter_profile (meter, version, entered_at, actor, body)"
            " VALUES (1, $1, $2, 'x', jsonb_build_object('zone', $3::text))",
            number,
            at,
            zone,
        )
    data = await place.export()

    assert failed(verify(data)) == []
    assert [one.version for one in docs.read(unpacked(data)[docs.TERMS], docs.Terms).profiles] == [
        version
    ]


async def test_what_comes_while_a_package_is_made_does_not_contradict_it(place: Place) -> None:
    await place.fill()
    place.journal.entries.append(beyond(place, -10))

    report = verify(await place.export())
    assert failed(report) == [], "frames are shown that the writer had not stored"


async def test_frames_of_a_closed_day_wait_for_the_writer(place: Place) -> None:
    await place.fill()
    await place.store.execute("UPDATE journal_position SET sequence = 3")
    with pytest.raises(StorageError, match="has stored up to 3, the root of 2026-03-0") as error:
        await place.export()
    assert error.value.retryable


async def test_a_meter_behind_another_s_connection_is_found_without_holding_the_city_s_day(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day, "PAGE_ENTRIES", 8)
    held: list[int] = []
    keep = Taken.kept

    def watched(taken: Taken) -> dict[tuple[str, str | None], bytes]:
        kept = keep(taken)
        held.append(sum(len(data) for name, data in kept.items() if name[1] == address(900)))
        return kept

    monkeypatch.setattr(Taken, "kept", watched)
    place.journal.entries = with_ticks(entries(through=(address(2), "gateway")))
    await place.fill()

    data = await place.export()
    assert failed(verify(data)) == []
    parts = unpacked(data)
    senders = {
        file.identity
        for name in parts
        if name.startswith("roots/")
        for file in docs.read(parts[name], docs.RootRecord).files
    }
    assert senders == {address(1), "gateway"}
    page = 4 * len(place.journal.entries[0].payload)
    assert 0 < max(held) < page, "more of a stranger than a page was held"


async def test_an_alarm_that_never_was_has_no_package(place: Place) -> None:
    with pytest.raises(NoSuchAlarmError):
        await place.export()
