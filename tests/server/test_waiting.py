"""Drafts: those that somebody waits for go at once, those that have time gather company."""

from dataclasses import replace

import pytest
from tests.server.fakes import FakeSource

from wattwarden.codecs.acrel import CODEC
from wattwarden.codecs.dtu import CODEC as DTU
from wattwarden.protocol.codec import Codec
from wattwarden.protocol.envelope import MAX_ENVELOPE_BYTES
from wattwarden.server.draft import Draft
from wattwarden.server.waiting import LONGEST_S, LULL_FRAMES, LULL_S, PATIENCE_S, Waiting

SECOND = 1_000_000
LULL, LONGEST, PATIENCE = (round(one * SECOND) for one in (LULL_S, LONGEST_S, PATIENCE_S))
OTHER = replace(CODEC, name="other")


def put(waiting: Waiting, codec: Codec, now: int, frames: int = 1, *, hurried: bool) -> Draft:
    draft = waiting.room(codec, frames, 10 * frames, now)
    draft.add(FakeSource("a"), [b"0123456789"] * frames, now)
    if hurried:
        waiting.hurry(draft)
    return draft


def test_nothing_waits_at_first() -> None:
    waiting = Waiting(SECOND)
    assert not waiting
    assert waiting.pause_us(0, closing=False) is None


def test_an_awaited_draft_waits_for_a_lull_and_no_longer_than_the_longest() -> None:
    waiting = Waiting(SECOND)
    put(waiting, CODEC, 0, hurried=True)
    assert waiting.is_hurried
    assert waiting.pause_us(0, closing=False) == LULL
    for now in range(0, LONGEST, LULL - 1):
        put(waiting, CODEC, now, hurried=True)
    assert waiting.pause_us(LONGEST - 1, closing=False) == 1
    assert waiting.pause_us(LONGEST, closing=False) == 0


def test_what_has_time_gathers_company_for_a_while() -> None:
    waiting = Waiting(SECOND)
    draft = put(waiting, DTU, 0, hurried=False)
    assert put(waiting, DTU, PATIENCE - 1, hurried=False) is draft
    assert not waiting.is_hurried
    assert waiting.pause_us(PATIENCE - 1, closing=False) == 1
    assert waiting.pause_us(PATIENCE, closing=False) == 0
    assert waiting.pop() is draft
    assert not waiting


def test_what_has_time_never_keeps_the_awaited_waiting() -> None:
    waiting = Waiting(SECOND)
    patient = put(waiting, DTU, 0, hurried=False)
    awaited = put(waiting, CODEC, 1, hurried=True)
    assert waiting.pause_us(1 + LULL, closing=False) == 0
    assert waiting.pop() is awaited
    assert waiting.pause_us(1 + LULL, closing=False) == PATIENCE - 1 - LULL
    # One whose answer is awaited hurries those it travels with.
    put(waiting, DTU, 2 + LULL, hurried=True)
    assert waiting.pause_us(2 + 2 * LULL, closing=False) == 0
    assert waiting.pop() is patient


def test_a_draft_that_is_due_behind_another_takes_more_until_its_turn() -> None:
    waiting = Waiting(SECOND)
    patient = put(waiting, DTU, 0, hurried=False)
    awaited = put(waiting, CODEC, PATIENCE, hurried=True)
    assert waiting.pause_us(PATIENCE, closing=False) == 0
    assert waiting.pop() is awaited
    assert put(waiting, DTU, PATIENCE, hurried=True) is patient
    assert waiting.pause_us(PATIENCE, closing=False) == LONGEST - PATIENCE
    assert (waiting.pop(), bool(waiting)) == (patient, False)


@pytest.mark.parametrize("hurried", [True, False], ids=["awaited", "patient"])
def test_a_full_draft_is_due_at_once(hurried: bool) -> None:  # noqa: FBT001  # a case
    waiting = Waiting(SECOND)
    put(waiting, DTU, 0, LULL_FRAMES, hurried=hurried)
    assert waiting.pause_us(0, closing=False) == 0


def test_a_draft_without_room_is_followed_by_another() -> None:
    waiting = Waiting(SECOND)
    first = waiting.room(DTU, 1, MAX_ENVELOPE_BYTES, 0)
    first.add(FakeSource("a"), [b"x"], 0)
    second = waiting.room(DTU, 1, 10, 0)
    assert second is not first
    assert waiting.last_of(DTU) is second
    assert waiting.pause_us(0, closing=False) == 0
    assert waiting.pop() is first


def test_two_drafts_that_are_awaited_go_without_a_lull() -> None:
    waiting = Waiting(SECOND)
    drafts = [put(waiting, codec, 0, hurried=True) for codec in (CODEC, OTHER)]
    assert waiting.pause_us(0, closing=False) == 0
    assert [waiting.pop(), waiting.pop()] == drafts


def test_at_the_end_nothing_has_time() -> None:
    waiting = Waiting(SECOND)
    draft = put(waiting, DTU, 0, hurried=False)
    assert waiting.pause_us(0, closing=True) == 0
    assert waiting.pop() is draft
