"""The truth of simulated meters: what every frame says, as the store has to have it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from wattwarden.tools.errors import UsageError

ACKED: Final = "acked"
"""Its frame was acknowledged, or the protocol's carrier proved that it arrived."""
SENT: Final = "sent"
"""Its frame was sent, and nobody acknowledges such frames."""
KEPT: Final = "kept"
"""Its frame was not acknowledged up to the end: it may be stored or not."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Row(msgspec.Struct, frozen=True):
    """What one frame says of one meter.

    ``at_us`` is in microseconds UTC, None where the frame has no clock and its receipt counts.
    ``quantities`` are in the units of ``reading``, energies whole; ``factors`` by their code.
    """

    codec: str
    meter: str
    channel: str
    period: str
    at_us: int | None
    quantities: Mapping[str, float]
    factors: Mapping[str, float] = {}


class Line(Row, frozen=True, kw_only=True):
    """A row as the file of the truth has it: with what became of it, and when it was said first."""

    state: str
    said_us: int


class Truth:
    """Writes rows as soon as it is known what became of them.

    Raises:
        UsageError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.counts: dict[str, int] = {ACKED: 0, SENT: 0, KEPT: 0}
        try:
            self._file = path.open("wb")
        except OSError as error:
            message = f"--truth {path} cannot be written: {error.strerror}"
            raise UsageError(message) from error

    def tell(self, rows: tuple[Row, ...], state: str, said_us: int) -> None:
        """Add the rows of a frame."""
        for row in rows:
            self.counts[state] += 1
            line = Line(**msgspec.structs.asdict(row), state=state, said_us=said_us)
            self._file.write(msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        """Write out what is left."""
        self._file.close()


def read_truth(path: Path) -> list[Line]:
    """Return the lines of a file of the truth, in the order in which they became known."""
    decoder = msgspec.json.Decoder(Line)
    with path.open("rb") as file:
        return [decoder.decode(line) for line in file]


def us_of(moment: datetime) -> int:
    """Return a moment in microseconds UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
