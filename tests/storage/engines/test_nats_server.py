import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace

import nats.errors
import pytest
from nats.aio.client import Client

from wattwarden.storage.engines import nats_server
from wattwarden.storage.engines.binaries import find_nats_server
from wattwarden.storage.engines.child import processes_in
from wattwarden.storage.engines.embedded import choose_user
from wattwarden.storage.engines.nats_address import Remembered, nats_url, recall, remember, token_of
from wattwarden.storage.engines.nats_server import EmbeddedNats
from wattwarden.storage.engines.nats_settings import (
    MAX_PAYLOAD_BYTES,
    MAX_STORE_BYTES,
    configuration,
    store_limit_bytes,
)
from wattwarden.storage.errors import EngineError

STARTS_AND_WAITS = """
import asyncio, sys
from pathlib import Path
from wattwarden.storage.engines.nats_server import EmbeddedNats
async def main():
    engine = EmbeddedNats(Path(sys.argv[1]))
    await engine.start()
    print(engine.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture
async def server(quick_folder: Path) -> AsyncIterator[EmbeddedNats]:
    engine = EmbeddedNats(quick_folder)
    await engine.start()
    yield engine
    await engine.stop()


async def connected(url: str) -> Client:
    async def ignore(_error: Exception) -> None:
        """The call raises it too."""

    client = Client()
    try:
        await client.connect(url, allow_reconnect=False, max_reconnect_attempts=1, error_cb=ignore)
    except BaseException:
        await client.close()
        raise
    return client


async def publish(engine: EmbeddedNats, text: str) -> int:
    """Returns how many messages the journal holds afterwards."""
    client = await connected(engine.url)
    try:
        stream = client.jetstream()
        await stream.add_stream(name="KEPT", subjects=["kept"])
        await stream.publish("kept", text.encode())
        return (await stream.stream_info("KEPT")).state.messages
    finally:
        await client.close()


async def killed(engine: EmbeddedNats) -> None:
    os.kill(engine.pid, signal.SIGKILL)
    while True:
        if engine.poll() is not None:
            return
        await asyncio.sleep(0)


async def test_jetstream_answers_on_loopback_to_those_with_the_token(server: EmbeddedNats) -> None:
    assert await publish(server, "hello") == 1

    client = await connected(server.url)
    info = client._server_info
    await client.close()
    assert (info["host"], info["max_payload"]) == ("127.0.0.1", MAX_PAYLOAD_BYTES)
    stranger = server.url.replace(token_of_url(server.url), "wrong")
    with pytest.raises(nats.errors.Error, match="Authorization"):
        await connected(stranger)


def token_of_url(url: str) -> str:
    return url.removeprefix("nats://").partition("@")[0]


async def test_the_token_is_in_private_files_and_nowhere_else(
    server: EmbeddedNats, quick_folder: Path
) -> None:
    token = token_of_url(server.url).encode()
    user = choose_user(quick_folder)

    assert len(token) > 40
    assert holders_of(token, quick_folder) == {
        "secrets/nats-token": (os.geteuid(), 0o600),
        "run/nats.conf": (user.uid, 0o600),
    }
    process = Path(f"/proc/{server.pid}")
    assert token not in (process / "cmdline").read_bytes()
    assert token not in (process / "environ").read_bytes()
    assert owner_and_mode(process)[0] == user.uid


def holders_of(secret: bytes, folder: Path) -> dict[str, tuple[int, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        file.relative_to(folder).as_posix(): owner_and_mode(file)
        for file in files
        if secret in file.read_bytes()
    }


def owner_and_mode(path: Path) -> tuple[int, int]:
    return path.stat().st_uid, path.stat().st_mode & 0o777


async def test_every_acknowledged_message_is_synced(
    server: EmbeddedNats, quick_folder: Path
) -> None:
    lines = (quick_folder / "run" / "nats.conf").read_text().splitlines()

    assert "  sync_interval: always" in lines
    assert f"  max_file_store: {server.store_limit_bytes}" in lines
    assert not any(line.startswith("http") for line in lines)


async def test_killed_it_starts_in_place_and_keeps_what_was_acknowledged(
    server: EmbeddedNats,
) -> None:
    await publish(server, "one")
    url = server.url

    await killed(server)
    assert server.poll() == -signal.SIGKILL

    assert await server.start() == url
    assert await publish(server, "two") == 2


async def test_another_start_keeps_port_token_and_limit(
    server: EmbeddedNats, quick_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, limit = server.url, server.store_limit_bytes
    await server.stop()
    monkeypatch.setattr(nats_server, "store_limit_bytes", lambda _journal: 1)
    successor = EmbeddedNats(quick_folder)
    try:
        assert await successor.start() == url == nats_url(quick_folder)
        assert successor.store_limit_bytes == limit
    finally:
        await successor.stop()


async def test_a_remembered_port_that_is_taken_is_replaced(
    quick_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        (quick_folder / "run").mkdir()
        remember(quick_folder, Remembered(port=taken, store_limit_bytes=2**30))
        hand_over(quick_folder / "run", quick_folder)
        engine = EmbeddedNats(quick_folder)
        try:
            with caplog.at_level(logging.WARNING):
                url = await engine.start()
            stranger.settimeout(0)
            with pytest.raises(BlockingIOError):
                stranger.accept()
        finally:
            await engine.stop()

    assert not url.endswith(f":{taken}")
    assert caplog.messages == [f"port {taken} is taken, asking the kernel for another"]


def hand_over(folder: Path, data: Path) -> None:
    user = choose_user(data)
    os.chown(folder, user.uid, user.gid)


async def test_a_second_server_on_the_folder_is_refused_and_the_first_lives(
    server: EmbeddedNats, quick_folder: Path
) -> None:
    second = EmbeddedNats(quick_folder)

    with pytest.raises(EngineError, match=f"in use by another wattwarden .process {os.getpid()}"):
        await second.start()

    assert await publish(server, "alive") == 1


async def test_starting_twice_changes_nothing(server: EmbeddedNats) -> None:
    pid = server.pid

    assert await server.start() == server.url
    assert server.pid == pid


async def test_stopping_leaves_no_process(server: EmbeddedNats, quick_folder: Path) -> None:
    await publish(server, "kept")
    pid = server.pid

    await server.stop()
    await server.stop()

    assert server.poll() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert processes_in(quick_folder / "journal", "nats-server") == ()


async def test_when_its_parent_is_killed_it_leaves_and_the_next_start_waits_for_it(
    quick_folder: Path,
) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTS_AND_WAITS, quick_folder, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    orphan = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    successor = EmbeddedNats(quick_folder)
    try:
        await successor.start()
        assert processes_in(quick_folder / "journal", "nats-server") == (successor.pid,)
        assert successor.pid != orphan
    finally:
        await successor.stop()


@pytest.fixture
def squatter(quick_folder: Path) -> Iterator[int]:
    """A nats-server that works in the journal and is not ours."""
    (quick_folder / "journal").mkdir()
    with subprocess.Popen(
        [find_nats_server(), "-a", "127.0.0.1", "-p", "-1"],
        cwd=quick_folder / "journal",
        stderr=subprocess.DEVNULL,
    ) as process:
        yield process.pid
        process.kill()


async def test_a_journal_in_which_another_server_works_is_refused(
    quick_folder: Path, squatter: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_server, "PREDECESSOR_PATIENCE_S", 0.05)

    with pytest.raises(EngineError, match=f"another nats-server .process {squatter}") as raised:
        await EmbeddedNats(quick_folder).start()
    assert raised.value.cure == f"stop it: kill {squatter}"


def put(program: Path, version: str, script: str) -> Path:
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "nats-server: v{version}" && exit\n{script}\n'
    )
    program.chmod(0o755)
    return program


async def test_a_server_that_cannot_start_says_why(open_folder: Path) -> None:
    fake = put(open_folder / "nats-server", "2.99.1", "echo 'no space left'; exit 3")
    engine = EmbeddedNats(open_folder / "data", program=fake)

    with pytest.raises(EngineError, match="ended with status 3: no space left") as raised:
        await engine.start()
    assert raised.value.cure.endswith("data/log/nats.log")


async def test_a_server_that_never_answers_is_given_up(open_folder: Path) -> None:
    fake = put(open_folder / "nats-server", "2.99.1", "exec sleep 60")
    engine = EmbeddedNats(open_folder / "data", program=fake)

    with pytest.raises(EngineError, match=r"did not answer within 0\.2 s"):
        await engine.start(timeout_s=0.2)
    assert engine.poll() == -signal.SIGTERM


async def test_a_server_without_jetstream_is_no_journal(open_folder: Path) -> None:
    fake = put(
        open_folder / "nats-server",
        "2.99.1",
        f"exec {find_nats_server()} -a 127.0.0.1 -p -1 --ports_file_dir {open_folder}/data/run",
    )

    with pytest.raises(EngineError, match="did not answer"):
        await EmbeddedNats(open_folder / "data", program=fake).start(timeout_s=0.4)


async def test_an_old_server_is_refused(open_folder: Path) -> None:
    fake = put(open_folder / "nats-server", "2.11.9", "exit 1")

    with pytest.raises(EngineError, match=r"is version 2\.11\.9, 2\.12 or newer is needed"):
        await EmbeddedNats(open_folder / "data", program=fake).start()


def test_what_never_ran_has_no_address(quick_folder: Path) -> None:
    engine = EmbeddedNats(quick_folder)

    with pytest.raises(EngineError, match="no embedded journal is known") as raised:
        _ = engine.url
    assert "wattwarden up" in raised.value.cure
    with pytest.raises(EngineError, match="was not started"):
        engine.poll()
    with pytest.raises(EngineError, match="was not started"):
        _ = engine.store_limit_bytes


def test_a_spoilt_memory_is_forgotten(quick_folder: Path) -> None:
    (quick_folder / "run").mkdir()
    assert recall(quick_folder) is None

    (quick_folder / "run" / "nats.json").write_text('{"port": "x"}')

    assert recall(quick_folder) is None


def test_the_token_is_made_once(quick_folder: Path) -> None:
    (quick_folder / "secrets").mkdir()

    assert token_of(quick_folder) == token_of(quick_folder)


def test_half_of_the_disk_counting_what_the_journal_has_is_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stream").mkdir()
    (tmp_path / "stream" / "block").write_bytes(bytes(600))
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=1400))
    assert store_limit_bytes(tmp_path) == 1000

    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=2**50))
    assert store_limit_bytes(tmp_path) == MAX_STORE_BYTES == 20 * 2**30


def test_paths_are_quoted_and_monitoring_stays_on_loopback() -> None:
    text = configuration(
        port=4222,
        token="t",  # noqa: S106  a letter
        journal=Path('/a "b"/c'),
        run=Path("/run"),
        store_limit_bytes=1,
        monitor_port=8222,
    )

    assert r'store_dir: "/a \"b\"/c"' in text
    assert 'http: "127.0.0.1:8222"' in text
