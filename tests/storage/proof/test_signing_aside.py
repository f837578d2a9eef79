"""Days signed in a process of their own, and what the archivist hears where none can be."""

import errno
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from tests.storage.conftest import NatsProcess
from tests.storage.proof.place import Shards, with_ticks
from tests.storage.proof.scene import WHEN, entries
from tests.storage.proof.test_stamping import Journal

from wattwarden.server.aside import signing
from wattwarden.server.aside.process import aside
from wattwarden.server.aside.signing import Answer, Question, Signed, days_aside, sign_aside
from wattwarden.server.journal import open_journal
from wattwarden.server.settings import Settings
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.history import History
from wattwarden.storage.proof.keys import open_signer
from wattwarden.storage.proof.roots import load_roots
from wattwarden.storage.proof.showing import Source


@pytest.fixture
def nats(quick_folder: Path) -> Iterator[str]:
    server = NatsProcess(quick_folder, store="200MB")
    server.start()
    yield server.url
    server.kill()


async def test_a_process_is_asked_and_signs_no_day_that_goes_on(
    nats: str, store: Connection, store_dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "secrets").mkdir()
    settings = Settings(data=tmp_path, nats=nats, dsn=store_dsn)
    journal = await open_journal(settings, nats)
    for number, one in enumerate(with_ticks(entries())):
        for shard in range(journal.shards):
            await journal.append(shard, one.kind, one.payload, f"{shard}-{number}")
    await journal.close()
    assert await sign_aside(settings) == ()
    assert await load_roots(store) == []
    assert len(open_signer(tmp_path / "secrets", WHEN).keys) == 1


async def test_what_keeps_it_from_signing_is_told(
    nats: str, store_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secrets").mkdir()
    settings = Settings(data=tmp_path, nats=nats, dsn=store_dsn)
    with pytest.raises(StorageError, match="0 of the journal's 2 shards"):
        await sign_aside(settings)
    monkeypatch.setenv("WATTWARDEN_JOURNAL__SHARDS", "none")
    with pytest.raises(StorageError, match="settings are no longer valid"):
        await sign_aside(settings)
    monkeypatch.setattr(signing, "SIGNING_S", 0.01)
    with pytest.raises(StorageError, match="within 0 s"):
        await sign_aside(settings)


async def test_a_process_that_says_nothing_is_told_by_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "aside", lambda _task, question: aside("no such", question))
    with pytest.raises(StorageError, match=r"status 1\): wattwarden evidence sign"):
        await sign_aside(Settings(data=tmp_path))


async def test_a_machine_that_starts_no_process_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_task: str, _question: bytes) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(signing, "aside", refuses)
    with pytest.raises(StorageError, match="Too many open files: wattwarden doctor"):
        await sign_aside(Settings(data=tmp_path))


async def test_days_that_are_over_are_signed_one_a_process_and_named(
    store: Connection, store_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal()
    signer = open_signer(tmp_path, WHEN)

    @asynccontextmanager
    async def source(_settings: Settings) -> AsyncIterator[Source]:
        yield Source(Shards(journal.entries), History(journal, tmp_path), signer, WHEN)

    monkeypatch.setattr(signing, "evidence_source", source)
    question = msgspec.msgpack.encode(Question(str(tmp_path), store_dsn, None))
    said: list[bytes] = []
    for _ in range(3):
        await days_aside(question, said.append)
    answers = [msgspec.json.decode(line, type=Answer).signed for line in said]
    roots = await load_roots(store)
    assert answers == [
        *((Signed(str(one.statement.day), one.digest),) for one in roots),
        (),
    ]
    assert len(roots) == 2
