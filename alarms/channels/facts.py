"""What machines are told of an alarm: the declaration of the document, and of its JSON Schema.

Whoever adds a member changes nothing for receivers; a change of what is there is a new version.
Moments are aware, and written in RFC 3339, UTC.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

SCHEMA: Final = "wattwarden.alarm.v1"
# A line of more machines than that is told by its name.
MAX_UNITS: Final = 20
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class Thing(msgspec.Struct, frozen=True):
    """Something of the registry: its id there, and what people call it."""

    id: str
    name: str


class Subject(Thing, frozen=True):
    """What an alarm is about; ``kind`` is like unit, meter, enterprise or outlet."""

    kind: str


class Explanation(msgspec.Struct, frozen=True):
    """Why it was raised, in Chinese and in English, the numbers in the words."""

    zh: str
    en: str


class Rule(msgspec.Struct, frozen=True, rename={"grade": "class"}):
    """The rule that found it, named in Chinese and in English."""

    id: Annotated[str, Meta(description="Like R2.")]
    grade: Annotated[
        str, Meta(description="Its class, A to F: A is treatment off during production.")
    ]
    zh: str
    en: str


Moment = Annotated[datetime, Meta(tz=True)]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm as it stood when the notice fell due."""

    number: Annotated[int, Meta(description="The alarm's number, the same in all of its notices.")]
    sequence: Annotated[
        int,
        Meta(
            ge=1,
            description="Counts what fell due for this alarm: a higher one is newer. Numbers are"
            " left out where something was not for this receiver.",
        ),
    ]
    rule: Rule
    state: Annotated[
        str,
        Meta(
            description="raised, reopened, acked, cleared_unack, cleared, declared, rectifying,"
            " rectified, verified or closed."
        ),
    ]
    enterprise: Thing
    region: Thing | None
    line: Thing | None
    subject: Subject
    units: Annotated[
        tuple[Thing, ...],
        Meta(description="The unit it is about, or those of the line or meter; twenty at most."),
    ]
    began: Annotated[Moment, Meta(description="Since when the condition is there.")]
    raised: Annotated[Moment, Meta(description="When it had been there for long enough.")]
    cleared: Annotated[
        Moment | None, Meta(description="The first reading without it, null while it stands.")
    ]
    deadline: Annotated[Moment | None, Meta(description="By when it is to be rectified.")]
    explanation: Explanation


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """A notice."""

    schema: Literal["wattwarden.alarm.v1"]
    id: Annotated[str, Meta(description="The same in every attempt: duplicates are known by it.")]
    level: Annotated[
        int, Meta(ge=1, le=4, description="1 reminder, 2 warning, 3 alarm, 4 severe alarm.")
    ]
    reason: Annotated[
        str,
        Meta(description="Why this receiver gets it: first, worse, repeat, overdue or resolved."),
    ]
    late_min: Annotated[
        int, Meta(ge=0, description="By how many minutes it is late, 0 for in time.")
    ]
    title: str
    text: Annotated[str, Meta(description="For people, in the stream's language; may be cut.")]
    url: Annotated[str, Meta(description="Opens the page to answer it, empty for none.")]
    alarm: Annotated[Facts | None, Meta(description="Null in tests, which are about none.")]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a webhook."""

    type: Annotated[
        str,
        Meta(
            description="alarm.raised, alarm.graded, alarm.lasts, alarm.repeats, alarm.overdue,"
            " alarm.cleared, or test. Ignore what you do not know."
        ),
    ]
    timestamp: Annotated[
        Moment, Meta(description="When it fell due, by the system's clock; never changes.")
    ]
    data: Data


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document, made of the declaration above."""
    (found,), components = msgspec.json.schema_components([Document], ref_template="#/$defs/{name}")
    head = {"$schema": DIALECT, "$id": f"urn:{SCHEMA.replace('.', ':')}", "title": SCHEMA}
    return {**head, **found, "$defs": components}
