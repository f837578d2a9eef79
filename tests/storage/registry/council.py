"""People of the city who decide what all are measured by, and a grading to decide upon."""

from importlib.resources import files
from typing import Final

from tests.storage.cases.city import LONG_AGO, with_firm

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.registry import save_registry

SHIPPED: Final = files("wattwarden.alarms.cases").joinpath("cases.toml").read_text(encoding="utf-8")
# Treatment that is off is an alarm at once, not a warning.
STRICT: Final = SHIPPED.replace('version = "1"', 'version = "2"').replace(
    "{ at_s = 0, level = 2 }", "{ at_s = 0, level = 3 }", 1
)
COUNCIL: Final = (
    Person(id="C1", name="市一", role=Role.CITY_OFFICER, agency="A"),
    Person(id="C2", name="市二", role=Role.CITY_OFFICER, agency="A"),
    Person(id="S1", name="管理", role=Role.ADMINISTRATOR),
)


async def with_council(store: Connection) -> None:
    """Store a firm and its people (``with_firm``), and the council."""
    await with_firm(store)
    registry = Registry()
    registry.person.update({one.id: one for one in COUNCIL})
    await save_registry(store, difference(Registry(), registry), "me", now=LONG_AGO)
