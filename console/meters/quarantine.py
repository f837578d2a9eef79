"""Frames that gave no reading: listed, explained byte by byte, read again; and any frame pasted."""

import binascii
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.registry.nouns import Role
from wattwarden.codecs import load_codecs
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.drawing.said import Said
from wattwarden.console.meters.shown import explained, fields_apart, recognised
from wattwarden.console.visit import Visit
from wattwarden.protocol.errors import Refusal
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.quarantine import Held, Selection, list_held
from wattwarden.storage.retrying import Retried
from wattwarden.storage.text import is_number

# As many as somebody reads.
PAGE: Final = 50
METER_LETTERS: Final = 64
# The largest frame that a port takes, as hex with spaces.
MOST_HEX_LETTERS: Final = 12_000
_STATES: Final = ("open", "resolved")


async def show(visit: Visit) -> web.StreamResponse:
    """List frames in quarantine, the latest first."""
    state, kind, meter = visit.asked("state"), visit.asked("kind"), visit.asked("meter")
    before = visit.asked("before")
    selection = Selection(
        meter=meter[:METER_LETTERS] or None,
        kind=kind if kind in tuple(Refusal) else None,
        state=state if state in _STATES else _STATES[0],
    )
    async with visit.reading() as (connection, _reader):
        number = int(before) if is_number(before) else None
        frames = await list_held(connection, selection, before_id=number, most=PAGE + 1)
    shown = {
        "frames": frames[:PAGE],
        "older": frames[PAGE - 1].id if len(frames) > PAGE else None,
        "selection": selection,
        "kinds": list(Refusal),
        "meter": meter,
        "able": visit.person.role is Role.ADMINISTRATOR,
    }
    return visit.page("meters/quarantine.html", shown)


async def show_one(visit: Visit) -> web.StreamResponse:
    """Show one frame byte by byte."""
    held = await _held(visit)
    shown = {
        "held": held,
        "fields": await explained(held),
        "able": visit.person.role is Role.ADMINISTRATOR,
    }
    return visit.page("meters/frame.html", shown)


async def retry_one(visit: Visit) -> web.StreamResponse:
    """Read a frame again with today's codecs, configuration and keys."""
    held = await _held(visit)
    async with visit.reading() as (connection, _reader):
        await visit.parts.gateways.retry(connection, Selection(ids=(held.id,)))
        actor = visit.person.id
        what = f"retried frame {held.id}"
        await note_event(connection, actor, actor, Deed.QUARANTINE, visit.address, what)
    return visit.go(visit.url("held", held=held.id))


async def retry_many(visit: Visit) -> web.StreamResponse:
    """Read all that waits of a meter, or of one kind, again."""
    kind, meter = visit.field("kind"), visit.field("meter")[:METER_LETTERS]
    selection = Selection(meter=meter or None, kind=kind if kind in tuple(Refusal) else None)
    await retry_frames(visit, selection)
    return visit.go(visit.url("quarantine"))


async def retry_frames(visit: Visit, selection: Selection) -> Retried:
    """Read frames again as the visitor, which is noted with what came of it."""
    async with visit.reading() as (connection, _reader):
        done = await visit.parts.gateways.retry(connection, selection)
        actor = visit.person.id
        what = f"retried {done.tried}, resolved {done.resolved}"
        await note_event(connection, actor, actor, Deed.QUARANTINE, visit.address, what)
    return done


async def ask_frame(visit: Visit) -> web.StreamResponse:
    """Ask for a frame to explain."""
    return _explained(visit, "", "", None)


async def explain(visit: Visit) -> web.StreamResponse:
    """Explain a frame that was pasted; nothing is kept of it."""
    name, text = visit.field("codec"), visit.field("hex")
    codecs = load_codecs()
    try:
        if len(text) > MOST_HEX_LETTERS:
            return _explained(visit, name, text[:MOST_HEX_LETTERS], _TOO_LONG)
        raw = binascii.unhexlify("".join(text.split()))
    except (binascii.Error, ValueError):
        return _explained(visit, name, text, _NO_HEX)
    if not raw:
        return _explained(visit, name, text, _NO_HEX)
    codec = codecs.get(name) or recognised(raw)
    shown = {
        "fields": await fields_apart(codec, raw),
        "codec": codec,
        "chosen": name,
        "text": text,
        "said": None if codec is not None else _STRANGE,
        "codecs": codecs.values(),
    }
    return visit.page("meters/explain.html", shown)


def _explained(visit: Visit, name: str, text: str, said: Said | None) -> web.Response:
    status = HTTPStatus.OK if said is None else HTTPStatus.UNPROCESSABLE_ENTITY
    shown: dict[str, Any] = {
        "fields": [],
        "codec": None,
        "chosen": name,
        "text": text,
        "said": said,
        "codecs": load_codecs().values(),
    }
    return visit.page("meters/explain.html", shown, status)


async def _held(visit: Visit) -> Held:
    number = visit.number("held")
    async with visit.reading() as (connection, _reader):
        found = await list_held(connection, Selection(ids=(number,)), most=1)
    if not found:
        raise NOT_FOUND
    return found[0]


_TOO_LONG: Final = Said("报文过长。", "This is longer than any frame.")
_NO_HEX: Final = Said(
    "请粘贴十六进制报文，空格和换行可有可无。",
    "Paste a frame as hexadecimal digits, spaces and line breaks as you like.",
)
_STRANGE: Final = Said(
    "没有一种规约认得这些字节，下面按原样列出。",
    "No protocol knows these bytes; they are shown as they are.",
)
