"""What stands against findings, clues and weak points: whose things they name, and officers."""

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement.bodies import (
    Clue,
    ClueStep,
    Finding,
    FindingLink,
    Focus,
    FocusStep,
)
from wattwarden.storage.acting.acting import Acting
from wattwarden.storage.enforcement.checks import (
    foreign,
    missing_files,
    not_officers,
    refuse,
    repeated,
    to_come,
)
from wattwarden.storage.enforcement.lives import CLUE, FOCUS
from wattwarden.storage.enforcement.standing import body_of, followed


async def admit_finding(acting: Acting) -> Body:
    """Take a finding about things of one enterprise, with files that were kept as evidence.

    Raises:
        RefusedError: It is to come, names another's things, or files that nobody has.
    """
    body = body_of(acting, Finding)
    refuse(
        [
            await repeated(acting),
            to_come(acting, body.at),
            *await foreign(acting),
            *await missing_files(acting, body.files),
        ]
    )
    return body


async def admit_finding_link(acting: Acting) -> Body:
    """Take a link between things of one enterprise.

    Raises:
        RefusedError: One of them is another's.
    """
    body = body_of(acting, FindingLink)
    refuse(await foreign(acting))
    return body


async def admit_clue(acting: Acting) -> Body:
    """Take a clue about alarms and findings of one enterprise, for an officer of its.

    Raises:
        RefusedError: One of them is another's, or the person no officer for it.
    """
    body = body_of(acting, Clue)
    people = [body.person] if body.person else []
    refuse(
        [
            await repeated(acting),
            *await foreign(acting),
            *await not_officers(acting, "person", people),
        ]
    )
    return body


async def admit_clue_step(acting: Acting) -> Body:
    """Take a clue's assignment, or its end.

    Raises:
        RefusedError: The table has it not, or the person is no officer for the firm.
    """
    body = body_of(acting, ClueStep)
    await followed(acting, CLUE, body.clue, body.verb)
    people = [body.person] if body.person else []
    refuse([*await foreign(acting), *await not_officers(acting, "person", people)])
    return body


async def admit_focus(acting: Acting) -> Body:
    """Take a weak point, with alarms of the same firm and an officer who helps.

    Raises:
        RefusedError: An alarm is another's, or the person no officer for the firm.
    """
    body = body_of(acting, Focus)
    people = [body.officer] if body.officer else []
    refuse(
        [
            await repeated(acting),
            *await foreign(acting),
            *await not_officers(acting, "officer", people),
        ]
    )
    return body


async def admit_focus_step(acting: Acting) -> Body:
    """Take what the firm did about a weak point, or what the officer says of that.

    Raises:
        RefusedError: The table has it not, or files are named that nobody has.
    """
    body = body_of(acting, FocusStep)
    await followed(acting, FOCUS, body.focus, body.verb)
    refuse(await missing_files(acting, body.files))
    return body
