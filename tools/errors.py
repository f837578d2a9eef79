"""What a command says when it cannot do its work.

CommandError        it cannot be done; exit status 1
└── UsageError      it was asked for wrongly; exit status 2, as the command line's own errors
"""

from typing import ClassVar


class CommandError(Exception):
    """A command cannot go on.

    Args:
        message: What was found and what was allowed, no full stop.
        cure: What the operator can do next, "" when the message says it already.
    """

    status: ClassVar[int] = 1

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


class UsageError(CommandError):
    """An argument or an option is wrong."""

    status: ClassVar[int] = 2
