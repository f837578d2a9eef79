"""``wattwarden grading``: how grave which alarm is and who is told; changed by two, and tried."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.cases.case import LEVELS_ZH, Case, Level
from wattwarden.alarms.cases.grading import Grading, Task, load_grading
from wattwarden.alarms.cases.gradings import Gradings
from wattwarden.alarms.cases.ladder import notices
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.decisions.norms import GradingSet, Norm, NormDraft
from wattwarden.alarms.rulebook import RuleError
from wattwarden.storage.cases.gradings import load_gradings
from wattwarden.storage.cases.load import Chosen, load_basis, load_cases
from wattwarden.tools.acting import (
    TO_THE_OPERATOR,
    ActorForm,
    ReaderForm,
    reading,
    show_entered,
)
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.norms import DraftId, Reason, draft, drafts_of, put_in_force, refusing
from wattwarden.tools.options import Span
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import local, parse_time

GradingFile = Annotated[Path, Parameter(name="FILE", help="A grading (TOML).")]
LAST_MONTH: Final = Span(since="-30d")

app = App(name="grading", help="See, try and change how alarms are graded and who is told.")


@app.command
def show(*, reader: ReaderForm = TO_THE_OPERATOR) -> None:
    """Show by how long an alarm of each class has stood for each level, and the deadline."""
    settings = settings_of(reader.system)

    async def work() -> tuple[Grading, Gradings]:
        async with reading(settings, reader.person, "grading show", Read.ALARMS) as view:
            gradings = await load_gradings(view.connection)
            return gradings.at(view.now), gradings

    grading, gradings = run(work())
    if reader.json:
        print(as_json({"version": grading.version, "classes": dict(_rungs(grading))}))
        return
    print(f"grading {grading.version}")
    show_table(("class", "from", "deadline"), _rows(grading))
    for since, one in gradings.decided:
        print(f"{local(since)}: grading {one.version}")


@app.command
def template() -> None:
    """Print the shipped grading, to be changed and proposed."""
    print(_shipped_text(), end="")


@app.command
def check(file: GradingFile, /) -> int:
    """Check a grading; the exit status is 1 where it cannot be used."""
    try:
        print(f"grading {load_grading(_text(file)).version}: nothing is wrong")
    except RuleError as error:
        print(error)
        return 1
    return 0


@app.command
def propose(file: GradingFile, /, *, actor: ActorForm, reason: Reason) -> None:
    """Propose a grading; an officer of the city or a leader, but nobody alone, activates it."""
    draft(Norm.GRADING, (_read(file).version, _text(file)), reason, actor)


@app.command
def activate(
    identity: DraftId,
    /,
    *,
    actor: ActorForm,
    since: Annotated[
        str | None,
        Parameter(
            name="--from",
            allow_leading_hyphen=True,
            help="Alarms raised from then on; from now on by default, never before.",
        ),
    ] = None,
) -> None:
    """Put a grading in force that somebody else proposed; what was raised before stays as it was.

    `wattwarden grading backtest` tells what would have been otherwise.
    """

    def made(drafted: NormDraft, now: datetime) -> Body:
        begins = None if since is None else parse_time(since, now)
        return GradingSet(
            version=drafted.version, text=drafted.text, draft=drafted.id, since=begins
        )

    entered = put_in_force(Norm.GRADING, identity, made, actor, lambda _now: None)
    show_entered(entered, json=actor.json)


app.command(refusing(Norm.GRADING), name="refuse")
app.command(drafts_of(Norm.GRADING), name="drafts")


@app.command
def backtest(
    file: GradingFile,
    /,
    *,
    enterprise: Annotated[str | None, Parameter(help="Only this one's, by its id.")] = None,
    span: Span = LAST_MONTH,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Grade the alarms of a span by another file: which would be graver or less grave, and when.

    What was done stays as and when it was done: nobody knows what people would have done had they
    been told sooner, later or not at all, so from the first deed on a difference is what that deed
    leaves of it. Only a case that closes by itself before somebody acted stays closed, and what was
    done after that counts for nothing. Nothing is changed.
    """
    tried, settings = _read(file), settings_of(reader.system)

    async def work() -> list[_Change]:
        async with reading(settings, reader.person, "grading backtest", Read.ALARMS) as view:
            begin, end = span.bounds(view.now)
            chosen = Chosen(since=begin, until=end, enterprises=view.reader.within(enterprise))
            basis = await load_basis(view.connection)
            by_other = replace(basis, gradings=Gradings(tried))
            was = await load_cases(view.connection, chosen, now=view.now, basis=basis)
            would = await load_cases(view.connection, chosen, now=view.now, basis=by_other)
            other = {case.id: case for case in would}
            return [
                _Change(
                    _Graded.by(case, basis.gradings.of(case.episode), view.now),
                    _Graded.by(other[case.id], tried, view.now),
                )
                for case in was
            ]

    _show_changes(run(work()), json=reader.json)


@dataclass(frozen=True, slots=True)
class _Graded:
    """What a grading makes of a case: the gravest level, notices of each level, tasks asked for."""

    case: Case
    gravest: Level
    told: Counter[Level]
    tasks: int

    @classmethod
    def by(cls, case: Case, grading: Grading, now: datetime) -> "_Graded":
        """Grade a case by what has been until now."""
        said = [one for one in notices(case, grading) if one.at <= now]
        told = Counter(one.level for one in said)
        tasks = sum(one.task is not Task.NONE for one in said)
        return cls(case, max([case.level, *told]), told, tasks)


@dataclass(frozen=True, slots=True)
class _Change:
    """A case by the grading in force, and by the other."""

    was: _Graded
    would: _Graded

    @property
    def differs(self) -> bool:
        """Whether anybody would notice."""
        pair = (self.was, self.would)
        seen = [(one.gravest, one.told, one.tasks, one.case.deadline) for one in pair]
        return seen[0] != seen[1]

    def row(self) -> dict[str, Any]:
        """Return the change by its names."""
        case = self.was.case
        return {
            "alarm": case.id,
            "rule": case.rule,
            "enterprise": case.enterprise,
            "level": int(self.was.gravest),
            "would_be": int(self.would.gravest),
            "notices": sum(self.was.told.values()),
            "would_be_told": sum(self.would.told.values()),
            "deadline": local(self.was.case.deadline),
            "would_end": local(self.would.case.deadline),
            "tasks": self.was.tasks,
            "would_ask": self.would.tasks,
        }


def _show_changes(changes: Sequence[_Change], *, json: bool) -> None:
    differing = [one.row() for one in changes if one.differs]
    was, would = Counter[Level](), Counter[Level]()
    for one in changes:
        was += one.was.told
        would += one.would.told
    if json:
        for row in differing:
            print(as_json(row))
        told = {str(int(level)): [was[level], would[level]] for level in Level}
        print(as_json({"alarms": len(changes), "differ": len(differing), "notices": told}))
        return
    if differing:
        show_table(tuple(differing[0]), [list(row.values()) for row in differing])
    print(f"{len(changes)} alarms, {len(differing)} would be graded otherwise")
    for level in Level:
        print(f"  {LEVELS_ZH[level]}: {was[level]} notices, would be {would[level]}")


def _rungs(grading: Grading) -> list[tuple[str, list[list[int]]]]:
    return [
        (name, [[rung.at_s, int(rung.level)] for rung in grade.rungs])
        for name, grade in grading.classes.items()
    ]


def _rows(grading: Grading) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, grade in grading.classes.items():
        rungs = ", ".join(f"{rung.at_s / 60:g} min {LEVELS_ZH[rung.level]}" for rung in grade.rungs)
        rows.append((name, rungs, f"{grade.handle_s / 3600:g} h"))
    return rows


def _read(file: Path) -> Grading:
    try:
        return load_grading(_text(file))
    except RuleError as error:
        raise CommandError(str(error), "wattwarden grading template prints a sound one") from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"grading {file}: {error}"
        raise UsageError(message, "name a TOML file") from error


def _shipped_text() -> str:
    place = files("wattwarden.alarms.cases").joinpath("cases.toml")
    return place.read_text(encoding="utf-8")
