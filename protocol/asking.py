"""What dialogues can do besides listening: ask, and be told who they speak with.

Dialogues inherit these, for a look at the class costs a tenth of what asking for each member does:
thousands of meters dial in at once after a power cut.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from wattwarden.protocol.line import Line


class Asking(ABC):
    """A dialogue that can also ask: it hears answers and asks what is due by its ``line``.

    ``line`` is None until there is something to ask.
    """

    __slots__ = ("line",)
    line: Line | None

    @abstractmethod
    def said(self) -> Mapping[str, str]:
        """Return what the peer said of itself that requests repeat, as ``Peer.said`` holds it."""


class Bindable(ABC):
    """A dialogue with a peer that never says who it is, and is known by where it dialled in."""

    __slots__ = ()

    @abstractmethod
    def bind(self, identity: str, now: int) -> None:
        """Take note of who it is."""
