"""What a courier's process does from start to stop; only this role speaks HTTP to others."""

from wattwarden.alarms.routing.bundle import Link
from wattwarden.server.answering import keys_of, link_of
from wattwarden.server.courier import Courier, Place
from wattwarden.server.lifetime import report_ready, stop_event
from wattwarden.server.metrics.listener import RoleTold, watched
from wattwarden.server.metrics.of_courier import courier_watch
from wattwarden.server.places import Places, dsn_of
from wattwarden.server.rate import load_rate
from wattwarden.server.reload import obey_reloads
from wattwarden.server.settings import Settings


async def run_courier(settings: Settings) -> None:
    """Send what the outbox holds until told to stop."""
    stop = stop_event()
    obey_reloads(settings)
    courier = courier_of(settings, link_of(keys_of(settings), settings.console.public_url))
    told = RoleTold(courier_watch(courier, dsn_of(settings)))
    async with watched(settings, "courier", told) as metrics:
        report_ready("courier", metrics=metrics)
        await courier.run(stop)


def courier_of(settings: Settings, link: Link) -> Courier:
    """Return a courier of the system with these settings; ``link`` makes addresses for answers."""
    place = Place(dsn_of(settings), Places(settings.data).secrets, link)
    return Courier(place, load_rate(settings.data).clock())
