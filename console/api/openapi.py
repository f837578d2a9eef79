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
from wattwarden.console.api.asked import Form, Shown, Stretch
from wattwarden.console.api.deeds import DECIDED, Deciding, Sending, Wished, WishedRow, who_may
from wattwarden.console.api.export import TYPES
from wattwarden.console.api.operation import Operation as Declared
from wattwarden.console.api.resource import ROOT, Resource
from wattwarden.console.api.rows import EnteredRow
from wattwarden.console.api.said import (
    BYTES,
    FILE,
    KEY_HEADER,
    MATCHING,
    OF_DECIDING,
    OF_MATCHING,
    OF_READING,
    PROBLEM_SCHEMA,
    REF,
    SAME,
    TAG,
    parameters_in,
    problems,
    questions,
)
from wattwarden.console.api.sent import JSON
from wattwarden.console.api.singles import (
    Counted,
    Counting,
    CurveRow,
    MeRow,
    WeakPoints,
)
from wattwarden.console.routes import Needs, roles_of

VERSION: Final = "3.1.0"


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
    (
        "/documents/{document}/files/{file}",
        "手册附件内容",
        "The bytes of a file that came with a manual",
        Shown,
        None,
        "api.document_file",
    ),
    ("/evidence/{file}/bytes", "附件内容", "The bytes of a file", Shown, None, "api.file"),
)


def describe(
    resources: Iterable[Resource[Any, Any]],
    others: Iterable[Declared],
    needs: Mapping[str, Needs],
) -> Described:
    """Return the description; ``needs`` are those of the routes, by their names."""
    resources, others = tuple(resources), tuple(others)
    spec = APISpec(
        title="Wattwarden",
        version=__version__,
        openapi_version=VERSION,
        info={"description": _ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        servers=[{"url": "/"}],
        security=[{"token": []}, {"session": []}],
    )
    refs = _schemas(spec, resources, others)
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
        add(operation, _reading(operation, model, _told(refs.get(row)) if row else BYTES))
    for kind in DECIDED:
        add(*_of_deed(kind, refs))
    add(*_of_file(refs, _roles(needs["api.evidence.send"])))
    add(*_of_command(refs, _roles(needs["api.command.ask"])))
    for other in others:
        add(*_of_other(other, refs))
    document = spec.to_dict()
    document["jsonSchemaDialect"] = "https://json-schema.org/draft/2020-12/schema"
    return Described(document, tuple(operations))


def _schemas(
    spec: APISpec, resources: Iterable[Resource[Any, Any]], others: Iterable[Declared]
) -> dict[Any, dict[str, Any]]:
    """Put all shapes into the document; return how each is referred to."""
    shapes = [shape for one in resources for shape in (one.row, one.whole) if shape is not None]
    shapes += [
        EnteredRow,
        Wished,
        WishedRow,
        *BODIES.values(),
        *(row for *_, row, _ in _SINGLES if row is not None),
        *(one.told for one in others if one.told is not None),
        *(body for one in others for body in _bodies(one)),
    ]
    shapes = list(dict.fromkeys(shapes))
    refs, schemas = msgspec.json.schema_components(shapes, ref_template=REF)
    for name, schema in sorted(schemas.items()):
        spec.components.schema(name, schema)
    spec.components.schema("Problem", dict(PROBLEM_SCHEMA))
    return dict(zip(shapes, refs, strict=True))


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
        "parameters": [*questions(Deciding), KEY_HEADER, *MATCHING],
        "requestBody": {"required": True, "content": {JSON: {"schema": refs[model]}}},
        "responses": _deciding(refs, OF_MATCHING),
    }
    return operation, details


def _of_file(refs: Mapping[Any, dict[str, Any]], roles: str) -> tuple[Operation, dict[str, Any]]:
    en = "Keep a file: a picture, film, sound or document, judged by its content"
    operation = Operation(
        "POST", f"{ROOT}/evidence", "evidence", "上传附件", en, roles, "", "api.evidence.send"
    )
    details = {
        "parameters": [*questions(Sending), KEY_HEADER],
        "requestBody": FILE,
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
        "parameters": [*parameters_in("/{meter}"), *questions(Shown)],
        "requestBody": {"required": True, "content": {JSON: {"schema": refs[Wished]}}},
        "responses": {"201": kept, **problems(OF_DECIDING)},
    }
    return operation, details


def _of_other(
    one: Declared, refs: Mapping[Any, dict[str, Any]]
) -> tuple[Operation, dict[str, Any]]:
    bodies = _bodies(one)
    said = bodies[0].__name__ if len(bodies) == 1 else ""
    operation = Operation(
        one.method, ROOT + one.path, one.group, one.zh, one.en, _roles(one.needs), said, one.name
    )
    details: dict[str, Any] = {
        "parameters": [
            *parameters_in(operation.path),
            *questions(one.asked),
            *(MATCHING if one.is_matched else ()),
        ],
        "responses": {**_answers(one, refs), **problems(_statuses(one))},
    }
    if bodies:
        schema = refs[bodies[0]] if len(bodies) == 1 else {"anyOf": [refs[it] for it in bodies]}
        details["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    if one.takes_file:
        details["requestBody"] = FILE
    return operation, details


def _bodies(one: Declared) -> tuple[Any, ...]:
    """Return the shapes of which what is sent has one."""
    if one.body is None:
        return ()
    return one.body if isinstance(one.body, tuple) else (one.body,)


def _statuses(one: Declared) -> Iterable[str]:
    if one.method == "GET":
        return OF_READING
    return OF_MATCHING if one.is_matched else OF_DECIDING


def _answers(one: Declared, refs: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    """Return what is answered where all is well."""
    answer: dict[str, Any] = {"description": one.en}
    if one.told is not None:
        answer["content"] = {JSON: {"schema": refs[one.told]}}
    elif one.media:
        schema = {"schema": {"type": "string", "format": "binary"}}
        answer["content"] = dict.fromkeys(one.media, schema)
    if one.is_tagged:
        answer["headers"] = TAG
    statuses = [one.status, *([one.other_status] if one.other_status else [])]
    answers = {str(status.value): answer for status in statuses}
    return answers | (SAME if one.is_tagged and one.method == "GET" else {})


def _reading(
    operation: Operation, model: type[BaseModel], told: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "parameters": [*parameters_in(operation.path), *questions(model)],
        "responses": {**told, **problems(OF_READING)},
    }


def _told(ref: Mapping[str, Any] | None, *, tagged: bool = False) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": "As it stands.",
        "content": {JSON: {"schema": dict(ref or {})}},
    }
    if not tagged:
        return {"200": answer}
    answer["headers"] = TAG
    return {"200": answer, **SAME}


def _deciding(
    refs: Mapping[Any, dict[str, Any]], statuses: Iterable[str] = OF_DECIDING
) -> dict[str, Any]:
    kept = {"description": "What was kept.", "content": {JSON: {"schema": refs[EnteredRow]}}}
    return {"201": kept, **problems(statuses)}


def _roles(needs: Needs) -> str:
    able = roles_of(needs)
    return "everybody" if able is None else ", ".join(sorted(able))


_ABOUT: Final = (
    "Everything that pages show and do. Who asks is a person, by a token of theirs"
    " (`Authorization: Bearer ww_…`) or by the cookie of their session, with whose forms'"
    " mark in `X-CSRF-Token`. What is not theirs is as if it were not there.\n\n"
    "Lists come a page at a time: `next` goes into `after`. Moments are RFC 3339, power is in W,"
    " energy in Wh. A decision's body is kept as it is sent; its `id` is `new`, where the system"
    " numbers things. Changes are told live at `/live` (text/event-stream), and pushed as webhooks."
)
