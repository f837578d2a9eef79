"""``wattwarden decode``: one JSON line a frame, and the exit status."""

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.codecs.mischief import Vector, all_vectors, of_each

from wattwarden.codecs import load_codecs
from wattwarden.tools import lines
from wattwarden.tools.decode import as_json
from wattwarden.tools.frame_rows import decoder_for, line_rows
from wattwarden.tools.main import main

REGISTER_ACK = "7b7b84bf237d7d"
BROKEN_ACK = "7b7b84bf247d7d"
NOW = 1_795_316_400_000_000  # 2026-11-22 03:00 UTC


def vector(name: str) -> Mapping[str, Any]:
    return next(one.record for one in all_vectors() if str(one) == name)


def decoded(
    capsys: pytest.CaptureFixture[str], path: Path, text: str, *options: str
) -> tuple[int, list[dict[str, Any]]]:
    file = path / "frames.hex"
    file.write_text(text)
    status = main(["decode", str(file), "--json", *options])
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@of_each(all_vectors())
def test_every_vector_comes_out_as_it_is_recorded(vector: Vector) -> None:
    row = vector.record
    keys = tuple(f"{mn}={key}" for mn, key in (row.get("key") or {}).items())
    # What is wrong with a frame of which nothing is peculiar can be told by its own codec alone.
    is_told = row["accept"] or load_codecs()[vector.codec].is_guessed
    decoder = decoder_for(None if is_told else vector.codec, keys)
    rows = list(line_rows(decoder, 1, row["hex"].encode(), NOW))
    if row["accept"]:
        assert [(one["kind"], one["meter"]) for one in rows] == [(row["kind"], row["meter"])]
        assert rows[0]["at"] == row["at"]
        assert as_json(rows[0])
    else:
        told = [one["error"] for one in rows if "error" in one]
        told += [fault for one in rows for fault in one.get("refused", ())]
        assert row["error"] in {fault["kind"] for fault in told}


def test_a_frame_gives_exactly_the_keys_of_the_contract(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, rows = decoded(capsys, tmp_path, REGISTER_ACK)
    assert status == 0
    assert [list(row) for row in rows] == [
        ["line", "codec", "kind", "meter", "at", "fields", "readings", "reply"]
    ]
    assert (rows[0]["codec"], rows[0]["meter"], rows[0]["at"], rows[0]["reply"]) == (
        "acrel", None, None, None,
    )  # fmt: skip


def test_readings_have_quantity_value_unit_and_their_channel(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, rows = decoded(capsys, tmp_path, vector("acrel-upload")["hex"])
    assert rows[0]["at"] == "2019-12-09T06:48:38Z"
    assert rows[0]["reply"] == "7b7b917eec7d7d"
    assert {"quantity": "voltage_c", "value": 219.2, "unit": "V", "channel": "1-1"} in rows[0][
        "readings"
    ]
    energy = next(r for r in rows[0]["readings"] if r["quantity"] == "energy_forward")
    assert (energy["value"], energy["unit"]) == (740, "Wh")
    assert isinstance(energy["value"], int)


def test_a_refused_frame_is_named_and_its_neighbours_are_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = f"{REGISTER_ACK}{BROKEN_ACK}{REGISTER_ACK}\n\n{BROKEN_ACK}\n"
    status, rows = decoded(capsys, tmp_path, text)
    assert status == 1
    assert [(row["line"], "error" in row) for row in rows] == [
        (1, False), (1, True), (1, False), (3, True),
    ]  # fmt: skip
    assert set(rows[1]["error"]) == {"kind", "message", "offset"}
    assert 7 <= rows[1]["error"]["offset"] <= 14


def test_a_line_that_is_not_hex_and_one_that_is_too_long_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 40)
    status, rows = decoded(capsys, tmp_path, f"7bxx\n{'00' * 40}\n{REGISTER_ACK}\n")
    assert status == 1
    assert [row["error"]["kind"] for row in rows[:2]] == ["unknown", "length"]
    assert rows[2]["line"] == 3


def test_an_http_body_that_no_codec_knows_is_unknown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    body = '{"deviceId": "1"}'
    _, rows = decoded(capsys, tmp_path, f"{body}\n{body.encode().hex()}\n")
    assert [row["error"]["kind"] for row in rows] == ["unknown", "unknown"]


def test_now_fixes_the_clock_in_replies(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ask = "7b7b93" + b"12345678901234".ljust(20, b"\0").hex()
    frame = bytes.fromhex(ask)[2:]
    from wattwarden.protocol.checksum import modbus  # noqa: PLC0415  # only here

    frame_hex = "7b7b" + (frame + modbus(frame).to_bytes(2, "little")).hex() + "7d7d"
    _, rows = decoded(capsys, tmp_path, frame_hex, "--now", "2026-11-22T03:00:00Z")
    # year 26, month 11, day 22, Sunday = 0, 11:00:00 in Shanghai
    assert rows[0]["reply"][:20] == "7b7b93" + "1a0b16000b0000"


def test_one_codec_can_be_forced(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, rows = decoded(capsys, tmp_path, vector("acrel-upload")["hex"], "--codec", "hj212")
    assert all("error" in row for row in rows)


def test_a_part_of_a_split_packet_says_which_of_how_many(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from wattwarden.protocol.checksum import hj212  # noqa: PLC0415  # only here

    def part(number: int, cp: str) -> str:
        segment = (
            f"QN=2016080108585753{number};ST=32;CN=2011;PW=123456;MN=010000A8900016F000169DC0;"
            f"Flag=7;PNUM=2;PNO={number};CP=&&DataTime=20160801085857;{cp}&&"
        ).encode()
        return (b"##%04d%s%04X\r\n" % (len(segment), segment, hj212(segment))).hex()

    text = part(1, "w01018-Rtd=1.5,w01018-Flag=N") + part(2, "w01019-Rtd=2.5,w01019-Flag=N")
    status, rows = decoded(capsys, tmp_path, text)
    assert status == 0
    assert [row["part"] for row in rows] == [[1, 2], [2, 2]]
    assert all(bytes.fromhex(row["reply"]).startswith(b"##") for row in rows)
    assert [reading["value"] for row in rows for reading in row["readings"]] == [1.5, 2.5]


def test_standard_input_is_the_default(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (["decode", "--json"], ["decode", "-", "--json"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(REGISTER_ACK.encode())))
        assert main(words) == 0
        assert json.loads(capsys.readouterr().out)["kind"] == "register_ack"


def test_people_get_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "frames.hex"
    file.write_text(f"{vector('acrel-upload')['hex']}\n{BROKEN_ACK}\n")
    assert main(["decode", str(file)]) == 1
    out = capsys.readouterr().out
    assert "acrel upload" in out
    assert "219.2" in out
    assert "line 2, byte" in out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--codec", "nope"], "name one of acrel"),
        (["--key", "nope"], "MN=HEX"),
        (["--now", "nope"], "is no time"),
    ],
)
def test_wrong_options_are_named_with_the_cure(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "empty"
    file.touch()
    assert main(["decode", str(file), *options]) == 2
    assert says in capsys.readouterr().err


def test_help_waits_for_no_codec() -> None:
    look = "import sys; from wattwarden.tools.main import main; main(['decode', '--help'])"
    heavy = "print([name for name in ('numpy', 'construct', 'asyncpg') if name in sys.modules])"
    words = [sys.executable, "-c", f"{look}; {heavy}"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "Show what frames say" in done.stdout
    assert done.stdout.endswith("\n[]\n")
