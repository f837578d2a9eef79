"""How far a long work is, and how it is given up: also where it runs in a thread."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

TellShare = Callable[[int, int], object]
"""Takes how many bytes are done, and of about how many."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class GivenUpError(Exception):
    """Somebody said stop; only threads see it."""


class Share:
    """Counts bytes done of about so many, for whoever looks; ``total`` may grow."""

    def __init__(self, tell: TellShare, total: int = 0) -> None:
        self.total = total
        self._done = 0
        self._tell = tell
        self._stopped = False

    def __call__(self, size: int) -> None:
        """Take note that so many more are done.

        Raises:
            GivenUpError: The work was given up.
        """
        if self._stopped:
            raise GivenUpError
        self._done += size
        self._tell(self._done, max(self.total, self._done))

    async def aside(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Do what blocks on a disk in a thread; cancelled, return when the thread has ended.

        ``work`` tells this object of its bytes, by which it hears that it is given up.
        """
        task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._stopped = True
            await asyncio.gather(task, return_exceptions=True)
            raise
