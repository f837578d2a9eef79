"""Manuals of industries (一业一册): published by the city's officers, read and fetched by firms."""

from collections import defaultdict
from typing import Any, Final
from urllib.parse import quote

import msgspec
from aiohttp import web

from wattwarden.alarms.cases.bodies import Evidence
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.service.bodies import Document
from wattwarden.console.able import may
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.board.rows import person_of
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.forms import MAX_TEXT_BYTES
from wattwarden.console.visit import Visit
from wattwarden.console.written import answer, file_in, refused
from wattwarden.storage.cases.evidence import load_file
from wattwarden.storage.service.papers import (
    MAX_PAPER_BYTES,
    Published,
    Upload,
    load_published,
    publish,
)

# The file, and the rest of the form around it.
UPLOAD_BYTES: Final = MAX_PAPER_BYTES + 2 * MAX_TEXT_BYTES
# What the form's own field takes, each letter of three bytes; longer manuals come as files.
MAX_WRITTEN_LETTERS: Final = MAX_TEXT_BYTES // 3
_MIB: Final = 2**20
# No browser shows a file of others as a page of ours, whatever is in it.
_LOCKED: Final = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-cache",
}


async def show_documents(visit: Visit) -> web.Response:
    """List manuals by industry, one's own first."""
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        found = await load_published(connection, reader)
    own = registry.enterprise.get(visit.person.enterprise or "")
    firms: dict[str, int] = defaultdict(int)
    for firm in registry.enterprise.values():
        firms[firm.industry] += reader.sees(firm.id)
    grouped: dict[str, list[Published]] = defaultdict(list)
    for one in sorted(found, key=lambda one: one.entered.entered_at, reverse=True):
        grouped[one.body.industry].append(one)
    mine = "" if own is None else own.industry
    lacking = [name for name in sorted(firms) if firms[name] and name not in grouped]
    parts = {
        "groups": sorted(grouped.items(), key=lambda group: (group[0] != mine, group[0])),
        "count": len(found),
        "firms": firms,
        "lacking": lacking,
        "mine": mine,
        "own": own is not None,
        "can_publish": may(visit, registry, "document"),
        "size": size_of,
    }
    return visit.page("service/documents.html", parts)


async def show_document(visit: Visit) -> web.Response:
    """Show one manual to be read."""
    async with visit.reading() as (connection, _):
        registry = await visit.request.app[KNOWN].registry(connection)
    one = await _published(visit)
    return visit.page(
        "service/document.html",
        {
            "one": one,
            "body": one.body,
            "by": person_of(one.entered.actor, registry) or one.entered.actor,
            "can_publish": may(visit, registry, "document"),
            "size": size_of,
        },
    )


async def fetch_text(visit: Visit) -> web.Response:
    """Give a manual's text as a file."""
    one = await _published(visit)
    headers = {"Content-Disposition": _named(f"{one.body.title}.txt"), **_LOCKED}
    # Whoever opens it by a double click sees Chinese only with this mark before it.
    body = one.body.text.encode("utf-8-sig")
    return web.Response(body=body, content_type="text/plain", charset="utf-8", headers=headers)


async def fetch_paper(visit: Visit) -> web.Response:
    """Give a paper that came with a manual; nothing opens by itself."""
    one = await _published(visit)
    digest = visit.parameter("file")
    paper = next((paper for paper in one.papers if paper.sha256 == digest), None)
    if paper is None:
        raise NOT_FOUND
    async with visit.reading() as (connection, _):
        kept = await load_file(connection, digest)
    if kept is None:
        raise NOT_FOUND
    headers = {"Content-Disposition": _named(paper.name), **_LOCKED}
    return web.Response(body=kept.data, content_type="application/octet-stream", headers=headers)


async def ask_to_publish(visit: Visit) -> web.Response:
    """Show the form by which a manual is published, new or in the place of another."""
    return await _form(visit, None)


async def publish_document(visit: Visit) -> web.Response:
    """Publish a manual, with the file it came as."""
    try:
        sent = file_in(visit, "file")
        upload = None if sent is None else Upload(*sent)
        text = visit.field("text")
        if not text and upload is None:
            raise refused("text", "请填写正文，或选择文件", "write the text, or choose a file")
        body = Document(
            id=visit.field("id") or NEW,
            industry=visit.field("industry"),
            title=visit.field("title"),
            text=text or "正文见附件。",
        )
        async with visit.reading() as (connection, reader):
            entered = await publish(connection, body, upload, visit.person.id, reader.now)
    except RefusedError as error:
        return await _form(visit, error)
    return visit.go(visit.url("document", document=getattr(entered.body, "id", "")))


async def withdraw_document(visit: Visit) -> web.Response:
    """Show a manual no more."""
    one = await _published(visit)
    await visit.act(msgspec.structs.replace(one.body, enabled=False))
    return visit.go(visit.url("documents"))


def size_of(paper: Evidence) -> str:
    """Write how large a file is."""
    if paper.size >= _MIB:
        return f"{paper.size / _MIB:.1f} MiB"
    return f"{max(1, paper.size // 1024)} KiB"


async def _published(visit: Visit) -> Published:
    """Return the manual that is named, where it concerns the visitor.

    Raises:
        PageError: There is none, or it is another industry's.
    """
    async with visit.reading() as (connection, reader):
        found = await load_published(connection, reader, visit.parameter("document"))
    if not found:
        raise NOT_FOUND
    return found[0]


async def _form(visit: Visit, error: RefusedError | None) -> web.Response:
    replaced = visit.field("id") or visit.asked("document")
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        found = await load_published(connection, reader, replaced) if replaced else []
    before = found[0].body if found else None
    typed: dict[str, Any] = {
        name: visit.field(name) or visit.asked(name) or getattr(before, name, "")
        for name in ("industry", "title", "text")
    }
    if len(typed["text"]) > MAX_WRITTEN_LETTERS:
        typed["text"] = ""
    parts = {
        **typed,
        "before": before,
        "industries": _industries(registry),
        "most_letters": MAX_WRITTEN_LETTERS,
        "most_mib": MAX_PAPER_BYTES // _MIB,
    }
    return answer(visit, "service/publish.html", parts, error)


def _industries(registry: Registry) -> list[str]:
    return sorted({one.industry for one in registry.enterprise.values()})


def _named(name: str) -> str:
    """Return the header by which a browser keeps a file under a name, whatever its letters are."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    ending = name.rpartition(".")[2]
    exact = quote(name, safe="")
    return f"attachment; filename=\"{plain[:60]}.{ending}\"; filename*=UTF-8''{exact}"
