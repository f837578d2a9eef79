"""What can be wrong with a backup, or with the place that it is to go to.

StorageError
└── BackupError             it cannot be made or used as asked, with its ``cure``
    ├── DamagedError        a backup is not what was written
    └── OccupiedError       the place that is restored into holds something already
"""

from wattwarden.storage.errors import StorageError


class BackupError(StorageError):
    """A backup cannot be made, or not be used.

    Args:
        message: What was found and what was allowed, no full stop.
        cure: What the operator can do about it.
    """

    def __init__(self, message: str, *, cure: str, retryable: bool = False) -> None:
        super().__init__(message, retryable=retryable)
        self.cure = cure


class DamagedError(BackupError):
    """A backup is not what was written."""

    def __init__(self, message: str) -> None:
        super().__init__(message, cure="take another backup, or another copy of this one")


class OccupiedError(BackupError):
    """Something is there already, which a restore would mix with."""
