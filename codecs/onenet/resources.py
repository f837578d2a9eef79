"""Which quantity a resource of the IPSO registry is: ``3316_0_5700`` is a voltage."""

from functools import cache
from typing import Final

from wattwarden.codecs.tables import read_table
from wattwarden.protocol.codec import MAX_CHANNEL_BYTES
from wattwarden.protocol.rows import Measured

# The first instance is the meter itself; a channel of its own tells the others.
_FIRST: Final = "0"


def quantity_of(stream: str) -> Measured | None:
    """Return what OBJECT_INSTANCE_RESOURCE measures, None where no table says it."""
    item, _, rest = stream.partition("_")
    instance, _, resource = rest.partition("_")
    found = _table().get((item, resource))
    if found is None or not (instance.isdecimal() and instance.isascii()):
        return None
    if len(instance) > MAX_CHANNEL_BYTES:
        return None
    quantity, scale = found
    return Measured("" if instance == _FIRST else instance, quantity, scale)


@cache
def _table() -> dict[tuple[str, str], tuple[str, float]]:
    return {
        (row["object"], row["resource"]): (row["quantity"], float(row["scale"]))
        for row in read_table("ipso_resources")
    }
