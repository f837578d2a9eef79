from pathlib import Path

import pytest

from wattwarden.storage.engines.postmaster import recorded_postmaster


@pytest.mark.parametrize(
    ("text", "pid"),
    [("4711\n/data\n", 4711), ("-4711\n", 4711), ("", None), ("noise\n", None)],
    ids=["server", "single-user", "empty", "noise"],
)
def test_the_recorded_postmaster_is_read(text: str, pid: int | None, tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text(text)

    assert recorded_postmaster(tmp_path) == pid


def test_without_a_pid_file_no_postmaster_is_recorded(tmp_path: Path) -> None:
    assert recorded_postmaster(tmp_path) is None
