"""``wattwarden registry import | export | sample``: books in and out of the store."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.registry.changes import Change, difference
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.books.book import ON_DISK, BookError, Table
from wattwarden.storage.books.exchange import draft_of, load_tables
from wattwarden.storage.books.importing import Draft, nobody_leaves, unnamed_leave
from wattwarden.storage.books.parse import Fault
from wattwarden.storage.books.reading import read_book
from wattwarden.storage.books.tables import known_of, notes, tables_of
from wattwarden.storage.books.writing import write_book
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.registry import load_registry, save_all
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.registry.progress import watched
from wattwarden.tools.registry.sample import DEFAULT_SEED, WHOLE_CITY, Size, sample_city
from wattwarden.tools.registry.stored import actor, refusal, show_faults
from wattwarden.tools.running import database, run, settings_of

Actor = Annotated[
    str | None, Parameter(name="--as", help="Who decides; whoever is logged in by default.")
]


# Ids and credit codes have four digits for firms; a book holds so many rows of a kind.
MOST_ENTERPRISES: Final = 9_999
MOST_UNITS: Final = ON_DISK.rows // 2


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class CitySize:
    """How large a city is asked for."""

    enterprises: Annotated[int, Parameter(help="How many firms.")] = WHOLE_CITY.enterprises
    production: Annotated[
        int | None, Parameter(help="How many production units; as many a firm by default.")
    ] = None
    treatment: Annotated[
        int | None, Parameter(help="How many treatment units; as many a firm by default.")
    ] = None

    def checked(self) -> Size:
        """Return the size in full.

        Raises:
            UsageError: It is that of no city.
        """
        firms = self.enterprises
        if not 1 <= firms <= MOST_ENTERPRISES:
            message = f"--enterprises {firms} is not between 1 and {MOST_ENTERPRISES:,}"
            raise UsageError(message)
        made = {}
        for kind in ("production", "treatment"):
            given, usual = getattr(self, kind), getattr(WHOLE_CITY, kind)
            count = round(usual * firms / WHOLE_CITY.enterprises) if given is None else given
            if not firms <= count <= MOST_UNITS:
                message = f"--{kind} {count:,} is not between {firms:,} and {MOST_UNITS:,}"
                cure = f"each of {firms:,} firms has one at least; fewer firms: --enterprises"
                raise UsageError(message, cure)
            made[kind] = count
        return Size(firms, **made)


AS_SEEN: Final = CitySize()


def import_book(
    path: Annotated[
        Path, Parameter(name="FILE", help="An .xlsx file, a .csv file, or a folder of .csv files.")
    ],
    /,
    *,
    actor_named: Actor = None,
    dry_run: Annotated[
        bool, Parameter(help="Say what would change, and change nothing.", show_default=False)
    ] = False,
    remove_others: Annotated[
        bool,
        Parameter(
            help="Remove records that a sheet of their kind does not name.", show_default=False
        ),
    ] = False,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> int:
    """Import records, plans, declarations, consumables and patrols.

    Rows whose id is known change that record, others add one; what the file does not name
    stays unless --remove-others is given: then sheets are taken for complete.
    Everything is imported as one decision, or nothing: what cannot be read or would contradict the
    rest is told by sheet, row and column, and the exit status is 1.
    """
    if not path.exists():
        message = f"there is no {path}"
        raise UsageError(message)
    try:
        tables = read_book(path, watched)
    except BookError as error:
        raise CommandError(error.message, error.cure) from error
    leavers = unnamed_leave if remove_others else nobody_leaves
    settings = settings_of(system)

    async def work() -> Draft:
        async with database(settings, "registry import") as connection:
            draft = await draft_of(connection, tables, leavers)
            if not draft.faults and not dry_run:
                await _save(connection, draft.changes, draft.bodies, actor(actor_named))
            return draft

    draft = run(work())
    if draft.faults:
        _refuse(draft.faults, json=json)
        return 1
    _tell(_counts(draft.changes, draft.bodies), json=json, dry_run=dry_run)
    return 0


def export_book(
    path: Annotated[
        Path, Parameter(name="FILE", help="An .xlsx file, or a folder for .csv files.")
    ],
    /,
    *,
    empty: Annotated[
        bool, Parameter(help="A template: heads and explanations, no rows.", show_default=False)
    ] = False,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Export the registry, and the plans, declarations, consumables and patrols in force.

    What was exported and not changed imports as no change.
    """
    if empty:
        tables = tables_of({})
    else:
        settings = settings_of(system)

        async def work() -> list[Table]:
            async with database(settings, "registry export") as connection:
                return await load_tables(connection)

        tables = run(work())
    _write(path, tables)
    counts = {table.title: len(table.rows) for table in tables if table.rows}
    if json:
        print(as_json({"exported": counts}))
    else:
        print(", ".join(f"{title} {count:,}" for title, count in counts.items()) or "a template")


def sample(
    *,
    seed: Annotated[int, Parameter(help="Another number gives another city.")] = DEFAULT_SEED,
    size: CitySize = AS_SEEN,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="An .xlsx file, or a folder.")
    ] = None,
    into_store: Annotated[
        bool, Parameter(help="Put it into an empty registry.", show_default=False)
    ] = False,
    actor_named: Actor = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Make a believable city: firms, lines, machines, meters, officers, all invented.

    The same seed and size give the same city.
    """
    if (output is None) == (not into_store):
        raise UsageError("where to?", "give -o FILE or --into-store")
    city = sample_city(seed, size.checked())
    changes = difference(Registry(), city)
    if output is not None:
        _write(output, tables_of(known_of(city, {})))
    else:
        settings = settings_of(system)

        async def work() -> None:
            async with database(settings, "registry sample") as connection:
                if await load_registry(connection) != Registry():
                    message = "the registry is not empty"
                    raise CommandError(message, "use another data folder, or -o FILE and import")
                await _save(connection, changes, [], actor(actor_named))

        run(work())
    units = Counter(unit.kind.value for unit in city.unit.values())
    _tell(_counts(changes, []), json=json, dry_run=False, units=dict(units.most_common()))


async def _save(
    connection: Connection, changes: Sequence[Change], bodies: Sequence[AnyBody], who: str
) -> None:
    try:
        await save_all(connection, changes, bodies, who, now=datetime.now(UTC))
    except RefusedError as error:
        # Somebody else changed the registry since it was read.
        raise refusal(error) from error


def _write(path: Path, tables: Sequence[Table]) -> None:
    try:
        write_book(path, [notes(), *tables], watched)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise CommandError(message) from error


def _refuse(faults: Sequence[Fault], *, json: bool) -> None:
    show_faults(faults, json=json)
    if not json:
        count = len(faults)
        print(f"{count:,} {'fault' if count == 1 else 'faults'}; nothing was imported")


def _counts(changes: Sequence[Change], bodies: Sequence[AnyBody]) -> dict[str, int]:
    kinds = Counter(change.kind for change in changes)
    return dict(kinds + Counter(body.kind_name for body in bodies))


def _tell(
    counts: dict[str, int], *, json: bool, dry_run: bool, units: dict[str, int] | None = None
) -> None:
    """Print what was changed; ``units`` by their kind, where that is told."""
    if json:
        row: dict[str, Any] = {"changed": counts, "dry_run": dry_run}
        print(as_json(row | ({"units": units} if units else {})))
    elif not counts:
        print("nothing to change")
    else:
        kinds = f" ({_listed(units)})" if units else ""
        listed = ", ".join(
            f"{kind} {count:,}{kinds if kind == 'unit' else ''}" for kind, count in counts.items()
        )
        print(f"would change: {listed}" if dry_run else listed)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{kind} {count:,}" for kind, count in counts.items())
