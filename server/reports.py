"""Delivery reports that gateways send by themselves, kept as attempts of what they are about.

report ─► by the gateway's id: the notice that it took        delivered, or after all not
      └─► by our reference: a notice in doubt                 settled before a second send
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from wattwarden.alarms.channels.channel import SECOND_US, Delivered, Outcome
from wattwarden.alarms.channels.smpp import REPORT_WAIT_S, Report, outcome_of, reference
from wattwarden.alarms.routing.bundle import Item
from wattwarden.server.errands import Errands
from wattwarden.server.judging import Judge
from wattwarden.server.switchboard import Switchboard
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.outbox.reports import Known, in_doubt, sent_under

# What a report is about may still be on its way, or not kept yet; then it is about nothing of ours.
KEPT_S: Final = REPORT_WAIT_S + 30
# Operators try to reach a phone for three days at most.
REPORTED_WITHIN_S: Final = 3 * 86_400


@dataclass(frozen=True, slots=True)
class _Came:
    """A report, by which endpoint, and when, by the wall; no two have the same moment."""

    endpoint: str
    report: Report
    at_us: int


class Reports:
    """Settles what endpoints report; ``outcomes`` counts reports of nothing."""

    def __init__(self, board: Switchboard, judge: Judge, errands: Errands) -> None:
        self._board = board
        self._judge = judge
        self._errands = errands
        self._waiting: list[_Came] = []

    @property
    def outcomes(self) -> Counter[str]:
        """What became of everything the courier did."""
        return self._errands.outcomes

    async def settle(self, connection: Connection) -> None:
        """Find what reports are about, and note what came of it.

        Raises:
            StorageError: The database is away; the reports are kept in memory.
        """
        now = self._judge.wall_us()
        for name, endpoint in self._board.endpoints.items():
            for report in endpoint.take_reports():
                self._waiting.append(_Came(name, report, now + len(self._waiting)))
        for name in {one.endpoint for one in self._waiting}:
            await self._settle_of(connection, name)
        fresh = [one for one in self._waiting if one.at_us > now - KEPT_S * SECOND_US]
        self.outcomes["reports of nothing"] += len(self._waiting) - len(fresh)
        self._waiting = fresh

    async def _settle_of(self, connection: Connection, endpoint: str) -> None:
        """Settle the reports of one endpoint that are about anything."""
        came = [one for one in self._waiting if one.endpoint == endpoint]
        since = moment_of(self._judge.wall_us() - REPORTED_WITHIN_S * SECOND_US)
        ids = {one.report.message_id for one in came}
        known = await sent_under(connection, endpoint, ids, since)
        doubted = await in_doubt(connection, endpoint)
        held = self._errands.in_hand
        for one in came:
            found = _found(one.report, known, doubted)
            if found is None or found.item.id in held:
                continue
            self._waiting.remove(one)
            outcome = outcome_of(one.report)
            if outcome is not None:
                self._note(found, outcome, one.at_us)

    def _note(self, known: Known, outcome: Outcome, at_us: int) -> None:
        """Note what came of a notice; a part that arrived mends none that did not."""
        attempt = self._judge.attempt("receipt", at_us, outcome)
        told = self._judge.told(known.item, outcome, attempt, self._board.terms(known.item))
        if isinstance(outcome, Delivered) and known.state != "asking":
            told = replace(told, state=known.state)
        self._errands.note(told)


def _found(report: Report, known: Sequence[Known], doubted: Sequence[Item]) -> Known | None:
    for one in known:
        if report.message_id in one.ids:
            return one
    for item in doubted:
        if report.reference == reference(f"ww_{item.message}"):
            return Known(item, (), "asking")
    return None
