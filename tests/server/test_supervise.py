"""What begins with `up`, and what it does not wait for."""

from typing import TYPE_CHECKING, cast

import pytest

from wattwarden.server.children import RoleError
from wattwarden.server.settings import GatewaySettings, Settings, WardenSettings, WriterSettings
from wattwarden.server.supervise import begin, processes_of
from wattwarden.tools.nursery import ROLES

if TYPE_CHECKING:
    from wattwarden.server.children import Role


class Broken:
    """A role that does not start."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tried = 0

    async def start(self) -> None:
        self.tried += 1
        message = f"{self.name} did not start, see above"
        raise RoleError(message)


async def test_meters_do_not_wait_for_what_platforms_above_get() -> None:
    forwarder = Broken("forwarder")
    await begin(cast("Role", forwarder))
    assert forwarder.tried == 1


@pytest.mark.parametrize("name", ["gateway", "writer", "side", "archivist"])
async def test_without_the_others_there_is_no_system(name: str) -> None:
    with pytest.raises(RoleError, match=name):
        await begin(cast("Role", Broken(name)))


def test_the_nursery_has_imported_all_that_may_be_begun() -> None:
    assert set(ROLES) == {name for name, _ in processes_of(Settings(), forwards=True)} | {"warden"}


def test_there_are_as_many_processes_as_are_set() -> None:
    counts = dict(processes_of(Settings(), forwards=True))
    assert counts == {"archivist": 1, "forwarder": 1, "side": 1, "writer": 1, "gateway": 1}
    settings = Settings(
        gateway=GatewaySettings(processes=3),
        writer=WriterSettings(processes=2),
        warden=WardenSettings(processes=4),
    )
    assert processes_of(settings, forwards=False) == [
        ("archivist", 1), ("side", 1), ("warden", 3), ("writer", 2), ("gateway", 3),
    ]  # fmt: skip
