"""``wattwarden inspect``: every byte of a frame with its meaning."""

import io
import json
import sys

import pytest

from wattwarden.protocol.codec import Field
from wattwarden.tools.inspect_frame import dump
from wattwarden.tools.main import main

ACK = "7b7b84bf237d7d"


def rows(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    main(["inspect", *words, "--json"])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_field_stands_at_its_offset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "7b 7b 84 bf 23 7d 7d", ACK]) == 0
    out = capsys.readouterr().out
    assert "register_ack" in out
    offsets = [line.split()[0] for line in out.splitlines() if line.startswith("    ")]
    assert offsets == ["0", "2", "3", "5", "7", "9", "10", "12"]


def test_fields_cover_every_byte_of_a_frame(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = rows(capsys, ACK)
    fields = row["fields"]
    assert isinstance(fields, list)
    assert "".join(field["bytes"] for field in fields) == ACK
    assert row["error"] is None


def test_a_broken_frame_is_shown_with_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    broken = ACK.replace("bf", "be")
    assert main(["inspect", ACK, broken]) == 1
    out = capsys.readouterr().out
    assert "at byte" in out
    (_, row) = rows(capsys, ACK, broken)
    assert str(row["error"]).startswith(("checksum", "length"))
    assert row["fields"]


def test_bytes_that_nobody_knows_are_dumped(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = rows(capsys, b"hello, who is there?".hex())
    assert row["codec"] is None
    fields = row["fields"]
    assert isinstance(fields, list)
    assert [field["value"] for field in fields] == ["hello, who is th", "ere?"]


def test_a_dump_shows_dots_for_what_cannot_be_printed() -> None:
    assert list(dump(b"a\x00\xff")) == [Field(0, b"a\x00\xff", "", "a..")]


def test_standard_input_is_read_for_a_hyphen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ACK}\n{ACK}\n"))
    assert len(rows(capsys, "-")) == 2


@pytest.mark.parametrize("words", [[], ["7bx"], [ACK, "--request", "7"]])
def test_what_is_no_frame_is_refused_with_the_cure(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", *words]) == 2
    assert capsys.readouterr().err.startswith("wattwarden: ")
