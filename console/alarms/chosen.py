"""Which alarms a list shows: a saved view by its name, and filters; all of it in the address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from wattwarden.alarms.acting.roles import OFFICERS
from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.cases.case import DONE, Level, State
from wattwarden.alarms.cases.districts import firms_of
from wattwarden.alarms.registry.nouns import Person
from wattwarden.alarms.registry.registry import Registry
from wattwarden.console.drawing.said import Said
from wattwarden.console.moments import asked_moment
from wattwarden.storage.cases.load import Chosen

# A page that one reads to its end.
PAGE_ROWS: Final = 40
PAST: Final = timedelta(days=30)
VIEWS: Final[Mapping[str, Said]] = {
    "mine": Said("待我处理", "For me"),
    "standing": Said("正在发生", "Happening now"),
    "open": Said("全部未结", "All open"),
    "overdue": Said("已超期", "Overdue"),
    "done": Said("近 30 天已结", "Closed, 30 days"),
}
_USUAL: Final = "open"
_OF_OFFICERS: Final = (State.RECTIFIED, State.DECLARED)
_OF_FIRMS: Final = (
    State.RAISED,
    State.REOPENED,
    State.ACKED,
    State.CLEARED_UNACK,
    State.CLEARED,
    State.RECTIFYING,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an address asks for; "" where it asks for nothing."""

    view: str
    level: str
    rule: str
    district: str
    enterprise: str
    before: datetime | None

    def address(self, path: str, **changes: str) -> str:
        """Return the address of the same list with some things otherwise."""
        return f"{path}?{self._query(**changes)}"

    @property
    def query(self) -> str:
        """What an address of this list asks for, from its beginning."""
        return self._query()

    def _query(self, **changes: str) -> str:
        values = {
            "view": self.view,
            "level": self.level,
            "rule": self.rule,
            "district": self.district,
            "enterprise": self.enterprise,
            **changes,
        }
        return urlencode({name: value for name, value in values.items() if value})

    @property
    def filtered(self) -> bool:
        """Whether anything but the view is asked for."""
        return bool(self.level or self.rule or self.district or self.enterprise)


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """Read an address; what it cannot mean counts as not asked."""
    view, level = query.get("view", ""), query.get("level", "")
    return Wanted(
        view=view if view in VIEWS else _USUAL,
        level=level if level in {str(one.value) for one in Level} else "",
        rule=query.get("rule", ""),
        district=query.get("district", ""),
        enterprise=query.get("enterprise", ""),
        before=asked_moment(query.get("before", "")),
    )


def chosen_of(wanted: Wanted, person: Person, reader: Reader, registry: Registry) -> Chosen:
    """Return the cases that an address asks for, as far as somebody may see them."""
    firms = reader.within(wanted.enterprise or None)
    if wanted.district:
        within = firms_of(
            wanted.district, registry.enterprise.values(), registry.region, registry.agency
        )
        firms = frozenset(within) if firms is None else firms & frozenset(within)
    done = wanted.view == "done"
    mine = _OF_OFFICERS if person.role in OFFICERS else _OF_FIRMS
    return Chosen(
        enterprises=firms,
        rules=[wanted.rule] if wanted.rule else None,
        levels=[Level(int(wanted.level))] if wanted.level else None,
        states=DONE if done else mine if wanted.view == "mine" else None,
        since=reader.now - PAST if done else None,
        until=wanted.before,
        open=not done,
        overdue=wanted.view == "overdue",
        standing=wanted.view == "standing",
    )
