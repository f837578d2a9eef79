from pathlib import Path

import pytest
from tests.storage.proof.scene import Scene


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A firm whose treatment stopped; nobody changes it."""
    return Scene(tmp_path_factory.mktemp("secrets"))


@pytest.fixture(scope="session")
def package(scene: Scene) -> bytes:
    """The package about its alarm."""
    return scene.package()


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A secrets folder of one's own."""
    return tmp_path
