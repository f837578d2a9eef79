"""What a verifier has read of a package so far, and what it says, point by point."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wattwarden.storage.proof.documents import Manifest, RootRecord
from wattwarden.storage.proof.frames import Sent
from wattwarden.storage.proof.keys import KeyRecord
from wattwarden.storage.proof.said import Said
from wattwarden.storage.proof.verdict import Point, Standing


@dataclass(slots=True)
class Work:
    """What was read of a package so far, and the points."""

    parts: Mapping[str, bytes]
    pinned: str | None
    points: list[Point] = field(default_factory=list)
    manifest: Manifest | None = None
    keys: list[KeyRecord] = field(default_factory=list)
    trusted: set[str] = field(default_factory=set)
    roots: list[RootRecord] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    said: dict[str, Said] = field(default_factory=dict)

    def add(self, name: str, standing: Standing, zh: str, en: str) -> None:
        """Add a point."""
        self.points.append(Point(name, standing, zh, en))

    def proven(self, name: str, zh: str, en: str) -> None:
        """Add a point that holds."""
        self.add(name, Standing.PROVEN, zh, en)

    def failed(self, name: str, zh: str, en: str) -> None:
        """Add a point that does not."""
        self.add(name, Standing.FAILED, zh, en)

    def open(self, name: str, zh: str, en: str) -> None:
        """Add a point of which the package says nothing."""
        self.add(name, Standing.OPEN, zh, en)

    def known(self) -> Manifest:
        """Return the manifest; ValueError where there is none."""
        if self.manifest is None:
            raise ValueError("there is no manifest")
        return self.manifest
