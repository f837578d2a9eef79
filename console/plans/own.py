"""What is stopped or limited, for the people of one firm: what is asked today, and what comes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from wattwarden.alarms.decisions.bodies import Measure, WarningLevel
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.responses.bodies import Preset
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.figures import last_states
from wattwarden.alarms.statistics.running import MAKING
from wattwarden.alarms.statistics.timelines import Span
from wattwarden.console.alarms.words import STATES
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.drawing.said import Said
from wattwarden.console.drawing.strips import LOOKS
from wattwarden.console.firms.words import order_of
from wattwarden.console.plans.beside import load_beside, load_courses
from wattwarden.console.plans.seen import Order, Phase, load_orders, subject_name
from wattwarden.console.plans.words import EXEMPTIONS, NUMBERED, WARNINGS
from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection
from wattwarden.storage.responses.load import load_presets
from wattwarden.storage.statistics.load import load_timelines, part_of

# What units did before is of no matter here.
_LOOKED_BACK: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class UnitNow:
    """A production unit under an order: what it does, and whether that is what was ordered."""

    name: str
    state: Said
    look: str
    makes: bool


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An order as the firm that it concerns sees it."""

    order: Order
    units: tuple[UnitNow, ...]

    @property
    def goes_on(self) -> bool:
        """Whether a machine runs that has to stop, or an alarm says that it does too much."""
        stops = self.order.plan.measure is Measure.STOP
        return self.order.alarm is not None or (stops and any(one.makes for one in self.units))


async def own_page(visit: Visit, firm: str) -> web.Response:
    """Show what is asked of a firm."""
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        if firm not in registry.enterprise:
            raise NOT_FOUND
        orders = await load_orders(connection, registry, frozenset({firm}), reader.now)
        states = await _states(connection, registry, firm, reader.now)
        courses = await load_courses(connection, registry, reader, orders)
        presets = await load_presets(connection, enterprises=[firm])
        beside = await load_beside(connection, registry, reader)
    own = [_own(one, registry, states) for one in orders.listed]
    return visit.page(
        "plans/own.html",
        {
            **beside,
            "firm": registry.enterprise[firm],
            "courses": courses,
            "now_asked": [one for one in own if _is_asked(one.order, Phase.HOLDS)],
            "later": [
                one
                for one in own
                if one.order.phase is not Phase.HOLDS and not one.order.plan.exempt
            ],
            "exempt": [one for one in own if one.order.plan.exempt],
            "presets": {level: _preset(presets, level) for level in WarningLevel},
            "warnings": WARNINGS,
            "numbered": NUMBERED,
            "exemptions": EXEMPTIONS,
            "order_of": order_of,
            "subject_of": lambda curb: subject_name(curb.scope, curb.subject, registry),
            "now": reader.now,
        },
    )


async def _states(
    connection: Connection, registry: Registry, firm: str, now: datetime
) -> Mapping[str, UnitState]:
    """Return what a firm's units do now."""
    span = Span(milliseconds(now - _LOOKED_BACK), milliseconds(now))
    part = part_of(registry, [firm])
    return last_states(await load_timelines(connection, part, span), span.end)


def _is_asked(order: Order, phase: Phase) -> bool:
    return order.phase is phase and not order.plan.exempt


def _own(order: Order, registry: Registry, states: Mapping[str, UnitState]) -> OwnOrder:
    units = []
    for name in order.units:
        unit, state = registry.unit[name], states.get(name, UnitState.NEVER)
        units.append(UnitNow(unit.name, STATES[state], LOOKS[state], state in MAKING))
    return OwnOrder(order, tuple(units))


def _preset(presets: Iterable[Preset], level: WarningLevel) -> Preset | None:
    return next((one for one in presets if one.level is level), None)
