"""The documents: all are found from the README, no link is dead, and every command is one."""

import re
import shlex
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from cyclopts import App, CycloptsError

from wattwarden.tools.main import build

ROOT: Final = Path(__file__).resolve().parents[2]
README: Final = ROOT / "README.md"
PAGES: Final = (README, *sorted((ROOT / "docs").rglob("*.md")))
# Its commands are executed, and what they say is compared, by tests of their own.
PLAYED: Final = ("stories.md",)
LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCED: Final = re.compile(r"^```[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE: Final = re.compile(r"(?<!`)`wattwarden ([^`\n]+)`(?!`)")
# How a line begins that is to be typed: as it is, as an operator's, or after a prompt.
TYPED: Final = re.compile(r"^(?:\$ |    )?\s*(?:exec )?(?:\S*/)?wattwarden(?: |$)")
# What a page calls something that its reader knows: METER, NAME, DAY…
PLACEHOLDER: Final = re.compile(r"^\{\w+\}$|^[A-Z]+$")


class Command(NamedTuple):
    """A command as a page tells it, and where."""

    page: str
    line: int
    words: tuple[str, ...]


def links(page: Path) -> set[str]:
    text = FENCED.sub("", page.read_text("utf-8"))
    found = {target for target in LINK.findall(text) if "://" not in target}
    return {target for target in found if not target.startswith(("#", "mailto:"))}


def typed(page: Path) -> Iterator[Command]:
    """Yield the commands of a page's blocks, those behind a backslash in one."""
    is_code, waiting, begun = False, "", 0
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if line.startswith("```"):
            is_code = not is_code
        if waiting:
            waiting += " " + line.strip().removesuffix("\\")
        elif (is_code or line.startswith("    ")) and TYPED.match(line):
            waiting, begun = line.strip().removeprefix("$ ").removesuffix("\\"), number
        if waiting and not line.endswith("\\"):
            yield Command(page.name, begun, words_of(waiting))
            waiting = ""


def words_of(line: str) -> tuple[str, ...]:
    """Return a command's words without the program, its comment, and what the shell does."""
    # Two spaces and more end a command: behind them stands what it does.
    said = re.sub(r"\s{2,}.*", "", re.sub(r"\s#\s.*", "", line)).replace("…", "").strip()
    lexer = shlex.shlex(re.sub(r"\[|\](?=\s|$)", "", said), posix=True, punctuation_chars="|&>;")
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    for word in list(lexer)[1:]:
        if set(word) <= set("|&>;"):
            break
        words.append(word)
    return tuple(words)


def told(page: Path) -> Iterator[Command]:
    """Yield the commands that stand in a page's sentences and tables."""
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        for said in INLINE.findall(line):
            yield Command(page.name, number, tuple(re.split(r"[\s…]+", said.replace("\\|", "|"))))


@pytest.fixture(scope="module")
def app() -> App:
    return build()


def fault_of(app: App, words: tuple[str, ...]) -> str | None:
    """Say why words are no command; placeholders stand for numbers where numbers are wanted."""
    numbered = tuple("1" if PLACEHOLDER.match(word) else word for word in words)
    fault = None
    dated = tuple("2026-01-01" if word == "DAY" else word for word in words)
    for each in (words, numbered, dated):
        try:
            app.parse_args(list(each), exit_on_error=False, print_error=False)
        except CycloptsError as error:
            fault = fault or str(error)
        else:
            return None
    return fault


def test_every_document_is_found_from_the_readme() -> None:
    seen, open_ = set[Path](), [README]
    while open_:
        page = open_.pop()
        if page in seen:
            continue
        seen.add(page)
        targets = (page.parent / target.partition("#")[0] for target in links(page))
        open_ += [one.resolve() for one in targets if one.suffix == ".md" and one.is_file()]
    assert sorted(page.name for page in PAGES if page not in seen) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_of_a_document_is_dead(page: Path) -> None:
    targets = {target.partition("#")[0] for target in links(page)}
    assert sorted(one for one in targets if not (page.parent / one).exists()) == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in PLAYED], ids=lambda page: page.name
)
def test_every_command_of_a_document_is_understood(app: App, page: Path) -> None:
    faults = {
        f"{one.page}:{one.line} {' '.join(one.words)}": fault
        for one in typed(page)
        if (fault := fault_of(app, one.words)) is not None
    }
    assert faults == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_named_in_a_sentence_is_there(app: App, page: Path) -> None:
    assert [one for one in told(page) if not is_named(app, one.words)] == []


def is_named(app: App, words: tuple[str, ...]) -> bool:
    """Tell whether words lead to a command; ``ack|handle`` are two."""
    return all(_leads(app, list(each)) for each in product(*(word.split("|") for word in words)))


def _leads(app: App, words: list[str]) -> bool:
    chain, rooms, rest = app.parse_commands(words)
    if not chain:
        return words[0].startswith("-")
    wants_verb = rooms[-1].default_command is None and bool(rest)
    return not (wants_verb and re.fullmatch(r"[a-z][a-z-]+", rest[0]))


def test_links_are_looked_for_behind_every_block(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh install\n[no](link)\n```\n[a](link.md)\n```sh\n[no](link)\n```\n")
    assert links(page) == {"link.md"}


@pytest.mark.parametrize("said", ["meter", "meters lost", "alarms ack|lose|verify 17"])
def test_what_is_named_and_is_no_command_is_found(app: App, said: str) -> None:
    assert not is_named(app, tuple(said.split()))


def test_commands_are_looked_for_where_readers_find_them() -> None:
    found = [one for page in PAGES for one in typed(page)]
    assert len({one.page for one in found}) > 10
    assert Command("operator.md", 0, ("meters", "list")) in [one._replace(line=0) for one in found]


@pytest.mark.parametrize(
    "line",
    ["wattwarden meter list", "wattwarden meters lost", "wattwarden meters list --loud"],
    ids=["no such room", "no such verb", "no such option"],
)
def test_what_is_no_command_is_found(app: App, line: str) -> None:
    assert fault_of(app, words_of(line)) is not None
