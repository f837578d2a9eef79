"""What follows each pass of a warden, room by room, in this order."""

from typing import Final

from wattwarden.storage.cases import follow as cases
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement import follow as enforcement
from wattwarden.storage.ledgers import follow as ledgers
from wattwarden.storage.outbox import follow as outbox
from wattwarden.storage.warden.followed import Followed, Follower

FOLLOWERS: Final[tuple[Follower, ...]] = (
    cases.follow,
    enforcement.follow,
    ledgers.follow,
    outbox.follow,
)


async def follow(connection: Connection, followed: Followed) -> None:
    """Bring every room up to the pass's last tick, in the transaction of the pass."""
    for follower in FOLLOWERS:
        await follower(connection, followed)
