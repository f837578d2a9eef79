"""A form for any kind of record, made from its declaration, and a record made from a form.

noun ─ inputs ─► Input(name, kind of control, value) ─► form ─ record_of ─► noun, or what is wrong
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

import msgspec
from msgspec import inspect

from wattwarden.alarms.registry.nouns import KINDS, Noun
from wattwarden.alarms.registry.thresholds import FIELDS as DECIDED
from wattwarden.console.drawing.said import NOTHING_SAID, Said
from wattwarden.console.registry.names import CHOICES, FIELDS, WORDS
from wattwarden.console.registry.pairs import (
    MORE_ROWS,
    Pairs,
    number_in,
    number_text,
    numbers_in,
    pairs_in,
    pairs_of,
)
from wattwarden.protocol.codec import DEFAULT_ZONE

MOST_LETTERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Input:
    """One field of a form.

    ``control`` is text, number, whole, choice, check, moment, pairs or decided: numbers that two
    people decide upon, which no form changes.  ``choices`` are what is kept and what it is called;
    ``pairs`` the rows of numbers, blank ones behind.
    """

    name: str
    label: Said
    control: str
    value: str
    choices: Mapping[str, Said]
    is_required: bool
    leads_to: str
    pairs: Pairs


def inputs(kind: str, record: Noun | None, said: Mapping[str, str]) -> list[Input]:
    """Return the fields of a kind's form, filled with a record or with what was sent."""
    made = []
    for field in _fields(kind):
        plain = _plain(field.type)
        stored = "" if record is None else _shown(getattr(record, field.name))
        if record is None and not field.required and field.default is not msgspec.NODEFAULT:
            stored = _shown(field.default)
        if said and isinstance(plain, inspect.BoolType):
            # A box that nobody ticked is not sent at all.
            stored = ""
        value = said.get(field.name, stored)
        made.append(
            Input(
                field.name,
                FIELDS.get(field.name, Said(field.name, field.name)),
                _control(kind, field.name, plain),
                value,
                _choices(kind, field, value),
                field.required,
                field.name if field.name in KINDS else _REFERENCES.get((kind, field.name), ""),
                _pairs(record, field.name, said) if isinstance(plain, inspect.DictType) else (),
            )
        )
    # The id is asked for first: everything else refers to it.
    return sorted(made, key=lambda one: one.name != "id")


def record_of(kind: str, form: Mapping[str, str]) -> Noun | Said:
    """Return the record of a form, or what is wrong with the first field that is.

    Numbers that two people decide upon are not in it: ``with_decided``.
    """
    values: dict[str, Any] = {}
    for field in _fields(kind):
        text = form.get(field.name, "").strip()[:MOST_LETTERS]
        plain = _plain(field.type)
        if isinstance(plain, inspect.BoolType):
            values[field.name] = text == "yes"
        elif isinstance(plain, inspect.DictType):
            if DECIDED.get(kind) == field.name:
                continue
            try:
                values[field.name] = numbers_in(pairs_in(form, field.name))
            except ValueError as error:
                return _wrong(field.name, str(error))
        elif text:
            try:
                values[field.name] = _raw(plain, text)
            except (ValueError, OverflowError):
                return _wrong(field.name, text)
    try:
        return msgspec.convert(values, KINDS[kind], strict=False)
    except msgspec.ValidationError as error:
        return Said(f"内容不符合要求：{error}", str(error))


def with_decided(kind: str, record: Noun, before: Noun) -> Noun:
    """Return a record of a form with the numbers that two people decided upon."""
    name = DECIDED.get(kind)
    return (
        record if name is None else msgspec.structs.replace(record, **{name: getattr(before, name)})
    )


def values_of(record: Noun) -> list[tuple[Said, Said]]:
    """Return what a record says, field by field, as people read it."""
    kind, said = _kind_of(record), []
    for field in _fields(kind):
        value = getattr(record, field.name)
        words = WORDS.get((kind, field.name), {})
        label = FIELDS.get(field.name, Said(field.name, field.name))
        known = isinstance(value, str) and value in words
        said.append((label, words[value] if known else _told(value)))
    return [(label, value) for label, value in said if value != NOTHING_SAID]


def _told(value: Any) -> Said:
    """Say a value to people; nothing of what is not given."""
    if isinstance(value, Enum):
        return CHOICES[type(value)][value]
    if value is True:
        return Said("是", "yes")
    text = _shown(value)
    return Said(text.replace("T", " ") if isinstance(value, datetime) else text, text)


def _kind_of(record: Noun) -> str:
    return next(name for name, noun in KINDS.items() if isinstance(record, noun))


def _fields(kind: str) -> tuple[inspect.Field, ...]:
    declared = inspect.type_info(KINDS[kind])
    if not isinstance(declared, inspect.StructType):
        message = f"{kind} is no struct"
        raise TypeError(message)
    return declared.fields


def _plain(declared: inspect.Type) -> inspect.Type:
    """Return a type without its None."""
    if isinstance(declared, inspect.UnionType):
        return next(one for one in declared.types if not isinstance(one, inspect.NoneType))
    return declared


def _control(kind: str, field: str, plain: inspect.Type) -> str:
    if DECIDED.get(kind) == field:
        return "decided"
    if (kind, field) in WORDS:
        return "choice"
    return next(name for declared, name in _CONTROLS if isinstance(plain, declared))


def _pairs(record: Noun | None, field: str, said: Mapping[str, str]) -> Pairs:
    """Return the rows of a field: as they were sent, else as they are kept; and blank ones."""
    kept = pairs_of({} if record is None else getattr(record, field))
    return (*(pairs_in(said, field) if said else kept), *((("", ""),) * MORE_ROWS))


def _choices(kind: str, field: inspect.Field, value: str) -> Mapping[str, Said]:
    """Return what may be chosen for a field; what a record has stays among it."""
    plain = _plain(field.type)
    if not isinstance(plain, inspect.EnumType):
        words = WORDS.get((kind, field.name), {})
        return {**words, value: words.get(value, Said(value, value))} if words else {}
    named = {str(one): said for one, said in CHOICES[plain.cls].items()}
    return {"": NOTHING_SAID, **named} if isinstance(field.type, inspect.UnionType) else named


def _raw(plain: inspect.Type, text: str) -> Any:
    """Return what a text means.

    Raises:
        ValueError: It means nothing of that type.
        OverflowError: It is a moment before all calendars.
    """
    match plain:
        case inspect.IntType():
            return int(text)
        case inspect.FloatType():
            return number_in(text)
        case inspect.DateTimeType():
            return _local(text).replace(tzinfo=DEFAULT_ZONE).astimezone(UTC)
        case _:
            return text


def _local(text: str) -> datetime:
    """Read a moment without a zone, as a browser's control sends it.

    Raises:
        ValueError: It is none.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        message = f"{text} has a zone"
        raise ValueError(message)
    return moment


def _shown(value: Any) -> str:
    """Write a value as its control holds it, numbers by name as people read them; "": nothing."""
    if value is None or value is False:
        return ""
    if value is True:
        return "yes"
    if isinstance(value, datetime):
        local = value.astimezone(DEFAULT_ZONE).replace(tzinfo=None)
        to_the_minute = not local.second and not local.microsecond
        return local.isoformat(timespec="minutes" if to_the_minute else "auto")
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Mapping):
        return "；".join(f"{name} {text}" for name, text in pairs_of(value))
    return number_text(value) if isinstance(value, float) else str(value)


def _wrong(name: str, text: str) -> Said:
    label = FIELDS.get(name, Said(name, name))
    return Said(
        f"“{label.zh}”不能是“{text[:40]}”。",
        f"{label.en} cannot be {text[:40]!r}.",
    )


_CONTROLS: Final[tuple[tuple[type[inspect.Type], str], ...]] = (
    (inspect.EnumType, "choice"),
    (inspect.BoolType, "check"),
    (inspect.IntType, "whole"),
    (inspect.FloatType, "number"),
    (inspect.DateTimeType, "moment"),
    (inspect.StrType, "text"),
    (inspect.DictType, "pairs"),
)
# Fields that name a record of another kind than they are called.
_REFERENCES: Final[Mapping[tuple[str, str], str]] = {
    ("region", "parent"): "region",
    ("agency", "parent"): "agency",
    ("enterprise", "maintainer"): "person",
    ("enterprise", "officer"): "person",
}
