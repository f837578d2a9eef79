"""How rows lie in a file: columns, their types and order, and what the file says of itself.

    reading    meter at channel period │ received_at step quality │ quantities that any row has
    factor     meter at channel period layout │ received_at step quality │ amounts flags

Rows are sorted by the first columns, which are a row's key.  A column that no row of the day has
is left out of the file, and read as missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.storage.rows.tables import FACTOR, READING, Table

# Of the layout below; a reader of another major layout refuses.
LAYOUT: Final = 1
# What one meter sends in a day and a half at one a minute: a reader of one meter unpacks one or two
# groups of a day, and compression still finds what repeats.
ROWS_PER_GROUP: Final = 16_384

_TIME: Final = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Kind:
    """A table of rows as files hold it.  ``order`` is the key, as rows are sorted by it."""

    table: Table
    order: tuple[str, ...]
    schema: pa.Schema

    @property
    def name(self) -> str:
        """Name of the table, and of the kind."""
        return self.table.name

    def schema_of(self, present: Sequence[str], codes: str = "") -> pa.Schema:
        """Return the schema of a file whose rows have some of the quantities.

        ``codes`` is what layouts of factors stand for, as JSON.
        """
        left_out = set(QUANTITIES) - set(present)
        fields = [field for field in self.schema if field.name not in left_out]
        about = {"layout": str(LAYOUT), "kind": self.name, "source": "wattwarden"}
        return pa.schema(fields, about | ({"codes": codes} if codes else {}))


def _quantity(name: str) -> pa.Field:
    quantity = QUANTITIES[name]
    kind = pa.int64() if quantity.exact else pa.float32()
    return pa.field(name, kind, metadata={"unit": str(quantity.unit)})


_KEY: Final = (
    pa.field("meter", pa.int32(), nullable=False),
    pa.field("at", _TIME, nullable=False),
    pa.field("channel", pa.string(), nullable=False),
    pa.field("period", pa.string(), nullable=False),
)
_COMMON: Final = (
    pa.field("received_at", _TIME, nullable=False),
    pa.field("step", pa.int32(), nullable=False),
    pa.field("quality", pa.int16(), nullable=False),
)
_READINGS: Final = Kind(
    READING,
    ("meter", "at", "channel", "period"),
    pa.schema([*_KEY, *_COMMON, *map(_quantity, QUANTITIES)]),
)
_FACTORS: Final = Kind(
    FACTOR,
    ("meter", "at", "channel", "period", "layout"),
    pa.schema(
        [
            *_KEY,
            pa.field("layout", pa.int32(), nullable=False),
            *_COMMON,
            pa.field("amounts", pa.list_(pa.float32()), nullable=False),
            pa.field("flags", pa.string()),
        ]
    ),
)
KINDS: Final = {kind.name: kind for kind in (_READINGS, _FACTORS)}
