"""What is wrong with a record, said so that the person who wrote it can put it right."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# A message with more is not read; the number of the rest is told.
SHOWN_PROBLEMS: Final = 5


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One field of one record that cannot stay as it is; ``field`` is "" for the whole record."""

    kind: str
    id: str
    field: str
    zh: str
    en: str

    def __str__(self) -> str:
        place = f"{self.kind} {self.id}".rstrip() + (f", {self.field}" if self.field else "")
        return f"{place}: {self.en}"


class RefusedError(ValueError):
    """Records or a decision that cannot be taken, with every problem that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        shown = "; ".join(map(str, self.problems[:SHOWN_PROBLEMS]))
        more = len(self.problems) - SHOWN_PROBLEMS
        super().__init__(f"{shown}; and {more} more" if more > 0 else shown)
