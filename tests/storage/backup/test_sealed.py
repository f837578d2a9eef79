"""Secrets out of a backup: whole, private and on the disk before a restore counts as complete."""

import os
from pathlib import Path

import pytest

from wattwarden.storage.backup.sealed import put_secrets, read_secrets, seal, unseal

PHRASE = "correct horse battery staple"


def test_secrets_are_on_the_disk_and_open_to_their_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: dict[str, bytes] = {}
    sync = os.fsync

    def watched(descriptor: int) -> None:
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced[place.name] = place.read_bytes() if place.is_file() else b""
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    folder = tmp_path / "secrets"
    put_secrets(folder, unseal(seal({"evidence-key.json": b"{}"}, PHRASE), PHRASE))

    assert synced == {"evidence-key.json": b"{}", "secrets": b""}
    assert read_secrets(folder) == {"evidence-key.json": b"{}"}
    assert (folder / "evidence-key.json").stat().st_mode & 0o777 == 0o600
