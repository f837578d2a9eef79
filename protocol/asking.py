"""What dialogues can do besides listening: ask, be told who they speak with, and doubt it.

Dialogues inherit these, for a look at the class costs a tenth of what asking for each member does:
thousands of meters dial in at once after a power cut.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

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


class Denial(NamedTuple):
    """Why a peer is not believed to be whom it says; ``reason`` holds nothing that it showed."""

    identity: str
    reason: str


class Doubting(ABC):
    """A dialogue whose peer has to show something before it is believed.

    ``denial`` is None unless the peer failed; it then is known by no identity.
    """

    __slots__ = ()
    denial: Denial | None
