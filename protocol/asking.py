"""What dialogues can do besides listening: ask, and be told who they speak with."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from wattwarden.protocol.line import Line


@runtime_checkable
class Asking(Protocol):
    """A dialogue that can also ask: it hears answers and asks what is due by its ``line``.

    ``line`` is None until there is something to ask.  ``said`` is what the peer said of itself that
    requests repeat.
    """

    line: Line | None

    def said(self) -> Mapping[str, str]:
        """What ``Peer.said`` holds."""


@runtime_checkable
class Bindable(Protocol):
    """A dialogue with a peer that never says who it is, and is known by where it dialled in."""

    def bind(self, identity: str, now: int) -> None:
        """Take note of who it is."""
