"""All that is served for programs, and its description."""

from functools import cache
from typing import Any, Final

import msgspec
from aiohttp import web

from wattwarden.console.api.accounts import ACCESS, ACCOUNTS
from wattwarden.console.api.alarms import ALARMS
from wattwarden.console.api.backtests import BACKTESTS, TRIALS
from wattwarden.console.api.books import BOOKS
from wattwarden.console.api.commands import COMMANDS
from wattwarden.console.api.configured import CONFIGURATION
from wattwarden.console.api.deeds import DEEDS
from wattwarden.console.api.help import HELP
from wattwarden.console.api.judging import JUDGING
from wattwarden.console.api.matters import MATTERS
from wattwarden.console.api.meters import METERS
from wattwarden.console.api.mine import ONESELF, OWN
from wattwarden.console.api.openapi import Described, describe
from wattwarden.console.api.operating import FLAGS, OPERATING
from wattwarden.console.api.operation import Operation
from wattwarden.console.api.records import RECORDS
from wattwarden.console.api.registry import REGISTRY
from wattwarden.console.api.resource import ASK_AGAIN, ROOT, Resource
from wattwarden.console.api.said import STATUSES
from wattwarden.console.api.sent import JSON
from wattwarden.console.api.singles import SINGLES
from wattwarden.console.api.system import SYSTEM
from wattwarden.console.api.things import THINGS
from wattwarden.console.routes import OPEN, SIGNED_IN, Route
from wattwarden.console.visit import Visit

RESOURCES: Final[tuple[Resource[Any, Any], ...]] = (
    *ALARMS,
    *THINGS,
    *MATTERS,
    *HELP,
    *REGISTRY,
    *METERS,
    *COMMANDS,
    *SYSTEM,
    *BACKTESTS,
    *ACCOUNTS,
    *OWN,
    *FLAGS,
)
OTHERS: Final[tuple[Operation, ...]] = (
    *BOOKS,
    *RECORDS,
    *TRIALS,
    *ACCESS,
    *ONESELF,
    *OPERATING,
    *CONFIGURATION,
    *JUDGING,
)
_SERVED: Final[tuple[Route, ...]] = (
    *(route for one in RESOURCES for route in one.routes()),
    *SINGLES,
    *DEEDS,
    # What is named stands before what a parameter would take for a name.
    *(one.route for one in OTHERS),
)


@cache
def described() -> Described:
    """Return the description, which takes a fifth of a second to make."""
    return describe(RESOURCES, OTHERS, {one.name: one.needs for one in _SERVED})


async def document(_visit: Visit) -> web.StreamResponse:
    """Give the description."""
    response = web.Response(
        body=msgspec.json.encode(described().document),
        content_type=JSON,
        headers={"Cache-Control": ASK_AGAIN},
    )
    response.enable_compression()
    return response


async def page(visit: Visit) -> web.StreamResponse:
    """Show the description to people."""
    groups: dict[str, list[Any]] = {}
    for one in described().operations:
        groups.setdefault(one.group, []).append(one)
    schemas = described().document["components"]["schemas"]
    parts = {
        "groups": groups,
        "statuses": STATUSES,
        "fields": {name: _fields(one) for name, one in schemas.items() if "properties" in one},
    }
    return visit.page("api/docs.html", parts)


def _fields(schema: dict[str, Any]) -> list[dict[str, str]]:
    """Return what a body holds, a line each."""
    required = set(schema.get("required", ()))
    return [
        {"name": name, "kind": _kind(one), "must": "*" if name in required else ""}
        for name, one in schema["properties"].items()
    ]


def _kind(schema: dict[str, Any]) -> str:
    """Say in a word or two what a field holds."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join(_kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"[{_kind(schema.get('items', {}))}]"
    return str(schema.get("format") or schema.get("type") or "any")


API: Final[tuple[Route, ...]] = (
    *_SERVED,
    Route("GET", f"{ROOT}/openapi.json", document, OPEN, "api.openapi"),
    Route("GET", "/api/docs", page, SIGNED_IN, "api_docs"),
)
