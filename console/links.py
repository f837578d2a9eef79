"""Links by which a person answers an alarm without a password, and by which they are bound.

    PUBLIC_URL/a/SEALED    MessagePack [alarm, person, rights, expires]
    PUBLIC_URL/b/SEALED    MessagePack [person, endpoint, number, expires]

Whoever holds a link may do what it says, and nothing else; it is made for one reader's own phone.
"""

from datetime import datetime, timedelta
from enum import Enum, IntFlag
from typing import Final, Self, TypeVar

import msgspec

from wattwarden.console.keys import KeyRing
from wattwarden.console.seals import seal, unseal

# A notice lives for a day at most and the last rung of the ladder comes after another: from Friday
# evening's last notice a link holds until Monday.
ANSWERED_FOR: Final = timedelta(hours=72)
# Somebody stands there with the phone in hand.
BOUND_WITHIN: Final = timedelta(minutes=15)

_ANSWER: Final = b"answer"
_INVITATION: Final = b"bind"


class Rights(IntFlag):
    """What a link lets its person do, as far as their role may."""

    ACKNOWLEDGE = 1
    DECLARE = 2


class Trouble(Enum):
    """Why a link opens nothing."""

    FORGED = "forged"
    EXPIRED = "expired"


class Answer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Who may answer which alarm, how, and until when (Unix time)."""

    alarm: int
    person: str
    rights: int
    expires_s: int

    @classmethod
    def of(cls, alarm: int, person: str, when: datetime) -> Self:
        """Return the answer to a notice of ``when``; always the same for the same notice."""
        expires = when + ANSWERED_FOR
        return cls(alarm, person, Rights.ACKNOWLEDGE | Rights.DECLARE, int(expires.timestamp()))

    def may(self, right: Rights) -> bool:
        """Tell whether the link lets its person do this."""
        return bool(self.rights & right)


class Invitation(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Whose address of an endpoint may be bound, until when (Unix time).

    ``number`` is that of the decision by which the person is reached at the time, 0 for none: once
    another one stands, the invitation is used.
    """

    person: str
    endpoint: str
    number: int
    expires_s: int


_Sealed = TypeVar("_Sealed", Answer, Invitation)


def answer_address(public_url: str, keys: KeyRing, answer: Answer) -> str:
    """Return the address at which an alarm is answered."""
    return f"{public_url}/a/{_sealed(keys, _ANSWER, answer)}"


def invitation_address(public_url: str, keys: KeyRing, invitation: Invitation) -> str:
    """Return the address at which somebody is bound."""
    return f"{public_url}/b/{_sealed(keys, _INVITATION, invitation)}"


def read_answer(keys: KeyRing, token: str) -> Answer | Trouble:
    """Return what a link says, or why it says nothing."""
    return _read(keys, _ANSWER, token, Answer)


def read_invitation(keys: KeyRing, token: str) -> Invitation | Trouble:
    """Return what an invitation says, or why it says nothing."""
    return _read(keys, _INVITATION, token, Invitation)


def _sealed(keys: KeyRing, purpose: bytes, said: Answer | Invitation) -> str:
    return seal(keys.sealing(), purpose, msgspec.msgpack.encode(said))


def _read(keys: KeyRing, purpose: bytes, token: str, kind: type[_Sealed]) -> _Sealed | Trouble:
    body = unseal(keys, purpose, token)
    if body is None:
        return Trouble.FORGED
    try:
        said = msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Sealed by another version of this program.
        return Trouble.EXPIRED
    return said if keys.now_s() < said.expires_s else Trouble.EXPIRED
