"""What people write into forms, and the page that says what stood against it.

fields ─► moments, percents, words, files ─► body ─► visit.act     refused ─► the same page, 409
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web

from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.console.drawing.said import Said
from wattwarden.console.visit import Visit
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.storage.text import is_number

W = TypeVar("W", bound=StrEnum)


def answer(
    visit: Visit, name: str, parts: Mapping[str, Any], refused: RefusedError | None
) -> web.Response:
    """Return a page, with what stood against what was sent."""
    problems = [] if refused is None else [Said(one.zh, one.en) for one in refused.problems]
    status = HTTPStatus.CONFLICT if problems else HTTPStatus.OK
    return visit.page(name, {**parts, "refused": problems}, status)


def local_field(at: datetime) -> str:
    """Write a moment as a browser's field of a local time holds it."""
    return f"{at.astimezone(DEFAULT_ZONE):%Y-%m-%dT%H:%M}"


def refused(field: str, zh: str, en: str) -> RefusedError:
    """Return what tells of a field that was not written as it has to be."""
    return RefusedError([Problem("form", "", field, zh, en)])


def moment_in(visit: Visit, field: str) -> datetime | None:
    """Return the local time of a field, in UTC; None where it is empty.

    Raises:
        RefusedError: It is no time, or one before all calendars.
    """
    text = visit.field(field)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        local = moment if moment.tzinfo is not None else moment.replace(tzinfo=DEFAULT_ZONE)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise refused(field, "时间填写有误", "this is no time") from None


def needed_moment(visit: Visit, field: str) -> datetime:
    """Return the local time of a field.

    Raises:
        RefusedError: It is empty, or no time.
    """
    moment = moment_in(visit, field)
    if moment is None:
        raise refused(field, "请填写时间", "say when")
    return moment


def place_in(visit: Visit, count: int, page: int) -> int:
    """Return at which of so many rows the page begins that an address asks for (``from``)."""
    asked = visit.asked("from")
    wanted = int(asked) if is_number(asked) else 0
    return min(wanted, max(0, count - 1)) // page * page


def count_in(visit: Visit, field: str, most: int) -> int:
    """Return how many a field says; 0 where it is empty.

    Raises:
        RefusedError: It is no number, or more than ``most``.
    """
    text = visit.field(field) or "0"
    if not is_number(text) or int(text) > most:
        zh, en = f"请填写0至{most}的整数", f"write a whole number up to {most}"
        raise refused(field, zh, en)
    return int(text)


def share_in(visit: Visit, field: str) -> float:
    """Return the percent of a field as a share.

    Raises:
        RefusedError: They are none, or not above 0 and up to 100.
    """
    try:
        percent = float(visit.field(field))
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise refused(field, "请填写1至100的百分比", "say how much less, 1 to 100 percent")
    return percent / 100


def word_in(visit: Visit, field: str, kind: type[W]) -> W | None:
    """Return the word of a field; None where it is none of its kind."""
    said = visit.field(field)
    return kind(said) if said in tuple(kind) else None


def needed_word(visit: Visit, field: str, kind: type[W]) -> W:
    """Return the word of a field.

    Raises:
        RefusedError: It is none of its kind.
    """
    word = word_in(visit, field, kind)
    if word is None:
        raise refused(field, "请选择一项", "choose one")
    return word


def file_in(visit: Visit, field: str) -> tuple[str, bytes] | None:
    """Return the name and the bytes of a file that was sent; None where there is none."""
    found = visit.form.get(field)
    if not isinstance(found, web.FileField) or not found.filename:
        return None
    with found.file as file:
        data = file.read()
    return (found.filename, data) if data else None
