"""What a warden's process does from start to stop.

Apart from the other roles: nothing that the warden imports can keep them from starting.
"""

from functools import partial

from wattwarden.server.lifetime import report_ready, stop_event
from wattwarden.server.metrics.listener import RoleTold, watched
from wattwarden.server.metrics.of_warden import warden_watch
from wattwarden.server.places import dsn_of
from wattwarden.server.reload import obey_reloads
from wattwarden.server.settings import Settings
from wattwarden.server.warden import Warden


async def run_warden(settings: Settings) -> None:
    """Fold rows and decisions into states and alarms until told to stop."""
    stop = stop_event()
    warden = warden_of(settings)
    obey_reloads(settings, partial(renew, warden, settings))
    told = RoleTold(warden_watch(warden, dsn_of(settings), settings.journal.shards))
    async with watched(settings, "warden", told) as metrics:
        report_ready("warden", holder=warden.holder, metrics=metrics)
        await warden.run(stop)


def renew(warden: Warden, settings: Settings) -> None:
    """Have a warden go by settings that changed."""
    warden.interval_s = settings.warden.interval_s


def warden_of(settings: Settings) -> Warden:
    """Return a warden of the system with these settings."""
    interval_s = settings.warden.interval_s
    return Warden(dsn_of(settings), settings.journal.shards, interval_s=interval_s)
