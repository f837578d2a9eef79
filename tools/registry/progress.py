"""Bars for what takes seconds: rows of a table as they go by."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import track


def watched(title: str, rows: Iterable[Any]) -> Iterable[Any]:
    """Show how far the rows of a table are, on standard error, when somebody looks."""
    return track(
        rows,
        description=title,
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
