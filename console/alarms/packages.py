"""The package of evidence about an alarm, for officers to take along."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.scope import READS, Read
from wattwarden.console.doors import NOT_FOUND, PARTS, PageError
from wattwarden.console.routes import Route
from wattwarden.console.visit import Visit
from wattwarden.storage.people.log import Deed, note_event

_NO_PACKAGES: Final = PageError(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "no packages",
    "本机没有连接日志，不能导出证据包；请在服务器上用 wattwarden evidence 导出",
    "this console has no journal to make packages from; wattwarden evidence does on the server",
)


async def download(visit: Visit) -> web.Response:
    """Make the package and give it to the browser, which keeps nothing of it; note who took it."""
    make = visit.request.app[PARTS].packages
    if make is None:
        raise _NO_PACKAGES
    number = int(visit.parameter("alarm"))
    data = await make(number)
    if data is None:
        raise NOT_FOUND
    async with visit.parts.store.connection() as connection:
        who = visit.person.id
        await note_event(connection, who, who, Deed.PACKAGE, visit.address, str(number))
    return web.Response(
        body=data,
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="alarm-{number}.zip"',
            "Cache-Control": "no-store",
        },
    )


def is_offered(visit: Visit) -> bool:
    """Tell whether a visitor may have packages, and this console can make them."""
    able = visit.person.role in READS[Read.PACKAGES]
    return able and visit.request.app[PARTS].packages is not None


ROUTES: Final = (
    Route("GET", r"/alarms/{alarm:\d+}/package", download, Read.PACKAGES, "alarm_package"),
)
