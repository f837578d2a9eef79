"""The gateway's profiles, and what is left of them when the database is away."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from wattwarden.protocol.access import UNKNOWN_PASSWORD
from wattwarden.protocol.codec import DEFAULT_PROFILE, Profile
from wattwarden.server.directory import Directory
from wattwarden.storage.profiles import AccessBody, read_access

BERLIN = Profile(zone=ZoneInfo("Europe/Berlin"), key=bytes(16), options={"ack_cp": ""}, version=4)


def test_a_meter_nobody_configured_has_the_default_profile() -> None:
    assert Directory().of("acrel")("1") is DEFAULT_PROFILE
    assert Directory().of_address("1") is DEFAULT_PROFILE


def test_a_profile_belongs_to_one_codec() -> None:
    directory = Directory()
    directory.replace({("acrel", "1"): BERLIN})
    assert directory.of("acrel")("1") is BERLIN
    assert directory.of("hj212")("1") is DEFAULT_PROFILE
    assert directory.of_address("1") is BERLIN


def test_look_ups_made_before_see_what_replaces_the_profiles() -> None:
    directory = Directory()
    profile_of = directory.of("acrel")
    directory.replace({("acrel", "1"): BERLIN})
    assert profile_of("1") is BERLIN


def test_a_snapshot_brings_profiles_back_without_their_keys(tmp_path: Path) -> None:
    snapshot = tmp_path / "run" / "profiles.msgpack"
    Directory(snapshot).replace({("acrel", "1"): BERLIN, ("hj212", "2"): DEFAULT_PROFILE})
    directory = Directory(snapshot)
    found = directory.of("acrel")("1")
    assert (found.zone, found.options, found.version) == (BERLIN.zone, {"ack_cp": ""}, 4)
    assert found.key is None
    summer = datetime(2026, 7, 1)  # noqa: DTZ001  # a wall time: the zone is what is tested
    default = directory.of("hj212")("2")
    assert default.zone.utcoffset(summer) == DEFAULT_PROFILE.zone.utcoffset(summer)


def test_a_snapshot_names_what_meters_have_to_show_and_holds_no_password(tmp_path: Path) -> None:
    secrets, snapshot = tmp_path / "secrets", tmp_path / "profiles.msgpack"
    secrets.mkdir()
    (secrets / "pw").write_text("482915\n")
    (secrets / "pw").chmod(0o600)
    body = AccessBody("pw", ("10.0.0.0/8",), "cn:M1", "8986*")
    access, problem = read_access(body, secrets)
    assert (access.password, problem) == (b"482915", "")
    Directory(snapshot, secrets).replace({("hj212", "1"): Profile(access=access)})
    assert b"482915" not in snapshot.read_bytes()
    assert Directory(snapshot, secrets).of("hj212")("1").access == access
    (secrets / "pw").unlink()
    nobody = Directory(snapshot, secrets).of("hj212")("1").access
    assert nobody.password == UNKNOWN_PASSWORD


def test_a_spoilt_snapshot_is_no_reason_not_to_start(tmp_path: Path) -> None:
    snapshot = tmp_path / "profiles.msgpack"
    snapshot.write_bytes(b"spoilt")
    assert Directory(snapshot).of("acrel")("1") is DEFAULT_PROFILE


def test_whoever_follows_is_told_of_the_profiles_now_and_when_they_change() -> None:
    told: list[object] = []
    directory = Directory()
    directory.follow(told.append)
    directory.replace({("acrel", "1"): BERLIN})
    assert told == [{}, {("acrel", "1"): BERLIN}]
