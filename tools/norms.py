"""What ``wattwarden rules``, ``grading`` and ``thresholds`` share: drafts, decided upon."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.decisions.body import NEW, Body
from wattwarden.alarms.decisions.norms import Norm, NormDraft, NormRefusal
from wattwarden.storage.registry.decisions import Entered, told
from wattwarden.storage.registry.norms import fates_of, find_draft
from wattwarden.tools.acting import (
    TO_THE_OPERATOR,
    ActorForm,
    Desk,
    ReaderForm,
    at_desk,
    enter,
    perform,
    reading,
)
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import local, rfc3339

DraftId = Annotated[str, Parameter(name="DRAFT", help="The draft's id, as drafts shows it.")]
Reason = Annotated[str, Parameter(help="Why it should be otherwise.")]
Made: TypeAlias = Callable[[NormDraft, datetime], Body]
"""Makes what is put in force of a draft, by the system's time."""


def draft(norm: Norm, file: tuple[str, str], reason: str, actor: ActorForm) -> None:
    """Propose a file, given by its version and its text."""
    version, text = file
    body = NormDraft(id=NEW, norm=norm, version=version, text=text, reason=reason)
    perform(actor, f"{norm} propose", body)


def put_in_force(
    norm: Norm,
    identity: str,
    made: Made,
    actor: ActorForm,
    since: Callable[[datetime], datetime | None],
) -> Entered:
    """Decide upon a draft.

    Args:
        norm: Of what it is to be.
        identity: The draft's id.
        made: Makes the decision's body.
        actor: Who decides.
        since: Returns when it takes effect, None for at once; gets the system's time.

    Raises:
        CommandError: There is no such draft, or the person may not put it in force.
        StorageError: The database is away.
    """

    async def work(desk: Desk) -> Entered:
        found = await _draft(desk, norm, identity)
        effective_at = since(desk.now)
        return await desk.act(made(found, desk.now), effective_at=effective_at)

    return at_desk(actor, f"{norm} activate", work)


def refusing(norm: Norm) -> Callable[..., None]:
    """Return the command that refuses drafts of rules, gradings or thresholds."""

    def refuse(
        identity: DraftId,
        /,
        *,
        actor: ActorForm,
        reason: Annotated[str, Parameter(help="Why it comes to nothing.")],
    ) -> None:
        """Refuse a draft, as who could put it in force; or withdraw one's own."""

        async def work(desk: Desk) -> Entered:
            found = await _draft(desk, norm, identity)
            return await desk.act(NormRefusal(draft=found.id, reason=reason))

        enter(actor, f"{norm} refuse", work)

    return refuse


async def _draft(desk: Desk, norm: Norm, identity: str) -> NormDraft:
    """Return a draft.

    Raises:
        CommandError: There is none of this id.
    """
    found = await find_draft(desk.connection, identity)
    if found is None or found[1].norm is not norm:
        message = f"没有草案{identity} / there is no draft {identity}"
        raise CommandError(message, f"see wattwarden {norm} drafts")
    return found[1]


def drafts_of(norm: Norm) -> Callable[..., None]:
    """Return the command that lists the drafts of rules, gradings or thresholds."""

    def drafts(*, reader: ReaderForm = TO_THE_OPERATOR) -> None:
        """List drafts, oldest first: who proposed what and why, and what became of it."""
        settings = settings_of(reader.system)

        async def work() -> tuple[list[Entered], dict[str, Entered]]:
            async with reading(settings, reader.person, f"{norm} drafts", Read.ALARMS) as view:
                made = await told(
                    view.connection, [NormDraft.kind_name], where={"norm": norm.value}
                )
                return made, await fates_of(view.connection, norm)

        made, fates = run(work())
        rows = [_row(one, fates) for one in made]
        if reader.json:
            for row in rows:
                print(as_json(row))
            return
        shown = ("id", "version", "by", "at", "in_force_by", "refused_by", "reason")
        show_table(shown, [[row[name] for name in shown] for row in rows])

    return drafts


def _row(one: Entered, fates: dict[str, Entered]) -> dict[str, str | None]:
    body = one.body
    assert isinstance(body, NormDraft)  # noqa: S101  by the query
    fate = fates.get(body.id)
    by = None if fate is None else f"{fate.actor} {local(fate.entered_at)}"
    refused = fate is not None and isinstance(fate.body, NormRefusal)
    return {
        "id": body.id,
        "version": body.version,
        "by": one.actor,
        "at": rfc3339(one.entered_at),
        "reason": body.reason,
        "in_force_by": None if refused else by,
        "refused_by": by if refused else None,
    }
