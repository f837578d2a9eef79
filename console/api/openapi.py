"""The interface described by itself: OpenAPI 3.1, made of what is served and nothing else.

resources, deeds, singles ─► paths          rows, bodies ─► schemas (JSON Schema 2020-12)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from apispec import APISpec
from pydantic import BaseModel

from wattwarden import __version__
from wattwarden.alarms.decisions.kinds import BODIES
from wattwarden.console.api.asked import Form, Shown, Stretch, questions_of
from wattwarden.console.api.deeds import DECIDED, KEY, Deciding, Sending, Wished, WishedRow, who_may
from wattwarden.console.api.export import TYPES
from wattwarden.console.api.resource import JSON, ROOT, Resource
from wattwarden.console.api.rows import EnteredRow
from wattwarden.console.api.singles import (
    Counted,
    Counting,
    CurveRow,
    MeRow,
    WeakPoints,
)
from wattwarden.console.doors import PROBLEM
from wattwarden.console.routes import Needs, roles_of

VERSION: Final = "3.1.0"
_REF: Final = "#/components/schemas/{name}"
_BINARY: Final = "application/octet-stream"
_NUMBERED: Final = frozenset({"alarm", "notice", "meter", "command"})
_PROBLEM: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "What went wrong (RFC 9457), in the reader's language.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "What happened, for programs."},
    },
}
# What each status means here.
STATUSES: Final[Mapping[str, tuple[str, str]]] = {
    "400": ("请求无法解读", "what was sent cannot be read"),
    "401": ("未登录，令牌无效或已过期", "nobody signed in; no token, or none that holds"),
    "403": ("角色或令牌权限不足", "not for this role, or the token reads only"),
    "404": ("不存在，或不在管辖范围内", "not there, or not yours to see"),
    "405": ("不支持的方法", "no such method here"),
    "408": ("提交超时", "sending took too long"),
    "409": ("有冲突，没有办理", "something stands against it; nothing was kept"),
    "413": ("提交内容过大", "what was sent is too big"),
    "415": ("内容类型不支持", "sent as what is not taken here"),
    "422": ("参数或内容不合规", "asked or said in a way that cannot be"),
    "429": ("请求过于频繁", "too often"),
    "503": ("平台暂时不可用", "the data cannot be read at the moment"),
}
_OF_READING: Final = ("400", "401", "403", "404", "405", "422", "429", "503")
_OF_DECIDING: Final = tuple(STATUSES)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked or done, as the page shows it."""

    method: str
    path: str
    group: str
    zh: str
    en: str
    roles: str
    schema: str
    name: str


@dataclass(frozen=True, slots=True)
class Described:
    """The document, and the operations of it in order."""

    document: dict[str, Any]
    operations: tuple[Operation, ...]


# Group, method, path, Chinese, English, questions, what is told, needs, name.
_SINGLES: Final[tuple[tuple[str, str, str, type[BaseModel], Any, str], ...]] = (
    ("/me", "当前用户及其权限", "Who asks, and what is theirs", Shown, MeRow, "api.me"),
    ("/units/{unit}/curve", "设施功率曲线", "What a unit took", Stretch, CurveRow, "api.curve"),
    (
        "/enterprises/{enterprise}/weak-points",
        "企业薄弱环节",
        "What troubled a firm",
        Stretch,
        WeakPoints,
        "api.weak_points",
    ),
    ("/statistics", "统计", "Figures of a time", Counting, Counted, "api.statistics"),
    ("/evidence/{file}/bytes", "附件内容", "The bytes of a file", Shown, None, "api.file"),
)


def describe(resources: Iterable[Resource[Any, Any]], needs: Mapping[str, Needs]) -> Described:
    """Return the description; ``needs`` are those of the routes, by their names."""
    resources = tuple(resources)
    spec = APISpec(
        title="Wattwarden",
        version=__version__,
        openapi_version=VERSION,
        info={"description": _ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        servers=[{"url": "/"}],
        security=[{"token": []}, {"session": []}],
    )
    refs = _schemas(spec, resources)
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    spec.components.security_scheme(
        "session", {"type": "apiKey", "in": "cookie", "name": "ww_session"}
    )
    operations: list[Operation] = []

    def add(operation: Operation, details: Mapping[str, Any]) -> None:
        operations.append(operation)
        whole = {
            "operationId": operation.name,
            "tags": [operation.group],
            "summary": operation.en,
            "x-summary-zh": operation.zh,
            "description": f"Roles: {operation.roles}.",
            **details,
        }
        spec.path(operation.path, operations={operation.method.lower(): whole})

    for one in resources:
        for operation, details in _of_resource(one, refs, _roles(needs[one.title])):
            add(operation, details)
    for path, zh, en, model, row, name in _SINGLES:
        operation = Operation("GET", ROOT + path, "more", zh, en, _roles(needs[name]), "", name)
        add(operation, _reading(operation, model, _told(refs.get(row)) if row else _BYTES))
    for kind in DECIDED:
        add(*_of_deed(kind, refs))
    add(*_of_file(refs, _roles(needs["api.evidence.send"])))
    add(*_of_command(refs, _roles(needs["api.command.ask"])))
    document = spec.to_dict()
    document["jsonSchemaDialect"] = "https://json-schema.org/draft/2020-12/schema"
    return Described(document, tuple(operations))


def _schemas(spec: APISpec, resources: Iterable[Resource[Any, Any]]) -> dict[Any, dict[str, Any]]:
    """Put all shapes into the document; return how each is referred to."""
    shapes = [shape for one in resources for shape in (one.row, one.whole) if shape is not None]
    shapes += [
        EnteredRow,
        Wished,
        WishedRow,
        *BODIES.values(),
        *(row for *_, row, _ in _SINGLES if row is not None),
    ]
    shapes = list(dict.fromkeys(shapes))
    refs, schemas = msgspec.json.schema_components(shapes, ref_template=_REF, schema_hook=_hex)
    for name, schema in sorted(schemas.items()):
        spec.components.schema(name, schema)
    spec.components.schema("Problem", dict(_PROBLEM))
    return dict(zip(shapes, refs, strict=True))


def _hex(kind: type) -> dict[str, Any]:
    if kind is bytes:
        return {"type": "string", "pattern": "^[0-9a-f]*$"}
    raise NotImplementedError(kind)


def _of_resource(
    one: Resource[Any, Any], refs: Mapping[Any, dict[str, Any]], roles: str
) -> Iterable[tuple[Operation, dict[str, Any]]]:
    group = one.name.rpartition("/")[2]
    listed = Operation("GET", one.path, group, one.zh, one.en, roles, "", one.title)
    page = {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": refs[one.row]},
            "next": {"type": ["string", "null"], "description": "For `after`; null at the end."},
        },
        "additionalProperties": False,
    }
    files = {
        TYPES[form]: {"schema": {"type": "string", "format": "binary"}}
        for form in Form
        if form is not Form.JSON
    }
    told = {"200": {"description": one.en, "content": {JSON: {"schema": page}, **files}}}
    yield listed, _reading(listed, one.filters, told)
    if one.find is not None:
        title = f"{one.title}.one"
        single = Operation("GET", one.one_path, group, one.zh, one.en, roles, "", title)
        yield single, _reading(single, Shown, _told(refs[one.whole or one.row], tagged=True))


def _of_deed(kind: str, refs: Mapping[Any, dict[str, Any]]) -> tuple[Operation, dict[str, Any]]:
    model = BODIES[kind]
    roles = ", ".join(sorted(who_may(kind)))
    said = (model.__doc__ or "").strip().splitlines()[0]
    operation = Operation(
        "POST",
        f"{ROOT}/decisions/{kind}",
        "decisions",
        "",
        said,
        roles,
        model.__name__,
        f"api.decide.{kind}",
    )
    details = {
        "parameters": [*_questions(Deciding), _KEY_HEADER],
        "requestBody": {"required": True, "content": {JSON: {"schema": refs[model]}}},
        "responses": _deciding(refs),
    }
    return operation, details


def _of_file(refs: Mapping[Any, dict[str, Any]], roles: str) -> tuple[Operation, dict[str, Any]]:
    en = "Keep a file: a picture, film, sound or document, judged by its content"
    operation = Operation(
        "POST", f"{ROOT}/evidence", "evidence", "上传附件", en, roles, "", "api.evidence.send"
    )
    details = {
        "parameters": [*_questions(Sending), _KEY_HEADER],
        "requestBody": {
            "required": True,
            "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}},
        },
        "responses": _deciding(refs),
    }
    return operation, details


def _of_command(refs: Mapping[Any, dict[str, Any]], roles: str) -> tuple[Operation, dict[str, Any]]:
    operation = Operation(
        "POST",
        f"{ROOT}/meters/{{meter}}/commands",
        "commands",
        "召测、设置或补召",
        "Ask a meter, set something, or bring what is missing; the same, still waiting, once",
        roles,
        Wished.__name__,
        "api.command.ask",
    )
    kept = {"description": "It waits.", "content": {JSON: {"schema": refs[WishedRow]}}}
    details = {
        "parameters": [_in_path("meter"), *_questions(Shown)],
        "requestBody": {"required": True, "content": {JSON: {"schema": refs[Wished]}}},
        "responses": {"201": kept, **_problems(_OF_DECIDING)},
    }
    return operation, details


def _reading(
    operation: Operation, model: type[BaseModel], told: Mapping[str, Any]
) -> dict[str, Any]:
    named = [_in_path(part[1:-1]) for part in operation.path.split("/") if part.startswith("{")]
    return {
        "parameters": [*named, *_questions(model)],
        "responses": {**told, **_problems(_OF_READING)},
    }


def _in_path(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 64}
    if name in _NUMBERED:
        schema = {"type": "string", "pattern": "^[0-9]{1,18}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _questions(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Return what may be asked of an address."""
    return [
        {
            "name": name,
            "in": "query",
            "required": model.model_fields[name].is_required(),
            "description": schema.get("description", ""),
            "schema": _said(schema),
        }
        for name, schema in questions_of(model).items()
    ]


def _said(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema as addresses can hold it: they know no null."""
    shown = {name: one for name, one in schema.items() if name not in {"title", "description"}}
    options = [one for one in shown.get("anyOf", ()) if one.get("type") != "null"]
    if len(options) == 1:
        return dict(options[0])
    return shown


def _told(ref: Mapping[str, Any] | None, *, tagged: bool = False) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": "As it stands.",
        "content": {JSON: {"schema": dict(ref or {})}},
    }
    if not tagged:
        return {"200": answer}
    answer["headers"] = {"ETag": {"schema": {"type": "string"}}}
    return {"200": answer, "304": {"description": "As whoever asks has it (If-None-Match)."}}


def _deciding(refs: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    kept = {"description": "What was kept.", "content": {JSON: {"schema": refs[EnteredRow]}}}
    return {"201": kept, **_problems(_OF_DECIDING)}


def _problems(statuses: Iterable[str]) -> dict[str, Any]:
    content = {PROBLEM: {"schema": {"$ref": _REF.format(name="Problem")}}}
    return {status: {"description": STATUSES[status][1], "content": content} for status in statuses}


def _roles(needs: Needs) -> str:
    able = roles_of(needs)
    return "everybody" if able is None else ", ".join(sorted(able))


_KEY_HEADER: Final[Mapping[str, Any]] = {
    "name": KEY,
    "in": "header",
    "required": False,
    "description": "The same key and request within a day: done once, answered alike.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$"},
}
_BYTES: Final[Mapping[str, Any]] = {
    "200": {
        "description": "The file as it was sent.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_ABOUT: Final = (
    "Everything that pages show and do. Who asks is a person, by a token of theirs"
    " (`Authorization: Bearer ww_…`) or by the cookie of their session, with whose forms'"
    " mark in `X-CSRF-Token`. What is not theirs is as if it were not there.\n\n"
    "Lists come a page at a time: `next` goes into `after`. Moments are RFC 3339, power is in W,"
    " energy in Wh. A decision's body is kept as it is sent; its `id` is `new`, where the system"
    " numbers things. Changes are told live at `/live` (text/event-stream), and pushed as webhooks."
)
