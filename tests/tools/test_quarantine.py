"""``wattwarden quarantine``: what waits is seen, and read again when it can be."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.tools.conftest import Execute
from tests.tools.test_meters import AT, enrolled, held, upload

from wattwarden.tools.main import main

LATER = AT + timedelta(hours=1)


def rows(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert main(["quarantine", *words, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def waiting(execute: Execute) -> None:
    """Two frames: one sound, of a meter that is registered since, and one hopeless."""
    held(execute, "M1", upload())
    execute(
        "INSERT INTO quarantine (shard, sequence, frame, codec, kind, reason, message, byte_offset,"
        " raw, raw_size, peer, received_at, program)"
        " VALUES (1, 7, 3, 'unknown', 'unknown', 'unframed', 'no codec knows it', 0, 'GET /', 5,"
        " '10.9.9.9:1', $1, '0')",
        AT,
    )
    enrolled(execute, "M1")


@pytest.mark.usefixtures("waiting")
def test_frames_are_listed_the_latest_first_with_their_bytes_and_origin(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    latest, first = rows(capsys, "list", *where)
    assert (latest["hex"], latest["size"], latest["reason"]) == (b"GET /".hex(), 5, "unframed")
    assert latest["origin"] == {"shard": 1, "sequence": 7, "frame": 3}
    assert (first["meter"], first["received_at"]) == ("M1", "2026-11-22T03:00:00Z")
    assert main(["quarantine", "list", *where]) == 0
    assert "nobody registered this meter" in capsys.readouterr().out


@pytest.mark.usefixtures("waiting")
def test_what_is_in_the_way_is_shown_whole_on_a_terminal_of_any_width(
    where: list[str],
    execute: Execute,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cure = " ".join(f"word{number}" for number in range(60))
    execute("UPDATE quarantine SET message = $1 WHERE reason = 'unframed'", cure)
    for width in (40, 80, 240):
        monkeypatch.setattr("wattwarden.tools.render.PIPED_WIDTH", width)
        assert main(["quarantine", "list", *where]) == 0
        shown = capsys.readouterr().out
        assert "…" not in shown
        assert set(cure.split()) <= set(shown.replace(";", " ").split())


@pytest.mark.usefixtures("waiting")
def test_how_often_a_frame_came_is_told(
    where: list[str], execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    execute("UPDATE quarantine SET times = 7, last_received_at = $1 WHERE shard = 1", LATER)
    latest, first = rows(capsys, "list", *where)
    assert (latest["times"], latest["last_received_at"]) == (7, "2026-11-22T04:00:00Z")
    assert (first["times"], first["last_received_at"]) == (1, "2026-11-22T03:00:00Z")


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--meter", "M1"], 1),
        (["--meter", "acrel:M1"], 1),
        (["--codec", "unknown"], 1),
        (["--kind", "checksum"], 0),
        (["--kind", "unknown"], 2),
        (["--reason", "unframed"], 1),
        (["--limit", "1"], 1),
        (["--resolved"], 0),
    ],
)
@pytest.mark.usefixtures("waiting")
def test_frames_are_chosen_by_what_they_are(
    words: list[str], count: int, where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(rows(capsys, "list", *words, *where)) == count


@pytest.mark.usefixtures("waiting")
def test_pages_are_read_up_to_the_limit(
    where: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattwarden.tools.quarantine.PAGE_FRAMES", 1)
    assert len(rows(capsys, "list", *where)) == 2


@pytest.mark.usefixtures("waiting")
def test_a_retry_resolves_what_can_be_read_now(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (done,) = rows(capsys, "retry", "--all", *where)
    assert (done["tried"], done["resolved"]) == (2, 1)
    assert len(rows(capsys, "list", "--resolved", *where)) == 1
    assert main(["quarantine", "retry", "--all", *where]) == 0
    assert "1 tried, 0 resolved, 0 rows, 1 still wait" in capsys.readouterr().out


@pytest.mark.usefixtures("waiting")
def test_a_retry_takes_numbers(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    number = rows(capsys, "list", "--meter", "M1", *where)[0]["id"]
    (done,) = rows(capsys, "retry", str(number), *where)
    assert (done["tried"], done["resolved"]) == (1, 1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["retry"], "--all"),
        (["retry", "--all", "--meter", "M1"], "--all"),
        (["list", "--limit", "0"], "above 0"),
    ],
)
def test_wrong_options_are_status_2(
    words: list[str], says: str, nowhere: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quarantine", *words, *nowhere]) == 2
    assert says in capsys.readouterr().err
