"""What pages fetch: styles, scripts, pictures, ours and a few foreign ones, all in the package.

static/*.css ─► one style sheet, tokens first      static/js, static/vendor ─► as they are
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from aiohttp import web

STYLE: Final = "style.css"
# Of one style sheet the choices come first, then the parts, then what rooms add.
_FIRST: Final = ("tokens.css", "console.css")
# The answer page, which messengers open, has a small sheet of its own.
_APART: Final = frozenset({"answer.css"})
_PACKED: Final = frozenset({".css", ".js", ".svg", ".json"})
# An address changes with what it leads to.
_KEPT: Final = "public, max-age=31536000, immutable"
_MARK_LETTERS: Final = 12


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    body: bytes
    packed: bytes | None
    kind: str
    mark: str


class Assets:
    """The files of ``static``, read once; an address outside of them leads nowhere."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._known = _load()

    def address(self, name: str) -> str:
        """Return where a file is fetched, as people outside see it.

        Raises:
            LookupError: There is none of this name.
        """
        return f"{self._root}/static/{name}?{self._known[name].mark}"

    def answer(self, request: web.Request, name: str) -> web.Response:
        """Return a file.

        Raises:
            HTTPNotFound: There is none of this name.
        """
        asset = self._known.get(name)
        if asset is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": _KEPT, "Vary": "Accept-Encoding"}
        body = asset.body
        if asset.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            body = asset.packed
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, content_type=asset.kind, headers=headers)


def _load() -> Mapping[str, Asset]:
    found = dict(_walk(files("wattwarden.console").joinpath("static"), ""))
    loose = sorted(
        name
        for name in found
        if "/" not in name and name.endswith(".css") and name not in {*_FIRST, *_APART}
    )
    found[STYLE] = b"\n".join(found[name] for name in (*_FIRST, *loose))
    return {name: _asset(name, body) for name, body in found.items()}


def _walk(folder: Traversable, above: str) -> Iterator[tuple[str, bytes]]:
    for one in folder.iterdir():
        name = f"{above}{one.name}"
        if one.is_dir():
            yield from _walk(one, f"{name}/")
        else:
            yield name, one.read_bytes()


def _asset(name: str, body: bytes) -> Asset:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    suffix = name[name.rfind(".") :]
    packed = gzip.compress(body, mtime=0) if suffix in _PACKED else None
    return Asset(body, packed, kind, hashlib.sha256(body).hexdigest()[:_MARK_LETTERS])
