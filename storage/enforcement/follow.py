"""What the system itself does about tasks, after each pass of a warden.

    last review of the slices ─► moments of the grid until now ─► firms with something new ─► review
                                                                          └► decide, as the system

Nothing depends on how passes are cut: the grid's moments are fixed, and each looks at what was
there by then; of more than ``MAX_MOMENTS`` the rest is left to the next pass.  A pass in which none
falls costs one look at a table of 32 rows.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.cases.gradings import Rulebooks
from wattwarden.alarms.decisions.slices import slice_of
from wattwarden.alarms.enforcement.limits import Limits, default_limits
from wattwarden.alarms.enforcement.review import Firm, moments, review
from wattwarden.alarms.enforcement.tasks import TASK_GRADES
from wattwarden.alarms.enforcement.words import TaskVerb
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.follow import basis_of
from wattwarden.storage.cases.load import Basis
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.enforcement.history import OVERDUE_KIND, load_history
from wattwarden.storage.enforcement.lives import TASK, load_lives
from wattwarden.storage.registry.holding import hold_for
from wattwarden.storage.warden.followed import Followed

_MICROSECOND: Final = timedelta(microseconds=1)
# An alarm may have ended before it is found: fold time waits for meters, half an hour at most.
_FOUND_LATER: Final = timedelta(hours=1)
# A pass holds its slices meanwhile, and folds an hour at most, which has six moments: six times as
# many, and after a month in which nothing came it has caught up in two minutes of passes.
MAX_MOMENTS: Final = 36


async def follow(connection: Connection, followed: Followed) -> None:
    """Propose tasks, attach alarms and close tasks for the pass's slices, up to its last tick."""
    limits = default_limits()
    with errors("reviewing enterprises"):
        reviewed = await _reviewed(connection, followed)
        after = min(reviewed.values())
        settled = followed.now - timedelta(minutes=limits.review.settle_min)
        due = list(islice(moments(after, settled, limits.review.every_min), MAX_MOMENTS))
        if not due:
            return
        await connection.execute(
            "UPDATE enforcement_review SET at = $1 WHERE slice = ANY($2) AND at < $1",
            due[-1],
            list(followed.slices),
        )
        basis = await basis_of(connection, followed)
        named = await _with_something_new(connection, after, basis.rules, limits)
        firms = sorted(
            name
            for name in named
            if slice_of(name) in reviewed and name in followed.registry.enterprise
        )
        for name in firms:
            own = [at for at in due if at > reviewed[slice_of(name)]]
            await _review(connection, _firm(name, followed.registry), own, basis, followed.registry)


async def _reviewed(connection: Connection, followed: Followed) -> dict[int, datetime]:
    """Up to when each slice was reviewed; one that never was, until the pass began."""
    rows = await connection.fetch(
        "SELECT slice, at FROM enforcement_review WHERE slice = ANY($1)", list(followed.slices)
    )
    known = {row["slice"]: row["at"] for row in rows}
    missing = [one for one in followed.slices if one not in known]
    if missing:
        before = followed.since - _MICROSECOND
        await connection.executemany(
            "INSERT INTO enforcement_review (slice, at) VALUES ($1, $2)",
            [(one, before) for one in missing],
        )
        known |= dict.fromkeys(missing, before)
    return known


async def _with_something_new(
    connection: Connection, after: datetime, rules: Rulebooks, limits: Limits
) -> Collection[str]:
    """The enterprises of which anything may have changed since the last review.

    Those with alarms of the last hour or found late, with open ones that tasks are about, with
    parts that are overdue, with a task that is not over.
    """
    longest = timedelta(days=limits.false_rectification.window_d)
    weighty = sorted(rules.ever_of(TASK_GRADES))
    rows = await connection.fetch(
        "SELECT enterprise FROM alarm WHERE NOT withdrawn AND suppressed_by IS NULL"
        " AND (raised > $1 OR found_late AND raised > $2 OR ended IS NULL AND"
        " (rule = ANY($4) OR starts_with(kind, $5)) OR ended > $1 AND rule = ANY($4))"
        " UNION SELECT t.enterprise FROM decision AS t WHERE t.kind = 'task'"
        " AND NOT EXISTS (SELECT FROM decision AS s WHERE s.kind = 'task_step'"
        " AND s.enterprise = t.enterprise AND s.body ->> 'task' = t.body ->> 'id'"
        " AND s.body ->> 'verb' = ANY($3))",
        after - _FOUND_LATER,
        after - longest,
        [TaskVerb.CLOSE, TaskVerb.REJECT],
        weighty,
        OVERDUE_KIND,
    )
    return {row["enterprise"] for row in rows}


async def _review(
    connection: Connection,
    firm: Firm,
    due: Sequence[datetime],
    basis: Basis,
    registry: Registry,
) -> None:
    """Look at an enterprise at each moment, and decide what follows."""
    limits, name = default_limits(), firm.enterprise.id
    history = await load_history(connection, name, due[-1], limits, registry=registry, basis=basis)
    listed = await load_lives(connection, TASK, name)
    for at in due:
        if review(firm, history, listed, at, limits) is None:
            continue
        # From here on nobody else acts: what is decided still follows from what stands.
        await hold_for(connection, name)
        listed = await load_lives(connection, TASK, name)
        proposed = review(firm, history, listed, at, limits)
        if proposed is not None:
            await decide(connection, proposed, SYSTEM, at)
            listed = await load_lives(connection, TASK, name)


def _firm(name: str, registry: Registry) -> Firm:
    enterprise = registry.enterprise[name]
    return Firm(enterprise, registry.region.get(enterprise.region))
