"""``wattwarden doctor`` on next month: what expires, fills up or is forgotten, with its cure."""

import os
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from wattwarden.server.last_backup import LastBackup, last_backup, note_backup
from wattwarden.server.places import Places
from wattwarden.storage.growth import Growth
from wattwarden.storage.proof.signed import SignedTo
from wattwarden.tools import upkeep
from wattwarden.tools.checks import State

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
GIB = 1024**3


@pytest.mark.parametrize(
    ("growth", "state", "said"),
    [
        (None, State.OK, "no whole day"),
        (Growth(0, 0, 0), State.OK, "no whole day"),
        (Growth(GIB, 0, 7), State.OK, "room for 50 days"),
        (Growth(GIB, GIB, 7), State.WARN, "room for 25 days"),
        (Growth(30 * GIB, 0, 1), State.FAIL, "room for 1 days"),
        (Growth(1, 0, 1), State.OK, "room for years"),
    ],
)
def test_it_is_said_when_the_disk_will_be_full(
    growth: Growth | None, state: State, said: str
) -> None:
    found = upkeep.disk_forecast(50 * GIB, growth, 0)
    assert (found.state, said in found.found) == (state, True), found


def test_closed_segments_grow_as_those_of_the_last_week_did(tmp_path: Path) -> None:
    stream = tmp_path / "WATTWARDEN_0"
    stream.mkdir()
    assert upkeep.segments_a_day(tmp_path, NOW) == 0
    for days, size in ((9, 5000), (2, 300), (1, 100)):
        file = stream / f"{days}.zst"
        file.write_bytes(bytes(size))
        at = (NOW - timedelta(days=days)).timestamp()
        os.utime(file, (at, at))
    assert upkeep.segments_a_day(tmp_path, NOW) == 200


@pytest.mark.parametrize(
    ("hours", "state"), [(1, State.OK), (47, State.OK), (48, State.WARN)], ids=str
)
def test_a_backup_that_is_old_is_told(hours: int, state: State, tmp_path: Path) -> None:
    places = Places(tmp_path)
    assert last_backup(places) is None
    note_backup(places, LastBackup("/mnt/disk", NOW - timedelta(hours=hours)))
    found = upkeep.backup(last_backup(places), NOW, has_data=True)
    assert (found.state, "/mnt/disk" in found.found) == (state, True)


def test_a_backup_of_a_journal_with_holes_is_told(tmp_path: Path) -> None:
    places = Places(tmp_path)
    note_backup(places, LastBackup("/mnt/disk", NOW, lost=60))
    found = upkeep.backup(last_backup(places), NOW, has_data=True)
    assert (found.state, "60 entries of the journal" in found.found) == (State.WARN, True)


def test_who_has_data_and_no_backup_is_told(tmp_path: Path) -> None:
    assert upkeep.backup(None, NOW, has_data=True).state is State.WARN
    assert upkeep.backup(None, NOW, has_data=False).state is State.OK
    places = Places(tmp_path)
    note_backup(places, LastBackup("/mnt/disk", NOW))
    assert last_backup(places) == LastBackup("/mnt/disk", NOW)
    (places.run / "backup.json").write_text("{")
    assert last_backup(places) is None


GOOD = {
    "LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled",
    "Restart": "always", "WatchdogUSec": "1min",
}  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "state", "said"),
    [
        (None, State.OK, "no service manager"),
        (GOOD, State.OK, "watchdog 1min"),
        ({"LoadState": "not-found"}, State.WARN, "there is no"),
        (GOOD | {"WatchdogUSec": "0"}, State.WARN, "watchdog off"),
        (GOOD | {"Restart": "no"}, State.WARN, "restart no"),
        (GOOD | {"UnitFileState": "disabled"}, State.WARN, "not enabled"),
    ],
    ids=["no systemd", "good", "none", "no watchdog", "no restart", "disabled"],
)
def test_the_service_should_be_watched_and_outlive_a_restart(
    shown: dict[str, str] | None, state: State, said: str
) -> None:
    found = upkeep.service(shown)
    assert (found.state, said in found.found) == (state, True), found


def test_the_service_manager_is_asked_where_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert upkeep.show_service(tmp_path / "none") is None

    def said(words: list[str], **_how: Any) -> subprocess.CompletedProcess[str]:
        assert words[:3] == ["systemctl", "show", "wattwarden.service"]
        return subprocess.CompletedProcess(words, 0, "LoadState=loaded\nRestart=always\n", "")

    monkeypatch.setattr(subprocess, "run", said)
    assert upkeep.show_service(tmp_path) == {"LoadState": "loaded", "Restart": "always"}

    def silent(*_words: object, **_how: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", silent)
    assert upkeep.show_service(tmp_path) is None


@pytest.mark.parametrize(
    ("signed", "state", "said"),
    [
        (None, State.OK, "no database"),
        (SignedTo(None, 0), State.OK, "no day is signed yet"),
        (SignedTo(date(2026, 11, 20), 0), State.OK, "signed to 2026-11-20"),
        (SignedTo(date(2026, 11, 20), 2), State.WARN, "2 days are late"),
    ],
)
def test_days_that_nobody_signs_are_told_with_the_cure(
    signed: SignedTo | None, state: State, said: str
) -> None:
    found = upkeep.signed_days(signed)
    assert (found.state, said in found.found) == (state, True)
    assert bool(found.cure) == (state is State.WARN)


def test_a_segment_that_goes_while_somebody_looks_is_none(tmp_path: Path) -> None:
    (tmp_path / "SHARD_0").mkdir()
    # Listed, and not there any more.
    (tmp_path / "SHARD_0/1.zst").symlink_to(tmp_path / "gone")
    assert upkeep.segments_a_day(tmp_path, datetime.now(UTC)) == 0
