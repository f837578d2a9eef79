"""What is asked for in an address: filters, a page of so many, where the page before ended.

?state=raised&limit=50&after=WzE3LDNd ─► Filters ─► 422 where something is none of it
"""

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from wattwarden.console.doors import PageError
from wattwarden.console.visit import Visit

# A screen shows 50; 200 rows of a list have 200 KB at the most.
USUAL_ROWS: Final = 50
MOST_ROWS: Final = 200
# Longer than any cursor of ours.
MAX_CURSOR_LETTERS: Final = 200
# Ids have 64 letters; nothing else that is asked for is longer.
MAX_TEXT_LETTERS: Final = 64

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_LETTERS, pattern=r"^[^\x00-\x1f]+$")]
Key: TypeAlias = tuple[str | int, ...]
"""What a list is ordered by; the last part is never the same twice."""

F = TypeVar("F", bound="Filters")
D = TypeVar("D", bound="Shown")


class Form(StrEnum):
    """As what a list is given."""

    JSON = "json"
    CSV = "csv"
    EXCEL = "xlsx"
    PARQUET = "parquet"


class Shown(BaseModel):
    """What may be asked of anything; what is no filter of it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lang: Annotated[
        Annotated[str, Field(pattern="^(zh|en)$")] | None,
        Field(description="Language of messages, instead of Accept-Language."),
    ] = None


class Filters(Shown):
    """What may be asked of every list."""

    after: Annotated[
        Annotated[str, Field(min_length=1, max_length=MAX_CURSOR_LETTERS)] | None,
        Field(description="Go on after a page: what it gave as `next`."),
    ] = None
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS, description="At most so many rows.")] = (
        USUAL_ROWS
    )
    format: Annotated[
        Form, Field(description="JSON a page at a time; all rows as CSV, Excel or Parquet.")
    ] = Form.JSON


class OfFirm(Filters):
    """A list of what firms have."""

    enterprise: Annotated[Text | None, Field(description="Only of this enterprise.")] = None


class Spanned(Filters):
    """A list of what happened."""

    since: Annotated[
        AwareDatetime | None, Field(description="From then on, RFC 3339 with its offset.")
    ] = None
    until: Annotated[AwareDatetime | None, Field(description="Before then.")] = None


class Stretch(Shown):
    """What was within a time."""

    since: Annotated[
        AwareDatetime | None, Field(description="From then on, RFC 3339 with its offset.")
    ] = None
    until: Annotated[AwareDatetime | None, Field(description="Before then; now if left out.")] = (
        None
    )


def asked_for(model: type[D], visit: Visit) -> D:
    """Read what an address asks for.

    Raises:
        PageError: 422; it is none of what may be asked.
    """
    query = visit.request.query
    many = {name for name, field in model.model_fields.items() if is_many(field.annotation)}
    said: dict[str, Any] = {
        name: query.getall(name) if name in many else _once(name, query.getall(name))
        for name in query
    }
    try:
        return model.model_validate(said)
    except ValidationError as error:
        raise unfit("；".join(_sentences(error)), "; ".join(_sentences(error))) from error


def cursor_of(key: Key) -> str:
    """Write a key as what is given for going on after it."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def key_of(cursor: str | None, like: Key) -> Key | None:
    """Read where a page ended; ``like`` shows what keys of the list are made of.

    Raises:
        PageError: 422; no page of this list ended so.
    """
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        parts = msgspec.json.decode(raw, type=tuple[str | int, ...])
    except (ValueError, msgspec.DecodeError) as error:
        raise NO_CURSOR from error
    kinds = [type(part) for part in parts]
    if kinds != [type(part) for part in like] or not all(map(_is_bounded, parts)):
        raise NO_CURSOR
    return parts


def bounds(
    asked: Stretch, now: datetime, usual_s: float, most_s: float
) -> tuple[datetime, datetime]:
    """Return the time that is asked for, the last ``usual_s`` if nothing else is.

    Raises:
        PageError: 422; it ends before it begins, or is longer than ``most_s``.
    """
    until = now if asked.until is None else asked.until
    try:
        since = msgspec.convert(until.timestamp() - usual_s, datetime, strict=False)
        since = since if asked.since is None else asked.since
        length_s = (until - since).total_seconds()
    except (OverflowError, ValueError, msgspec.ValidationError) as error:
        raise _NO_TIME from error
    if not 0 < length_s <= most_s:
        days = round(most_s / 86_400)
        zh, en = f"时段须在{days}天以内，且止晚于起", f"a time of {days} days at most, forwards"
        raise unfit(zh, en)
    return since, until


def earlier(moment: datetime, span: timedelta) -> datetime:
    """Return the moment that is so long before another.

    Raises:
        PageError: 422; there is no such time.
    """
    try:
        return moment - span
    except OverflowError as error:
        raise _NO_TIME from error


def unfit(zh: str, en: str) -> PageError:
    """Return the error of a question that cannot be answered as it is put."""
    return PageError(HTTPStatus.UNPROCESSABLE_ENTITY, "asked wrongly", zh, en)


def is_many(annotation: object) -> bool:
    """Tell whether a filter may be given several times."""
    return getattr(annotation, "__origin__", None) is tuple


def _once(name: str, values: list[str]) -> str:
    if len(values) > 1:
        zh, en = f"参数{name}只能出现一次", f"{name} is given once at the most"
        raise unfit(zh, en)
    return values[0]


def _sentences(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _is_bounded(part: str | int) -> bool:
    if isinstance(part, str):
        return len(part) <= MAX_CURSOR_LETTERS and "\x00" not in part
    return abs(part) < 2**63


def questions_of(model: type[BaseModel]) -> Mapping[str, Any]:
    """Return the JSON schemas of what may be asked, each whole by itself, by name."""
    schema = model.model_json_schema()
    known = schema.get("$defs", {})
    return {name: _whole(one, known) for name, one in schema["properties"].items()}


def _whole(value: Any, known: Mapping[str, Any]) -> Any:
    """Put definitions where they are referred to."""
    if isinstance(value, dict):
        if "$ref" in value:
            rest = {name: one for name, one in value.items() if name != "$ref"}
            return {**known[value["$ref"].rpartition("/")[2]], **rest}
        return {name: _whole(one, known) for name, one in value.items()}
    return [_whole(one, known) for one in value] if isinstance(value, list) else value


NO_CURSOR: Final = unfit("after不是本列表给出的值", "after is none that this list gave")
_NO_TIME: Final = unfit("没有这样的时间", "there is no such time")
