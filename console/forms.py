"""What is sent with a request, read within bounds: forms, the files in them, plain texts.

All of it is UTF-8, whatever a request says of itself: of some charsets that programs know, reading
a few kilobytes takes seconds, and a file's size would take hours.
"""

import asyncio
from collections.abc import Mapping
from tempfile import SpooledTemporaryFile
from typing import IO, Final, TypeAlias
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import MultiDict, MultiDictProxy

Value: TypeAlias = str | web.FileField
Form: TypeAlias = MultiDictProxy[Value]

FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
# A page of districts with a box each has some fifty.
MAX_FIELDS: Final = 500
# Of one text within a form with files: as much as a form without any may have.
MAX_TEXT_BYTES: Final = 40_960
# What is smaller stays in memory.
_ROOM_BYTES: Final = 2**20
_BLOCK_BYTES: Final = 65_536


def no_form() -> Form:
    """Return a form without fields."""
    return MultiDictProxy(MultiDict())


async def read_form(request: web.Request) -> Form:
    """Return the fields of a form; none of a body that is no form.

    Raises:
        ValueError: It is cut off, has too many fields, or is no text where it should be.
        HTTPRequestEntityTooLarge: It is longer than the request may be.
    """
    if request.content_type == FORM:
        text = (await request.read()).decode()
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
        return MultiDictProxy(MultiDict(pairs))
    if request.content_type == MULTIPART:
        return MultiDictProxy(await _parts(request))
    return no_form()


async def read_text(request: web.Request) -> str:
    """Return the body of a request that is no form; raises as ``read_form``."""
    return (await request.read()).decode()


def close_files(form: Mapping[str, Value]) -> None:
    """Let go of the files of a form; whoever wanted them has read them."""
    for value in form.values():
        if isinstance(value, web.FileField):
            value.file.close()


async def _parts(request: web.Request) -> MultiDict[Value]:
    fields: MultiDict[Value] = MultiDict()
    try:
        await _read_parts(await request.multipart(), request.client_max_size, fields)
    except (HttpProcessingError, RuntimeError) as error:
        close_files(fields)
        # Headers of a part that are none, or a part that would name a charset for all others.
        raise ValueError("a part of the form cannot be read") from error
    except BaseException:
        close_files(fields)
        raise
    return fields


async def _read_parts(reader: MultipartReader, left: int, fields: MultiDict[Value]) -> None:
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise ValueError("a part of the form has no name")
        if len(fields) >= MAX_FIELDS:
            raise ValueError("the form has too many fields")
        if part.filename:
            file = SpooledTemporaryFile(_ROOM_BYTES)  # noqa: SIM115  closed with its form
            fields.add(part.name, _field(part, file))
            left -= await _poured(part, file, left)
            file.seek(0)
        else:
            raw = await _text(part, min(left, MAX_TEXT_BYTES))
            left -= len(raw)
            fields.add(part.name, raw.decode())


def _field(part: BodyPartReader, file: IO[bytes]) -> web.FileField:
    kind = part.headers.get("Content-Type", "application/octet-stream")
    # Whatever bytes a name has, as letters that columns take.
    name = (part.filename or "").encode(errors="replace").decode()
    return web.FileField(part.name or "", name, file, kind, part.headers)


async def _poured(part: BodyPartReader, file: IO[bytes], most: int) -> int:
    size = 0
    while block := await part.read_chunk(_BLOCK_BYTES):
        size += len(block)
        _check_size(size, most)
        await asyncio.to_thread(file.write, block)
    return size


async def _text(part: BodyPartReader, most: int) -> bytes:
    raw = bytearray()
    while block := await part.read_chunk(_BLOCK_BYTES):
        raw += block
        _check_size(len(raw), most)
    return bytes(raw)


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=size)
