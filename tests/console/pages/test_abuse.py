"""Script and SQL in whatever people can write or ask: it is text everywhere, and nothing breaks.

Pages are found by following links, forms by reading pages: what is added is tried by itself.
"""

import re
from html import unescape
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio
from tests.console.pages.city import PEOPLE
from tests.console.pages.forms import Form, Found, local
from tests.console.pages.town import Town

import wattwarden.console
from wattwarden.console.rooms import ROUTES
from wattwarden.console.routes import roles_of

ABUSE: Final = "'\"><script>alert(1)</script>{{7*7}}'; DROP TABLE alarm; --%_\\"
_FOLDER: Final = Path(wattwarden.console.__file__).parent
_ASKED: Final = re.compile(r"""asked\(\s*"(\w+)"|query\.get\(\s*"(\w+)\"""")
_FIELDS: Final = re.compile(r"""(?:field|form\.get)\(\s*"(\w+)\"""")


def names(pattern: re.Pattern[str]) -> set[str]:
    """What handlers ask of queries, or of forms, by their own lines."""
    return {
        next(filter(None, found))
        for file in _FOLDER.rglob("*.py")
        for found in (match.groups() for match in pattern.finditer(file.read_text("utf-8")))
    }


Answer: TypeAlias = tuple[int, str]


class Walk:
    """Follows links as one visitor."""

    def __init__(self, town: Town, person: str, seen: set[str]) -> None:
        self.town = town
        self.person = person
        self.role = next(one.role for one in PEOPLE if one.id == person)
        self.seen = seen
        self.pages: dict[str, str] = {}
        self.forms: dict[tuple[str, str], Form] = {}
        self.named: dict[str, str] = {}
        self._patterns = [
            (route.path, re.compile(re.sub(r"{(\w+)[^}]*}", r"(?P<\1>[^/]+)", route.path)))
            for route in ROUTES
            if route.method == "GET"
        ]

    async def walk(self) -> None:
        waiting = ["/", *(one.path for one in ROUTES if _is_plain_page(one.method, one.path))]
        known: set[str] = set()
        while waiting:
            path = waiting.pop()
            kind = self._kind(path.partition("?")[0])
            # Of one kind of page one is looked at: they are made by the same lines.
            if kind is None or kind in self.seen or path in known:
                continue
            known.add(path)
            status, html = await self.ask("GET", path)
            # What asks the journal is away here, as long as nobody abuses it.
            assert status < 500 or status == 503, path
            if status != 200 or not html:
                continue
            self.seen.add(kind)
            self.pages[path] = html
            found = Found(html)
            for form in found.forms:
                action = form.action or path
                self.forms.setdefault((self._target(form.method, action), form.method), form)
                form.action = action
            waiting += local(found.links)

    async def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> Answer:
        """Ask for a path; return the status, and the page if it is one."""
        async with self.town.asking(method, self.person, path, form) as response:
            body = await response.read()
            is_page = response.content_type == "text/html"
            return response.status, body.decode() if is_page else ""

    def _kind(self, path: str) -> str | None:
        for kind, pattern in self._patterns:
            match = pattern.fullmatch(path)
            if match is not None and not kind.startswith(("/live", "/api/v1")):
                self.named.update(match.groupdict())
                return kind
        return None

    def _target(self, method: str, action: str) -> str:
        path = action.partition("?")[0]
        return re.sub(r"/[^/]*\d[^/]*", "/N", path) if method == "post" else path


def _is_plain_page(method: str, path: str) -> bool:
    return method == "GET" and "{" not in path and not path.startswith(("/live", "/api/v1"))


def is_text(html: str) -> bool:
    """Tell whether nothing of what was written would run."""
    return "<script>alert(1)" not in html and 'value="\'"' not in html


@pytest_asyncio.fixture
async def walks(town: Town) -> list[Walk]:
    officer, firm = Walk(town, "zhou", set()), Walk(town, "sun", set())
    # What is for administrators alone.
    rest = Walk(town, "admin", officer.seen)
    for one in (officer, firm, rest):
        await one.walk()
    return [officer, firm, rest]


async def test_what_is_written_and_asked_is_text_everywhere(town: Town, walks: list[Walk]) -> None:
    wrong: list[str] = []
    for walk in walks:
        wrong += await asked_wrongly(walk)
        wrong += await written(walk)
        wrong += await sent_anyhow(walk)
    assert not wrong, "\n".join(wrong)
    kept = 0
    for walk in walks:
        for path in walk.pages:
            status, html = await walk.ask("GET", path)
            assert status < 500, (walk.person, path)
            assert is_text(html), (walk.person, path)
            kept += ABUSE in unescape(html)
    assert kept, "nothing of it was kept: the forms were not filled in as people do"
    assert await town.run("SELECT count(*) FROM alarm") > 0


def told(walk: Walk, method: str, path: str, answer: Answer) -> list[str]:
    """Return what is wrong with an answer."""
    status, html = answer
    if status < 500 and is_text(html):
        return []
    return [f"{method} {path} as {walk.person}: {status}"]


async def asked_wrongly(walk: Walk) -> list[str]:
    """Ask every page with the text in each part of its query."""
    query = urlencode(dict.fromkeys(names(_ASKED) - {"lang", "theme"}, ABUSE))
    wrong = []
    for path in walk.pages:
        wrong += told(walk, "GET", path, await walk.ask("GET", f"{path.partition('?')[0]}?{query}"))
    return wrong


async def written(walk: Walk) -> list[str]:
    """Send every form with a field for words: abused in each field, then as people fill it in."""
    wrong = []
    for form in walk.forms.values():
        if form.method != "post" or not form.is_written or "password" in form.action:
            continue
        for said in (form.abused(ABUSE), form.filled(ABUSE)):
            answer = await walk.ask("POST", form.action, said)
            wrong += told(walk, "POST", form.action, answer)
    return wrong


async def sent_anyhow(walk: Walk) -> list[str]:
    """Send the text in every field that any handler reads to every address that takes forms."""
    said = dict.fromkeys(names(_FIELDS), ABUSE)
    wrong = []
    for route in ROUTES:
        able = roles_of(route.needs)
        if route.method != "POST" or route.path.startswith("/api/") or route.name in _ENDS:
            continue
        if able is not None and walk.role not in able:
            continue
        path = route.path
        for name in route.parameters:
            path = re.sub(rf"{{{name}[^}}]*}}", walk.named.get(name, _OTHER), path)
        wrong += told(walk, "POST", path, await walk.ask("POST", path, said))
    return wrong


_OTHER: Final = quote(ABUSE, safe="")
# They take no words, and end what the walk goes by.
_ENDS: Final = frozenset({"sign_out", "end_session", "end_other_sessions", "end_all", "lock"})


@pytest.mark.parametrize(
    "html",
    ["<p><script>alert(1)</script>", '<input value="\'"><script>alert(1)</script>">'],
)
def test_what_would_run_is_seen(html: str) -> None:
    assert not is_text(html)
