"""What firms are helped with beside requests, and how a response was answered."""

from datetime import datetime
from typing import Any, Final

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.responses.course import Course
from wattwarden.alarms.service.bodies import Document, Reminder, RoundTable, Solution, Training
from wattwarden.console.api.asked import Filters
from wattwarden.console.api.resource import Asked, Found, Resource, by_decision, by_id, sliced
from wattwarden.console.api.rows import Row, Thing, thing
from wattwarden.storage.database import Connection
from wattwarden.storage.responses.assess import FirmAnswer, assess_response
from wattwarden.storage.responses.load import load_responses
from wattwarden.storage.service.load import load_given, load_sent
from wattwarden.storage.service.papers import Published, load_published


class PaperRow(Row, frozen=True):
    """A file that came with a manual; its bytes are at `/documents/{document}/files/{sha256}`."""

    sha256: str
    name: str
    media: str
    size: int


class ManualRow(Row, frozen=True):
    """A manual in force, and the files that came with it."""

    body: Document
    published_at: datetime
    published_by: str
    papers: list[PaperRow]


class AnswerRow(Row, frozen=True):
    """What a firm did under a response: seconds judged and complied by unit; Wh where known."""

    enterprise: str
    answer: str
    exempt: bool
    units: list[dict[str, Any]]
    energies: list[dict[str, Any]]


class AnsweredRow(Row, frozen=True):
    """A response and how it was answered by the firms that the reader sees, up to its end or now.

    Shares are null where there is nothing to tell them by.
    """

    response: Course
    until: datetime
    ordered: int
    responded: int
    waiting: int
    responded_share: float | None
    energy_cut: float | None
    energy_unknown: int
    answers: dict[str, int]
    firms: list[AnswerRow]


async def _responses(asked: Asked[Filters]) -> Found[Course]:
    return sliced(await load_responses(asked.connection), by_id, asked)


async def _response(connection: Connection, reader: Reader, identity: str) -> AnsweredRow | None:
    found = await load_responses(connection, identity)
    if not found:
        return None
    course = found[0]
    assessed = await assess_response(connection, course, reader.now, reader.enterprises)
    names = ("ordered", "responded", "waiting", "responded_share", "energy_cut", "energy_unknown")
    return AnsweredRow(
        response=course,
        until=min(reader.now, course.ended),
        **{name: getattr(assessed.whole, name) for name in names},
        answers={str(one): count for one, count in assessed.whole.answers.items()},
        firms=[_answer(one) for one in assessed.firms],
    )


async def _documents(asked: Asked[Filters]) -> Found[Document]:
    found = [one.body for one in await load_published(asked.connection, asked.reader)]
    return sliced(found, by_id, asked, newest=False)


async def _document(connection: Connection, reader: Reader, identity: str) -> ManualRow | None:
    found = await load_published(connection, reader, identity)
    return _manual(found[0]) if found else None


def _answer(one: FirmAnswer) -> AnswerRow:
    return AnswerRow(
        enterprise=one.enterprise,
        answer=str(one.answer),
        exempt=one.exempt,
        units=[
            {
                "unit": unit.unit,
                "window_s": unit.window_s,
                "complied_s": unit.complied_s,
                "unknown_s": unit.unknown_s,
            }
            for unit in one.obeyed
        ],
        energies=[{"used": energy.used, "base": energy.base} for energy in one.energies],
    )


def _manual(one: Published) -> ManualRow:
    return ManualRow(
        body=one.body,
        published_at=one.entered.entered_at,
        published_by=one.entered.actor,
        papers=[
            PaperRow(sha256=paper.sha256, name=paper.name, media=paper.media, size=paper.size)
            for paper in one.papers
        ],
    )


async def _reminders(asked: Asked[Filters]) -> Found[Thing[Reminder]]:
    found = await load_sent(asked.connection, asked.reader)
    rows = [thing(one, one.body) for one in found if isinstance(one.body, Reminder)]
    return sliced(rows, by_decision, asked)


def _given(kind: Any) -> Any:
    """Return what loads the trainings, round tables or solutions that a reader sees."""

    async def load(asked: Asked[Filters]) -> Found[Any]:
        found = await load_given(asked.connection, asked.reader)
        rows = [thing(one.entered, one.body) for one in found if isinstance(one.body, kind)]
        return sliced(rows, by_decision, asked)

    return load


HELP: Final[tuple[Resource[Any, Any], ...]] = (
    Resource(
        name="responses",
        zh="重污染应急响应",
        en="Responses to heavy pollution; each one with how it was answered",
        row=Course,
        needs=Read.RESPONSES,
        filters=Filters,
        key=("",),
        load=_responses,
        one="response",
        find=_response,
        whole=AnsweredRow,
    ),
    Resource(
        name="documents",
        zh="行业手册",
        en="Manuals for industries; each one with the files that came with it",
        row=Document,
        needs=Read.DOCUMENTS,
        filters=Filters,
        key=("",),
        load=_documents,
        one="document",
        find=_document,
        whole=ManualRow,
    ),
    Resource(
        name="reminders",
        zh="合规提醒",
        en="Reminders to firms and industries, the newest first",
        row=Thing[Reminder],
        needs=Read.REMINDERS,
        filters=Filters,
        key=(0,),
        load=_reminders,
    ),
    *(
        Resource(
            name=name,
            zh=zh,
            en=en,
            row=Thing[kind],  # type: ignore[valid-type]  # known as it runs
            needs=Read.REQUESTS,
            filters=Filters,
            key=(0,),
            load=_given(kind),
        )
        for name, zh, en, kind in (
            ("trainings", "培训指导", "Training and guidance of firms", Training),
            ("round-tables", "座谈会", "Round tables with entrepreneurs", RoundTable),
            ("solutions", "主动解决的问题", "Problems solved without a request", Solution),
        )
    ),
)
