"""A scenario file: what is simulated, as a person wrote it.  docs/scenarios.md explains every key.

TOML ─► Scenario    every error names the key and the cure
"""

import re
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from wattwarden.protocol.toml_file import read_toml
from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.moments import parse_moment
from wattwarden.tools.simulator.motor import LEAST_KW, MOST_KW

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Rate = Annotated[float, msgspec.Meta(ge=0, le=100)]
Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0
Minutes = Annotated[float, msgspec.Meta(ge=0, le=100_000)]
Hertz = Annotated[float, msgspec.Meta(ge=5, le=60)]
NAME: Final = r"^[A-Za-z0-9._-]+$"
CLOCK: Final = r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$"
FACTOR: Final = r"^[a-z][0-9a-z]{5}$"
FORMS: Final = {
    NAME: ("id", "write letters, digits, '.', '_' and '-', 40 at most, such as F-T1"),
    CLOCK: ("time of the day", 'write such as "08:00", up to "24:00"; 01:00 is of the next day'),
    FACTOR: ("pollutant", "write its HJ 212 code, a letter and five more, such as a24088"),
}
"""What texts of a form are called, and how to write one, by the form."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=NAME)]
Clock = Annotated[str, msgspec.Meta(pattern=CLOCK)]
When = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]

Protocol = Literal["acrel", "hj212"]
Rule = Literal["R1", "R2", "R3", "R4", "R5"]
Kind = Literal["production", "treatment", "both", "indirect", "main"]
Drive = Literal["direct", "vfd", "resistive", "pulsed"]
Process = Literal["continuous", "partial", "batch"]
MeterKind = Literal["full", "current", "status"]
RestDay = Literal["saturday", "sunday"]
Happening = Literal[
    "meter_outage", "carrier_outage", "blackout", "frozen", "ct_off", "ct_reversed", "skew",
    "counter_reset", "sag", "overload", "hunting", "fouling", "maintenance", "trial_run",
    "exceedance", "stuck", "flagged",
]  # fmt: skip
_UNKNOWN: Final = re.compile(r"unknown field `(.*?)`")
_MATCHING: Final = re.compile(r"matching regex '(.*)'")
DecisionKind = Literal["plan", "declaration", "patrol", "consumable", "replacement"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file; keys that do not exist are refused."""


class UnitSpec(_Table, frozen=True):
    """A machine."""

    id: Name
    name: str = ""
    kind: Kind = "treatment"
    power_kw: Annotated[float, msgspec.Meta(ge=LEAST_KW, le=MOST_KW)] = 15.0
    drive: Drive = "direct"
    lines: tuple[Name, ...] = ()
    process: Process = "continuous"
    load: Annotated[float, msgspec.Meta(gt=0, le=1.2)] = 0.8
    hertz: Hertz = 50.0
    follows: bool = False
    meter: MeterKind = "full"
    sync: bool = True
    interlock: bool = False
    standby: str = ""
    treatment_share: Share = 0.3
    cycle_s: int | None = None


class LineSpec(_Table, frozen=True):
    """A production line; its treatment starts ``pre_start_min`` before it and stops after it."""

    id: Name
    name: str = ""
    shifts: tuple[tuple[Clock, Clock], ...] | None = None
    pre_start_min: Minutes = 0.0
    run_on_min: Minutes = 0.0


class OutletSpec(_Table, frozen=True):
    """Where emissions leave: an HJ 212 station that reports one pollutant."""

    id: Name
    name: str = ""
    line: Name | None = None
    factor: Annotated[str, msgspec.Meta(pattern=FACTOR)] = "a34004"
    limit: Annotated[float, msgspec.Meta(gt=0)] = 20.0
    cycle_s: int | None = None


Watched = Literal["positive", "ordinary", "focus"]


class FactorySpec(_Table, frozen=True):
    """A firm."""

    id: Name
    name: str = ""
    industry: str = "general"
    # How closely the authority watches it; meters and machines know nothing of that.
    supervision: Watched = "ordinary"
    region: str = "R1"
    protocol: Protocol = "acrel"
    cycle_s: int | None = None
    shifts: tuple[tuple[Clock, Clock], ...] = (("08:00", "12:00"), ("13:00", "17:30"))
    rest_days: tuple[RestDay, ...] = ("saturday", "sunday")
    holidays: tuple[date, ...] = ()
    standby_required: Annotated[int, msgspec.Meta(ge=1)] = 1
    line: tuple[LineSpec, ...] = ()
    unit: tuple[UnitSpec, ...] = ()
    outlet: tuple[OutletSpec, ...] = ()


class CitySpec(_Table, frozen=True):
    """Factories that are drawn: how many, and which shares of them are of a kind."""

    factories: Annotated[int, msgspec.Meta(ge=1, le=20_000)]
    production: Count = 0
    treatment: Count = 0
    regions: Annotated[int, msgspec.Meta(ge=1, le=99)] = 8
    hj212: Share = 0.08
    current_only: Share = 0.3
    status_only: Share = 0.2
    vfd: Share = 0.45
    resistive: Share = 0.06
    pulsed: Share = 0.05
    following: Share = 0.4
    standby: Share = 0.1
    shared: Share = 0.15
    interlock: Share = 0.05
    mains: Share = 0.0
    outlets: Share = 0.0


class Offences(_Table, frozen=True):
    """Offences that are drawn: expected numbers per unit and 30 days, and their depths."""

    R1: Rate = 0.0
    R2: Rate = 0.0
    R3: Rate = 0.0
    R4: Rate = 0.0
    R5: Rate = 0.0
    minutes: tuple[Minutes, Minutes] = (5.0, 180.0)
    hertz: tuple[Hertz, Hertz] = (25.0, 42.0)
    load: tuple[Share, Share] = (0.42, 0.66)
    first_day: Count = 0


class OffenceSpec(_Table, frozen=True):
    """One offence, written out."""

    rule: Rule
    unit: Name
    onset: When
    minutes: Annotated[float, msgspec.Meta(gt=0, le=100_000)]
    hertz: Hertz = 32.0
    load: Share = 0.55


class Often(_Table, frozen=True):
    """Something that happens now and then: expected number per 30 days, and for how long."""

    rate: Rate = 0.0
    # As the confounder has it where a scenario gives the rate alone.
    minutes: tuple[Minutes, Minutes] | None = None

    def lasting_s(self, drawn: float) -> float:
        """Return how long it lasts, for a number drawn from [0, 1)."""
        low, high = self.minutes or (0.0, 0.0)
        return (low + (high - low) * drawn) * MINUTE_S


class Confounders(_Table, frozen=True):
    """What makes judging hard; nothing of it is an offence.  Rates are per unit or per firm."""

    noise: Share = 0.015
    frame_loss: Share = 0.0
    ack_loss: Share = 0.0
    skewed: Share = 0.0
    skew_s: tuple[float, float] = (30.0, 600.0)
    meter_outage: Often = Often(minutes=(5.0, 240.0))
    carrier_outage: Often = Often(minutes=(5.0, 180.0))
    firm_blackout: Often = Often(minutes=(3.0, 120.0))
    city_blackout: Often = Often(minutes=(10.0, 60.0))
    frozen: Often = Often(minutes=(70.0, 300.0))
    ct_off: Often = Often(minutes=(60.0, 1440.0))
    sag: Often = Often(minutes=(20.0, 90.0))
    short_stop: Rate = 0.0
    late_start: Often = Often(minutes=(0.5, 7.0))
    trial_run: Often = Often(minutes=(2.0, 6.0))
    maintenance: Rate = 0.0
    fouling: Share = 0.0


class HappeningSpec(_Table, frozen=True):
    """One disturbance, written out; of a unit, an outlet, a firm, or (none named) the city."""

    kind: Happening
    onset: When
    minutes: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] = 60.0
    unit: Name | None = None
    factory: Name | None = None
    outlet: Name | None = None
    amount: float | None = None


class DecisionSpec(_Table, frozen=True):
    """What a person decided at a moment; ``body`` is passed on as it is."""

    kind: DecisionKind
    at: When
    actor: str = "simulator"
    body: dict[str, Any] = {}


class Scenario(_Table, frozen=True):
    """The whole file."""

    start: date
    name: str = "scenario"
    seed: int = 1
    days: Annotated[int, msgspec.Meta(ge=1, le=3660)] = 7
    cycle_s: int = 60
    city: CitySpec | None = None
    factory: tuple[FactorySpec, ...] = ()
    offences: Offences = Offences()
    offence: tuple[OffenceSpec, ...] = ()
    confounders: Confounders = Confounders()
    happening: tuple[HappeningSpec, ...] = ()
    decision: tuple[DecisionSpec, ...] = ()
    stops: tuple[When, ...] = ()


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        UsageError: it cannot be read, or something in it is wrong; names the key and the cure.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"scenario {path}: {error}"
        raise UsageError(message, "name a TOML file; docs/scenarios.md shows one") from error
    return parse_scenario(text, path.stem)


def parse_scenario(text: str, name: str = "scenario") -> Scenario:
    """Read the text of a scenario; ``name`` is its name unless it says another.

    Raises:
        UsageError: something in it is wrong; names the key and the cure.
    """
    try:
        tables = read_toml(text)
        scenario = msgspec.convert({"name": name, **tables}, Scenario, strict=False)
    except msgspec.ValidationError as error:
        message = f"scenario {name}: {_named(error)}"
        raise UsageError(message, _cure(error)) from error
    except ValueError as error:
        message = f"scenario {name}: not TOML: {error}"
        raise UsageError(message, "correct the line that is named") from error
    return msgspec.structs.replace(scenario, confounders=_completed(scenario.confounders))


def lasting(scenario: Scenario, days: int) -> Scenario:
    """Return a scenario that lasts so many days.

    What the file writes out for days that are cut off is left out; what lies beyond its own days
    stays wrong.

    Raises:
        UsageError: a moment is none; names the key.
    """

    def stays(text: str, key: str) -> bool:
        at = parse_moment(text, scenario.start, f"scenario {scenario.name}: {key}")
        return not days * DAY_S <= at < scenario.days * DAY_S

    return msgspec.structs.replace(
        scenario,
        days=days,
        offence=tuple(one for one in scenario.offence if stays(one.onset, "offence.onset")),
        happening=tuple(one for one in scenario.happening if stays(one.onset, "happening.onset")),
        decision=tuple(one for one in scenario.decision if stays(one.at, "decision.at")),
    )


def _completed(given: Confounders) -> Confounders:
    """Give every confounder whose rate alone is told the duration that it usually has."""
    usual = Confounders()
    changes = {}
    for name in given.__struct_fields__:
        often = getattr(given, name)
        if isinstance(often, Often) and often.minutes is None:
            changes[name] = Often(often.rate, getattr(usual, name).minutes)
    return msgspec.structs.replace(given, **changes)


def _named(error: msgspec.ValidationError) -> str:
    """Say where first, as the file's reader looks for it: offences.R4, not $.offences.R4."""
    what, _, where = str(error).partition(" - at `")
    if form := _form_in(error):
        what = f"this is no {form[0]}"
    place = where.rstrip("`").removeprefix("$").removeprefix(".")
    return f"{place}: {what}" if place else what


def _form_in(error: msgspec.ValidationError) -> tuple[str, str] | None:
    """Return what a text should have been, where its form is what is wrong."""
    pattern = _MATCHING.search(str(error))
    return FORMS.get(pattern[1].replace("\\\\", "\\")) if pattern else None


def _cure(error: msgspec.ValidationError) -> str:
    _, _, where = str(error).partition(" - at `")
    if form := _form_in(error):
        return form[1]
    table = _table_at(where.rstrip("`"))
    if "unknown field" in str(error) or "missing required" in str(error):
        known = f"keys of this table are {', '.join(table.__struct_fields__)}"
        given = _UNKNOWN.search(str(error))
        near = get_close_matches(given[1], table.__struct_fields__, n=1) if given else []
        return f"did you mean {near[0]}? {known}" if near else known
    return "docs/scenarios.md tells what each key may be"


TABLES: Final[dict[str, type[_Table]]] = {
    "city": CitySpec,
    "factory": FactorySpec,
    "line": LineSpec,
    "unit": UnitSpec,
    "outlet": OutletSpec,
    "offences": Offences,
    "offence": OffenceSpec,
    "confounders": Confounders,
    "happening": HappeningSpec,
    "decision": DecisionSpec,
}


def _table_at(place: str) -> type[_Table]:
    """Return the table that a place of the file lies in."""
    for word in reversed(re.sub(r"\[.*?\]", "", place).split(".")):
        if word in TABLES:
            return TABLES[word]
        if word in Confounders.__struct_fields__:
            return Often
    return Scenario
