"""What follows each pass of a warden, room by room, in this order."""

from typing import Final

from wattwarden.storage.database import Connection
from wattwarden.storage.warden.followed import Followed, Follower

FOLLOWERS: Final[tuple[Follower, ...]] = ()


async def follow(connection: Connection, followed: Followed) -> None:
    """Bring every room up to the pass's last tick, in the transaction of the pass."""
    for follower in FOLLOWERS:
        await follower(connection, followed)
