"""docs/add-a-meter.md: its two files, as they stand there, pass what every codec has to pass."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from tests.codecs.mischief import all_vectors

from wattwarden.protocol.codec import (
    NOTHING_ASKED,
    Batch,
    Claim,
    Codec,
    Message,
    default_profile,
)

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = (ROOT / "docs" / "add-a-meter.md").read_text("utf-8")
CODEC, VECTORS = (
    re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[0]
    for kind in ("python", "json")
)
MOST_LINES: Final = 60
# All that is changed to make room for a vendor elsewhere: where codecs are looked for.
CONFTEST: Final = """
import wattwarden.codecs
wattwarden.codecs.__path__.append({folder!r})
"""
NOW: Final = 1_795_316_400_000_000


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what all codecs are tested by, and the page's two files put beside it."""
    for name in ("mischief", "test_vectors", "test_confusion"):
        (tmp_path / "tests" / "codecs").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "tests" / "codecs" / f"{name}.py", tmp_path / "tests" / "codecs")
    (tmp_path / "tests" / "vectors").mkdir()
    (tmp_path / "tests" / "vectors" / "tideway.jsonl").write_text(VECTORS, "utf-8")
    (tmp_path / "codecs").mkdir()
    (tmp_path / "codecs" / "tideway.py").write_text(CODEC, "utf-8")
    (tmp_path / "conftest.py").write_text(CONFTEST.format(folder=str(tmp_path / "codecs")), "utf-8")
    options = "--import-mode=importlib --disable-plugin-autoload"
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = {options}\n", "utf-8")
    return tmp_path


def test_the_pages_two_files_are_under_sixty_lines() -> None:
    lines = [line for line in (CODEC + VECTORS).splitlines() if line.strip()]
    assert len(lines) < MOST_LINES


def test_the_made_up_vendor_passes_what_all_codecs_pass(tree: Path) -> None:
    chosen = "tideway"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, "tests"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    for line in VECTORS.splitlines():
        name = re.findall(r'"id": "([^"]+)"', line)[0]
        assert name.startswith("tideway-")
    # Recognition, reading, explanation and the mischiefs, each asked of all its vectors.
    asked = (tree / "tests" / "codecs").glob("test_*.py")
    questions = sum(len(re.findall(r"^@every", file.read_text(), re.MULTILINE)) for file in asked)
    assert questions > 10
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) == questions


def test_the_page_is_of_good_style(tree: Path) -> None:
    path = tree / "codecs" / "tideway.py"
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--config",
            "line-length = 100",
            "--isolated",
            "--select",
            "E,F,D1,UP",
            path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_no_frame_of_another_codec_is_claimed_by_it(tideway: Codec) -> None:
    assert [vector for vector in all_vectors() if tideway.recognise(vector.raw) is Claim.YES] == []


@pytest.fixture
def tideway() -> Codec:
    found: dict[str, Codec] = {}
    exec(compile(CODEC, "tideway.py", "exec"), found)  # noqa: S102  the page's own code
    return found["CODEC"]


def vectors(kind: str) -> list[bytes]:
    return [
        bytes.fromhex(re.findall(r'"hex": "([0-9a-f]+)"', line)[0])
        for line in VECTORS.splitlines()
        if f'"kind": "{kind}"' in line
    ]


def test_thousands_of_frames_become_columns_at_once(tideway: Codec) -> None:
    report = vectors("report")[0]
    heartbeat = vectors("heartbeat")[0]
    columns = tideway.decode(Batch.of([report, heartbeat] * 500, NOW))
    [block] = columns.blocks
    assert columns.refused == ()
    assert columns.meters == ("TW300017",)
    assert block.frame.tolist() == list(range(0, 1000, 2))
    assert set(block.values["energy_forward"].tolist()) == {12_345_670}
    assert block.values["energy_forward"].dtype == np.int64


def test_what_is_broken_among_them_is_refused_alone(tideway: Codec) -> None:
    good, feeding, thirteenth, flipped = vectors("report")
    columns = tideway.decode(Batch.of([good, thirteenth, flipped, feeding], NOW))
    assert [(entry.frame, str(entry.kind)) for entry in columns.refused] == [
        (1, "decode"),
        (2, "checksum"),
    ]
    assert columns.meters == ("TW300017", "TW300018")


def test_what_is_read_can_be_written(tideway: Codec) -> None:
    for frame in vectors("report")[:2] + vectors("heartbeat"):
        assert tideway.encode(tideway.read(frame, default_profile)) == frame


def test_who_speaks_is_known_from_the_first_frame(tideway: Codec) -> None:
    dialogue = tideway.dialogue(default_profile)
    assert dialogue.receive(vectors("heartbeat") + vectors("report")[1:2], NOW) == b""
    assert dialogue.identity == "TW300017"
    assert (dialogue.tick(NOW), dialogue.next_deadline()) == (b"", None)
    assert dialogue.asked is NOTHING_ASKED


def test_no_such_kind_can_be_written(tideway: Codec) -> None:
    with pytest.raises(ValueError, match="no frame is a 'report_of_the_week'"):
        tideway.encode(Message("report_of_the_week"))
