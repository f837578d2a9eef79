"""What entries of ledgers say: one record a kind of fact.

``name`` is what people called the thing when the entry was made; moments are aware.
"""

from typing import TypeAlias

import msgspec

from wattwarden.alarms.decisions.body import Moment
from wattwarden.alarms.registry.nouns import UnitKind


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""


class Motion(_Content, frozen=True, kw_only=True, tag="motion"):
    """A unit started (``running``) or stopped.

    Where the moment itself lies in a gap, the unit was ``hidden`` (a state) from ``hidden_since``.
    """

    unit: str
    kind: UnitKind
    running: bool
    hidden: str = ""
    hidden_since: Moment | None = None


class Patrolled(_Content, frozen=True, kw_only=True, tag="patrolled"):
    """``person`` looked at ``subject``; ``findings`` is "" when nothing was found."""

    subject: str
    person: str
    findings: str = ""
    # Why it was entered so late.
    why: str = ""


class Repaired(_Content, frozen=True, kw_only=True, tag="repaired"):
    """``person`` repaired a unit."""

    unit: str
    person: str
    began: Moment
    ended: Moment | None = None
    work: str
    cause: str = ""
    parts: str = ""


class Replaced(_Content, frozen=True, kw_only=True, tag="replaced"):
    """A consumable was replaced or serviced; ``files`` counts what was uploaded to show it."""

    consumable: str
    amount: str = ""
    waste: str = ""
    note: str = ""
    files: int = 0


class AlarmEvent(_Content, frozen=True, kw_only=True, tag="alarm"):
    """An alarm was raised, or its condition ended (``raised`` false); ``text``: what was seen.

    ``grade`` and ``meaning`` are the rule's class and name when it was entered: rules may change.
    """

    alarm: int
    rule: str
    raised: bool
    text: str
    grade: str = ""
    meaning: str = ""


class Acted(_Content, frozen=True, kw_only=True, tag="acted"):
    """Somebody did something about an alarm; ``files`` counts what was uploaded with it."""

    alarm: int
    verb: str
    text: str = ""
    cause: str = ""
    part: str = ""
    deadline: Moment | None = None
    fault: str = ""
    files: int = 0


class Stored(_Content, frozen=True, kw_only=True, tag="stored"):
    """What was replaced is in store as hazardous waste."""

    replacement: str
    code: str
    mass_kg: float
    container: str
    note: str = ""


class Checked(_Content, frozen=True, kw_only=True, tag="checked"):
    """An officer looked at what was uploaded of a replacement."""

    replacement: str
    passed: bool
    opinion: str = ""


class Abnormality(_Content, frozen=True, kw_only=True, tag="abnormal"):
    """An abnormal condition; ``alarm`` is the one that found it, 0 where a person told of it.

    Of an alarm, ``grade`` is the class of its rule, and ``cause`` one of the list of causes.
    """

    subject: str
    start: Moment
    end: Moment | None = None
    condition: str
    cause: str = ""
    measure: str = ""
    reported: bool = False
    alarm: int = 0
    grade: str = ""


class Special(_Content, frozen=True, kw_only=True, tag="special"):
    """What was ordered or done in a special period, or (``units``) what these did on its days."""

    occasion: str
    start: Moment
    end: Moment | None = None
    measure: str
    units: tuple[str, ...] = ()


class Corrected(_Content, frozen=True, kw_only=True, tag="corrected"):
    """What the entry that is corrected should have said, and why."""

    text: str
    reason: str


class Withdrawn(_Content, frozen=True, kw_only=True, tag="withdrawn"):
    """Late readings showed that the entry that is corrected did not happen."""

    what: str


Content: TypeAlias = (
    Motion
    | Patrolled
    | Repaired
    | Replaced
    | AlarmEvent
    | Acted
    | Stored
    | Checked
    | Abnormality
    | Special
    | Corrected
    | Withdrawn
)


def decode_content(text: str | bytes) -> Content:
    """Read a content from JSON.

    Raises:
        ValueError: It is none.
    """
    content: Content = msgspec.json.decode(text, type=Content)
    return content


def unnamed(content: Content) -> Content:
    """Return a content without the name, which the registry may change."""
    return msgspec.structs.replace(content, name="")
