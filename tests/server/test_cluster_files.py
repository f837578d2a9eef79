"""The files of deploy/cluster say what this program understands."""

import re
from configparser import ConfigParser
from pathlib import Path

from wattwarden.server.settings import Settings

FOLDER = Path(__file__).parents[2] / "deploy/cluster"


def test_the_settings_of_a_cluster_are_settings(tmp_path: Path) -> None:
    (tmp_path / "wattwarden.toml").write_bytes((FOLDER / "wattwarden.toml").read_bytes())
    settings = Settings(data=tmp_path)
    assert settings.nats is not None
    assert settings.nats.count("nats://") == settings.journal.replicas == 3
    assert settings.dsn is not None
    assert "target_session_attrs=read-write" in settings.dsn


def test_servers_of_the_journal_sync_before_they_acknowledge() -> None:
    text = (FOLDER / "nats.conf").read_text(encoding="utf-8")
    assert re.search(r"^  sync_interval: always$", text, re.MULTILINE)
    assert len(re.findall(r"nats://nats-\d:6222", text)) == 3


def test_sockets_have_the_name_by_which_gateways_know_them() -> None:
    units = ConfigParser(strict=False, interpolation=None)
    units.optionxform = str  # type: ignore[assignment,method-assign]  # keys are as systemd writes them
    units.read(FOLDER / "wattwarden-gateway@.socket", encoding="utf-8")
    assert units["Socket"]["FileDescriptorName"] == "meters"
    assert units["Socket"]["ReusePort"] == "yes"
