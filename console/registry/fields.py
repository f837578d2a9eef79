"""A form for any kind of record, made from its declaration, and a record made from a form.

noun ─ inputs ─► Input(name, kind of control, value) ─► form ─ record_of ─► noun, or what is wrong
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

import msgspec
from msgspec import inspect

from wattwarden.alarms.registry.nouns import KINDS, Noun
from wattwarden.console.drawing.said import NOTHING_SAID, Said
from wattwarden.console.registry.names import CHOICES, FIELDS
from wattwarden.protocol.codec import DEFAULT_ZONE

# What a browser's control for a moment sends.
_MINUTE: Final = "%Y-%m-%dT%H:%M"
MOST_LETTERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Input:
    """One field of a form.

    ``control`` is text, number, whole, choice, check, moment or many (JSON); ``choices`` are what
    is kept and what it is called.
    """

    name: str
    label: Said
    control: str
    value: str
    choices: Mapping[str, Said]
    is_required: bool
    leads_to: str


def inputs(kind: str, record: Noun | None, said: Mapping[str, str]) -> list[Input]:
    """Return the fields of a kind's form, filled with a record or with what was sent."""
    made = []
    for field in _fields(kind):
        plain = _plain(field.type)
        stored = "" if record is None else _shown(getattr(record, field.name))
        if record is None and not field.required and field.default is not msgspec.NODEFAULT:
            stored = _shown(field.default)
        made.append(
            Input(
                field.name,
                FIELDS.get(field.name, Said(field.name, field.name)),
                _control(plain),
                said.get(field.name, stored),
                _choices(plain, field.type),
                field.required,
                field.name if field.name in KINDS else _REFERENCES.get((kind, field.name), ""),
            )
        )
    # The id is asked for first: everything else refers to it.
    return sorted(made, key=lambda one: one.name != "id")


def record_of(kind: str, form: Mapping[str, str]) -> Noun | Said:
    """Return the record of a form, or what is wrong with the first field that is."""
    values: dict[str, Any] = {}
    for field in _fields(kind):
        text = form.get(field.name, "").strip()[:MOST_LETTERS]
        plain = _plain(field.type)
        if isinstance(plain, inspect.BoolType):
            values[field.name] = text == "yes"
        elif text:
            try:
                values[field.name] = _raw(plain, text)
            except (ValueError, OverflowError, RecursionError):
                return _wrong(field.name, text)
    try:
        return msgspec.convert(values, KINDS[kind], strict=False)
    except msgspec.ValidationError as error:
        return Said(f"内容不符合要求：{error}", str(error))


def values_of(record: Noun) -> list[tuple[Said, str]]:
    """Return what a record says, field by field, as people read it."""
    names = [field.name for field in _fields(_kind_of(record))]
    return [
        (FIELDS.get(name, Said(name, name)), _shown(getattr(record, name)))
        for name in names
        if _shown(getattr(record, name))
    ]


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


def _control(plain: inspect.Type) -> str:
    return next((name for declared, name in _CONTROLS if isinstance(plain, declared)), "many")


def _choices(plain: inspect.Type, declared: inspect.Type) -> Mapping[str, Said]:
    if not isinstance(plain, inspect.EnumType):
        return {}
    named = {str(one): said for one, said in CHOICES[plain.cls].items()}
    return {"": NOTHING_SAID, **named} if isinstance(declared, inspect.UnionType) else named


def _raw(plain: inspect.Type, text: str) -> Any:
    """Return what a text means.

    Raises:
        ValueError: It means nothing of that type.
        OverflowError: It is a moment before all calendars.
        RecursionError: It is nested beyond all sense.
    """
    match plain:
        case inspect.IntType():
            return int(text)
        case inspect.FloatType():
            return _finite(text)
        case inspect.DateTimeType():
            return datetime.strptime(text, _MINUTE).replace(tzinfo=DEFAULT_ZONE).astimezone(UTC)
        case inspect.StrType() | inspect.EnumType():
            return text
        case _:
            return json.loads(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        message = "no number of a record is infinite"
        raise ValueError(message)
    return number


def _shown(value: Any) -> str:
    """Write a value as its control holds it; "" for nothing."""
    if value is None or value is False:
        return ""
    if value is True:
        return "yes"
    if isinstance(value, datetime):
        return value.astimezone(DEFAULT_ZONE).strftime(_MINUTE)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, str | int | float):
        return f"{value:.12g}" if isinstance(value, float) else str(value)
    plain = msgspec.to_builtins(value)
    return json.dumps(plain, ensure_ascii=False) if plain else ""


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
)
# Fields that name a record of another kind than they are called.
_REFERENCES: Final[Mapping[tuple[str, str], str]] = {
    ("region", "parent"): "region",
    ("agency", "parent"): "agency",
    ("enterprise", "maintainer"): "person",
    ("enterprise", "officer"): "person",
}
