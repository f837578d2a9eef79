"""Evidence: hashed on arrival, never older than what it proves, never changed."""

import hashlib

import asyncpg
import pytest
from tests.alarms.cases.photo import photo
from tests.storage.cases.city import action, after, with_alarm, with_firm

from wattwarden.alarms.cases.bodies import Evidence, Verb
from wattwarden.alarms.cases.case import State
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.evidence import (
    MAX_FILE_BYTES,
    Arrived,
    altered_files,
    described,
    find_files,
    load_file,
)
from wattwarden.storage.cases.load import load_case
from wattwarden.storage.cases.together import act_with_files, keep_evidence
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import told

# 09:10 in Shanghai is ten minutes after the alarm.
NEW = photo("2026:11:22 09:10:00")
OLD = photo("2026:11:22 08:59:59")
TIMELESS = b"\x89PNG\r\n\x1a\n...."


def sent(data: bytes, number: int, about: str = "alarm") -> Arrived:
    return Arrived(data, "现场.jpg", about, str(number))


async def test_a_file_is_kept_with_its_hash_and_both_of_its_times(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    entered = await keep_evidence(store, sent(NEW, number), "P2", after(12))
    body, digest = entered.body, hashlib.sha256(NEW).hexdigest()
    assert isinstance(body, Evidence)
    assert (body.sha256, body.size, body.media) == (digest, len(NEW), "image/jpeg")
    assert (body.received_at, body.taken_at) == (after(12), after(10))
    kept = await load_file(store, digest)
    assert kept is not None
    assert (kept.data, kept.received_at) == (NEW, after(12))
    assert await load_file(store, "0" * 64) is None
    assert await altered_files(store) == []


@pytest.mark.parametrize("data", [OLD, photo("2025:01:01 00:00:00")], ids=["a-second", "a-year"])
async def test_a_photo_taken_before_the_alarm_is_refused(store: Connection, data: bytes) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    with pytest.raises(RefusedError, match="older than alarm"):
        await keep_evidence(store, sent(data, number), "P2", after(12))
    assert await told(store, ["evidence"]) == []
    assert await load_file(store, hashlib.sha256(data).hexdigest()) is None


async def test_a_file_that_proved_an_earlier_alarm_does_not_prove_a_later_one(
    store: Connection,
) -> None:
    await with_firm(store)
    first = await with_alarm(store)
    await keep_evidence(store, sent(TIMELESS, first), "P2", after(12))
    later = await with_alarm(store, at=100)
    with pytest.raises(RefusedError, match="older than alarm"):
        await keep_evidence(store, sent(TIMELESS, later), "P2", after(110))
    digest = hashlib.sha256(TIMELESS).hexdigest()
    await decide(store, action(later, Verb.ACK), "P2", after(105))
    await decide(store, action(later, Verb.HANDLE), "P2", after(106))
    with pytest.raises(RefusedError, match="proves nothing"):
        await decide(store, action(later, Verb.RECTIFY, evidence=(digest,)), "P2", after(110))


async def test_the_same_file_sent_again_keeps_when_it_first_came(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    await keep_evidence(store, sent(TIMELESS, number), "P2", after(12))
    again = await keep_evidence(store, sent(TIMELESS, number), "P3", after(40))
    assert isinstance(again.body, Evidence)
    assert again.body.received_at == after(12)
    (file,) = await find_files(store, [again.body.sha256])
    assert file.received_at == after(12)


async def test_a_file_may_be_about_anything_that_there_is(store: Connection) -> None:
    await with_firm(store)
    entered = await keep_evidence(store, Arrived(OLD, "x.jpg", "unit", "U2"), "P2", after(12))
    assert entered.enterprise == "E1"
    with pytest.raises(RefusedError, match="there is no unit U99"):
        await keep_evidence(store, Arrived(NEW, "x.jpg", "unit", "U99"), "P2", after(12))


async def test_another_firm_s_file_proves_nothing_here(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    await keep_evidence(store, Arrived(NEW, "x.jpg", "enterprise", "E2"), "P4", after(11))
    digest = hashlib.sha256(NEW).hexdigest()
    with pytest.raises(RefusedError, match="there is no file"):
        await decide(store, action(number, Verb.COMMENT, evidence=(digest,)), "P2", after(12))


@pytest.mark.parametrize(
    ("data", "field"),
    [(b"", "size"), (b"\xff\xd8\xff" + bytes(MAX_FILE_BYTES), "size"), (b"#!/bin/sh", "media")],
    ids=["empty", "too-large", "a-script"],
)
def test_what_is_no_evidence_is_refused(data: bytes, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        described(sent(data, 1), after(0))
    assert [problem.field for problem in refused.value.problems] == [field]


async def test_files_go_with_what_they_prove_or_not_at_all(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store, ended=8)
    await decide(store, action(number, Verb.ACK), "P2", after(1))
    files = [sent(NEW, number)]
    with pytest.raises(RefusedError, match="takes no rectify"):
        await act_with_files(store, action(number, Verb.RECTIFY), files, "P2", after(11))
    assert await told(store, ["evidence"]) == []
    await decide(store, action(number, Verb.HANDLE), "P2", after(12))
    files = [sent(NEW, number), sent(TIMELESS, number)]
    await act_with_files(store, action(number, Verb.RECTIFY), files, "P2", after(13))
    case = await load_case(store, number, now=after(14))
    assert case is not None
    assert case.state is State.RECTIFIED
    assert case.evidence == tuple(hashlib.sha256(data).hexdigest() for data in (NEW, TIMELESS))


@pytest.mark.parametrize(
    "sql", ["UPDATE evidence SET bytes = '\\x00'", "DELETE FROM evidence", "TRUNCATE evidence"]
)
async def test_kept_files_are_never_changed(store: Connection, sql: str) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    await keep_evidence(store, sent(NEW, number), "P2", after(12))
    with pytest.raises(asyncpg.RaiseError, match="is refused"):
        await store.execute(sql)


async def test_what_is_done_behind_the_program_s_back_is_found(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    await keep_evidence(store, sent(NEW, number), "P2", after(12))
    await keep_evidence(store, sent(TIMELESS, number), "P2", after(12))
    await store.execute("ALTER TABLE evidence DISABLE TRIGGER USER")
    await store.execute("UPDATE evidence SET bytes = bytes || '\\x00' WHERE length(bytes) > 20")
    await store.execute("DELETE FROM evidence WHERE length(bytes) <= 20")
    await store.execute("ALTER TABLE evidence ENABLE TRIGGER USER")
    both = sorted(hashlib.sha256(data).hexdigest() for data in (NEW, TIMELESS))
    assert await altered_files(store) == both
