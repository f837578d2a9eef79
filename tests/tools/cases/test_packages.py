"""``wattwarden evidence verify PACKAGE``: points, exit statuses, what to do next."""

import json
from pathlib import Path

import pytest
from tests.storage.proof.scene import Scene

from wattwarden.storage.proof.keys import FILE, fingerprint
from wattwarden.tools.cases import packages
from wattwarden.tools.main import main


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    data = tmp_path_factory.mktemp("data")
    (data / "secrets").mkdir()
    return Scene(data / "secrets")


@pytest.fixture(scope="module")
def package(scene: Scene) -> Path:
    file = scene.secrets.parent / "package.zip"
    file.write_bytes(scene.package())
    return file


def test_every_point_is_told_and_the_status_is_0(
    package: Path, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evidence", "verify", str(package)]) == 0
    out = capsys.readouterr().out
    assert "✔ episode: proven" in out
    assert "· meters: not proven" in out
    assert out.rstrip().endswith("what is not proven stands above")
    key = fingerprint(scene.signer.public)
    assert main(["evidence", "verify", str(package), "--key", scene.signer.public, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verified"] is True
    (point,) = [one for one in told["points"] if one["name"] == "key"]
    assert point["standing"] == "proven"
    assert key in point["zh"]


def test_a_changed_package_is_told_and_the_status_is_1(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = bytearray(package.read_bytes())
    changed[len(changed) // 2] ^= 1
    file = tmp_path / "changed.zip"
    file.write_bytes(changed)
    assert main(["evidence", "verify", str(file)]) == 1
    assert "NOT verified" in capsys.readouterr().out
    assert main(["evidence", "verify", str(package), "--key", "00" * 32, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verified"] is False


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none.zip"], "name a package"),
        (["none.zip", "--key", "abc"], "64 hexadecimal digits"),
    ],
    ids=["no such file", "no key"],
)
def test_what_cannot_be_done_says_what_to_do_next(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evidence", "verify", *words]) != 0
    assert says in capsys.readouterr().err


def test_a_file_larger_than_any_package_is_refused(
    package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packages, "MAX_PACKAGE_BYTES", 100)
    assert main(["evidence", "verify", str(package)]) == 1
    assert "MAX_PACKAGE_BYTES" in capsys.readouterr().err


def test_keys_are_shown_and_rotated(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(scene.secrets.parent)
    assert main(["evidence", "key", "--data", data]) == 0
    assert scene.signer.public in capsys.readouterr().out
    assert main(["evidence", "rotate", "--data", data, "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["public"] == scene.signer.public != second["public"]
    assert (scene.secrets / FILE).stat().st_mode & 0o077 == 0
    assert main(["evidence", "key", "--data", f"{data}/none"]) == 1
    assert "secrets folder" in capsys.readouterr().err


def test_days_are_bounded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence", "1", "-o", str(tmp_path / "a.zip"), "--days", "63"]) == 2
    assert "--days is 1 to 62" in capsys.readouterr().err
