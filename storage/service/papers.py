"""Manuals with the papers they came as: what may be published, and who may have it.

upload ─► by its content: text │ PDF │ Office without macros ─► document, evidence about it

Bytes are kept as every file is; a firm gets those of its own industry's manuals, and no others.
"""

import io
import zipfile
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.cases.bodies import Evidence
from wattwarden.alarms.cases.media import media_of
from wattwarden.alarms.decisions.letters import unprintable
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.alarms.service.bodies import MAX_DOCUMENT_LETTERS, Document
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.evidence import Arrived
from wattwarden.storage.cases.together import keep_evidence
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.decisions import Entered, told
from wattwarden.storage.service.load import documents_entered

# Some hundred pages with pictures; films of machines belong on a video platform.
MAX_PAPER_BYTES: Final = 16 * 2**20
# A manual in Office's form has some dozen parts, one with many pictures some hundreds.
MAX_PARTS: Final = 4_096
_PDF: Final = "application/pdf"
_ARCHIVE: Final = "application/zip"
# The part that every document of Office has, and what holds its programs.
_CONTENTS: Final = "[Content_Types].xml"
_MACROS: Final = "vbaproject.bin"


class Paper(StrEnum):
    """What a file is by its content, as the ending of its name; what is none is not published."""

    TEXT = "txt"
    PDF = "pdf"
    WORD = "docx"
    SHEET = "xlsx"
    SLIDES = "pptx"


_ROOMS: Final = {"word/": Paper.WORD, "xl/": Paper.SHEET, "ppt/": Paper.SLIDES}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as somebody sent it."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """A manual in force, when it was published and by whom, and its papers."""

    body: Document
    entered: Entered
    papers: tuple[Evidence, ...] = ()


def paper_of(upload: Upload) -> Paper:
    """Say what a file is by its content.

    Raises:
        RefusedError: It is empty, too large, has programs in it, or is nothing to read.
    """
    if not 0 < len(upload.data) <= MAX_PAPER_BYTES:
        most = MAX_PAPER_BYTES // 2**20
        en = f"a manual has 1 byte to {most} MiB, got {len(upload.data)}"
        raise _unfit(upload, f"文件须为1字节至{most} MiB", en)
    media = media_of(upload.data)
    if media == _PDF:
        return Paper.PDF
    if media == _ARCHIVE:
        return _office(upload)
    if media is None:
        text_of(upload)
        return Paper.TEXT
    raise _unfit(upload, *_NOTHING_TO_READ)


def text_of(upload: Upload) -> str:
    """Return a text file's text.

    Raises:
        RefusedError: It is no text in UTF-8, or longer than a manual may be.
    """
    try:
        text = upload.data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unfit(upload, *_NOTHING_TO_READ) from None
    if unprintable(text):
        raise _unfit(upload, *_NOTHING_TO_READ)
    if len(text) > MAX_DOCUMENT_LETTERS:
        zh = f"文字超过{MAX_DOCUMENT_LETTERS}字，请分册发布"
        en = f"it has more than {MAX_DOCUMENT_LETTERS} letters: publish it in parts"
        raise _unfit(upload, zh, en)
    return text


async def publish(
    connection: Connection,
    document: Document,
    upload: Upload | None,
    actor: str,
    now: datetime,
) -> Entered:
    """Publish a manual, with the paper that it came as; a text file becomes its text.

    Raises:
        RefusedError: They may not, or the file cannot be published; nothing was kept.
        StorageError: The database is away.
    """
    kind = None if upload is None else paper_of(upload)
    if upload is not None and kind is Paper.TEXT:
        document = msgspec.structs.replace(document, text=text_of(upload))
    with errors("publishing a manual"):
        async with connection.transaction():
            entered = await decide(connection, document, actor, now)
            if upload is not None and kind is not Paper.TEXT:
                identity = str(getattr(entered.body, "id", ""))
                about = Document.kind_name
                paper = Arrived(upload.data, _name(upload.name, kind), about, identity)
                await keep_evidence(connection, paper, actor, now)
    return entered


async def load_published(
    connection: Connection, reader: Reader, identity: str | None = None
) -> list[Published]:
    """Return the manuals in force that concern somebody, or the one of an id.

    A manual's papers are those that came with its newest publication.

    Raises:
        StorageError: The database is away.
    """
    entered = await documents_entered(connection, identity)
    since = {str(getattr(one.body, "id", "")): one.id for one in entered}
    about = {"about": Document.kind_name} | ({} if identity is None else {"subject": identity})
    papers: dict[str, list[Evidence]] = {}
    for one in await told(connection, [Evidence.kind_name], where=about):
        if isinstance(one.body, Evidence) and one.id > since.get(one.body.subject, one.id):
            papers.setdefault(one.body.subject, []).append(one.body)
    return [
        Published(one.body, one, tuple(papers.get(one.body.id, ())))
        for one in entered
        if isinstance(one.body, Document) and reader.concerns(one.body.industry)
    ]


def _office(upload: Upload) -> Paper:
    """Say which document of Office an archive is; only its list of parts is read."""
    try:
        with zipfile.ZipFile(io.BytesIO(upload.data)) as archive:
            parts = archive.namelist()
    except (zipfile.BadZipFile, ValueError, RuntimeError, OSError) as error:
        raise _unfit(upload, *_NOTHING_TO_READ) from error
    if len(parts) > MAX_PARTS or _CONTENTS not in parts:
        raise _unfit(upload, *_NOTHING_TO_READ)
    if any(part.lower().rpartition("/")[2] == _MACROS for part in parts):
        en = "it has programs (macros) in it: save it without them"
        raise _unfit(upload, "文件含宏程序，请另存为不含宏的格式", en)
    for room, paper in _ROOMS.items():
        if any(part.startswith(room) for part in parts):
            return paper
    raise _unfit(upload, *_NOTHING_TO_READ)


# As many letters as a name in a decision has, less the ending.
_NAME_LETTERS: Final = 120


def _name(said: str, kind: Paper | None) -> str:
    """Return a file's name with the ending of what it is."""
    stem = said.replace("\\", "/").rpartition("/")[2].rpartition(".")[0].strip()
    shown = "".join(letter for letter in stem if letter.isprintable())[:_NAME_LETTERS]
    return f"{shown or 'manual'}.{kind}"


def _unfit(upload: Upload, zh: str, en: str) -> RefusedError:
    return RefusedError([Problem(Document.kind_name, upload.name[:_NAME_LETTERS], "file", zh, en)])


_NOTHING_TO_READ: Final = (
    "文件须为PDF、Word、Excel、PowerPoint或UTF-8文本",
    "it must be a PDF, a document of Word, Excel or PowerPoint, or a text in UTF-8",
)
