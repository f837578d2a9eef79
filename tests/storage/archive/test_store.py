"""Files below a folder, or objects of a store that asks who we are."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from tests.storage.archive.days import NOW, READING, fill, read_all
from tests.storage.archive.s3 import KEY, REGION, SECRET, FakeS3

from wattwarden.storage.archive.catalogue import ArchiveFile
from wattwarden.storage.archive.export import Exporter
from wattwarden.storage.archive.files import verify
from wattwarden.storage.archive.store import Store
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError


@pytest_asyncio.fixture(loop_scope="session")
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[FakeS3, str]]:
    """A store, and its address."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fake = FakeS3()
    async with TestServer(fake.application(), host="127.0.0.1") as server:
        yield (
            fake,
            (
                f"s3://archive/days?scheme=http&endpoint_override=127.0.0.1%3A{server.port}"
                f"&region={REGION}"
            ),
        )


async def test_days_go_to_a_store_that_checks_signatures_and_are_read_from_it(
    store: Connection, bucket: tuple[FakeS3, str]
) -> None:
    fake, url = bucket
    await fill(store, seed=1, days=1)
    before = await read_all(store)

    done = await Exporter(store, Store(url)).archive(READING, NOW)

    assert isinstance(done, ArchiveFile)
    assert list(fake.objects) == [f"archive/days/{done.path}"]
    assert await read_all(store) == before
    assert fake.refused == 0
    await asyncio.to_thread(verify, Store(url), done)
    await asyncio.to_thread(Store(url).remove, done.path)
    assert f"archive/days/{done.path}" not in fake.objects


@pytest.mark.asyncio(loop_scope="session")
async def test_a_store_that_knows_us_not_is_an_error_with_its_address_and_no_key(
    bucket: tuple[FakeS3, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, url = bucket
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")

    with pytest.raises(StorageError, match="s3://archive/days") as refused:
        await asyncio.to_thread(Store(url).try_out)

    assert fake.refused > 0
    assert "another" not in refused.value.message


@pytest.mark.asyncio(loop_scope="session")
async def test_what_is_not_written_to_its_end_is_no_object(bucket: tuple[FakeS3, str]) -> None:
    fake, url = bucket

    def broken() -> None:
        with Store(url).create("a/b") as file:
            file.write(b"half")
            raise KeyError("the other half")

    with pytest.raises(KeyError, match="the other half"):
        await asyncio.to_thread(broken)

    assert "archive/days/a/b" not in fake.objects


@pytest.mark.asyncio(loop_scope="session")
async def test_a_store_is_tried_by_an_object_that_goes_again(bucket: tuple[FakeS3, str]) -> None:
    fake, url = bucket

    await asyncio.to_thread(Store(url).try_out)

    assert not [name for name in fake.objects if "trial" in name]
    assert Store(url).free_bytes() is None


def test_a_file_of_a_folder_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    store = Store(tmp_path.as_uri())

    with pytest.raises(ValueError, match="invalid literal"), store.create("a/b") as file:
        file.write(bytes(int("half")))
    assert not (tmp_path / "a/b").exists()
    with store.create("a/b") as file:
        file.write(b"whole")

    assert (tmp_path / "a/b").read_bytes() == b"whole"
    assert store.measure("a/b") == (hashlib.sha256(b"whole").digest(), 5)
    store.remove("a/b")
    store.remove("a/b")
    assert not (tmp_path / "a/b").exists()
    with pytest.raises(StorageError, match="a/b is not there"):
        store.measure("a/b")


def test_a_folder_that_is_not_there_yet_has_the_room_of_the_one_above_it(tmp_path: Path) -> None:
    store = Store((tmp_path / "later" / "days").as_uri())

    store.try_out()

    assert (store.free_bytes() or 0) > 0
    assert not (tmp_path / "later").exists()


def test_an_address_of_nothing_is_refused() -> None:
    with pytest.raises(StorageError, match="gopher"):
        Store("gopher://somewhere")
