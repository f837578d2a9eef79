"""Settings read again while everything runs: at once, at the next start, or not at all."""

import asyncio
import os
import signal
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs
from tests.server.test_port import city

from wattwarden.server.logs import drop_lesser, set_level
from wattwarden.server.places import Places
from wattwarden.server.reload import (
    AT_ONCE,
    Reloading,
    differences,
    obey_reloads,
    outcome_of,
    read_again,
    take_over,
)
from wattwarden.server.settings import GatewaySettings, Settings, load_settings
from wattwarden.storage.enrolment import Policy


@pytest.fixture(autouse=True)
def _level_as_it_was() -> Iterator[None]:
    yield
    set_level("info")


def written(data: Path, text: str) -> Settings:
    (data / "wattwarden.toml").write_text(text)
    return load_settings(data=data)


def test_every_setting_that_may_change_at_once_is_one(tmp_path: Path) -> None:
    plain = Settings(data=tmp_path).model_dump()
    for dotted in AT_ONCE:
        section, _, name = dotted.rpartition(".")
        assert name in (plain[section] if section else plain), dotted


def test_what_may_change_does_in_place_and_the_rest_is_named(tmp_path: Path) -> None:
    settings = written(tmp_path, '[gateway]\nlisten = "127.0.0.1:1"\n')
    section = settings.gateway
    text = 'log_level = "error"\n[gateway]\nlisten = "127.0.0.1:2"\nmax_sessions = 7\n'
    renewal = take_over(settings, written(tmp_path, text))
    assert renewal.taken == ("log_level", "gateway.max_sessions")
    assert renewal.waiting == ("gateway.listen",)
    assert settings.gateway is section
    assert (section.max_sessions, section.listen) == (7, "127.0.0.1:1")
    assert list(differences(settings, load_settings(data=tmp_path))) == ["gateway.listen"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[gateway]\nmax_sessions = -1\n", "max_sessions"),
        ("[gateway]\nno_such = 1\n", "no_such"),
        ("[gateway\n", "line 1"),
        ('log_level = "loud"\n', "log_level"),
    ],
    ids=["out of bounds", "unknown", "no TOML", "no level"],
)
def test_what_is_wrong_changes_nothing_not_even_what_is_right(
    text: str, said: str, tmp_path: Path
) -> None:
    settings = written(tmp_path, "")
    before = settings.model_copy(deep=True)
    (tmp_path / "wattwarden.toml").write_text(f"{text}[writer]\nunknown_meters = 'known'\n")
    with capture_logs() as lines:
        renewal = read_again(settings, settings.again)
    assert said in renewal.error
    assert settings == before
    assert [line["event"] for line in lines] == ["settings are as they were"]


def test_flags_stand_above_the_file_also_when_it_is_read_again(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path, gateway={"max_sessions": 5})
    (tmp_path / "wattwarden.toml").write_text("[gateway]\nmax_sessions = 9\nnoise_bytes = 77\n")
    renewal = read_again(settings, settings.again)
    assert renewal.taken == ("gateway.noise_bytes",)
    assert (settings.gateway.max_sessions, settings.gateway.noise_bytes) == (5, 77)


def test_a_value_that_is_taken_out_is_the_usual_one_again(tmp_path: Path) -> None:
    settings = written(tmp_path, "[gateway]\nmax_sessions = 9\n")
    (tmp_path / "wattwarden.toml").write_text("")
    assert read_again(settings, settings.again).taken == ("gateway.max_sessions",)
    assert settings.gateway.max_sessions == GatewaySettings().max_sessions


@pytest.mark.parametrize(
    ("level", "told"), [("info", "info warning"), ("warning", "warning"), ("error", "")]
)
def test_the_level_of_the_log_follows(level: str, told: str) -> None:
    set_level(level)
    passed = []
    for method in ("debug", "info", "warning"):
        try:
            drop_lesser(None, method, {})
        except structlog.DropEvent:
            continue
        passed.append(method)
    assert " ".join(passed) == told


async def test_the_port_goes_by_limits_that_changed() -> None:
    settings = GatewaySettings()
    async with city(settings=settings) as place:
        settings.max_sessions = 1
        settings.pending_bytes = 10
        settings.pre_login_s = 1.0
        settings.allowed_networks = ("192.0.2.0/24",)
        place.port.renew()
        _, refused = place.dial()
        assert refused.is_closing()
        settings.allowed_networks = ()
        place.port.renew()
        _, transport = place.dial()
        place.port.sweep(place.now_us() + 1_500_000)
        assert transport.is_closing()
        assert place.port.most_pending_bytes == 10


@dataclass
class FakeRole:
    """Remembers what it was told."""

    environments: list[Mapping[str, str]] = field(default_factory=list)
    reloads: int = 0

    def renew(self, environment: Mapping[str, str]) -> None:
        self.environments.append(environment)

    def reload(self) -> None:
        self.reloads += 1


async def test_up_reads_again_hands_over_and_tells_what_came_of_it(tmp_path: Path) -> None:
    settings, role = written(tmp_path, ""), FakeRole()
    reloading = Reloading(
        settings, [role], lambda: {"sessions": str(settings.gateway.max_sessions)}
    )
    reloading.obey()
    places = Places(tmp_path)
    assert outcome_of(places) is None
    (tmp_path / "wattwarden.toml").write_text("[gateway]\nmax_sessions = 9\n")
    reloading.reload()
    assert role.environments == [{"sessions": "9"}]
    assert (role.reloads, reloading.counts()) == (1, {"taken": 1, "refused": 0})
    outcome = outcome_of(places)
    assert outcome is not None
    assert outcome.renewal.taken == ("gateway.max_sessions",)
    (tmp_path / "wattwarden.toml").write_text("[gateway]\nmax_sessions = 0\n")
    reloading.reload()
    assert (role.reloads, reloading.counts()) == (1, {"taken": 1, "refused": 1})
    wrong = outcome_of(places)
    assert wrong is not None
    assert (wrong.number, "max_sessions" in wrong.renewal.error) == (2, True)
    assert stat.S_IMODE(places.settings.stat().st_mode) == 0o600


async def test_a_role_takes_what_its_parent_hands_over_and_else_reads_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = written(tmp_path, "[writer]\nunknown_meters = 'known'\n")
    reloading = Reloading(above, [], dict)
    reloading.obey()
    (tmp_path / "wattwarden.toml").write_text("")
    mine, used = Settings(data=tmp_path), []
    obey_reloads(mine, lambda: used.append(mine.writer.unknown_meters))
    monkeypatch.setattr(os, "getppid", os.getpid)
    await _hang_up()
    assert used == [Policy.KNOWN]
    monkeypatch.setattr(os, "getppid", lambda: 1)
    await _hang_up()
    assert used == [Policy.KNOWN, Policy.ENROL]
    await _hang_up()
    assert len(used) == 2


async def _hang_up() -> None:
    """Signals are obeyed in a turn of the loop, by way of a pipe."""
    os.kill(os.getpid(), signal.SIGHUP)
    for _ in range(3):
        await asyncio.sleep(0)
