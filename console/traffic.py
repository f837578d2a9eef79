"""What is asked of the console, counted: by pattern of the path, never by the path itself."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from wattwarden.protocol.spread import ANSWER_BOUNDS_S, Spread

UNKNOWN_ROUTE: Final = "unknown"
# Whatever else is sent in a method's place is counted together.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Streams last as long as a page is looked at, and say nothing of how quick we are.
_STREAMED: Final = frozenset({"text/event-stream"})
# Whoever asked went away: no failure of ours, and no answer (a number that proxies use as well).
LEFT: Final = 499

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Traffic:
    """Counts of requests since the process started."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """By method, pattern of the path, status."""
        self.answer_s = {"page": Spread(ANSWER_BOUNDS_S), "api": Spread(ANSWER_BOUNDS_S)}
        self.open = 0

    @property
    def middleware(self) -> Any:
        """What the application calls around everything else."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            started = time.perf_counter()
            self.open += 1
            status, content_type = 500, ""
            try:
                response = await handler(request)
            except web.HTTPException as error:
                status = error.status
                raise
            except ConnectionAbortedError:
                # Cut off by us, for an answer that cannot be finished.
                raise
            except ConnectionError:
                status = LEFT
                raise
            else:
                status, content_type = response.status, response.content_type
                return response
            finally:
                self.open -= 1
                self._note(request, status)
                if content_type not in _STREAMED:
                    kind = "api" if request.path.startswith("/api/") else "page"
                    self.answer_s[kind].note(time.perf_counter() - started)

        return count

    def _note(self, request: web.Request, status: int) -> None:
        resource = request.match_info.route.resource
        route = UNKNOWN_ROUTE if resource is None else resource.canonical
        method = request.method if request.method in _METHODS else "other"
        self.requests[method, route, str(status)] += 1
