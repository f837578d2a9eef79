"""The ways of notices: endpoints of the table in force, what they refuse, one message to try."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from wattwarden.alarms.channels.channel import Delivered, Outcome
from wattwarden.alarms.registry.nouns import Role
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.drawing.said import Said
from wattwarden.console.visit import Visit
from wattwarden.storage.outbox.contacts import faulty_contacts
from wattwarden.storage.outbox.listing import Wanted, count_states, list_outbox
from wattwarden.storage.outbox.load import load_routing
from wattwarden.storage.people.log import Deed, note_event

# As many as somebody reads.
NOTICES: Final = 50
ADDRESS_LETTERS: Final = 200


async def show(visit: Visit) -> web.StreamResponse:
    """Show by which ways notices go out, and what became of the last ones."""
    return await _page(visit)


async def send_test(visit: Visit) -> web.StreamResponse:
    """Send one message by an endpoint at once, past the outbox."""
    name, to = visit.field("endpoint"), visit.field("to")[:ADDRESS_LETTERS]
    async with visit.reading() as (connection, _reader):
        configured = (await load_routing(connection)).endpoint.get(name)
    if configured is None:
        raise NOT_FOUND
    if configured.address is not None and not to:
        said = Said("请填写接收地址。", "Say to which address.")
        return await _page(visit, name, said, HTTPStatus.UNPROCESSABLE_ENTITY)
    outcome = await try_out(visit, name, to)
    if isinstance(outcome, Delivered):
        return await _page(visit, name, Said("已送达。", "Delivered."), is_good=True)
    said = Said(f"没有送达：{outcome.reason}", f"Not delivered: {outcome.reason}")
    return await _page(visit, name, said, HTTPStatus.BAD_GATEWAY)


async def try_out(visit: Visit, endpoint: str, to: str) -> Outcome:
    """Send one message by an endpoint as the visitor, which is noted; ``to`` "": nobody."""
    outcome = await visit.parts.gateways.try_out(endpoint, (to,) if to else ())
    async with visit.reading() as (connection, _reader):
        actor = visit.person.id
        await note_event(connection, actor, actor, Deed.CHANNEL, visit.address, f"tried {endpoint}")
    return outcome


async def _page(
    visit: Visit,
    tried: str = "",
    said: Said | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    is_good: bool = False,
) -> web.Response:
    wanted = Wanted(limit=NOTICES)
    async with visit.reading() as (connection, _reader):
        table = await load_routing(connection)
        faulty = await faulty_contacts(connection)
        counts = await count_states(connection, wanted)
        notices = await list_outbox(connection, wanted)
    shown = {
        "table": table,
        "faulty": faulty,
        "counts": counts,
        "notices": notices,
        "tried": tried,
        "said": said,
        "is_good": is_good,
        "able": visit.person.role is Role.ADMINISTRATOR,
    }
    return visit.page("rules/channels.html", shown, status)
