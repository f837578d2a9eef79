import asyncio
import errno
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from tests.storage.meter_secrets import secret_file

from wattwarden.protocol.access import NOWHERE, UNKNOWN_PASSWORD, Certificate
from wattwarden.protocol.codec import DEFAULT_PROFILE, DEFAULT_ZONE, Profile
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.meters import add_meter, set_profile
from wattwarden.storage.profiles import (
    CHANNEL,
    AccessBody,
    ProfileBody,
    ProfileBook,
    check_body,
    load_profiles,
    read_access,
    read_profile,
    watch_profiles,
    written_access,
)

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
KEY = bytes(range(16))


@pytest.mark.parametrize(
    ("access", "fault"),
    [
        (AccessBody("../pw"), "password names a file"),
        (AccessBody(networks=("10.0.0.1/8",)), "host bits set"),
        (AccessBody(networks=("10.0.0.0/8",) * 17), "at most 16 networks"),
        (AccessBody(certificate="M1"), "sha256:DIGITS, serial:DIGITS or cn:NAME"),
        (AccessBody(sim="8986"), "an ICCID"),
        (AccessBody(sim="8986\u0660\u0661\u0662"), "an ICCID"),
    ],
    ids=["password", "network", "networks", "certificate", "short card", "digits of elsewhere"],
)
def test_what_no_meter_could_show_is_refused(access: AccessBody, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        check_body(ProfileBody(access=access))


@pytest.mark.parametrize(
    ("content", "mode", "password"),
    [
        (b"482915\n", 0o600, b"482915"),
        (b"482915", 0o644, UNKNOWN_PASSWORD),
        (b"\n", 0o600, UNKNOWN_PASSWORD),
        (b"1" * 65, 0o600, UNKNOWN_PASSWORD),
    ],
    ids=["safe", "open to others", "empty", "too long"],
)
def test_nobody_passes_for_a_meter_whose_password_cannot_be_read(
    tmp_path: Path, content: bytes, mode: int, password: bytes
) -> None:
    secret_file(tmp_path, "pw", content, mode)
    body = '{"access": {"password": "pw", "networks": ["10.0.0.0/8"]}}'
    profile, problem = read_profile(body, 3, tmp_path)
    assert profile.access.password == password
    assert bool(problem) == (password == UNKNOWN_PASSWORD)
    assert "482915" not in problem
    assert written_access(profile.access) == AccessBody("pw", ("10.0.0.0/8",))


def test_networks_that_cannot_be_read_let_nobody_in(tmp_path: Path) -> None:
    profile, problem = read_profile('{"access": {"networks": ["anywhere"]}}', 1, tmp_path)
    assert profile.access.networks == NOWHERE
    assert problem


@pytest.mark.parametrize(
    "name", ["serial:0A1F", "serial:0a1f", "serial:a1f", "sha256:" + "AB" * 32, "cn:Meter 01"]
)
def test_a_certificate_may_be_named_as_openssl_prints_it(tmp_path: Path, name: str) -> None:
    access = AccessBody(certificate=name)
    check_body(ProfileBody(access=access))
    found, _ = read_access(access, tmp_path)
    assert found.certificate in Certificate("ab" * 32, "Meter 01", "a1f").names


async def test_the_newest_profile_of_each_meter_is_loaded(
    store: Connection, tmp_path: Path
) -> None:
    secret_file(tmp_path, "m1.key", KEY)
    first = await add_meter(
        store, "hj212", "m1", profile=ProfileBody(cycle_s=9), actor="li", now=NOW
    )
    body = ProfileBody(zone="Asia/Urumqi", cycle_s=60, key="m1.key", options={"ack_cp": "x"})
    await set_profile(store, first.id, body, actor="li", now=NOW)
    await add_meter(store, "acrel", "m1", profile=ProfileBody(), actor="li", now=NOW)
    await add_meter(store, "acrel", "m2", actor="li", now=NOW)

    found = await load_profiles(store, tmp_path)

    zone = ZoneInfo("Asia/Urumqi")
    assert found.profiles == {
        ("hj212", "m1"): Profile(zone, 60, KEY, {"ack_cp": "x"}, 2),
        ("acrel", "m1"): Profile(DEFAULT_ZONE, None, None, {}, 1),
    }
    assert found.problems == {}
    assert KEY.hex() not in repr(found.profiles)


async def test_what_is_wrong_with_a_profile_costs_only_that_part(
    store: Connection, tmp_path: Path
) -> None:
    body = ProfileBody(cycle_s=60, key="missing")
    meter = await add_meter(store, "hj212", "m1", profile=body, actor="li", now=NOW)
    await add_meter(store, "hj212", "m2", profile=ProfileBody(), actor="li", now=NOW)
    newer = '{"cycle_s": "often", "colour": 1}'
    await store.execute("UPDATE meter_profile SET body = $2 WHERE meter <> $1", meter.id, newer)

    found = await load_profiles(store, tmp_path)

    assert found.profiles["hj212", "m1"] == Profile(cycle_s=60, version=1)
    assert "put the key there" in found.problems["hj212", "m1"]
    assert found.profiles["hj212", "m2"] == Profile(version=1)
    assert "version 1" in found.problems["hj212", "m2"]


@pytest.mark.parametrize("what", ["key", "zone"])
async def test_a_meter_keeps_its_profile_while_files_cannot_be_opened(
    store: Connection,
    store_dsn: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    monkeypatch.setattr("wattwarden.storage.profiles.RETRY_PAUSE_S", 0.01)
    secret_file(tmp_path, "m1.key", KEY)
    body = ProfileBody(cycle_s=1, key="m1.key", zone="Asia/Urumqi")
    await add_meter(store, "hj212", "m1", profile=body, actor="li", now=NOW)
    book, stop = ProfileBook(), asyncio.Event()
    profile_of = book.of("hj212")
    watching = asyncio.create_task(watch_profiles(store_dsn, tmp_path, book, stop))
    await until(lambda: profile_of("m1").key == KEY)
    before = profile_of("m1")

    tried = asyncio.Event()

    def short(*_: object) -> bytes:
        tried.set()
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        if what == "key":
            patch.setattr(Path, "read_bytes", short)
        else:
            patch.setattr("wattwarden.storage.profiles.ZoneInfo", short)
        changed = msgspec.json.encode(msgspec.structs.replace(body, cycle_s=2)).decode()
        await store.execute("UPDATE meter_profile SET body = $1", changed)
        await store.execute(f"NOTIFY {CHANNEL}")
        await asyncio.wait_for(tried.wait(), 60)
        assert profile_of("m1") is before
    await until(lambda: profile_of("m1").cycle_s == 2)
    assert profile_of("m1").key == KEY
    stop.set()
    await asyncio.wait_for(watching, 60)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not done():  # noqa: ASYNC110  # the book tells nobody
            await asyncio.sleep(0.005)


async def test_who_needs_profiles_is_told_that_there_is_no_schema(
    store_dsn: str, tmp_path: Path
) -> None:
    nowhere = f"{store_dsn}&search_path=nowhere"
    watching = watch_profiles(nowhere, tmp_path, ProfileBook(), asyncio.Event(), needed=True)
    with pytest.raises(StorageError, match="meter_profile"):
        await asyncio.wait_for(watching, 60)


async def test_a_book_follows_the_table_and_survives_a_lost_connection(
    store: Connection, store_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattwarden.storage.profiles.RETRY_PAUSE_S", 0.01)
    book, stop = ProfileBook(), asyncio.Event()
    profile_of = book.of("acrel")
    assert profile_of("m1") == DEFAULT_PROFILE
    watching = asyncio.create_task(watch_profiles(store_dsn, tmp_path, book, stop))

    meter = await add_meter(
        store, "acrel", "m1", profile=ProfileBody(cycle_s=1), actor="li", now=NOW
    )
    await until(lambda: profile_of("m1").cycle_s == 1)
    await store.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'wattwarden profiles'"
    )
    await set_profile(store, meter.id, ProfileBody(cycle_s=2), actor="li", now=NOW)
    await until(lambda: profile_of("m1").cycle_s == 2)

    assert book.of("hj212")("m1") == DEFAULT_PROFILE
    stop.set()
    await asyncio.wait_for(watching, 60)
