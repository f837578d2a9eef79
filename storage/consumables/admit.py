"""What stands against consumables, their replacements, waste in store and off-site checks."""

from collections.abc import Mapping
from typing import Final

import msgspec

from wattwarden.alarms.acting.roles import OFFICERS
from wattwarden.alarms.consumables.bodies import Carbon, OffsiteCheck, WasteEntry
from wattwarden.alarms.consumables.carbon import CARBON, run_hours
from wattwarden.alarms.consumables.chain import refused_step
from wattwarden.alarms.consumables.claims import too_long, unproved
from wattwarden.alarms.consumables.numbers import default_numbers
from wattwarden.alarms.decisions.bodies import Consumable, Replacement
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement.life import local
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.storage.acting.acting import Acting, Admission
from wattwarden.storage.cases.evidence import find_files
from wattwarden.storage.consumables.load import find_change, load_parts
from wattwarden.storage.registry.decisions import told


async def admit_consumable(acting: Acting) -> Body:
    """Take a new part, or other limits of one that stands.

    A firm registers its parts for as long as their kind lasts, and sets the first limit in hours of
    a filling of carbon by its calculation; all else is for officers.  Nobody says by this that a
    part was replaced.

    Raises:
        RefusedError: It is otherwise.
    """
    body = acting.body
    assert isinstance(body, Consumable)  # noqa: S101  registered for this kind alone
    if body.replaced_at > acting.now:
        raise RefusedError([body.problem("replaced_at", "更换时间在将来", "it is yet to come")])
    before = await told(acting.connection, [body.kind_name], where={"id": body.id})
    if before and isinstance(before[-1].body, Consumable):
        problem = await _changed(before[-1].body, body, acting)
        if problem is not None:
            raise RefusedError([problem])
    problem = too_long(body, default_numbers()) if _by_firm(acting) else None
    if problem is not None:
        raise RefusedError([problem])
    return body


async def admit_replacement(acting: Acting) -> Body:
    """Take a replacement that came after those before it, with files that show it.

    Raises:
        RefusedError: It was entered already, is to come, lies before the last one, or a firm enters
            it and no file since then shows it.
    """
    body = acting.body
    assert isinstance(body, Replacement)  # noqa: S101  registered for this kind alone
    known = await find_change(acting.connection, body.id)
    if body.rejected:
        raise RefusedError([body.problem("rejected", "须经场外核查", "a check says that")])
    if known is not None:
        at = local(known[1].at)
        zh, en = f"已由{known[1].actor}于{at}录入", f"{known[1].actor} entered it at {at}"
        raise RefusedError([body.problem("id", zh, en)])
    if body.replaced_at > acting.now:
        raise RefusedError([body.problem("replaced_at", "更换时间在将来", "it is yet to come")])
    parts = await load_parts(acting.connection, identity=body.consumable)
    if not parts:
        raise RefusedError([body.problem("consumable", "该耗材已停用", "it is no more in use")])
    since = parts[0].since
    if body.replaced_at <= since:
        zh = f"更换时间不晚于上次更换({local(since)})"
        en = f"it is not after the last replacement, {local(since)}"
        raise RefusedError([body.problem("replaced_at", zh, en)])
    kept = await find_files(acting.connection, body.evidence, acting.enterprise)
    least = default_numbers().claims.least_files if _by_firm(acting) else 0
    problem = unproved(body, since, kept, least)
    if problem is not None:
        raise RefusedError([problem])
    return body


async def admit_step(acting: Acting) -> Body:
    """Take waste into store, or a check, where it is its turn.

    Raises:
        RefusedError: It is not; what stands, and who did it, is told.
    """
    body = acting.body
    assert isinstance(body, WasteEntry | OffsiteCheck)  # noqa: S101  registered for these alone
    known = await find_change(acting.connection, body.replacement)
    if known is None:
        raise RefusedError([body.problem("replacement", "该耗材已停用", "its part is no more")])
    problem = refused_step(known[1], body, acting.now)
    if problem is not None:
        raise RefusedError([problem])
    return body


async def admit_carbon(acting: Acting) -> Body:
    """Take a calculation of a part that is carbon.

    Raises:
        RefusedError: It is something else.
    """
    body = acting.body
    assert isinstance(body, Carbon)  # noqa: S101  registered for this kind alone
    parts = await load_parts(acting.connection, identity=body.consumable)
    if not parts or parts[0].body.kind != CARBON:
        zh, en = "该耗材不是活性炭", f"{body.consumable} is no activated carbon"
        raise RefusedError([body.problem("consumable", zh, en)])
    return body


async def _changed(standing: Consumable, body: Consumable, acting: Acting) -> Problem | None:
    """Say why a part that stands cannot become another."""
    if (standing.unit, standing.kind) != (body.unit, body.kind):
        zh, en = "不能改为其他设施或类型", f"it stays {standing.kind} of unit {standing.unit}"
        return body.problem("unit", zh, en)
    if standing.replaced_at != body.replaced_at:
        zh, en = "更换须录入更换记录", "a replacement is entered as one"
        return body.problem("replaced_at", zh, en)
    if _by_firm(acting) and not await _calculated(standing, body, acting):
        zh, en = "期限只能由执法人员调整", "only officers change what stands"
        return body.problem("id", zh, en)
    return None


async def _calculated(standing: Consumable, body: Consumable, acting: Acting) -> bool:
    """Whether all that changes is the first limit in hours, and that was calculated."""
    first = msgspec.structs.replace(standing, limit_hours=body.limit_hours) == body
    if standing.limit_hours is not None or not first:
        return False
    designs = (part.carbon for part in await load_parts(acting.connection, identity=body.id))
    return any(one is not None and run_hours(one) == body.limit_hours for one in designs)


def _by_firm(acting: Acting) -> bool:
    return acting.person is not None and acting.person.role not in OFFICERS


CONSUMABLE_ADMISSIONS: Final[Mapping[str, Admission]] = {
    Consumable.kind_name: admit_consumable,
    Replacement.kind_name: admit_replacement,
    Carbon.kind_name: admit_carbon,
    WasteEntry.kind_name: admit_step,
    OffsiteCheck.kind_name: admit_step,
}
