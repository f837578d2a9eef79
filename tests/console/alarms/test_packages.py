"""Officers take the package of evidence along; firms are not offered it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.console.browser import Browser, with_accounts
from tests.console.desk import Desk

from wattwarden.storage.database import connect
from wattwarden.storage.people.log import Deed, events_before


class Maker:
    """Makes packages of nothing but their number."""

    def __init__(self) -> None:
        self.made: list[int] = []

    async def make(self, alarm: int) -> bytes | None:
        self.made.append(alarm)
        return b"PK %d" % alarm


@pytest_asyncio.fixture
async def place(city_dsn: str, tmp_path: Path) -> AsyncIterator[tuple[Desk, Maker]]:
    """A console that makes packages; an officer and a firm's own have accounts."""
    await with_accounts(city_dsn, "district1", "duty1")
    maker = Maker()
    desk = Desk(city_dsn, tmp_path / "secrets", packages=maker.make)
    await desk.start()
    yield desk, maker
    await desk.stop()


async def test_an_officer_takes_the_package_along_and_a_firm_does_not(
    place: tuple[Desk, Maker], city_dsn: str
) -> None:
    desk, maker = place
    alarm = await desk.alarm_of("E1")
    path = f"/alarms/{alarm}/package"
    officer = Browser(desk)
    await officer.sign_in("district1")
    assert path in (await officer.get(f"/alarms/{alarm}")).html
    given = await officer.get(path)
    assert (given.status, given.html) == (200, f"PK {alarm}")
    assert given.headers["Content-Disposition"] == f'attachment; filename="alarm-{alarm}.zip"'
    assert (await officer.get(f"/alarms/{await desk.alarm_of('E2')}/package")).status == 404
    firm = Browser(desk)
    await firm.sign_in("duty1")
    assert path not in (await firm.get(f"/alarms/{alarm}")).html
    assert (await firm.get(path)).status == 403
    assert maker.made == [alarm]

    # Who took it along stands among what people did, beside where they sat.
    connection = await connect(city_dsn, name="log")
    [event] = [
        one for one in await events_before(connection, 2**31, 99) if one.deed == Deed.PACKAGE
    ]
    await connection.close()
    assert (event.actor, event.detail) == ("district1", str(alarm))
    assert event.address
