"""Where settings come from, and which are refused."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from wattwarden.server.places import (
    NotRunningError,
    Places,
    Running,
    archive_of,
    as_running,
    dsn_of,
    links_of,
    nats_of,
    read_running,
    running_of,
    write_running,
)
from wattwarden.server.settings import GatewaySettings, Settings, load_settings
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


@pytest.mark.parametrize("name", GatewaySettings.model_fields)
def test_every_setting_of_the_gateway_stands_in_the_page_on_its_doors(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs/doors.md").read_text("utf-8")
    assert f"`{name}`" in page or f"\n{name} = " in page


@pytest.mark.parametrize(
    "gateway",
    [
        {"tls_listen": "127.0.0.1:0"},
        {"tls_listen": "127.0.0.1:0", "tls_certificate_file": "tls.pem"},
        {"allowed_networks": ["10.0.0.1/8"]},
    ],
    ids=["no certificate", "no key", "no network"],
)
def test_what_could_let_nobody_in_is_refused(tmp_path: Path, gateway: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"tls_key_file|host bits"):
        load_settings(data=tmp_path, gateway=gateway)


def test_days_are_not_removed_as_soon_as_they_are_files(tmp_path: Path) -> None:
    kept = load_settings(data=tmp_path, archivist={"hot_days": 30, "archive_days": 31})
    assert kept.archivist.archive_days == 31
    with pytest.raises(ValidationError, match="more than hot_days"):
        load_settings(data=tmp_path, archivist={"archive_days": 70})


def test_a_role_reads_the_same_settings_from_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(
        data=tmp_path,
        gateway={"listen": "127.0.0.1:9", "drain_s": 3.5},
        console={"public_url": "https://h/x", "trusted_proxies": ["10.0.0.0/8", "::1"]},
        writer={"unknown_meters": Policy.KNOWN},
        dsn="postgresql://u:p@h/d",
    )
    for name, text in environment_of(settings).items():
        monkeypatch.setenv(name, text)
    assert Settings() == settings


@pytest.mark.parametrize(("look", "option"), [(dsn_of, "--dsn"), (nats_of, "--nats")])
def test_without_a_running_system_a_command_says_how_to_start_one(
    look: Callable[[Settings], str], option: str, tmp_path: Path
) -> None:
    with pytest.raises(NotRunningError, match=f"wattwarden up.*give {option}$"):
        look(load_settings(data=tmp_path))


def test_a_given_address_needs_neither_a_running_system_nor_the_other(tmp_path: Path) -> None:
    assert dsn_of(load_settings(data=tmp_path, dsn="postgresql://h/d")) == "postgresql://h/d"
    assert nats_of(load_settings(data=tmp_path, nats="nats://n:1")) == "nats://n:1"


def test_a_running_system_with_foreign_engines_is_found(tmp_path: Path) -> None:
    write_running(Places(tmp_path), Running("127.0.0.1:5", {}, "postgresql://h/d", "nats://n:1"))
    settings = load_settings(data=tmp_path)
    assert (dsn_of(settings), nats_of(settings)) == ("postgresql://h/d", "nats://n:1")


def test_a_running_systems_journal_is_taken_as_it_is(tmp_path: Path) -> None:
    up = load_settings(
        data=tmp_path,
        journal={"shards": 5},
        archivist={"folder": tmp_path / "elsewhere"},
        console={"listen": "127.0.0.1:7", "public_url": "https://ww.example/"},
    )
    write_running(Places(tmp_path), running_of(up, "127.0.0.1:5", {"gateway": [1]}))
    asked = load_settings(data=tmp_path, journal={"shards": 2, "replicas": 3})
    found = as_running(asked)
    assert (found.journal.shards, found.journal.replicas) == (5, 3)
    assert archive_of(found) == tmp_path / "elsewhere"
    assert read_running(Places(tmp_path)) == Running(
        listen="127.0.0.1:5",
        pids={"gateway": [1]},
        shards=5,
        archive=str(tmp_path / "elsewhere"),
        console="127.0.0.1:7",
        links="https://ww.example",
    )
    assert links_of(load_settings(data=tmp_path)) == "https://ww.example"


def test_the_journal_of_another_system_is_not_taken_for_the_running_ones(tmp_path: Path) -> None:
    up = load_settings(data=tmp_path, nats="nats://ours:1", journal={"shards": 5})
    write_running(Places(tmp_path), running_of(up, "127.0.0.1:5", {}))
    other = load_settings(data=tmp_path, nats="nats://other:1")
    assert as_running(other) == other
    same = load_settings(data=tmp_path, nats="nats://ours:1")
    assert as_running(same).journal.shards == 5


def test_what_a_system_of_an_older_release_says_is_understood(tmp_path: Path) -> None:
    places = Places(tmp_path)
    write_running(places, Running("127.0.0.1:5", {}))
    places.running.write_text('{"listen":"127.0.0.1:5","pids":{}}')
    settings = load_settings(data=tmp_path)
    assert as_running(settings) == settings
    assert archive_of(settings) == tmp_path / "archive"
    assert links_of(settings) is None


def test_a_damaged_note_of_the_running_system_is_an_error_with_its_cure(tmp_path: Path) -> None:
    places = Places(tmp_path)
    write_running(places, Running("127.0.0.1:5", {}))
    places.running.write_text("{")
    with pytest.raises(NotRunningError, match="restart"):
        dsn_of(load_settings(data=tmp_path))


@pytest.mark.parametrize("address", ["foo", ":10212", "127.0.0.1:", "127.0.0.1:65536", "a:-1"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="HOST:PORT"):
        GatewaySettings(listen=address)


@pytest.mark.parametrize("address", ["0.0.0.0:10212", "127.0.0.1:0", "[::1]:65535"])
def test_an_address_is_taken_as_it_is(address: str) -> None:
    assert GatewaySettings(listen=address).listen == address
