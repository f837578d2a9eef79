"""What a courier's process does from start to stop; only this role speaks HTTP to others."""

from wattwarden.server.courier import Courier, Place
from wattwarden.server.lifetime import report_ready, stop_event
from wattwarden.server.places import Places, dsn_of
from wattwarden.server.rate import load_rate
from wattwarden.server.settings import Settings


async def run_courier(settings: Settings) -> None:
    """Send what the outbox holds until told to stop."""
    stop = stop_event()
    place = Place(dsn_of(settings), Places(settings.data).secrets, no_link)
    courier = Courier(place, load_rate(settings.data).clock())
    report_ready("courier")
    await courier.run(stop)


def no_link(_alarm: int, _recipient: str, _now: object) -> str:
    """Return no address: nobody answers from a message."""
    return ""
