"""Where settings come from, and which are refused."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from wattwarden.server.places import NotRunningError, Places, Running, addresses, write_running
from wattwarden.server.settings import Settings, load_settings
from wattwarden.server.supervise import environment_of
from wattwarden.storage.enrolment import Policy


@pytest.fixture(autouse=True)
def _without_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("WATTWARDEN_")]:
        monkeypatch.delenv(name)


def test_flags_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wattwarden.toml").write_text(
        '[gateway]\nlisten = "127.0.0.1:1"\ndrain_s = 1\nmax_sessions = 7\n'
    )
    monkeypatch.setenv("WATTWARDEN_GATEWAY__LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("WATTWARDEN_GATEWAY__DRAIN_S", "2")
    settings = load_settings(data=tmp_path, gateway={"listen": "127.0.0.1:3"})
    gateway = settings.gateway
    assert (gateway.listen, gateway.drain_s, gateway.max_sessions) == ("127.0.0.1:3", 2.0, 7)


def test_a_name_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wattwarden.toml").write_text("[gateway]\nlissten = 'x'\n[surplus]\na = 1\n")
    with pytest.raises(ValidationError, match=r"(?s)lissten.*surplus"):
        load_settings(data=tmp_path)


@pytest.mark.parametrize("value", [0, -1], ids=["zero", "negative"])
def test_a_limit_of_nothing_is_refused(tmp_path: Path, value: int) -> None:
    with pytest.raises(ValidationError, match="max_sessions"):
        load_settings(data=tmp_path, gateway={"max_sessions": value})


def test_a_role_reads_the_same_settings_from_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(
        data=tmp_path,
        gateway={"listen": "127.0.0.1:9", "drain_s": 3.5},
        writer={"unknown_meters": Policy.KNOWN},
        dsn="postgresql://u:p@h/d",
    )
    for name, text in environment_of(settings).items():
        monkeypatch.setenv(name, text)
    assert Settings() == settings


def test_without_a_running_system_a_command_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="wattwarden up"):
        addresses(load_settings(data=tmp_path))


def test_given_addresses_need_no_running_system(tmp_path: Path) -> None:
    where = addresses(load_settings(data=tmp_path, dsn="postgresql://h/d", nats="nats://n:1"))
    assert (where.dsn, where.nats) == ("postgresql://h/d", "nats://n:1")


def test_a_running_system_with_foreign_engines_is_found(tmp_path: Path) -> None:
    places = Places(tmp_path)
    write_running(places, Running("127.0.0.1:5", {}, "postgresql://h/d", "nats://n:1"))
    assert addresses(load_settings(data=tmp_path)).listen == "127.0.0.1:5"


def test_a_damaged_note_of_the_running_system_is_an_error_with_its_cure(tmp_path: Path) -> None:
    places = Places(tmp_path)
    write_running(places, Running("127.0.0.1:5", {}))
    places.running.write_text("{")
    with pytest.raises(NotRunningError, match="restart"):
        addresses(load_settings(data=tmp_path))
