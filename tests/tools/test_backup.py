"""``wattwarden backup`` and ``restore``: what they say, and what they refuse."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wattwarden.storage.backup.files import BackupFolder
from wattwarden.storage.backup.manifest import (
    FORMAT,
    Applied,
    Manifest,
    ShardFact,
    TableFact,
    write_manifest,
)
from wattwarden.storage.backup.sealed import seal
from wattwarden.storage.backup.share import Share
from wattwarden.storage.migrate import load_migrations
from wattwarden.tools.main import main

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A small one, with nothing in it that would be loaded."""
    root = tmp_path / "backup"
    root.mkdir()
    folder = BackupFolder(root, Share(max))
    folder.write("database/meter.copy.zst", b"rows")
    folder.write("secrets.sealed", seal({"a.key": b"1"}, "correct horse battery"))
    applied = [Applied(one.number, one.name, one.sha256) for one in load_migrations()]
    manifest = Manifest(
        format=FORMAT,
        program="0.0.9",
        began_at=NOW,
        ended_at=NOW,
        schema=tuple(applied),
        tables=(TableFact("meter", ("id",), 3, "database/meter.copy.zst"),),
        sequences=(),
        shards=(ShardFact(1, "WATTWARDEN_1", 30, 34, 35, ((11, 20), (31, 33))),),
        days=(),
        days_elsewhere={"s3://bucket/days": 12},
        settings=(),
        secrets=("a.key",),
        files=tuple(folder.files.values()),
    )
    write_manifest(folder, manifest)
    return root


def test_a_sound_backup_is_said_to_be_so_and_what_is_not_inside(
    backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", "verify", str(backup)]) == 0
    said = capsys.readouterr().out
    assert "is as it was written: 3 rows of 1 tables" in said
    assert "1 secrets, sealed" in said
    assert "not inside: 12 files of closed days in s3://bucket/days" in said
    assert "lost before this backup: entries 11 to 20 of WATTWARDEN_1; their readings are" in said
    assert "entries 31 to 33 of WATTWARDEN_1; frames among them may never have become" in said

    assert main(["backup", "verify", str(backup), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["secrets"], told["began_at"][:10]) == (3, ["a.key"], "2026-11-23")
    assert told["shards"] == [
        {"shard": 1, "position": 30, "last": 35, "holes": [[11, 20], [31, 33]]}
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["backup", "verify", "nowhere"], "nowhere is no backup"),
        (["restore", "nowhere"], "name the folder that wattwarden backup made"),
        (["restore", "backup", "--secrets-key", "none"], "--secrets-key none cannot be read"),
        (["restore", "backup", "--secrets-key", "short"], "12 are needed"),
        (["restore", "backup", "--secrets-key", "wrong"], "do not open with this passphrase"),
        (["restore", "backup"], "shards"),
        (["backup", "dest"], "no system has run"),
        (["backup", "next", "dest", "--keep", "2"], "no system has run"),
    ],
    ids=[
        "no backup",
        "nothing to restore",
        "no key",
        "short",
        "wrong",
        "shards",
        "no system",
        "no system to follow",
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_left(
    words: list[str],
    says: str,
    backup: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(backup.parent)
    monkeypatch.setenv("WATTWARDEN_DATA", str(backup.parent / "place"))
    Path("short").write_text("short\n")
    Path("wrong").write_text("another long passphrase\n")

    assert main(words) == 1

    assert says in capsys.readouterr().err
    assert not Path("place").exists()
    assert not Path("dest").exists()


def test_a_newer_format_is_refused_with_a_cure(
    backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (backup / "manifest.json").write_text('{"format": 99}')
    assert main(["backup", "verify", str(backup)]) == 1
    assert "format 99, this program knows 1\n  use the version" in capsys.readouterr().err


def test_a_database_that_is_up_to_date_is_left_alone(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out) == {"applied": []}
    assert main(["migrate", *where]) == 0
    assert "this version's already" in capsys.readouterr().out
