"""Tables, colours and progress bars for people."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from wattwarden.protocol.codec import Field

# Neighbouring fields differ in colour, so that bytes are found by it.
COLOURS: Final = ("cyan", "yellow", "green", "magenta", "blue")
# Deeper than any protocol's fields nest; beyond it a value is shown as one text.
MAX_DEPTH: Final = 6
# Two lines of a usual terminal; payloads in hex are longer.
MAX_CELL: Final = 120
# Wide enough for the longest cell beside its name.
PIPED_WIDTH: Final = 240
# Where more rows share a note, the others are found by what they share.
MAX_NOTED_ROWS: Final = 10


def console() -> Console:
    """Return standard output; into a file or a pipe, lines are not folded at 80."""
    return Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)


def show_frames(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print each decoded or refused frame of a line."""
    out = console()
    for row in rows:
        if "error" in row:
            error = row["error"]
            where = f"line {row['line']}, byte {error['offset']}"
            kind = (f"{where}: {error['kind']}: ", "bold red")
            out.print(Text.assemble(kind, printable(error["message"])))
        else:
            _show_frame(out, row)


def _show_frame(out: Console, row: Mapping[str, Any]) -> None:
    part = " part {} of {}".format(*row["part"]) if "part" in row else ""
    out.print(
        Text.assemble(
            (f"line {row['line']}: ", "dim"),
            (f"{row['codec']} {row['kind']}{part}", "bold"),
            printable(f"  meter {row['meter'] or 'unnamed'}"),
            f"  at {row['at']}" if row["at"] else "",
        )
    )
    table = plain_table("", "field", "value", "unit")
    for reading in row["readings"]:
        name = " ".join(
            filter(None, (reading["quantity"], reading.get("channel"), reading.get("period")))
        )
        amount, unit = Text(str(reading["value"])), Text(reading["unit"])
        table.add_row("reading", Text(printable(name), "green"), amount, unit)
    for name, value in flat(row["fields"]):
        table.add_row("field", Text(printable(name)), Text(elided(printable(value))), "")
    for lost in row.get("refused", ()):
        message = Text(printable(lost["message"]))
        table.add_row("refused", Text(lost["kind"], "red"), message, "")
    if row["reply"]:
        table.add_row("reply", "", Text(row["reply"], "cyan"), "")
    out.print(table)


def flat(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the leaves of nested fields with dotted names."""
    if isinstance(value, Mapping) and value and depth < MAX_DEPTH:
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, (list, tuple)) and value and depth < MAX_DEPTH:
        for index, inner in enumerate(value):
            yield from flat(inner, f"{name}[{index}]", depth + 1)
    else:
        yield name, "" if value is None else str(value)


def printable(text: str) -> str:
    """Show what cannot be printed as an escape: a peer's text must not steer the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def elided(text: str) -> str:
    """Shorten what is too long for a table; ``--json`` has all of it."""
    return text if len(text) <= MAX_CELL else f"{text[:MAX_CELL]}… {len(text):,} characters"


def plain_table(*headings: str) -> Table:
    """Make a table without frame, that can be copied from a terminal."""
    table = Table(box=None, pad_edge=False, header_style="dim", show_header=any(headings))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def show_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under headings; None is shown as nothing."""
    table = plain_table(*headings)
    for row in rows:
        table.add_row(*(Text("" if cell is None else printable(str(cell))) for cell in row))
    console().print(table)


def show_notes(notes: Mapping[str, Sequence[object]]) -> None:
    """Print sentences below a table, whole, each behind the names of the rows that it is about."""
    out = console()
    for sentence, rows in notes.items():
        names = ", ".join(map(str, rows[:MAX_NOTED_ROWS]))
        left = len(rows) - MAX_NOTED_ROWS
        heading = f"{names} and {left} more: " if left > 0 else f"{names}: "
        out.print(Text.assemble((printable(heading), "bold"), printable(sentence)))


@contextmanager
def byte_progress(total: int) -> Iterator[Callable[[int], object]]:
    """Show a bar on standard error; what is yielded takes the bytes done since."""
    columns = (TaskProgressColumn(), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with _bar(*columns) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.advance(task, done)


@contextmanager
def frame_progress(total: int | None) -> Iterator[Callable[[int], object]]:
    """Show a bar of frames on standard error; what is yielded takes the frames done in all."""
    columns = (TextColumn("{task.completed:,} frames"), BarColumn(), TimeRemainingColumn())
    with _bar(*columns) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)


@contextmanager
def slot_progress(total: int) -> Iterator[Callable[[int], object]]:
    """Show a bar of folded slots on standard error; what is yielded takes those done since."""
    columns = (TaskProgressColumn(), BarColumn(), TimeRemainingColumn())
    with _bar(*columns) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.advance(task, done)


@contextmanager
def row_progress(total: int | None) -> Iterator[Callable[[int], object]]:
    """Show a bar of rows on standard error; what is yielded takes the rows done since."""
    columns = (TextColumn("{task.completed:,} rows"), BarColumn(), TimeRemainingColumn())
    with _bar(*columns) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.advance(task, done)


@contextmanager
def share_progress() -> Iterator[Callable[[int, int], object]]:
    """Show a bar on standard error; what is yielded takes how many are done, of how many."""
    columns = (TaskProgressColumn(), BarColumn(), TimeRemainingColumn())
    with _bar(*columns) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _bar(*columns: ProgressColumn) -> Progress:
    # The answer goes to standard output as it is, not through the bar's console.
    return Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def show_explained(heading: str, fields: Sequence[Field], fault: str) -> None:
    """Print a frame field by field, bytes beside their meaning."""
    out = console()
    out.print(Text(printable(heading), "bold"))
    if fault:
        out.print(Text(printable(fault), "bold red"))
    show_fields(fields)


def show_fields(fields: Sequence[Field]) -> None:
    """Print fields, bytes beside their meaning."""
    table = plain_table("offset", "bytes", "name", "value", "unit")
    for index, field in enumerate(fields):
        colour = COLOURS[index % len(COLOURS)]
        table.add_row(
            Text(f"{field.offset:>6}", "dim"),
            Text(field.raw.hex(" "), colour),
            Text(printable(field.name)),
            Text(printable(field.value), "red" if field.value.startswith("!") else "bold"),
            Text(field.unit),
        )
    console().print(table)
