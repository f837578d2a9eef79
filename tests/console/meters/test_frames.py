"""What a meter sent last comes out of the journal as it came, for whoever runs the system."""

import os
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.console.browser import Browser, with_accounts
from tests.console.desk import Desk
from tests.console.meters.journal import FakeJournal, filled, frames_of, vectors

from wattwarden.codecs import load_codecs
from wattwarden.console.meters import frames, shown
from wattwarden.console.meters.frames import (
    MOST_FRAMES,
    MOST_OF_ENVELOPE,
    MOST_READ,
    Looks,
    Picker,
    look_back,
)
from wattwarden.storage.journal.journal import Kind
from wattwarden.storage.meters import Meter, MeterState
from wattwarden.storage.profiles import ProfileBody
from wattwarden.storage.rows.outliving import QUIET

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
END = datetime(2030, 1, 1, tzinfo=UTC)


def meter(address: str, codec: str = "acrel") -> Meter:
    return Meter(
        id=1,
        codec=codec,
        address=address,
        state=MeterState.ACCEPTED,
        enrolled_at=NOW,
        enrolled_from=None,
        accepted_at=None,
        accepted_by=None,
        version=0,
        profile=ProfileBody(),
    )


async def look(journal: FakeJournal, address: str, until: datetime = END) -> Any:
    return await look_back(journal, range(journal.shards), meter(address), until)


@pytest.fixture
def journal() -> FakeJournal:
    """An hour of one meter, and of another that reports beside it."""
    made = FakeJournal()
    filled(made, "M1", NOW, 60)
    made.keep(Kind.FRAMES, frames_of("M2", b"{{other}}", at=NOW), NOW)
    made.keep(Kind.FRAMES, b"no envelope", NOW)
    return made


async def test_the_last_frames_of_a_meter_and_of_no_other_come_first(journal: FakeJournal) -> None:
    seen = await look(journal, "M1")
    assert len(seen.frames) == MOST_FRAMES
    assert [one.at for one in seen.frames] == [
        NOW - timedelta(minutes=minute) for minute in range(1, MOST_FRAMES + 1)
    ]
    assert seen.since == seen.frames[-1].stored_at
    assert seen.frames[0].raw == vectors()[1]
    assert b"".join(one.raw for one in seen.frames[0].fields) == seen.frames[0].raw


async def test_one_goes_on_where_the_page_before_ended_to_the_beginning(
    journal: FakeJournal,
) -> None:
    found: list[datetime] = []
    until = END
    for _ in range(5):
        seen = await look(journal, "M1", until)
        found += [one.at for one in seen.frames]
        if not seen.frames:
            break
        until = seen.since
    assert found == [NOW - timedelta(minutes=minute) for minute in range(1, 61)]
    assert seen.since is None


async def test_a_frame_that_would_end_the_process_is_shown_as_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = os.getpid()

    def read(*_args: object) -> Any:
        assert os.getpid() != ours
        os.kill(os.getpid(), signal.SIGKILL)

    deadly = replace(load_codecs()["acrel"], read=read, explain=read)
    for module in (frames, shown):
        monkeypatch.setattr(module, "load_codecs", lambda: {"acrel": deadly})
    journal = FakeJournal()
    journal.keep(Kind.FRAMES, frames_of("M1", *vectors()[:2], at=NOW), NOW)
    journal.keep(Kind.FRAMES, frames_of(None, vectors()[0], at=NOW), NOW)
    seen = await look(journal, "M1")
    assert [one.raw for one in seen.frames] == vectors()[1::-1]
    assert not any(one.kind or one.fields[0].name for one in seen.frames)
    told = await shown.fields_apart(deadly, vectors()[0])
    assert b"".join(one.raw for one in told) == vectors()[0]


async def test_who_reads_frames_computes_so_that_no_trial_is_forked_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    depths: list[int] = []
    whole = load_codecs()["acrel"]

    def explain(raw: bytes, request: bytes | None) -> Any:
        depths.append(QUIET.depth)
        return whole.explain(raw, request)

    watched = replace(whole, explain=explain)
    for module in (frames, shown):
        monkeypatch.setattr(module, "load_codecs", lambda: {"acrel": watched})
    journal = FakeJournal()
    journal.keep(Kind.FRAMES, frames_of("M1", vectors()[0], at=NOW), NOW)
    await look(journal, "M1")
    await shown.fields_apart(watched, vectors()[0])
    assert depths == [1, 1]


async def test_what_was_sent_at_once_is_shown_together_but_not_without_end() -> None:
    journal = FakeJournal()
    many = [b"{{%03d}}" % number for number in range(MOST_OF_ENVELOPE + 10)]
    journal.keep(Kind.FRAMES, frames_of("M1", *many, at=NOW), NOW)
    seen = await look(journal, "M1")
    assert [one.raw for one in seen.frames] == many[: -MOST_OF_ENVELOPE - 1 : -1]
    assert (await look(journal, "M1", seen.since)).frames == []


async def test_behind_a_gateway_the_frame_says_whose_it_is() -> None:
    journal = FakeJournal()
    for frame in vectors():
        journal.keep(Kind.FRAMES, frames_of("gateway", frame, at=NOW), NOW)
    seen = await look(journal, "12007035720001")
    assert [one.kind for one in seen.frames] == ["alarm"]
    assert (await look(journal, "12007035720001", NOW)).frames == []


async def test_frames_of_others_are_not_read_without_end() -> None:
    entry = FakeJournal()
    entry.keep(Kind.FRAMES, frames_of("gateway", *[vectors()[0]] * 4000, at=NOW), NOW)
    picker = Picker(meter("nobody"), 0)
    for _ in range(MOST_READ // 4000):
        assert not picker.is_done
        picker.take(entry.entries)
    assert picker.is_done


async def test_a_meter_of_another_protocol_has_none_of_them(journal: FakeJournal) -> None:
    seen = await look_back(journal, range(2), meter("M1", "hj212"), END)
    assert seen.frames == []
    unknown = await look_back(journal, range(2), meter("M1", "gone"), END)
    assert unknown.frames == []


async def test_how_well_a_meter_is_heard_is_what_it_said_last(journal: FakeJournal) -> None:
    seen = await look(journal, "M1")
    assert seen.strength is not None
    assert (seen.strength.kind, seen.strength.strength) == ("register", "23")


async def test_the_journal_is_joined_by_the_first_who_looks_and_left_with_the_console(
    journal: FakeJournal,
) -> None:
    joined = 0

    async def join() -> Any:
        nonlocal joined
        joined += 1
        return journal

    looks = Looks(join)
    await looks.close()
    assert (joined, journal.is_closed) == (0, False)
    for _ in range(2):
        assert (await looks.frames(meter("M1"), END)).frames
    await looks.close()
    assert (joined, journal.is_closed) == (1, True)


@pytest_asyncio.fixture
async def admin(metered: str, tmp_path: Path, journal: FakeJournal) -> AsyncIterator[Browser]:
    """Whoever runs the system, before a console with that journal."""

    async def join() -> Any:
        return journal

    await with_accounts(metered, "admin", "duty1")
    desk = Desk(metered, tmp_path / "secrets", journal=join)
    await desk.start()
    browser = Browser(desk)
    await browser.sign_in("admin")
    yield browser
    await desk.stop()


async def test_the_page_shows_frames_byte_by_byte_and_leads_on(
    admin: Browser, journal: FakeJournal
) -> None:
    frame = vectors()[0]
    script = b"<script>x</script>"
    journal.keep(Kind.FRAMES, frames_of("E1-meter", frame, script, at=NOW), NOW)
    assert "/meters/1/frames" in (await admin.get("/meters/1")).html
    page = await admin.get("/meters/1/frames")
    assert page.status == 200
    assert frame[:24].hex(" ") in page.text
    assert "最近 2 帧报文" in page.text
    assert "<script>x" not in page.html
    older = re.search(r'href="(/meters/1/frames\?before=[^"]+)"', page.html)
    if older is not None:
        assert (await admin.get(older[1])).status == 200
    nonsense = await admin.get("/meters/1/frames?before=never")
    assert "最近 2 帧报文" in nonsense.text


async def test_a_firms_people_see_no_frames(admin: Browser) -> None:
    browser = Browser(admin.desk)
    await browser.sign_in("duty1")
    assert (await browser.get("/meters/1/frames")).status == 403
    assert "/frames" not in (await browser.get("/meters/1")).html


async def test_a_console_without_a_journal_says_so(metered: str, tmp_path: Path) -> None:
    await with_accounts(metered, "admin")
    desk = Desk(metered, tmp_path / "secrets")
    await desk.start()
    browser = Browser(desk)
    await browser.sign_in("admin")
    page = await browser.get("/meters/1/frames")
    assert page.status == 503
    assert "没有连接日志" in page.text
    await desk.stop()
