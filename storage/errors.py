"""Errors of everything that keeps data.

StorageError        the database, the journal or their folders; ``retryable`` says whether the
|                   same call can succeed later without anybody's help
+-- EngineError     an engine of ours cannot be found, started or stopped, with its ``cure``
+-- SchemaError     the database's schema and this program do not fit, with its ``cure``
"""


class StorageError(Exception):
    """The database, the journal or the disk below them failed.

    Args:
        message: What was found and what was allowed, no full stop.
        retryable: True when the same call can succeed later without anybody's help.
    """

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable


class EngineError(StorageError):
    """An embedded engine cannot be found, started or stopped.

    Args:
        message: What was found and what was allowed, no full stop.
        cure: What the administrator can do about it; also a note of the exception.
        retryable: True when it can pass by itself.
    """

    def __init__(self, message: str, *, cure: str, retryable: bool = False) -> None:
        super().__init__(message, retryable=retryable)
        self.cure = cure
        self.add_note(f"cure: {cure}")


class SchemaError(StorageError):
    """The database's schema and this program do not fit together.

    Args:
        message: What was found and what was allowed, no full stop.
        cure: What the administrator can do about it; also a note of the exception.
        retryable: True when it can pass by itself, such as a lock that was not free.
    """

    def __init__(self, message: str, *, cure: str, retryable: bool = False) -> None:
        super().__init__(message, retryable=retryable)
        self.cure = cure
        self.add_note(f"cure: {cure}")
