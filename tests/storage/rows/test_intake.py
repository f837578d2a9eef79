import msgspec
import pytest
from tests.storage.fakes import NOON, MemoryJournal, build_envelope

from wattwarden.protocol.envelope import Alive, SessionRow, Tick, encode
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rows.intake import ChainLink, read, sift

FAR = 2**62


def entry(kind: Kind, payload: bytes) -> Entry:
    return Entry(1, kind, "", payload, moment_of(NOON))


def envelope(number: int = 1, previous: bytes = b"", **changes: object) -> bytes:
    plain = build_envelope(
        [b"a"],
        codec="fake",
        chain="c",
        number=number,
        previous=previous,
        session=SessionRow(1, "p", None),
        received_at=NOON,
    )
    return encode(msgspec.structs.replace(plain, **changes))


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Kind.FRAMES, b""),
        (Kind.FRAMES, envelope(received_at=FAR.to_bytes(8, "little"))),
        (Kind.FRAMES, envelope(sealed_at=-FAR)),
        (Kind.FRAMES, envelope(chain="c\0")),
        (Kind.FRAMES, envelope(session=b"\1\0\0\0")),
        (Kind.TICK, encode(Tick(1, 2**31, 0, 1))),
        (Kind.TICK, encode(Tick(1, -1, 0, 1))),
        (Kind.ALIVE, encode(Alive(1, "g", FAR, 1))),
        (Kind.ALIVE, encode(Alive(1, "g", NOON, 2**31))),
    ],
)
def test_what_no_column_takes_is_spoilt(kind: Kind, payload: bytes) -> None:
    parsed, spoilt = read([entry(kind, payload)])
    assert parsed == []
    assert [one.message for one in spoilt] != [""]


def test_chains_go_on_from_where_they_stood() -> None:
    journal = MemoryJournal()
    for _ in range(3):
        journal.frames(b"a")
    parsed, _ = read(journal.entries)

    fresh = sift(parsed, 0, {"g1:0": None})
    after = sift(parsed, 0, {"g1:0": ChainLink(2, b"another digest", NOON)})

    assert (fresh.frames, fresh.repeats, fresh.jumps, fresh.breaks) == (3, 0, 0, 0)
    assert (after.frames, after.repeats, after.jumps, after.breaks) == (1, 2, 0, 1)
    assert fresh.chains == after.chains == {"g1:0": ChainLink(3, journal.chains["g1:0"][1], NOON)}


def test_the_first_tick_may_have_any_number() -> None:
    journal = MemoryJournal()
    journal.tick(100)
    journal.tick(102)

    intake = sift(read(journal.entries)[0], 0, {})

    assert (intake.tick, intake.missed_ticks) == (102, 1)
