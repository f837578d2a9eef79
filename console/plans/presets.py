"""What each firm does at a warning level (一厂一策): seen by everybody, kept by officers."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from wattwarden.alarms.decisions.bodies import Measure, WarningLevel
from wattwarden.alarms.decisions.body import NEW, Scope
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.responses.bodies import Curb, Exemption, Preset
from wattwarden.console.able import may
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.firms.words import order_of
from wattwarden.console.plans.ordering import hours_in, subjects_of
from wattwarden.console.plans.seen import subject_name
from wattwarden.console.plans.words import EXEMPTIONS, NUMBERED, WARNINGS
from wattwarden.console.visit import Visit
from wattwarden.console.written import answer, needed_word, share_in, word_in
from wattwarden.storage.responses.load import load_presets

# A list that one looks through; a search finds the others.
MOST_FIRMS: Final = 200


async def show_presets(visit: Visit) -> web.Response:
    """List what firms do at each level, those that have nothing first."""
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        presets = await load_presets(connection, enterprises=reader.enterprises)
    text = visit.asked("q").casefold()
    known = {(one.enterprise, one.level): one for one in presets}
    having = {one.enterprise for one in presets}
    seen = [one for one in registry.enterprise.values() if reader.sees(one.id)]
    found = [one for one in seen if text in f"{one.name} {one.id}".casefold()]
    found.sort(key=lambda one: (one.id in having, one.name))
    return visit.page(
        "plans/presets.html",
        {
            "firms": found[:MOST_FIRMS],
            "count": len(seen),
            "lacking": len([one for one in seen if one.id not in having]),
            "known": known,
            "q": visit.asked("q"),
            **_words(registry),
        },
    )


async def show_firm_presets(visit: Visit) -> web.Response:
    """Show what one firm does, level by level; officers change it there."""
    return await _page(visit, None)


async def keep_preset(visit: Visit) -> web.Response:
    """Keep what a firm does at a level, in the place of what stood there."""
    firm = visit.parameter("enterprise")
    try:
        level = needed_word(visit, "level", WarningLevel)
        async with visit.reading() as (connection, _):
            registry = await visit.request.app[KNOWN].registry(connection)
            standing = await load_presets(connection, level, firm)
        body = Preset(
            id=standing[0].id if standing else NEW,
            enterprise=firm,
            level=level,
            curbs=_curbs(visit, firm, registry),
            exempt=word_in(visit, "exempt", Exemption),
            note=visit.field("note"),
        )
        await visit.act(body)
    except RefusedError as error:
        return await _page(visit, error)
    return visit.go(f"{visit.url('firm_presets', enterprise=firm)}?level={level.value}")


async def withdraw_preset(visit: Visit) -> web.Response:
    """Take back what a firm does at a level; responses that run keep their orders."""
    firm = visit.parameter("enterprise")
    try:
        level = needed_word(visit, "level", WarningLevel)
        async with visit.reading() as (connection, _):
            standing = await load_presets(connection, level, firm)
        if not standing:
            raise NOT_FOUND
        await visit.act(msgspec.structs.replace(standing[0], enabled=False))
    except RefusedError as error:
        return await _page(visit, error)
    return visit.go(f"{visit.url('firm_presets', enterprise=firm)}?level={level.value}")


async def _page(visit: Visit, refused: RefusedError | None) -> web.Response:
    firm = visit.parameter("enterprise")
    async with visit.reading() as (connection, _):
        registry = await visit.request.app[KNOWN].registry(connection)
        presets = await load_presets(connection, enterprise=firm)
    known = {one.level: one for one in presets}
    asked = visit.field("level") or visit.asked("level")
    level = WarningLevel(asked) if asked in tuple(WarningLevel) else WarningLevel.ORANGE
    preset = known.get(level)
    parts = {
        "firm": registry.enterprise[firm],
        "known": known,
        "level": level,
        "preset": preset,
        "subjects": _parts_of(firm, registry),
        "standing": {f"{one.scope}:{one.subject}": one for one in preset.curbs} if preset else {},
        "can_keep": may(visit, registry, "preset", firm),
        **_words(registry),
    }
    return answer(visit, "plans/firm_presets.html", parts, refused)


def _curbs(visit: Visit, firm: str, registry: Registry) -> tuple[Curb, ...]:
    """Return what the form says of each part of a firm.

    Raises:
        RefusedError: A limit has no percent, or the hours are written by half.
    """
    hours = hours_in(visit)
    found = []
    for name, _, scope in _parts_of(firm, registry):
        measure = word_in(visit, f"measure-{name}", Measure)
        if measure is None:
            continue
        reduction = share_in(visit, f"reduction-{name}") if measure is Measure.LIMIT else None
        subject = name.partition(":")[2]
        found.append(
            Curb(scope=scope, subject=subject, measure=measure, reduction=reduction, **hours)
        )
    return tuple(found)


def _parts_of(firm: str, registry: Registry) -> list[tuple[str, str, Scope]]:
    """Return a firm as a whole, its lines and its production units, as ``subjects_of`` does."""
    return [(f"enterprise:{firm}", "", Scope.ENTERPRISE), *subjects_of(firm, registry)]


def _words(registry: Registry) -> Mapping[str, Any]:
    return {
        "levels": list(WarningLevel),
        "warnings": WARNINGS,
        "numbered": NUMBERED,
        "exemptions": EXEMPTIONS,
        "order_of": order_of,
        "subject_of": lambda curb: subject_name(curb.scope, curb.subject, registry),
    }
