"""What people see."""

import sys
from pathlib import Path

import pytest

from wattwarden.tools.main import main
from wattwarden.tools.render import (
    MAX_CELL,
    byte_progress,
    elided,
    flat,
    frame_progress,
    printable,
    show_frames,
    show_notes,
    show_table,
)


def test_nested_fields_become_dotted_names() -> None:
    fields = {"a": 1, "b": {"c": None, "d": [1, {"e": "x"}]}, "f": {}, "g": []}
    assert list(flat(fields)) == [
        ("a", "1"),
        ("b.c", ""),
        ("b.d[0]", "1"),
        ("b.d[1].e", "x"),
        ("f", "{}"),
        ("g", "[]"),
    ]


def test_depth_is_bounded() -> None:
    deep: object = "x"
    for _ in range(20):
        deep = {"a": deep}
    ((name, value),) = flat(deep)
    assert name.count("a") == 6
    assert "x" in value


def test_long_cells_are_cut_with_their_length() -> None:
    assert elided("x" * MAX_CELL) == "x" * MAX_CELL
    assert elided("x" * 1500).endswith("… 1,500 characters")


def test_a_note_is_whole_and_names_the_rows_that_share_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattwarden.tools.render.PIPED_WIDTH", 30)
    sentence = "a long [b]sentence[/b]\x1b with its cure at the very end"
    show_notes({sentence: [7, 9], "short": range(1, 13)})
    out = capsys.readouterr().out
    assert " ".join(out.split()) == (
        f"7, 9: {printable(sentence)} 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more: short"
    )


def test_text_of_a_meter_is_never_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("a",), [("[bold]x[/bold]",), (None,)])
    row = {
        "line": 1, "codec": "c", "kind": "[red]", "meter": "[link]", "at": None, "part": [1, 2],
        "fields": {"[b]": "[/i]"}, "readings": [], "reply": None,
        "refused": [{"kind": "decode", "message": "[x]", "offset": 0}],
    }  # fmt: skip
    show_frames([row])
    out = capsys.readouterr().out
    assert all(text in out for text in ("[bold]x[/bold]", "[red]", "[link]", "[b]", "[/i]", "[x]"))
    assert "part 1 of 2" in out


def test_text_of_a_meter_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("a",), [("\x1b[2J\rgone",)])
    assert "\x1b" not in capsys.readouterr().out
    assert printable("用电\x1b\n") == "用电\\x1b\\n"


def test_progress_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with byte_progress(100) as read, frame_progress(None) as sent:
        read(50)
        sent(7)
    assert capsys.readouterr().out == ""


def test_decode_shows_progress_only_beside_redirected_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "frames.hex"
    file.write_text("7b7b84bf237d7d\n")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["decode", str(file), "--json"]) == 0
    captured = capsys.readouterr()
    assert "register_ack" in captured.out
