"""Findings into tables: alarms with their explanation, transitions, corrections.

Everything is known by its identity: what is written twice is there once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from wattwarden.alarms.episodes.corrections import RETURN_MS, Change, Standing
from wattwarden.alarms.episodes.findings import (
    Alarm,
    Ended,
    Finding,
    Graded,
    Key,
    Raised,
    Returned,
    Transition,
)
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of, us_of


class FoundIn(StrEnum):
    """What an episode was found in."""

    READINGS = "readings"
    TICKS = "ticks"


_IDENTITY = "rule = $1 AND subject = $2 AND kind = $3 AND began = $4"


async def save_findings(
    connection: Connection, findings: Sequence[Finding], found_in: FoundIn
) -> None:
    """Store findings in their order.  Call it in the transaction that moves the position."""
    transitions = [finding for finding in findings if isinstance(finding, Transition)]
    await _save_transitions(connection, transitions)
    raised = [finding.alarm for finding in findings if isinstance(finding, Raised)]
    await _insert(connection, raised, found_in, found_late=False)
    for finding in findings:
        match finding:
            case Ended():
                await _end(connection, finding.key, _moment(finding.ended))
            case Returned():
                await _end(connection, finding.key, None)
            case Graded():
                await connection.execute(
                    f"UPDATE alarm SET grade_up = $5, graded = $6 WHERE {_IDENTITY}",  # noqa: S608  ours
                    *_identity(finding.key),
                    finding.up,
                    _moment(finding.at),
                )
            case _:
                pass


async def load_episodes(
    connection: Connection, enterprises: Sequence[str], since: int
) -> dict[str, dict[Key, Standing]]:
    """Return each enterprise's episodes in readings that a fold from ``since`` (ms) may change."""
    rows = await connection.fetch(
        "SELECT enterprise, rule, subject, kind, began, raised, ended, grade_up FROM alarm"
        " WHERE enterprise = ANY($1) AND found_in = $2 AND NOT withdrawn"
        " AND (raised >= $3 OR ended IS NULL OR ended >= $3)",
        list(enterprises),
        FoundIn.READINGS,
        _moment(since - RETURN_MS),
    )
    found: dict[str, dict[Key, Standing]] = {name: {} for name in enterprises}
    for row in rows:
        key = Key(row["rule"], row["subject"], row["kind"], _ms(row["began"]))
        ended = None if row["ended"] is None else _ms(row["ended"])
        standing = Standing(_ms(row["raised"]), ended, row["grade_up"])
        found[row["enterprise"]][key] = standing
    return found


async def save_changes(connection: Connection, changed: Iterable[Change], step: int) -> None:
    """Store what late rows changed: the episodes as they are now, and a correction of each."""
    for change in changed:
        if change.alarm is not None:
            await _insert(connection, [change.alarm], FoundIn.READINGS, found_late=True)
        after = change.after
        number = await connection.fetchval(
            "UPDATE alarm SET withdrawn = $5, found_late = TRUE, raised = coalesce($6, raised),"  # noqa: S608  ours
            f" ended = CASE WHEN $5 THEN ended ELSE $7 END WHERE {_IDENTITY} RETURNING id",
            *_identity(change.key),
            after is None,
            None if after is None else _moment(after.raised),
            None if after is None or after.ended is None else _moment(after.ended),
        )
        await connection.execute(
            "INSERT INTO correction (alarm, step, before, after) VALUES ($1, $2, $3, $4)",
            number,
            step,
            _json(change.before),
            _json(after),
        )


async def replace_transitions(
    connection: Connection,
    enterprise: str,
    span: tuple[int, int],
    transitions: Sequence[Transition],
) -> None:
    """Put an enterprise's transitions of a span (ms) in the place of those found first."""
    await connection.execute(
        "DELETE FROM unit_transition WHERE enterprise = $1 AND at >= $2 AND at < $3",
        enterprise,
        *map(_moment, span),
    )
    await _save_transitions(connection, transitions)


async def _insert(
    connection: Connection,
    alarms: Sequence[Alarm],
    found_in: FoundIn,
    *,
    found_late: bool,
) -> None:
    await connection.executemany(
        "INSERT INTO alarm (rule, subject, kind, began, enterprise, line, raised, ended,"
        " suppressed_by, grade_up, found_in, version, explanation, found_late)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
        " ON CONFLICT (rule, subject, kind, began) DO UPDATE SET raised = excluded.raised,"
        " ended = excluded.ended, suppressed_by = excluded.suppressed_by,"
        " grade_up = excluded.grade_up, version = excluded.version,"
        " explanation = excluded.explanation, found_late = excluded.found_late,"
        " withdrawn = FALSE",
        [
            (
                *_identity(alarm.key),
                alarm.enterprise,
                alarm.line,
                _moment(alarm.raised),
                None if alarm.ended is None else _moment(alarm.ended),
                _json(alarm.suppressed_by),
                alarm.grade_up,
                found_in,
                alarm.version,
                msgspec.json.encode(alarm.explanation).decode(),
                found_late,
            )
            for alarm in alarms
        ],
    )


async def _end(connection: Connection, key: Key, ended: datetime | None) -> None:
    await connection.execute(
        f"UPDATE alarm SET ended = $5 WHERE {_IDENTITY}",  # noqa: S608  ours
        *_identity(key),
        ended,
    )


async def _save_transitions(connection: Connection, transitions: Sequence[Transition]) -> None:
    await connection.executemany(
        "INSERT INTO unit_transition (enterprise, unit, at, state) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (enterprise, unit, at) DO UPDATE SET state = excluded.state",
        [
            (one.enterprise, one.unit, _moment(one.at), one.state.name.lower())
            for one in transitions
        ],
    )


def _identity(key: Key) -> tuple[str, str, str, datetime]:
    return key.rule, key.subject, key.kind, _moment(key.began)


def _moment(ms: int) -> datetime:
    return moment_of(ms * 1_000)


def _ms(moment: datetime) -> int:
    return us_of(moment) // 1_000


def _json(value: Standing | Key | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
