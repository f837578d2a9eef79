"""What stands against consumables, their replacements, waste in store and off-site checks."""

from collections.abc import Mapping
from typing import Final

from wattwarden.alarms.acting.roles import OFFICERS
from wattwarden.alarms.consumables.bodies import Carbon, OffsiteCheck, WasteEntry
from wattwarden.alarms.consumables.carbon import CARBON
from wattwarden.alarms.consumables.chain import refused_step
from wattwarden.alarms.decisions.bodies import Consumable, Replacement
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.storage.acting.acting import Acting, Admission
from wattwarden.storage.consumables.load import find_change, load_parts
from wattwarden.storage.registry.decisions import told


async def admit_consumable(acting: Acting) -> Body:
    """Take a new part, or other limits of one that stands.

    A firm registers its parts; only officers change how long one may last, and nobody says by this
    that it was replaced.

    Raises:
        RefusedError: It is otherwise.
    """
    body = acting.body
    assert isinstance(body, Consumable)  # noqa: S101  registered for this kind alone
    if body.replaced_at > acting.now:
        raise RefusedError([body.problem("replaced_at", "更换时间在将来", "it is yet to come")])
    before = await told(acting.connection, [body.kind_name], where={"id": body.id})
    if before and isinstance(before[-1].body, Consumable):
        problem = _changed(before[-1].body, body, acting)
        if problem is not None:
            raise RefusedError([problem])
    return body


async def admit_replacement(acting: Acting) -> Body:
    """Take a replacement that came after those before it.

    Raises:
        RefusedError: It was entered already, is to come, or lies before the last one.
    """
    body = acting.body
    assert isinstance(body, Replacement)  # noqa: S101  registered for this kind alone
    known = await find_change(acting.connection, body.id)
    if body.rejected:
        raise RefusedError([body.problem("rejected", "须经场外核查", "a check says that")])
    if known is not None:
        at = known[1].at.isoformat()
        zh, en = f"已由{known[1].actor}于{at}录入", f"{known[1].actor} entered it at {at}"
        raise RefusedError([body.problem("id", zh, en)])
    if body.replaced_at > acting.now:
        raise RefusedError([body.problem("replaced_at", "更换时间在将来", "it is yet to come")])
    parts = await load_parts(acting.connection, identity=body.consumable)
    if not parts:
        raise RefusedError([body.problem("consumable", "该耗材已停用", "it is no more in use")])
    since = parts[0].since
    if body.replaced_at <= since:
        zh = f"更换时间不晚于上次更换({since.isoformat()})"
        en = f"it is not after the last replacement, {since.isoformat()}"
        raise RefusedError([body.problem("replaced_at", zh, en)])
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


def _changed(standing: Consumable, body: Consumable, acting: Acting) -> Problem | None:
    """Say why a part that stands cannot become another."""
    if (standing.unit, standing.kind) != (body.unit, body.kind):
        zh, en = "不能改为其他设施或类型", f"it stays {standing.kind} of unit {standing.unit}"
        return body.problem("unit", zh, en)
    if standing.replaced_at != body.replaced_at:
        zh, en = "更换须录入更换记录", "a replacement is entered as one"
        return body.problem("replaced_at", zh, en)
    if acting.person is not None and acting.person.role not in OFFICERS:
        zh, en = "期限只能由执法人员调整", "only officers change what stands"
        return body.problem("id", zh, en)
    return None


CONSUMABLE_ADMISSIONS: Final[Mapping[str, Admission]] = {
    Consumable.kind_name: admit_consumable,
    Replacement.kind_name: admit_replacement,
    Carbon.kind_name: admit_carbon,
    WasteEntry.kind_name: admit_step,
    OffsiteCheck.kind_name: admit_step,
}
