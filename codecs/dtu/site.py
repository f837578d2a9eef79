"""What is configured for a DTU: the meters behind it, how they are asked, and what they answer.

options ─► Site ─► polls          request ─► Question.is_answered_by(frame)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wattwarden.codecs.dlt645.asking import answer_of
from wattwarden.codecs.dlt645.asking import request as request_645
from wattwarden.codecs.dtu.frame import Carried, Inner
from wattwarden.codecs.modbus.asking import requests as modbus_requests
from wattwarden.codecs.modbus.frame import check
from wattwarden.codecs.modbus.functions import FAILED, READINGS
from wattwarden.codecs.modbus.maps import WORD_BYTES, find_type
from wattwarden.protocol.polling import SECOND_US, Poll, PollLimits

DEFAULT_PERIOD_S: Final = 60
MOST_PERIOD_S: Final = 86_400
# What a plant of this kind is judged by: U, I, P, power factor, and the energies with tariffs.
DEFAULT_ITEMS: Final = (
    "0201FF00", "0202FF00", "0203FF00", "0204FF00", "0206FF00", "0001FF00", "00020000",
)  # fmt: skip
# 32 stations on one RS-485 line, thrice for repeaters; and a request each two seconds of a day.
MOST_METERS: Final = 96
MOST_POLLS: Final = 1024
_MOST_TIMEOUT_MS: Final = 60_000
_MOST_RETRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks: of which meter, as who its answer would name it."""

    kind: Carried
    meter: str
    request: bytes
    item: str = ""

    def is_answered_by(self, inner: Inner) -> bool:
        """Whether a sound frame may be the answer, or a refusal of it."""
        if inner.kind is not self.kind:
            return False
        if self.kind is Carried.MODBUS:
            return _answers(self.request, inner.raw)
        answer = answer_of(inner.raw)
        return (
            answer is not None
            and answer.address == self.meter
            and (answer.item == self.item or bool(answer.err))
        )

    def resembles(self, other: "Question") -> bool:
        """Whether the answer to another request could be taken for the answer to this one."""
        if self.request == other.request or self.kind is not other.kind:
            return False
        if self.kind is Carried.MODBUS:
            # Slave, function and count: of what is alike, the start is not in the answer.
            return self.request[:2] == other.request[:2] and self.request[4:6] == other.request[4:6]
        return False


def _answers(request: bytes, reply: bytes) -> bool:
    asked, said = check(request), check(reply)
    if said.slave != asked.slave:
        return False
    if said.pdu[0] == asked.pdu[0] | FAILED:
        return True
    if said.pdu[0] != asked.pdu[0]:
        return False
    count = int.from_bytes(asked.pdu[3:5], "big")
    return asked.pdu[0] in READINGS and len(said.pdu) == 2 + WORD_BYTES * count


@dataclass(frozen=True, slots=True)
class Site:
    """What the meters behind one DTU are asked; ``questions`` by their requests."""

    polls: tuple[Poll, ...] = ()
    questions: Mapping[bytes, Question] = field(default_factory=dict)
    limits: PollLimits = field(default_factory=PollLimits)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Site":
        """Read the options of a DTU; an entry that cannot be used is left out."""
        polls: list[Poll] = []
        questions: dict[bytes, Question] = {}
        entries = options.get("meters")
        for entry in entries[:MOST_METERS] if isinstance(entries, list) else ():
            if not isinstance(entry, dict):
                continue
            period_s = _number(entry.get("period_s"), 1, MOST_PERIOD_S, DEFAULT_PERIOD_S)
            for question in _questions(entry):
                if question.request not in questions and len(polls) < MOST_POLLS:
                    questions[question.request] = question
                    polls.append(
                        Poll(question.meter, question.request, round(period_s * SECOND_US))
                    )
        limits = PollLimits()
        timeout_ms = _number(options.get("timeout_ms"), 100, _MOST_TIMEOUT_MS, 0)
        retries = _number(options.get("retries"), 0, _MOST_RETRIES, limits.retries)
        return cls(
            polls=tuple(polls),
            questions=questions,
            limits=PollLimits(
                timeout_us=round(timeout_ms * 1000) or limits.timeout_us, retries=round(retries)
            ),
        )


def _questions(entry: Mapping[str, Any]) -> Iterator[Question]:
    """Yield what one entry of ``meters`` is asked, nothing when it cannot be used."""
    if "address" in entry:
        yield from _questions_645(str(entry["address"]), entry.get("items", DEFAULT_ITEMS))
        return
    slave, kind = entry.get("slave"), find_type(str(entry.get("type")))
    if kind is None or not isinstance(slave, int) or not 0 < slave <= 0xFF:
        return
    for request in modbus_requests(slave, kind):
        yield Question(Carried.MODBUS, str(slave), request)


def _questions_645(address: str, items: Any) -> Iterator[Question]:
    for item in items if isinstance(items, list | tuple) else ():
        name = str(item).upper()
        try:
            request = request_645(address, name)
        except ValueError:
            continue
        yield Question(Carried.DLT645, address, request, name)


def _number(given: Any, least: float, most: float, otherwise: float) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return otherwise
    return min(max(given, least), most) if given == given else otherwise  # noqa: PLR0124  # NaN
