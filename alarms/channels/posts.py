"""What the vendors' POSTs have in common: JSON out of a document, and a base that is configured."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
import orjson

from wattwarden.alarms.channels.channel import Request

Base = Annotated[str, msgspec.Meta(pattern="^https?://[^/?#]+$", max_length=256)]
"""Scheme and host of a gateway, or of what stands in for it."""

JSON_TYPE = "application/json; charset=utf-8"


def post_json(base: str, path: str, query: Mapping[str, str], document: Any) -> Request:
    """Return a POST of a document as UTF-8 JSON."""
    return Request(
        "POST", address(base, path, query), (("content-type", JSON_TYPE),), orjson.dumps(document)
    )


def address(base: str, path: str, query: Mapping[str, str]) -> str:
    """Return an address with its query."""
    return f"{base}{path}?{urlencode(query)}" if query else f"{base}{path}"
