"""What stands against an entry that somebody makes: another time than the system's, or the future.

Nothing can be back-filled: when an entry is made is the system's clock's to say, and what an entry
tells of may lie in the past, where it is marked, but not ahead.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.acting.roles import MAINTENANCE
from wattwarden.alarms.decisions.bodies import Patrol
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.ledgers.bodies import LedgerCorrection, Repair
from wattwarden.alarms.ledgers.entries import AHEAD, LATE
from wattwarden.alarms.ledgers.numbers import default_numbers
from wattwarden.alarms.ledgers.reconcile import BY_ITSELF, is_withdrawn
from wattwarden.alarms.ledgers.telling import occurred
from wattwarden.alarms.registry.nouns import Person
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.acting.acting import Acting, Admission
from wattwarden.storage.ledgers.ledger import corrector_of, find_entry
from wattwarden.storage.registry.records import load_record
from wattwarden.storage.system_time import system_now


async def admit_entry(acting: Acting) -> Body:
    """Let somebody write down what was, now.

    Raises:
        RefusedError: It is entered at another time than the system's, tells of what is to come,
            names somebody who is not the firm's own, or is a patrol of long ago.
    """
    body = acting.body
    await _by_the_clock(acting)
    at = occurred(body)
    if at is not None and at > acting.now + AHEAD:
        zh, en = "发生时间晚于当前时间", f"{at} is to come"
        raise RefusedError([body.problem("", zh, en)])
    if isinstance(body, Patrol | Repair):
        person = await load_record(acting.connection, Person, body.person)
        if person is not None and not _may_have(person, body, acting.enterprise):
            zh, en = f"{person.name}不是本企业人员", f"{person.id} is not of this enterprise"
            raise RefusedError([body.problem("person", zh, en)])
    if isinstance(body, Patrol):
        _not_long_ago(body, acting.now)
    return body


def _may_have(person: Person, body: Patrol | Repair, enterprise: str | None) -> bool:
    """Tell whether somebody patrols or repairs there: its own people, or who maintains machines."""
    if person.enterprise is not None:
        return person.enterprise == enterprise
    return isinstance(body, Repair) and person.role in MAINTENANCE


def _not_long_ago(body: Patrol, now: datetime) -> None:
    """Refuse a patrol of long ago, and one of some days ago without a reason."""
    numbers = default_numbers()
    if now - body.at > numbers.patrol_back:
        days = numbers.patrol_back_days
        zh, en = f"巡检已超过{days}天,不得补录", f"a patrol more than {days} d ago is not entered"
        raise RefusedError([body.problem("at", zh, en)])
    if now - body.at > LATE and not body.why:
        hours = LATE // timedelta(hours=1)
        zh = f"巡检已超过{hours}小时,补录须说明原因"
        en = f"a patrol more than {hours} h ago takes a reason why it is entered now"
        raise RefusedError([body.problem("why", zh, en)])


async def admit_correction(acting: Acting) -> Body:
    """Let somebody say what an entry of a person should have said.

    Raises:
        RefusedError: There is no such entry, readings made it, it was corrected already, or what
            ``admit_entry`` refuses.
    """
    body = await admit_entry(acting)
    if not isinstance(body, LedgerCorrection):
        message = f"a {body.kind_name} corrects no entry"
        raise TypeError(message)
    number = body.entry
    entry = await find_entry(acting.connection, body.enterprise, number)
    if entry is None or is_withdrawn(entry):
        zh, en = f"台账中没有第{number}条", f"the ledger has no entry {number}"
        raise RefusedError([body.problem("entry", zh, en)])
    if entry.actor == BY_ITSELF:
        zh = f"第{number}条由监测数据生成,只能由补传数据更正"
        en = f"entry {number} follows from readings, which alone correct it"
        raise RefusedError([body.problem("entry", zh, en)])
    by = await corrector_of(acting.connection, body.enterprise, number)
    if by is not None:
        zh, en = f"第{number}条已由第{by}条更正", f"entry {number} was corrected by entry {by}"
        raise RefusedError([body.problem("entry", zh, en)])
    return body


async def _by_the_clock(acting: Acting) -> None:
    now = await system_now(acting.connection)
    if abs(acting.now - now) > AHEAD:
        zh, en = "录入时间由系统确定,不得指定", f"it is {now} for the system, not {acting.now}"
        raise RefusedError([acting.body.problem("", zh, en)])


ADMISSIONS: Final[Mapping[str, Admission]] = {
    "patrol": admit_entry,
    "repair": admit_entry,
    "abnormal": admit_entry,
    "special_period": admit_entry,
    "ledger_correction": admit_correction,
}
