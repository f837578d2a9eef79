from pathlib import Path

import pytest

from wattwarden.storage.engines.postgres_settings import (
    GIB,
    MIB,
    machine_memory_bytes,
    settings_for,
)


@pytest.mark.parametrize(
    ("memory", "buffers"),
    [(GIB // 2, "128MB"), (4 * GIB, "512MB"), (512 * GIB, "2048MB")],
    ids=["small", "middle", "large"],
)
def test_shared_buffers_follow_the_memory_within_bounds(memory: int, buffers: str) -> None:
    values = {setting.name: setting.value for setting in settings_for(memory)}

    assert values["shared_buffers"] == buffers


def test_memory_is_the_control_groups_when_that_is_less(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("max\n")
    (tmp_path / "limit").write_text(f"{64 * MIB}\n")

    whole = machine_memory_bytes((tmp_path / "missing", tmp_path / "none"))
    assert whole > 64 * MIB
    assert machine_memory_bytes((tmp_path / "none", tmp_path / "limit")) == 64 * MIB
