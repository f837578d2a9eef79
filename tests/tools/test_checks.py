"""``wattwarden doctor``: each check sees what is wrong, and names the cure."""

import asyncio
import json
import math
import os
import resource
import shutil
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

import pytest
from tests.storage.conftest import NatsProcess

from wattwarden.server.places import Places, Running, write_running
from wattwarden.server.settings import (
    ConsoleSettings,
    GatewaySettings,
    JournalSettings,
    OidcSettings,
    Settings,
)
from wattwarden.storage.engines.engine_report import EngineFact
from wattwarden.storage.journal.journal import Journal, JournalAway, Kind, StreamLimits
from wattwarden.storage.journal.survey import StreamFacts
from wattwarden.tools import checks, doctor
from wattwarden.tools.checks import ArchiveFacts, Asked, Check, State
from wattwarden.tools.main import main

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
GIB = 1024**3


def settings(
    data: Path, listen: str = "127.0.0.1:1", dsn: str | None = None, nats: str | None = None
) -> Settings:
    return Settings(data=data, dsn=dsn, nats=nats, gateway=GatewaySettings(listen=listen))


def test_python_must_be_new_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.python().state is State.OK
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    assert checks.python().state is State.FAIL


@pytest.mark.parametrize(
    ("hard", "state"),
    [(1_000, State.WARN), (10_512, State.OK), (resource.RLIM_INFINITY, State.OK)],
)
def test_open_files_must_suffice_for_the_meters(
    hard: int, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (100, hard))
    found = checks.descriptors(10_000)
    assert found.state is state
    assert ("10512" in found.cure) == (state is not State.OK)


def test_checksums_must_be_right_and_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.state for one in checks.checksums()] == [State.OK, State.OK]
    monkeypatch.setattr(checks, "modbus", lambda _data: 0)
    monkeypatch.setattr(checks, "find_spec", lambda _name: None)
    assert [one.state for one in checks.checksums()] == [State.FAIL, State.WARN]


def test_uvloop_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.uvloop().state is State.OK
    monkeypatch.setattr(checks, "_version", lambda _package: "")
    assert checks.uvloop().state is State.FAIL


FACTS = (
    EngineFact("PostgreSQL version", "14.1", "install 15"),
    EngineFact("nats-server program", "/bin/nats-server", ""),
    EngineFact("data folder", "/srv/x: /srv is closed", "take another"),
)


@pytest.mark.parametrize(
    ("dsn", "nats", "expected"),
    [
        (None, None, ["PostgreSQL version fail", "nats-server program ok"]),
        ("postgresql://secret@h/d", None, ["PostgreSQL ok", "nats-server program ok"]),
        (None, "nats://secret@h", ["nats-server ok", "PostgreSQL version fail"]),
    ],
    ids=["embedded", "own database", "own journal"],
)
def test_engines_are_looked_at_unless_they_are_somebody_elses(
    dsn: str | None,
    nats: str | None,
    expected: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checks, "engine_report", lambda _data: FACTS)
    found = list(checks.engines(settings(tmp_path, dsn=dsn, nats=nats)))
    assert [f"{one.name} {one.state}" for one in found] == [*expected, "data folder fail"]
    assert not any("secret" in one.found for one in found)


def says(data: Path, listen: str, **pids: int) -> None:
    write_running(Places(data), Running(listen, {name: [pid] for name, pid in pids.items()}))


def test_a_free_port_is_fine_and_one_in_use_names_its_holder_and_the_cure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        found = checks.meter_port(settings(tmp_path, listen))
        assert found.state is State.FAIL
        assert f"held by process {os.getpid()} (" in found.found
        assert "--listen" in found.cure
    assert checks.meter_port(settings(tmp_path, listen)).state is State.OK


def test_the_port_of_the_running_system_is_looked_at_whatever_the_shell_would_use(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        listen = f"127.0.0.1:{theirs.getsockname()[1]}"
        says(tmp_path, listen, gateway=os.getpid(), writer=1, postgres=2)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            usual = f"127.0.0.1:{taken.getsockname()[1]}"
            held = checks.meter_port(settings(tmp_path, usual))
        assert held.state is State.OK
        assert held.found == f"{listen}, held by our gateway {os.getpid()}"
    gone = checks.meter_port(settings(tmp_path, listen))
    assert (gone.state, "log" in gone.cure) == (State.WARN, True)


def test_a_system_that_runs_no_more_holds_no_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        says(tmp_path, listen, gateway=2**30)
        assert checks.meter_port(settings(tmp_path, listen)).state is State.FAIL


@pytest.mark.parametrize("listen", ["10212", "127.0.0.1:port", ":1", "127.0.0.1:99999"])
def test_a_port_that_cannot_be_is_refused(listen: str, tmp_path: Path) -> None:
    made = settings(tmp_path).model_copy(
        update={"gateway": GatewaySettings.model_construct(listen=listen)}
    )
    assert checks.meter_port(made).state is State.FAIL


@pytest.mark.parametrize(
    ("answer", "state"), [(0, State.OK), (5, State.WARN), (-1, State.WARN)], ids=str
)
def test_the_clock_must_be_kept(answer: int, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    libc = SimpleNamespace(adjtimex=lambda _timex: answer)
    monkeypatch.setattr("ctypes.CDLL", lambda _name: libc)
    assert [one.state for one in checks.clock(NOW)] == [State.OK, state]


@pytest.mark.parametrize(
    ("offset", "status", "state"),
    [(400_000, 0, State.OK), (-600_000, 0, State.WARN), (600_000, 0x2000, State.OK)],
    ids=["0.4 s", "0.6 s behind", "nanoseconds"],
)
def test_a_clock_that_is_off_is_told_though_it_is_kept(
    offset: int, status: int, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    def adjtimex(timex: Any) -> int:
        struct.pack_into("@iqqqqi", timex, 0, 0, offset, 0, 0, 0, status)
        return 0

    monkeypatch.setattr("ctypes.CDLL", lambda _name: SimpleNamespace(adjtimex=adjtimex))
    found = list(checks.clock(NOW))[1]
    assert found.state is state
    assert "ms" in found.found


@pytest.mark.parametrize(
    ("state", "cure"), [(State.OK, "do it"), (State.WARN, ""), (State.FAIL, "")]
)
def test_whatever_is_wrong_comes_with_its_cure(state: State, cure: str) -> None:
    with pytest.raises(ValueError, match="its cure"):
        Check("disk", state, "full", cure)


def test_a_clock_in_1970_is_wrong() -> None:
    assert next(checks.clock(datetime(1970, 1, 1, tzinfo=UTC))).state is State.FAIL


def test_zones_must_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.zone().state is State.OK

    def unknown(_name: str) -> None:
        raise ZoneInfoNotFoundError

    monkeypatch.setattr(checks, "ZoneInfo", unknown)
    assert checks.zone().state is State.FAIL


@pytest.mark.parametrize(
    ("free", "state"), [(GIB, State.FAIL), (10 * GIB, State.WARN), (50 * GIB, State.OK)]
)
def test_the_disk_must_have_room_even_before_the_folder_exists(
    free: int, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))
    found = checks.disk(tmp_path / "not" / "yet")
    assert found.state is state
    assert str(tmp_path) in found.found


def test_a_journal_of_somebody_else_may_not_sync(tmp_path: Path) -> None:
    ours = settings(tmp_path).model_copy(update={"journal": JournalSettings(max_bytes=GIB)})
    assert checks.journal(ours) == Check(
        "journal", State.OK, "2 shards, 1.0 GiB, 1 copies, every write synced"
    )
    found = checks.journal(settings(tmp_path, nats="nats://h"))
    assert found.state is State.WARN
    assert "sync_interval" in found.cure


@pytest.mark.parametrize(
    ("used", "state", "found"),
    [
        (0, State.OK, "0% of 1.0 GiB"),
        (79, State.OK, "79%"),
        (80, State.WARN, "80%"),
        (94, State.WARN, "94%"),
        (95, State.FAIL, "95%"),
        (100, State.FAIL, "100%"),
    ],
)
def test_a_journal_that_fills_is_told_with_its_share(used: int, state: State, found: str) -> None:
    check = checks.journal_room(StreamFacts(math.ceil(used * GIB / 100), GIB, 1))
    assert check.state is state
    assert check.found.startswith(found)
    assert bool(check.cure) == (state is not State.OK)


def test_no_journal_fills_before_the_first_start() -> None:
    assert checks.journal_room(None).state is State.OK


@pytest.mark.parametrize(
    ("faulty", "state"), [(None, State.OK), (0, State.OK), (2, State.WARN)], ids=str
)
def test_addresses_that_gateways_refuse_are_told(faulty: int | None, state: State) -> None:
    check = checks.contacts(faulty)
    assert check.state is state
    assert ("wattwarden notify faulty" in check.cure) == (state is State.WARN)


def test_the_doctor_sees_how_full_the_running_journal_is(
    mortal_nats: NatsProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fill() -> None:
        limits = StreamLimits(100_000)
        journal = await Journal.connect(mortal_nats.url, shards=1, limits=limits)
        await journal.append(0, Kind.FRAMES, bytes(97_000), "a")
        await journal.close()

    asyncio.run(fill())
    said = Running("127.0.0.1:1", {}, None, mortal_nats.url, shards=1)
    write_running(Places(tmp_path), said)
    capsys.readouterr()
    assert main(["doctor", "--data", str(tmp_path), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)["checks"]
    [room] = [row for row in rows if row["name"] == "journal room"]
    assert room["state"] == "fail"
    assert room["found"].startswith("97%")


def test_a_journal_that_does_not_answer_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_settings: Settings) -> None:
        raise JournalAway("no connection")

    monkeypatch.setattr(doctor, "fullest_shard", away)
    assert asyncio.run(doctor.journal_fill(settings(tmp_path))) is None


def test_without_a_database_no_address_is_known_to_be_refused(tmp_path: Path) -> None:
    assert asyncio.run(doctor.faulty_addresses(settings(tmp_path))) is None
    away = settings(tmp_path, dsn=f"postgresql:///none?host={tmp_path}")
    assert asyncio.run(doctor.faulty_addresses(away)) is None


# A name of a file, no secret.
OF_PROVIDER = "of-the-provider"


def with_provider(data: Path, **said: Any) -> Settings:
    oidc = OidcSettings(issuer="http://127.0.0.1:9", client_id="ww", **said)
    return Settings(data=data, console=ConsoleSettings(public_url="https://ww.example", oidc=oidc))


def test_a_provider_of_identities_that_is_away_is_told_and_keeps_nobody_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asyncio.run(doctor.provider_misfits(settings(tmp_path))) is None
    found = asyncio.run(doctor.provider_misfits(with_provider(tmp_path)))
    assert found == ("the provider does not answer: ClientConnectorError",)
    (tmp_path / "wattwarden.toml").write_text(
        '[console]\npublic_url = "https://ww.example"\n'
        '[console.oidc]\nissuer = "http://127.0.0.1:9"\nclient_id = "ww"\n'
    )
    main(["doctor", "--data", str(tmp_path), "--json"])
    rows = json.loads(capsys.readouterr().out)["checks"]
    assert [row["state"] for row in rows if row["name"] == "sign-in"] == ["warn"]


def test_a_secret_of_ours_that_cannot_be_read_is_told_before_anybody_signs_in(
    tmp_path: Path,
) -> None:
    made = with_provider(tmp_path, client_secret_file=OF_PROVIDER)
    found = asyncio.run(doctor.provider_misfits(made))
    assert found == ("secret file of-the-provider cannot be read",)


@pytest.mark.parametrize(
    ("misfits", "state", "found"),
    [
        (None, State.OK, "no provider"),
        ((), State.OK, "fits"),
        (("one", "other"), State.WARN, "one; other"),
    ],
    ids=["none", "fits", "does not"],
)
def test_how_people_sign_in_is_told(
    misfits: tuple[str, ...] | None, state: State, found: str
) -> None:
    check = checks.sign_in(misfits)
    assert (check.state, found in check.found) == (state, True)


Look = Callable[[Settings, datetime, Asked], list[Check]]


def one_check(check: Check) -> Look:
    return lambda _settings, _now, _asked: [check]


@pytest.mark.parametrize(("state", "status"), [(State.OK, 0), (State.WARN, 0), (State.FAIL, 1)])
def test_only_what_fails_is_status_1(
    state: State,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cure = "" if state is State.OK else "free some"
    check = Check("disk", state, "1 GiB free", cure)
    monkeypatch.setattr("wattwarden.tools.doctor.look", one_check(check))
    monkeypatch.setattr("wattwarden.tools.doctor.kept_up", lambda *_asked: ())
    assert main(["doctor", "--data", str(tmp_path), "--json"]) == status
    row = json.loads(capsys.readouterr().out)
    assert row == {
        "fit": status == 0,
        "checks": [
            {"name": "disk", "state": str(state), "found": "1 GiB free", "cure": cure or None}
        ],
    }
    assert main(["doctor", "--data", str(tmp_path)]) == status
    assert ("→ free some" in capsys.readouterr().out) == bool(cure)


def test_everything_is_looked_at(tmp_path: Path) -> None:
    names = {one.name for one in checks.look(settings(tmp_path), NOW, Asked(None, None, None))}
    assert {
        "python", "open files", "checksums", "odd checksums", "uvloop", "PostgreSQL version",
        "nats-server version", "data folder", "meter port", "clock", "clock kept", "time zones",
        "disk", "journal", "journal room", "sign-in",
    } <= names  # fmt: skip


def test_settings_that_are_wrong_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wattwarden.toml").write_text("[gateway]\nmax_sessions = -1\n")
    assert main(["doctor", "--data", str(tmp_path)]) == 1
    assert "gateway.max_sessions" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("public_url", "state", "found"),
    [
        (None, State.OK, "messages hold none"),
        ("https://ww.example", State.OK, "begin with https://ww.example"),
        ("http://ww.example", State.WARN, "not encrypted"),
    ],
)
def test_links_should_be_encrypted(
    public_url: str | None, state: State, found: str, tmp_path: Path
) -> None:
    made = Settings(data=tmp_path, console=ConsoleSettings(public_url=public_url))
    check = checks.links(made)
    assert (check.state, found in check.found) == (state, True)
    (tmp_path / "run").mkdir()
    Places(tmp_path).running.write_text("{")
    damaged = checks.links(made)
    assert (damaged.state, "damaged" in damaged.found) == (State.WARN, True)


def test_the_console_of_the_running_system_is_looked_at(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        made = Settings(data=tmp_path, console=ConsoleSettings(listen=listen))
        strange = checks.console_port(made)
        pids = {"side": [os.getpid()], "gateway": [os.getpid()]}
        write_running(Places(tmp_path), Running("127.0.0.1:1", pids, console=listen))
        ours = checks.console_port(Settings(data=tmp_path))
    assert (strange.state, "--console" in strange.cure) == (State.FAIL, True)
    assert (ours.state, "held by our side" in ours.found) == (State.OK, True)
    gone = checks.console_port(Settings(data=tmp_path))
    assert (gone.state, "though our side runs" in gone.found) == (State.WARN, True)


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        pytest.param({}, State.OK, "3.0 GiB free; oldest day in the database 2026-09-13", id="ok"),
        pytest.param({"fault": "no folder"}, State.FAIL, "no folder", id="not to be written to"),
        pytest.param({"free_bytes": GIB}, State.WARN, "1.0 GiB free", id="little room"),
        pytest.param({"oldest": date(2026, 9, 9)}, State.WARN, "2026-09-09", id="days stay"),
        pytest.param({"oldest": None, "free_bytes": None}, State.OK, "no day yet", id="new"),
    ],
)
def test_the_archive_is_looked_at(changes: dict[str, Any], state: State, said: str) -> None:
    facts = ArchiveFacts("file:///a", "", 3 * GIB, date(2026, 9, 13), date(2026, 9, 13))

    found = checks.days(replace(facts, **changes))

    assert (found.state, said in found.found) == (state, True), found
    assert bool(found.cure) == (state is not State.OK)
