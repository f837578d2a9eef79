"""How questions, answers and errors are written in the description of the interface."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel

from wattwarden.alarms.registry.nouns import KINDS
from wattwarden.console.api.asked import questions_of
from wattwarden.console.api.deeds import KEY
from wattwarden.console.doors import PROBLEM

REF: Final = "#/components/schemas/{name}"
_BINARY: Final = "application/octet-stream"
_NUMBERED: Final = frozenset(
    {"alarm", "notice", "meter", "command", "backtest", "token", "session"}
)
PROBLEM_SCHEMA: Final[Mapping[str, Any]] = {
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
    "412": ("已被改动，没有办理", "it is not as you know it any more; nothing was done"),
    "413": ("提交内容过大", "what was sent is too big"),
    "415": ("内容类型不支持", "sent as what is not taken here"),
    "422": ("参数或内容不合规", "asked or said in a way that cannot be"),
    "429": ("请求过于频繁", "too often"),
    "503": ("平台暂时不可用", "the data cannot be read at the moment"),
}
OF_READING: Final = ("400", "401", "403", "404", "405", "422", "429", "503")
OF_DECIDING: Final = tuple(one for one in STATUSES if one != "412")
OF_MATCHING: Final = tuple(STATUSES)
KEY_HEADER: Final[Mapping[str, Any]] = {
    "name": KEY,
    "in": "header",
    "required": False,
    "description": "The same key and request within a day: done once, answered alike.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$"},
}
MATCHING: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "The tag (ETag) of what is changed, as you know it; another by now: 412.",
        "schema": {"type": "string", "pattern": '^"[0-9a-f]{32}"$'},
    },
)
TAG: Final = {"ETag": {"schema": {"type": "string"}}}
SAME: Final = {"304": {"description": "As whoever asks has it (If-None-Match)."}}
FILE: Final[Mapping[str, Any]] = {
    "required": True,
    "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}},
}
BYTES: Final[Mapping[str, Any]] = {
    "200": {
        "description": "The file as it was sent.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def parameters_in(path: str) -> list[dict[str, Any]]:
    """Return what a path names."""
    return [_in_path(part[1:-1]) for part in path.split("/") if part.startswith("{")]


def problems(statuses: Iterable[str]) -> dict[str, Any]:
    """Return how errors are told, by status."""
    content = {PROBLEM: {"schema": {"$ref": REF.format(name="Problem")}}}
    return {status: {"description": STATUSES[status][1], "content": content} for status in statuses}


def _in_path(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 64}
    if name == "kind":
        schema = {"type": "string", "enum": list(KINDS)}
    if name in _NUMBERED:
        schema = {"type": "string", "pattern": "^[0-9]{1,18}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def questions(model: type[BaseModel]) -> list[dict[str, Any]]:
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
