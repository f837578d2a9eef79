"""What runs found, kept as JSON so that a later one can be held against it.

A record holds the sections of one run.  What stands on the pages is of each section the latest,
with its day: a run of parts leaves the others as they were.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from bench.figures import Section, Series

HERE: Final = Path(__file__).resolve().parent
FOLDER: Final = HERE / "results"


class KeptFigure(msgspec.Struct, frozen=True):
    """A figure with its bar and whether that was held."""

    key: str
    what: str
    values: tuple[float, ...]
    wanted: str
    holds: bool
    beside: str = ""

    @property
    def measured(self) -> Series:
        """The rounds."""
        return Series(self.values)


class KeptTable(msgspec.Struct, frozen=True):
    """The numbers behind figures, as text."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class KeptSection(msgspec.Struct, frozen=True):
    """One measurement of one run."""

    figures: tuple[KeptFigure, ...]
    details: tuple[KeptTable, ...]
    facts: dict[str, tuple[float, ...]]


class Record(msgspec.Struct, frozen=True):
    """One run: when, on what machine, what it found by the name of each measurement."""

    began: datetime
    machine: str
    load: float
    sections: dict[str, KeptSection]


def begin() -> Record:
    """Return an empty record of a run that begins now on this machine."""
    return Record(
        datetime.now(UTC).replace(microsecond=0), machine(), round(os.getloadavg()[0], 2), {}
    )


def machine() -> str:
    """Where, for a figure alone says more about the machine than about the program."""
    models = {
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    }
    model = " + ".join(sorted(models)) or platform.machine()
    return (
        f"{os.cpu_count()} cores ({model}),"
        f" Linux {platform.release()}, Python {platform.python_version()}"
    )


def kept(section: Section) -> KeptSection:
    """Return what is kept of a section."""
    figures = tuple(
        KeptFigure(one.key, one.what, one.measured.values, str(one.wanted), one.holds, one.beside)
        for one in section.figures
    )
    tables = tuple(KeptTable(table.heading, table.rows) for table in section.details)
    facts = {name: found.values for name, found in section.facts.items()}
    return KeptSection(figures, tables, facts)


def save(folder: Path, record: Record) -> Path:
    """Write a record under its time; the same run overwrites its own."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{record.began:%Y-%m-%dT%H%M}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    return file


def load(folder: Path) -> list[Record]:
    """Return all records, the earliest first."""
    files = sorted(folder.glob("*.json"))
    return [msgspec.json.decode(file.read_bytes(), type=Record) for file in files]


def latest(records: Sequence[Record]) -> Mapping[str, tuple[Record, KeptSection]]:
    """Return of each measurement the last that was made, with its run."""
    found: dict[str, tuple[Record, KeptSection]] = {}
    for record in sorted(records, key=lambda one: one.began):
        for name, section in record.sections.items():
            found[name] = (record, section)
    return found


def earlier(records: Sequence[Record], key: str, before: datetime) -> KeptFigure | None:
    """Return a figure as the last run before a moment found it; None when none has it."""
    for record in sorted(records, key=lambda one: one.began, reverse=True):
        if record.began >= before:
            continue
        for section in record.sections.values():
            for figure in section.figures:
                if figure.key == key:
                    return figure
    return None


def facts_of(records: Sequence[Record]) -> Mapping[str, tuple[Series, datetime]]:
    """Return every fact that was ever measured, by its last measurement and when that was."""
    found: dict[str, tuple[Series, datetime]] = {}
    for record in sorted(records, key=lambda one: one.began):
        for section in record.sections.values():
            for name, values in section.facts.items():
                found[name] = (Series(values), record.began)
    return found
