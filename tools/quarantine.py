"""``wattwarden quarantine``: see and retry what did not become readings."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from wattwarden.protocol.errors import Refusal
from wattwarden.storage.database import Connection
from wattwarden.storage.quarantine import Held, Selection, list_held
from wattwarden.storage.retrying import Retried
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_notes, show_table
from wattwarden.tools.running import database, meter_name, retry_held, run, settings_of
from wattwarden.tools.strangers import advice_on_the_port
from wattwarden.tools.times import rfc3339

PAGE_FRAMES: Final = 200
HEADINGS: Final = (
    "id", "received at", "times", "meter", "peer", "codec", "kind", "reason", "tries",
)  # fmt: skip

app = App(name="quarantine", help="See and retry what did not become readings.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Filter:
    """Which frames: all conditions that are given."""

    meter: Annotated[str | None, Parameter(help="Only this meter's, codec:address or address.")] = (
        None
    )
    codec: Annotated[str | None, Parameter(help="Only this codec's.")] = None
    kind: Annotated[Refusal | None, Parameter(help="Only this kind of refusal.")] = None
    reason: Annotated[str | None, Parameter(help="Only this reason, as list shows it.")] = None

    def selection(self) -> Selection:
        """Return the filter as the store takes it.

        Raises:
            UsageError: the meter has no address.
        """
        name = None if self.meter is None else meter_name(self.meter)
        return Selection(
            # Not the meter's: what no codec could frame is filed under none.
            codec=self.codec,
            meter=name.address if name else None,
            kind=self.kind,
            reason=self.reason,
        )


ANY: Final = Filter()


@app.command(name="list")
def list_frames(
    *,
    only: Filter = ANY,
    resolved: Annotated[
        bool, Parameter(help="Those that were resolved, instead.", show_default=False)
    ] = False,
    limit: Annotated[int, Parameter(help="At most so many, the latest first.")] = 100,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """List frames in quarantine, the latest first, with what is wrong.

    With --json each line also holds the frame in hex, for `wattwarden inspect`.
    """
    if limit < 1:
        raise UsageError("--limit is above 0", "such as --limit 20")
    settings = settings_of(system)
    selection = replace(only.selection(), state="resolved" if resolved else "open")

    async def work() -> list[Held]:
        async with database(settings, "quarantine list") as connection:
            return await _latest(connection, selection, limit)

    frames = run(work())
    if json:
        for held in frames:
            print(as_json(_row(held)))
        return
    show_table(HEADINGS, [_cells(held) for held in frames])
    notes: dict[str, list[int]] = {}
    for held in frames:
        parts = filter(None, (held.message, advice_on_the_port(held.raw)))
        notes.setdefault("; ".join(parts), []).append(held.id)
    show_notes(notes)


@app.command
def retry(
    *number: Annotated[int, Parameter(name="ID", help="Numbers as list shows them.")],
    only: Filter = ANY,
    everything: Annotated[
        bool, Parameter(name="--all", help="Every frame that waits.", show_default=False)
    ] = False,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Read waiting frames again, with today's codecs, configuration and keys.

    Those that give readings now are resolved; the others keep waiting, with what is in the way.
    """
    if everything == (bool(number) or only != ANY):
        raise UsageError("no frames named", "give numbers, --meter, --codec, --kind or --all")
    settings = settings_of(system)
    selection = replace(only.selection(), ids=number or None)

    async def work() -> Retried:
        async with database(settings, "quarantine retry") as connection:
            return await retry_held(connection, settings, selection)

    done = run(work())
    if json:
        row = {"tried": done.tried, "resolved": done.resolved, "rows": done.rows}
        print(as_json(row))
    else:
        left = done.tried - done.resolved
        print(f"{done.tried} tried, {done.resolved} resolved, {done.rows} rows, {left} still wait")


async def _latest(connection: Connection, selection: Selection, limit: int) -> list[Held]:
    """Return at most ``limit`` frames, the latest first, read page by page."""
    found: list[Held] = []
    while len(found) < limit:
        before = found[-1].id if found else None
        most = min(PAGE_FRAMES, limit - len(found))
        page = await list_held(connection, selection, before_id=before, most=most)
        found += page
        if len(page) < most:
            break
    return found


def _cells(held: Held) -> tuple[object, ...]:
    return (
        held.id,
        rfc3339(held.received_at),
        held.times,
        held.meter or held.identity,
        held.peer,
        held.codec,
        held.kind,
        held.reason,
        held.tries,
    )


def _row(held: Held) -> dict[str, Any]:
    return {
        "id": held.id,
        "received_at": rfc3339(held.received_at),
        "times": held.times,
        "last_received_at": rfc3339(held.last_received_at or held.received_at),
        "codec": held.codec,
        "meter": held.meter,
        "identity": held.identity,
        "peer": held.peer,
        "kind": held.kind,
        "reason": held.reason,
        "message": held.message,
        "offset": held.byte_offset,
        "hex": held.raw.hex(),
        "size": held.raw_size,
        "state": held.state,
        "resolved_at": None if held.resolved_at is None else rfc3339(held.resolved_at),
        "tries": held.tries,
        "program": held.program,
        # Of the first, when it came more than once.
        "origin": {"shard": held.shard, "sequence": held.sequence, "frame": held.frame},
    }
