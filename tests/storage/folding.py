"""A warden that folds what is there."""

from wattwarden.server.passes import PassLimits
from wattwarden.server.warden import Warden


async def fold(dsn: str, limits: PassLimits | None = None) -> Warden:
    """Fold all that is there, and let the slices go."""
    warden = Warden(dsn, 1, limits or PassLimits())
    while await warden.round():
        pass
    await warden._leave()
    return warden
