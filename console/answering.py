"""The answer page: one alarm, for the one person to whom its link was sent.

GET  /a/LINK                 shows it; changes nothing, whoever fetches it
POST /a/LINK/acknowledge     decides, as that person, by the way that every command goes
POST /a/LINK/declare
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.acting.rights import RIGHTS
from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.cases.bodies import Action, Verb
from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.cases.declaring import explained
from wattwarden.alarms.cases.lifecycle import TRANSITIONS
from wattwarden.alarms.decisions.bodies import Absence, Declaration
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.registry.nouns import Enterprise, Line, Person, Unit
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.console.doors import Doors, PageError, Parts, form_of, language_of, told
from wattwarden.console.links import Answer, Rights, Trouble, read_answer
from wattwarden.console.seals import form_mark, is_form_mark
from wattwarden.console.words import ABSENCES, DONE_EN
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.acting.reading import sees
from wattwarden.storage.cases.admit import Names
from wattwarden.storage.cases.load import load_case
from wattwarden.storage.cases.together import declare
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.records import load_record, load_some
from wattwarden.storage.registry.rules import rules_now
from wattwarden.storage.system_time import system_now

# For how long something is declared at once; what lasts longer is declared with its papers.
HOURS: Final = (2, 4, 8, 24, 72)
MAX_REASON_LETTERS: Final = 500


@dataclass(frozen=True, slots=True)
class _Seen:
    """An alarm and its person, who may see it, at a moment of the system."""

    answer: Answer
    person: Person
    case: Case
    now: datetime

    def can(self, right: Rights, verb: Verb) -> bool:
        """Tell whether the link, the person's role and where the case stands allow a verb."""
        return (
            self.answer.may(right)
            and self.person.role in RIGHTS[f"action.{verb}"]
            and verb in TRANSITIONS[self.case.state]
        )


class Answering:
    """Handlers of the answer page."""

    def __init__(self, parts: Parts, doors: Doors) -> None:
        self._parts = parts
        self._doors = doors

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            web.get("/a/{link}", self._show),
            web.post("/a/{link}/acknowledge", self._acknowledge),
            web.post("/a/{link}/declare", self._declare),
        ]

    async def _show(self, request: web.Request) -> web.Response:
        answer = self._answer(request)
        async with self._parts.store.connection() as connection:
            return await self._page(request, connection, answer)

    async def _acknowledge(self, request: web.Request) -> web.Response:
        answer, _ = await self._sent(request, Rights.ACKNOWLEDGE)

        async def deed(connection: Connection, seen: _Seen) -> None:
            action = Action(id=NEW, alarm=str(answer.alarm), verb=Verb.ACK)
            await decide(connection, action, answer.person, seen.now)

        return await self._act(request, answer, deed, "acknowledged")

    async def _declare(self, request: web.Request) -> web.Response:
        answer, form = await self._sent(request, Rights.DECLARE)
        kind, hours, reason = _declared(form)

        async def deed(connection: Connection, seen: _Seen) -> None:
            scope, subject = explained(seen.case)
            body = Declaration(
                id=NEW,
                scope=scope,
                subject=subject,
                kind=kind,
                start=seen.case.episode.began,
                end=seen.now + timedelta(hours=hours),
                reason=reason,
            )
            await declare(connection, body, answer.alarm, answer.person, seen.now)

        return await self._act(request, answer, deed, "declared")

    async def _sent(self, request: web.Request, right: Rights) -> tuple[Answer, Mapping[str, str]]:
        """Return what a form of the page says, and whose it is."""
        answer = self._answer(request)
        form = await form_of(request)
        if not is_form_mark(self._parts.keys, request.match_info["link"], form.get("mark", "")):
            raise _UNMARKED
        if not answer.may(right):
            raise _NOT_BY_LINK
        return answer, form

    async def _act(
        self, request: web.Request, answer: Answer, deed: Any, counted: str
    ) -> web.Response:
        """Do something, and lead back to the page; what is refused is said on it."""
        async with self._parts.store.connection() as connection:
            seen = await self._seen(connection, answer)
            try:
                await deed(connection, seen)
            except RefusedError as error:
                self._parts.counts["refused"] += 1
                said = [(one.zh, one.en) for one in error.problems]
                return await self._page(request, connection, answer, said)
        self._parts.counts[counted] += 1
        language = language_of(request)
        place = f"../{request.match_info['link']}?lang={language}"
        raise web.HTTPSeeOther(place)

    def _answer(self, request: web.Request) -> Answer:
        """Return what a link says.

        Raises:
            PageError: It is forged, expired or used too often.
        """
        answer = read_answer(self._parts.keys, request.match_info["link"])
        if isinstance(answer, Answer):
            self._doors.use(f"{answer.alarm} {answer.person}")
            return answer
        if answer is Trouble.EXPIRED:
            raise _EXPIRED
        self._doors.wrong(request)
        raise _FORGED

    async def _seen(self, connection: Connection, answer: Answer) -> _Seen:
        """Return the alarm of a link as its person may see it.

        Raises:
            PageError: There is no such alarm or person, or it is not theirs any more.
        """
        now = await system_now(connection)
        person = await load_record(connection, Person, answer.person)
        case = await load_case(connection, answer.alarm, now=now)
        if person is None or case is None:
            raise _FOREIGN
        if not await sees(connection, person, Read.ALARMS, case.enterprise):
            raise _FOREIGN
        return _Seen(answer, person, case, now)

    async def _page(
        self,
        request: web.Request,
        connection: Connection,
        answer: Answer,
        refused: list[tuple[str, str]] | None = None,
    ) -> web.Response:
        seen = await self._seen(connection, answer)
        parts = await _parts(connection, seen)
        if refused is None:
            self._parts.counts["shown" if parts["acknowledge"] or parts["declare"] else "used"] += 1
        link = request.match_info["link"]
        parts |= {
            "here": f"{self._parts.pages.root}/a/{link}",
            "mark": form_mark(self._parts.keys, link),
            "refused": told(refused or []),
        }
        status = HTTPStatus.CONFLICT if refused else HTTPStatus.OK
        return self._doors.page(request, "answer.html", parts, status)


async def _parts(connection: Connection, seen: _Seen) -> dict[str, Any]:
    """Return what the page shows of an alarm."""
    case = seen.case
    firm = await load_record(connection, Enterprise, case.enterprise)
    line = await load_record(connection, Line, case.line) if case.line else None
    unit = await load_record(connection, Unit, case.unit) if case.unit else None
    rule = (await rules_now(connection)).rules[case.rule]
    people = await load_some(connection, Person, {one.actor for one in case.history})
    name = Names({one.id: one.name for one in people})
    until = case.cleared or seen.now
    return {
        "case": case,
        "person": seen.person.name,
        "firm": case.enterprise if firm is None else firm.name,
        "line": "" if line is None else line.name,
        "unit": "" if unit is None else unit.name,
        "rule": {"zh": rule.zh, "en": rule.en},
        "since": until - case.episode.began,
        "expires": datetime.fromtimestamp(seen.answer.expires_s, seen.now.tzinfo),
        "acknowledge": seen.can(Rights.ACKNOWLEDGE, Verb.ACK),
        "declare": seen.can(Rights.DECLARE, Verb.DECLARE),
        "at_the_firm": seen.person.role in RIGHTS["action.ack"],
        "kinds": ABSENCES,
        "hours": HOURS,
        "most_letters": MAX_REASON_LETTERS,
        "history": [
            {"at": one.at, "who": name(one.actor), "deed": one.deed, "reason": one.reason}
            for one in reversed(case.history)
            if one.counts and one.deed in DONE_EN
        ],
    }


def _declared(form: Mapping[str, str]) -> tuple[Absence, int, str]:
    """Return what a form declares.

    Raises:
        PageError: It is none of what the page offers.
    """
    kind, hours, reason = (form.get(name, "").strip() for name in ("kind", "hours", "reason"))
    if kind not in tuple(Absence) or hours not in map(str, HOURS):
        raise _NO_FORM
    if not reason or len(reason) > MAX_REASON_LETTERS:
        raise _NO_REASON
    return Absence(kind), int(hours), reason


_FORGED: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "forged",
    "此链接无效:不是本平台发出的,或者复制时不完整。请从收到的通知中重新打开。",
    "This link is not valid: it was not issued here, or was copied in part."
    " Open it again from the notice.",
)
_EXPIRED: Final = PageError(
    HTTPStatus.GONE,
    "expired",
    "此链接已过期。请打开最近一次通知中的链接,或登录平台办理。",
    "This link has expired. Open the one in the latest notice, or sign in.",
)
_FOREIGN: Final = PageError(
    HTTPStatus.NOT_FOUND,
    "foreign",
    "此链接对应的报警不在收件人的管辖范围内,或已不存在。",
    "The alarm of this link is not, or no longer, its recipient's to see.",
)
_UNMARKED: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "foreign form",
    "提交未来自本页面,没有办理。请重新打开链接后再提交。",
    "This did not come from the page of the link; nothing was done. Open the link and try again.",
)
_NOT_BY_LINK: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "not by link",
    "此链接不能办理该事项。",
    "This link does not let you do that.",
)
_NO_FORM: Final = PageError(
    HTTPStatus.BAD_REQUEST,
    "no form",
    "请选择申报类型和预计恢复时间。",
    "Choose what is declared, and until when.",
)
_NO_REASON: Final = PageError(
    HTTPStatus.BAD_REQUEST,
    "no reason",
    f"请填写原因,最多{MAX_REASON_LETTERS}字。",
    f"Say why, in {MAX_REASON_LETTERS} letters at most.",
)
