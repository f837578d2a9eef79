"""A login at the meter port: whether it is believed, whom it takes over, and what is said of it.

    listener ─► bound_session ─► the Session of the meter that dials in there
    LoggedIn ─► denial? ───────► hung up, counted, journalled; what it sends is a stranger's
             └► Fleet ─────────► let in | the older is hung up | the newcomer is hung up

Asked once a connection or a login, never for a frame.
"""

from typing import TYPE_CHECKING, Final

import structlog

from wattwarden.protocol.envelope import Occurrence
from wattwarden.protocol.session import Session
from wattwarden.server.fleet import Elsewhere, Verdict

if TYPE_CHECKING:
    from wattwarden.server.connection import MeterConnection
    from wattwarden.server.port import MeterPort

NOBODY_BOUND: Final = "nobody is bound to the listener"
TAKEN_OVER: Final = "taken over by the same meter"
SAME_ID: Final = "another peer uses the same id"

_log: Final = structlog.get_logger(__name__)


def bound_session(port: "MeterPort", listener: str, host: str, now: int) -> Session | None:
    """Return the session of the meter that dials in at a listener, None where there is none."""
    found = port.bound(listener, host)
    if found is None:
        return None
    codec, identity = found
    session = Session((codec,), port.profile_of, port.limits, now)
    try:
        session.bind(codec, identity, now)
    except ValueError as error:
        _log.warning("a listener is bound to the wrong meter", meter=identity, reason=str(error))
        return None
    return session


def log_in(port: "MeterPort", connection: "MeterConnection", now: int) -> None:
    """Let a connection in as the meter that its session says it is, or hang up."""
    codec, identity = _claimed(connection)
    key = f"{codec}:{identity}"
    if connection.key and connection.key != key:
        port.fleet.logout(connection.key, connection)
        connection.key = ""
    access = port.profile_of(identity).access
    shown = connection.certificate()
    denial = port.gatekeeper.denial(key, access, connection.host, shown, now)
    if denial is not None:
        _note_denial(port, connection, codec, identity, denial, now)
        connection.disbelieve(denial)
        return
    connection.key = key
    connection.chain = port.chain_of(key)
    port.meet(connection)
    port.counters.logins += 1
    _take_place(port, connection, key, now)


def deny(
    port: "MeterPort",
    connection: "MeterConnection",
    codec: str,
    identity: str,
    reason: str,
    now: int,
) -> None:
    """Take note that a peer failed to prove, in its protocol's own way, that it is a meter."""
    port.gatekeeper.note_denial(f"{codec}:{identity}", connection.host, now)
    _note_denial(port, connection, codec, identity, reason, now)


def _claimed(connection: "MeterConnection") -> tuple[str, str]:
    """Return codec and identity that a peer speaks and claims."""
    session = connection.session
    return session.codec.name if session.codec else "", session.identity or ""


def _take_place(port: "MeterPort", newcomer: "MeterConnection", key: str, now: int) -> None:
    """Let one connection have the place of a meter: the newcomer, or one that was there before."""
    verdict, older = port.fleet.login(key, newcomer, newcomer.host, now)
    newcomer.note("login", now, verdict.value if verdict is not Verdict.ADMITTED else "")
    if older is None or older is newcomer:
        return
    if verdict is Verdict.TAKEN_OVER:
        port.counters.takeovers += 1
        older.hang_up(TAKEN_OVER)
        return
    port.counters.duplicate_ids += 1
    _name_both(port, newcomer, older, key, now)
    newcomer.hang_up(SAME_ID)


def _name_both(
    port: "MeterPort",
    newcomer: "MeterConnection",
    older: "MeterConnection | Elsewhere",
    key: str,
    now: int,
) -> None:
    """Say, once a while, that an id is used twice."""
    if port.fleet.is_worth_an_alarm(key, now):
        _log.warning("two meters under one id", meter=key, peers=[newcomer.peer, older.peer])
        newcomer.note("duplicate_id", now, f"{newcomer.peer} and {older.peer}")


def _note_denial(
    port: "MeterPort",
    connection: "MeterConnection",
    codec: str,
    identity: str,
    reason: str,
    now: int,
) -> None:
    port.counters.denied += 1
    occurrence = Occurrence(
        now, connection.epoch, "denied", connection.peer, codec, identity, reason
    )
    connection.chain.note(occurrence)
