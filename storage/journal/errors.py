"""What can be wrong between us and the journal.

StorageError
├── JournalAway      no answer: retry with the same id; it may have been stored all the same
├── JournalFull      not stored for want of room: stop reading, retry when segments were exported
├── JournalRefused   will never be taken or served like this: configuration, or too large
└── JournalGap       entries are missing that nobody purged: a person has to look
"""

from wattwarden.storage.errors import StorageError


class JournalAway(StorageError):  # noqa: N818  # named after the journal's state, as its callers say
    """The journal did not answer.  What was sent may be stored or not; retry with the same id."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class JournalFull(StorageError):  # noqa: N818  # as above
    """The journal has no room; nothing was stored."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class JournalRefused(StorageError):  # noqa: N818  # as above
    """The journal will never take or serve this; the message says what to change."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class JournalGap(StorageError):  # noqa: N818  # as above
    """Entries are missing that were not purged, or the journal ends before a position once read."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)
