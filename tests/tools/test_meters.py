"""``wattwarden meters``: registered, accepted, configured, and their waiting frames read."""

import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.tools.conftest import Execute

from wattwarden.storage.meter_secrets import read_key
from wattwarden.tools.main import main

VECTORS = Path(__file__).parents[1] / "vectors"
KEY = "000102030405060708090a0b0c0d0e0f"
AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def upload() -> bytes:
    rows = [json.loads(line) for line in (VECTORS / "acrel.jsonl").read_text().splitlines()]
    return bytes.fromhex(next(row["hex"] for row in rows if row["id"] == "acrel-upload"))


def enrolled(execute: Execute, *addresses: str) -> None:
    for address in addresses:
        execute(
            "INSERT INTO meter (codec, address, state, enrolled_at, enrolled_from)"
            " VALUES ('acrel', $1, 'unconfirmed', $2, '10.0.0.2')",
            address,
            AT,
        )


def held(execute: Execute, identity: str, raw: bytes, codec: str = "acrel") -> None:
    execute(
        "INSERT INTO quarantine (shard, sequence, frame, codec, kind, reason, message, byte_offset,"
        " raw, raw_size, peer, identity, meter, received_at, program)"
        " VALUES (0, 1, 0, $1, 'unknown', 'unknown_meter', 'nobody registered this meter', 0,"
        " $2, $3, '10.0.0.2:5000', $4, $4, $5, '0')",
        codec,
        raw,
        len(raw),
        identity,
        AT,
    )


def rows(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert main([*words, "--json"]) in (0, 1)
    out = capsys.readouterr()
    assert out.err == ""
    return [json.loads(line) for line in out.out.splitlines()]


def test_a_registered_meter_is_accepted_and_has_its_configuration(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--zone", "Europe/Berlin", "--cycle", "60", "--listener", "modbus-a"]
    (row,) = rows(
        capsys, "meters", "add", "acrel:M1", *options, "--option", "power_scale_w=10", *where
    )
    assert (row["meter"], row["state"], row["version"]) == ("acrel:M1", "accepted", 1)
    assert (row["zone"], row["cycle_s"], row["listener"]) == ("Europe/Berlin", 60, "modbus-a")
    assert row["options"] == {"power_scale_w": 10}
    assert rows(capsys, "meters", "show", "M1", *where)[0]["accepted_by"]


def test_an_option_may_be_json_or_a_file_of_it(
    where: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    meters = [{"slave": 1, "type": "adl400"}]
    file = tmp_path / "meters.json"
    file.write_text(json.dumps(meters))
    options = ["--option", f"meters=@{file}", "--option", 'heartbeats=["PING"]']
    (row,) = rows(capsys, "meters", "add", "dtu:M7", *options, "--option", "x=null", *where)
    assert row["options"] == {"meters": meters, "heartbeats": ["PING"], "x": "null"}
    assert main(["meters", "set", "dtu:M7", "--option", "meters=@nowhere", *where]) == 2
    assert "nowhere cannot be read" in capsys.readouterr().err


def test_registering_reads_the_frames_that_waited(
    where: list[str], execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    held(execute, "M1", upload())
    (row,) = rows(capsys, "meters", "add", "M1", "--codec", "acrel", *where)
    assert (row["tried"], row["resolved"]) == (1, 1)
    assert row["rows"] >= 1
    (reading,) = rows(capsys, "readings", "acrel:M1", *where)
    assert {"quantity": "voltage_c", "value": 219.2, "unit": "V"} in reading["readings"]
    assert rows(capsys, "quarantine", "list", *where) == []


def test_a_meter_is_not_registered_twice(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["meters", "add", "acrel:M1", *where]) == 0
    assert main(["meters", "add", "acrel:M1", *where]) == 1
    assert "use accept or set" in capsys.readouterr().err


def test_meters_are_listed_by_state_and_codec(
    where: list[str], execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolled(execute, "E1", "E2")
    assert main(["meters", "add", "hj212:H1", *where]) == 0
    capsys.readouterr()
    assert [r["address"] for r in rows(capsys, "meters", "list", *where)] == ["E1", "E2", "H1"]
    unconfirmed = rows(capsys, "meters", "list", "--state", "unconfirmed", *where)
    assert [r["address"] for r in unconfirmed] == ["E1", "E2"]
    assert [r["address"] for r in rows(capsys, "meters", "list", "--codec", "hj212", *where)] == [
        "H1"
    ]
    assert main(["meters", "list", *where]) == 0
    assert "acrel:E1" in capsys.readouterr().out


def test_meters_are_listed_page_by_page(
    where: list[str],
    execute: Execute,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wattwarden.tools.meters.PAGE_METERS", 2)
    enrolled(execute, *"ABCDE")
    assert [r["address"] for r in rows(capsys, "meters", "list", *where)] == list("ABCDE")


def test_enrolled_meters_are_accepted_one_by_one_or_all(
    where: list[str], execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolled(execute, "A", "B", "C")
    (first,) = rows(capsys, "meters", "accept", "A", *where)
    assert (first["meter"], first["state"]) == ("acrel:A", "accepted")
    rest = rows(capsys, "meters", "accept", "--all", *where)
    assert [row["address"] for row in rest] == ["B", "C"]
    assert main(["meters", "accept", "--all", *where]) == 0
    assert "no meter waits" in capsys.readouterr().out


def test_what_is_not_named_stays_as_it_is(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["meters", "add", "acrel:M1", "--cycle", "60", "--option", "a=1", *where])
    capsys.readouterr()
    (row,) = rows(capsys, "meters", "set", "M1", "--zone", "Asia/Urumqi", "--option", "b=x", *where)
    assert (row["cycle_s"], row["zone"], row["version"]) == (60, "Asia/Urumqi", 2)
    assert row["options"] == {"a": 1, "b": "x"}
    (row,) = rows(capsys, "meters", "set", "M1", "--unset", "cycle", "--unset", "a", *where)
    assert (row["cycle_s"], row["zone"], row["options"]) == (None, "Asia/Urumqi", {"b": "x"})


def test_a_key_comes_from_standard_input_and_lies_in_the_secrets_folder(
    where: list[str],
    data: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main(["meters", "add", "hj212:M1", *where])
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", io.StringIO(KEY))
    (row,) = rows(capsys, "meters", "set", "M1", "--key-from-stdin", *where)
    assert row["key"] == "hj212-M1"
    assert read_key(data / "secrets", "hj212-M1").hex() == KEY
    assert KEY not in json.dumps(row)


def test_a_key_file_is_named_and_must_be_there(
    where: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["meters", "add", "hj212:M1", *where])
    assert main(["meters", "set", "M1", "--key-file", "mine", *where]) == 1
    assert "No such file" in capsys.readouterr().err
    file = data / "secrets" / "mine"
    file.write_text(KEY)
    file.chmod(0o600)
    assert rows(capsys, "meters", "set", "M1", "--key-file", "mine", *where)[0]["key"] == "mine"
    file.unlink()
    assert main(["meters", "show", "M1", *where, "--json"]) == 1
    assert "No such file" in json.loads(capsys.readouterr().out)["problem"]


def test_what_a_meter_has_to_show_is_named_changed_and_taken_back(
    where: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["meters", "add", "hj212:M1", *where])
    assert main(["meters", "set", "M1", "--password-file", "mine", *where]) == 1
    assert "No such file" in capsys.readouterr().err
    file = data / "secrets" / "mine"
    file.write_text("482915")
    file.chmod(0o600)
    words = ["--password-file", "mine", "--network", "10.0.0.0/8", "--network", "2001:db8::/32"]
    (row,) = rows(capsys, "meters", "set", "M1", *words, "--certificate", "cn:M1", *where)
    networks = ["10.0.0.0/8", "2001:db8::/32"]
    assert row["access"] == {"password": "mine", "networks": networks, "certificate": "cn:M1"}
    assert "482915" not in json.dumps(row)
    words = ["--unset", "password", "--unset", "network", "--sim", "898604*"]
    (row,) = rows(capsys, "meters", "set", "M1", *words, *where)
    assert row["access"] == {"certificate": "cn:M1", "sim": "898604*"}
    words = ["--unset", "certificate", "--unset", "sim"]
    assert rows(capsys, "meters", "set", "M1", *words, *where)[0]["access"] is None


def test_a_meter_shows_how_many_frames_wait(
    where: list[str], execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolled(execute, "M1")
    held(execute, "M1", b"{{not a frame}}")
    assert rows(capsys, "meters", "show", "acrel:M1", *where)[0]["waiting"] == 1


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["show", "nobody"], 1, "meters list"),
        (["set", "M1", "--option", "x"], 2, "NAME=VALUE"),
        (["set", "M1", "--unset", "x"], 2, "fields are zone"),
        (["set", "M1", "--zone", "Nowhere"], 2, "no such zone"),
        (["set", "M1", "--network", "everywhere"], 2, "everywhere"),
        (["set", "M1", "--key-file", "a", "--key-from-stdin"], 2, "two keys"),
        (["add", "acrel:M9", "--zone", "Nowhere"], 2, "no such zone"),
        (["add", "acrel:M9", "--cycle", "0"], 2, "cycle is 0"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_cure(
    words: list[str],
    status: int,
    says: str,
    where: list[str],
    execute: Execute,
    capsys: pytest.CaptureFixture[str],
) -> None:
    enrolled(execute, "M1")
    assert main(["meters", *words, *where]) == status
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["show", ":x"], "a meter is codec:address"),
        (["add", "M9"], "which codec"),
        (["add", "nonesuch:M9"], "which codec"),
        (["add", "acrel:M9", "--codec", "hj212"], "which codec"),
        (["accept"], "--all"),
        (["accept", "M1", "--all"], "--all"),
        (["set", "M1"], "nothing to set"),
    ],
)
def test_wrong_options_are_status_2_without_asking_the_database(
    words: list[str], says: str, nowhere: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["meters", *words, *nowhere]) == 2
    assert says in capsys.readouterr().err


def test_a_database_that_is_away_is_told_with_the_cure(
    nowhere: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["meters", "list", *nowhere]) == 1
    assert "wattwarden up" in capsys.readouterr().err


def test_without_a_system_the_way_to_start_one_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["meters", "list", "--data", str(tmp_path)]) == 1
    assert "wattwarden up" in capsys.readouterr().err


def test_who_ends_debugging_says_of_which_meter(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["meters", "debug", "--off"]) == 2
    assert "--off needs a meter" in capsys.readouterr().err
