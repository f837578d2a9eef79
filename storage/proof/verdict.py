"""What a verifier says, point by point: proven, failed, or not provable from the package."""

from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """How a point stands."""

    PROVEN = "proven"
    FAILED = "failed"
    OPEN = "not proven"


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that a package does or does not prove, in both languages."""

    name: str
    standing: Standing
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Report:
    """All points of a package, in the order in which they rest on each other."""

    points: tuple[Point, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing failed; what cannot be proven is not failed."""
        return all(point.standing is not Standing.FAILED for point in self.points)
