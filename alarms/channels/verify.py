"""For whoever receives webhooks: is it from us, whole, and of now?  No I/O, no clock of its own.

    body, headers, secrets, now ─► verify ───────► Verified      Standard Webhooks 1.0.0
                                └► verify_plain ─► Verified      plain HMAC, as GitHub sends it
                                                 └► VerifyError   and which flaw

The body is what came over the wire, byte for byte: read it before anything decodes it.  While a
secret rotates give both.  Duplicates are told by ``Verified.id``, which stays in every attempt.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wattwarden.alarms.channels import github, webhook

# The reference libraries of Standard Webhooks allow five minutes either way.
TOLERANCE_S: Final = 300
# One a secret in force at the sender's; more only cost time.
MAX_SIGNATURES: Final = 16
# Ours have 35 letters, a GUID 36.
MAX_ID_CHARS: Final = 256

# A dot would let an id and a time be read as another id and another time.
_ID: Final = re.compile(rf"[!-\-/-~]{{1,{MAX_ID_CHARS}}}")
_SECOND: Final = re.compile(r"[0-9]{1,12}")


class Flaw(StrEnum):
    """Why a delivery is not to be believed."""

    MISSING = "a header is missing"
    MALFORMED = "a header cannot be read"
    OLD = "it is too old"
    EARLY = "it is from the future"
    FORGED = "no signature is of a secret known here"


class VerifyError(ValueError):
    """A delivery that is not to be believed: answer 401, and do nothing with it."""

    def __init__(self, flaw: Flaw, detail: str) -> None:
        super().__init__(f"{flaw}: {detail}")
        self.flaw = flaw


@dataclass(frozen=True, slots=True)
class Verified:
    """A delivery that is ours.  ``second`` is when this attempt was signed (Unix time).

    It is None where the signature covers no time: such a delivery may be an old one, sent again by
    whoever saw it, so keep its id.
    """

    id: str
    second: int | None


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secrets: str | Sequence[str],
    now_s: float,
    *,
    tolerance_s: float = TOLERANCE_S,
) -> Verified:
    """Believe a delivery signed as Standard Webhooks has it, or say why not.

    Args:
        body: As it came, undecoded.
        headers: As they came; the case of their names does not matter.
        secrets: ``whsec_`` and base64, one or several; any of them will do.
        now_s: The present, in Unix time.
        tolerance_s: By how much sender's and receiver's clocks may differ.

    Raises:
        VerifyError: It is not ours, or not of now.
        ValueError: The receiver's own mistake: no secret, or one that is none.
    """
    known = _lower(headers)
    identity = _header(known, "webhook-id", _ID)
    second = int(_header(known, "webhook-timestamp", _SECOND))
    given = _header(known, "webhook-signature").split(" ")[:MAX_SIGNATURES]
    wanted = [webhook.sign(one, identity, second, body) for one in _several(secrets)]
    if not _any_equal(wanted, given):
        raise VerifyError(Flaw.FORGED, f"webhook-signature of {identity}")
    # Last, so that nobody learns our clock who has no secret.
    if second < now_s - tolerance_s:
        raise VerifyError(Flaw.OLD, f"signed {now_s - second:.0f} s ago, {tolerance_s:g} s allowed")
    if second > now_s + tolerance_s:
        raise VerifyError(Flaw.EARLY, f"by {second - now_s:.0f} s, {tolerance_s:g} s allowed")
    return Verified(identity, second)


def verify_plain(body: bytes, headers: Mapping[str, str], secrets: str | Sequence[str]) -> Verified:
    """Believe a delivery with a plain HMAC of its body, as GitHub sends it, or say why not.

    Args:
        body: As it came, undecoded.
        headers: As they came; the case of their names does not matter.
        secrets: As they were agreed on, one or several; any of them will do.

    Raises:
        VerifyError: It is not ours.  That it is of now nobody can tell.
        ValueError: There is no secret.
    """
    known = _lower(headers)
    identity = _header(known, "x-github-delivery", _ID)
    given = _header(known, "x-hub-signature-256")
    wanted = [github.sign(one, body) for one in _several(secrets)]
    if not _any_equal(wanted, [given]):
        raise VerifyError(Flaw.FORGED, f"x-hub-signature-256 of {identity}")
    return Verified(identity, None)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _header(headers: Mapping[str, str], name: str, form: re.Pattern[str] | None = None) -> str:
    value = headers.get(name, "").strip()
    if not value:
        raise VerifyError(Flaw.MISSING, name)
    if form is not None and not form.fullmatch(value):
        raise VerifyError(Flaw.MALFORMED, name)
    return value


def _several(secrets: str | Sequence[str]) -> list[str]:
    found = [secrets] if isinstance(secrets, str) else list(secrets)
    if not found or not all(found):
        raise ValueError("a secret is needed, got none or an empty one")
    return found


def _any_equal(wanted: Sequence[str], given: Sequence[str]) -> bool:
    """Compare all with all, in a time that tells nothing of which was nearly right."""
    equal = [
        hmac.compare_digest(ours.encode(), theirs.encode(errors="replace"))
        for ours in wanted
        for theirs in given
    ]
    return any(equal)
