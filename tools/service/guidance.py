"""``wattwarden assist train, round-table, solution, publish, remind…``: what firms are offered."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.service.bodies import (
    MAX_DOCUMENT_LETTERS,
    Document,
    Guidance,
    Reminder,
    ReminderRead,
    RoundTable,
    Solution,
    Topic,
    Training,
)
from wattwarden.storage.registry.decisions import Entered
from wattwarden.tools.acting import ActorForm, Desk, enter, keep
from wattwarden.tools.errors import CommandError
from wattwarden.tools.service.entering import COMMAND, own_firm

Firms = Annotated[
    tuple[str, ...], Parameter(name="--enterprise", help="A firm that took part; repeatable.")
]
Held = Annotated[str, Parameter(name="--at", help="When it was held: a time as --since takes it.")]
Industry = Annotated[str | None, Parameter(help="All firms of this industry.")]
Told = Annotated[str, Parameter(name="--text", help="What was taught or spoken of.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Audience:
    """Who was taught."""

    enterprise: Firms = ()
    industry: Industry = None
    attendees: Annotated[int, Parameter(help="How many people came.")] = 0


NOBODY: Final = Audience()
# No letter of a manual takes more bytes in UTF-8.
_MAX_DOCUMENT_BYTES: Final = 4 * MAX_DOCUMENT_LETTERS


def solution(
    problem: Annotated[str, Parameter(name="PROBLEM", help="What the problem was.")],
    answer: Annotated[str, Parameter(name="SOLUTION", help="How it was solved.")],
    /,
    *,
    by: ActorForm,
    enterprise: Annotated[str, Parameter(help="Whose problem it was.")],
    topic: Annotated[Topic, Parameter(help="What it was about.")] = Topic.OTHER,
    round_table: Annotated[str | None, Parameter(help="The round table where it came up.")] = None,
) -> None:
    """Enter a problem that was solved without a request."""
    keep(
        by,
        COMMAND,
        lambda _desk: Solution(
            id=NEW,
            enterprise=enterprise,
            topic=topic,
            problem_text=problem,
            solution=answer,
            round_table=round_table,
        ),
    )


def train(
    title: Annotated[str, Parameter(name="TITLE", help="What was taught.")],
    /,
    *,
    by: ActorForm,
    at: Held,
    guidance: Annotated[Guidance, Parameter(help="What firms were helped with.")] = (
        Guidance.TRAINING
    ),
    audience: Audience = NOBODY,
    text: Told = "",
) -> None:
    """Enter training of workers, guidance on patrols and rules, or a technical change."""
    keep(
        by,
        COMMAND,
        lambda desk: Training(
            id=NEW,
            guidance=guidance,
            title=title,
            at=desk.moment(at),
            enterprises=audience.enterprise,
            industry=audience.industry,
            attendees=audience.attendees,
            report=text,
        ),
    )


def round_table(
    title: Annotated[str, Parameter(name="TITLE", help="What it was about.")],
    /,
    *,
    by: ActorForm,
    at: Held,
    enterprise: Firms = (),
    text: Told = "",
) -> None:
    """Enter a round table with entrepreneurs."""
    keep(
        by,
        COMMAND,
        lambda desk: RoundTable(
            id=NEW, title=title, at=desk.moment(at), enterprises=enterprise, report=text
        ),
    )


def publish(
    file: Annotated[Path, Parameter(name="FILE", help="The manual, as text (Markdown).")],
    /,
    *,
    by: ActorForm,
    industry: Annotated[str, Parameter(help="Whose firms are shown it.")],
    title: Annotated[str, Parameter(help="What it is called.")],
    identity: Annotated[
        str, Parameter(name="--id", help="The manual whose place it takes; a new one if left out.")
    ] = NEW,
    withdrawn: Annotated[
        bool, Parameter(name="--withdraw", help="Show it no more.", show_default=False)
    ] = False,
) -> None:
    """Publish a compliance manual for an industry, or a newer one in its place."""
    text = _manual(file)

    keep(
        by,
        COMMAND,
        lambda _desk: Document(
            id=identity, industry=industry, title=title, text=text, enabled=not withdrawn
        ),
    )


def remind(
    text: Annotated[str, Parameter(name="TEXT", help="What firms should see to.")],
    /,
    *,
    by: ActorForm,
    enterprise: Annotated[str | None, Parameter(help="This firm.")] = None,
    industry: Industry = None,
    due: Annotated[str | None, Parameter(help="Until when: a time as --since takes it.")] = None,
) -> None:
    """Remind a firm, or all of an industry, of what to see to in time."""
    keep(
        by,
        COMMAND,
        lambda desk: Reminder(
            id=NEW,
            text=text,
            enterprise=enterprise,
            industry=industry,
            due=desk.moment_or_none(due),
        ),
    )


def read(
    identity: Annotated[str, Parameter(name="ID", help="A reminder's id.")],
    /,
    *,
    by: ActorForm,
    enterprise: Annotated[
        str | None, Parameter(help="The firm; the person's own when left out.")
    ] = None,
) -> None:
    """Say that a reminder was read, as the firm."""

    async def work(desk: Desk) -> Entered:
        firm = await own_firm(desk, enterprise)
        return await desk.act(ReminderRead(enterprise=firm, reminder=identity))

    enter(by, COMMAND, work)


def _manual(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_DOCUMENT_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file} cannot be read: {error}"
        raise CommandError(message, "give a text file in UTF-8") from error
    if len(text) > MAX_DOCUMENT_LETTERS:
        message = f"{file} has more than {MAX_DOCUMENT_LETTERS} letters"
        raise CommandError(message, "publish it in parts")
    return text
