from pathlib import Path

import pytest
from tests.storage.proof.place import Place
from tests.storage.proof.scene import Scene

from wattwarden.storage.database import Connection


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


@pytest.fixture
def place(store: Connection, store_dsn: str, tmp_path: Path) -> Place:
    """A store that a writer and a warden fill."""
    return Place(store, store_dsn, tmp_path)
