"""What all are measured by: proposed by one person, put in force by another (four eyes).

norm_draft   a rule file or a grading as a whole, with the reason for it
rules        the rule file of a draft is in force (``bodies.RuleSet``)
grading      the grading of a draft is in force, for alarms raised from a moment on
thresholds   single units and outlets have the numbers of a draft (``registry.thresholds``)
norm_refusal a draft comes to nothing: refused by who decides, or withdrawn by who proposed it
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Final

import msgspec

from wattwarden.alarms.acting.roles import CITY_OFFICERS, Roles
from wattwarden.alarms.decisions.bodies import MAX_RULES_LETTERS
from wattwarden.alarms.decisions.body import Body, Moment, Reference
from wattwarden.alarms.registry.nouns import Id, Name, Role

NormText = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_RULES_LETTERS)]


class Norm(StrEnum):
    """What a draft is of."""

    RULES = "rules"
    GRADING = "grading"
    THRESHOLDS = "thresholds"


class NormDraft(Body, frozen=True, kw_only=True):
    """A file (TOML) that somebody would put in force; ``version`` is the one it gives itself."""

    kind_name: ClassVar[str] = "norm_draft"
    prefix: ClassVar[str] = "ND"

    id: Id
    norm: Norm
    version: Name
    text: NormText
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class GradingSet(Body, frozen=True, kw_only=True):
    """Alarms raised ``since`` then, or since this was entered, are graded by this file."""

    kind_name: ClassVar[str] = "grading"

    version: Name
    text: NormText
    draft: Id
    since: Moment | None = None

    def references(self) -> tuple[Reference, ...]:
        """Return the draft."""
        return (Reference("draft", NormDraft.kind_name, self.draft),)


class ThresholdSet(Body, frozen=True, kw_only=True):
    """The units and outlets that this file names have its numbers from now on."""

    kind_name: ClassVar[str] = "thresholds"

    version: Name
    text: NormText
    draft: Id

    def references(self) -> tuple[Reference, ...]:
        """Return the draft."""
        return (Reference("draft", NormDraft.kind_name, self.draft),)


class NormRefusal(Body, frozen=True, kw_only=True):
    """A draft is refused, or withdrawn; nobody puts it in force any more."""

    kind_name: ClassVar[str] = "norm_refusal"

    draft: Id
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]

    def references(self) -> tuple[Reference, ...]:
        """Return the draft."""
        return (Reference("draft", NormDraft.kind_name, self.draft),)


BODIES: Final[tuple[type[Body], ...]] = (NormDraft, GradingSet, ThresholdSet, NormRefusal)
# Whoever runs the computers may prepare what officers decide.
DRAFTERS: Final[Roles] = CITY_OFFICERS | {Role.ADMINISTRATOR}
DECIDERS: Final[Roles] = CITY_OFFICERS
