"""What is done or asked beside lists and decisions: declared once, served, and documented."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from wattwarden.console.api.asked import Shown
from wattwarden.console.api.resource import ROOT
from wattwarden.console.api.sent import BODY_BYTES
from wattwarden.console.routes import Handler, Needs, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One address of the interface.

    ``body`` is what is sent as JSON, ``takes_file`` whether the body is a file as it stands.
    ``told`` is what is answered; None: nothing, or with ``media`` a file of these types.
    ``is_matched`` whether it changes a thing that has a tag, and takes If-Match.
    """

    method: str
    path: str
    name: str
    group: str
    zh: str
    en: str
    handler: Handler
    needs: Needs
    asked: type[Shown] = Shown
    body: Any = None
    takes_file: bool = False
    told: Any = None
    media: tuple[str, ...] = ()
    status: HTTPStatus = HTTPStatus.OK
    other_status: HTTPStatus | None = None
    is_tagged: bool = False
    is_matched: bool = False
    body_bytes: int = BODY_BYTES

    @property
    def route(self) -> Route:
        """What is served."""
        path = ROOT + self.path
        return Route(self.method, path, self.handler, self.needs, self.name, self.body_bytes)
