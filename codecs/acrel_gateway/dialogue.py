"""What is said to Acrel's gateways: the proof of who they are, and the time.

request ─► sequence ─► md5 of secret and sequence ─► pass: now it is known; fail: soon hung up on
"""

import hmac
from typing import Final

from wattwarden.codecs.acrel_gateway.frame import AUTH, HEADER_BYTES, HEARTBEAT, seal
from wattwarden.codecs.acrel_gateway.secrets import proof, sequence_of
from wattwarden.codecs.acrel_gateway.texts import Notice, notice_of, parse, write_notice
from wattwarden.protocol.codec import NOTHING_ASKED, Batch, ProfileOf
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.timetext import SECOND_DIGITS, write_digits

VALIDATION: Final = "id_validate"
BEAT: Final = "heart_beat"
# Gateways report every 1 to 15 minutes, as they are configured; two of the slowest.
DEFAULT_IDLE_S: Final = 1800.0
# Who failed is given the time to read so.
FAILED_IDLE_S: Final = 1.0


class GatewayDialogue:
    """Lets a gateway prove who it is; without its key in a profile, nobody is believed."""

    __slots__ = ("_profile_of", "_sequence", "identity", "idle_limit_s")
    asked = NOTHING_ASKED

    def __init__(self, profile_of: ProfileOf) -> None:
        self._profile_of = profile_of
        self._sequence = ""
        self.identity: str | None = None
        self.idle_limit_s = DEFAULT_IDLE_S

    def receive(self, frames: list[bytes], now: int) -> bytes:
        """Answer proofs and heartbeats."""
        out = b""
        for frame in frames:
            kind = frame[2]
            if kind == AUTH:
                out += self._validated(frame[HEADER_BYTES:], now)
            elif kind == HEARTBEAT and self.identity is not None:
                out += self._told_time(self.identity, now)
        return out

    def tick(self, now: int) -> bytes:  # noqa: ARG002  # the seam's; gateways talk by themselves
        """Nothing is asked of gateways."""
        return b""

    def next_deadline(self) -> int | None:
        """Nothing is asked of gateways."""
        return None

    def _validated(self, text: bytes, now: int) -> bytes:
        try:
            said = notice_of(parse(text), VALIDATION)
        except ProtocolError:
            return b""
        if said.gateway is None:
            return b""
        key = self._profile_of(said.gateway).key or b""
        if said.operation == "request":
            self._sequence = sequence_of(key, said.gateway, now)
            return _answer(said, "sequence", self._sequence)
        if said.operation != "md5":
            return b""
        wanted = proof(key, self._sequence).encode()
        given = said.parts.get("md5", "").lower().encode()
        passed = bool(key and self._sequence) and hmac.compare_digest(wanted, given)
        self._sequence = ""
        if passed:
            self.identity = said.gateway
        self.idle_limit_s = DEFAULT_IDLE_S if passed else FAILED_IDLE_S
        return _answer(said, "result", "pass" if passed else "fail")

    def _told_time(self, gateway: str, now: int) -> bytes:
        zone = self._profile_of(gateway).zone
        time = write_digits(now, zone)[:SECOND_DIGITS]
        return seal(HEARTBEAT, write_notice(Notice(gateway, "", "time", {"time": time}), BEAT))


def _answer(said: Notice, operation: str, value: str) -> bytes:
    notice = Notice(said.gateway, said.building, operation, {operation: value})
    return seal(AUTH, write_notice(notice, VALIDATION))


def acknowledge(batch: Batch) -> list[bytes]:
    """Nothing that is stored is answered: the protocol has no such answer."""
    return [b""] * len(batch)
