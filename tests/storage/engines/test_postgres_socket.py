import os
from pathlib import Path

import pytest

from wattwarden.storage.engines import postgres_socket
from wattwarden.storage.engines.embedded import EngineUser
from wattwarden.storage.engines.postgres_socket import make_socket_folder, socket_folder
from wattwarden.storage.errors import EngineError


@pytest.mark.parametrize("name", ["with,comma", "with space", "with'quote", "long" * 30])
def test_a_path_that_is_no_address_gets_a_short_folder(name: str, tmp_path: Path) -> None:
    assert socket_folder(tmp_path / "data") == tmp_path / "data" / "run"
    assert socket_folder(tmp_path / name) != socket_folder(tmp_path / name / "other")
    assert len(str(socket_folder(tmp_path / name))) < 40


@pytest.mark.parametrize("kind", ["link", "open", "foreign"])
def test_a_short_folder_of_somebody_else_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_socket, "SHORT_FOLDERS", tmp_path)
    user = EngineUser("us", os.geteuid(), os.getegid())
    make_socket_folder(tmp_path / "mine", user)
    make_socket_folder(tmp_path / "mine", user)

    taken = tmp_path / "taken"
    if kind == "link":
        (tmp_path / "target").mkdir(mode=0o700)
        taken.symlink_to(tmp_path / "target")
    else:
        taken.mkdir(mode=0o700)
        taken.chmod(0o755 if kind == "open" else 0o700)
    if kind == "foreign":
        user = EngineUser("other", os.geteuid() + 4000, os.getegid())

    with pytest.raises(EngineError, match="taken is not a folder of"):
        make_socket_folder(taken, user)
