"""A cluster on one machine whose nodes are killed and cut off in turn, under load.

    .venv/bin/python bench/cluster.py               about ten minutes
    .venv/bin/python bench/cluster.py --record      the same, kept in docs/soak.md

Three NATS servers (R3), two gateways behind a balancer, two writers, two wardens, one PostgreSQL;
each node on a host of its own (``bench.hosts``).  The meters of the city of ``make chaos``, in
which all is wrong that rules know, report at many times the real speed, keep what is not
acknowledged and send it again.  Afterwards the same frames go straight into the journal of a system
that nothing happens to; the rows of both, and their episodes of the rules that readings decide,
must be the same.

The exit status is 1 when a frame is lost or doubled, when an episode differs, or when a dead
warden's slices were taken over late.
"""

import argparse
import asyncio
import contextlib
import random
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench.endurance import RECORD, add_record
from bench.found import Found, differences, found_in
from bench.hosts import HERE, Hosts, hosts_of
from bench.nodes import PROGRAM, Door, Node, balanced, must, to_socket
from bench.servers import LIFTED_LIMITS
from bench.story import Story, render
from bench.undisturbed import SECOND_US, folder_of_all, people_of, rate_from, undisturbed
from tests.integration.chaos.city import BEGIN_S, city
from tests.integration.chaos.norms import norms
from tests.integration.chaos.run import CUT

from wattwarden.server.rate import Rate
from wattwarden.storage.engines.binaries import find_nats_server
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.engines.postgres_socket import SOCKET_NAME, socket_folder
from wattwarden.storage.journal.journal import Journal, StreamLimits
from wattwarden.storage.migrate import load_migrations, migrate
from wattwarden.tools.simulator.fleet import Fleet
from wattwarden.tools.simulator.sendings import sendings
from wattwarden.tools.simulator.world import World

SERVERS: Final = ("n1", "n2", "n3")
GATEWAYS: Final = ("g1", "g2")
WRITERS: Final = ("w1", "w2")
WARDENS: Final = ("d1", "d2")
NODES: Final = (*SERVERS, *GATEWAYS, *WRITERS, *WARDENS)
SHARDS: Final = 2
NATS_FILE: Final = Path(__file__).resolve().parents[1] / "deploy/cluster/nats.conf"
METER_PORT: Final = 10212
TOKEN: Final = "bench-token"  # noqa: S105  of servers that live for this run
STREAM_BYTES: Final = 200_000_000

METERS: Final = 200
# A day in six minutes; an outage of ten seconds is three readings of a meter, too few to pass for a
# clock that is off.
RATE: Final = 240
CYCLE_S: Final = 900
# What ends within so many reports of the last may stand open in one of the two.
MARGIN_S: Final = 4 * CYCLE_S
LEAD_S: Final = 20.0
HOLD_S: Final = (2.0, 11.0)
PAUSE_S: Final = (3.0, 6.0)
PATIENCE_S: Final = 180.0
POLL_S: Final = 0.1
TAKEOVER_S: Final = 10.0


class Cluster:
    """All nodes; ``rate`` is that of their time."""

    def __init__(self, hosts: Hosts, folder: Path, rate: Rate) -> None:
        self._hosts = hosts
        self._folder = folder
        self._rate = rate
        self._database = EmbeddedPostgres(folder)
        self._doors: list[Door] = []
        self.nodes: dict[str, Node] = {}
        self.target = ("", 0)
        self._servers = ",".join(f"nats://{TOKEN}@{hosts.address(name)}:{4222}" for name in SERVERS)

    @property
    def dsn(self) -> str:
        """The database, from here."""
        return self._database.dsn

    async def start(self, seed: int) -> None:
        """Start everything."""
        await self._database.start()
        connection = await asyncpg.connect(self.dsn)
        await migrate(connection, load_migrations())
        await connection.close()
        here = self._hosts.address(HERE)
        database = to_socket(str(socket_folder(self._folder) / SOCKET_NAME))
        self._doors.append(database)
        _, port = await database.open(here, 0)
        dsn = f"postgresql://wattwarden@{here}:{port}/wattwarden?sslmode=disable"
        for name in SERVERS:
            self._add(name, [find_nats_server(None), "-c", self._written(name)], {})
        await self._all_start(SERVERS)
        for names, role in ((GATEWAYS, "gateway"), (WRITERS, "writer"), (WARDENS, "warden")):
            for name in names:
                self._add(name, [PROGRAM, role], self._settings(name, dsn))
        # The streams are made by whoever comes first, before the others look for them.
        await (await self._journal()).close()
        await self._all_start((*GATEWAYS, *WRITERS, *WARDENS))
        gateways = [(self._hosts.address(name), METER_PORT) for name in GATEWAYS]
        self._doors.append(balanced(gateways, random.Random(seed)))
        self.target = await self._doors[-1].open("127.0.0.1", 0)

    async def stop(self) -> None:
        """Stop everything."""
        for names in (GATEWAYS, WRITERS, WARDENS, SERVERS):
            await asyncio.gather(*(self.nodes[name].stop() for name in names if name in self.nodes))
        for door in self._doors:
            await door.close()
        await self._database.stop()

    async def caught_up(self) -> None:
        """Wait until all that the journal holds now is stored and folded."""
        journal = await self._journal()
        ends = {shard: (await journal.status(shard)).last for shard in range(SHARDS)}
        await journal.close()
        connection = await asyncpg.connect(self.dsn)
        until = time.monotonic() + PATIENCE_S
        try:
            while True:
                rows = await connection.fetch("SELECT shard, sequence, tick FROM journal_position")
                stored = {row["shard"]: row["sequence"] for row in rows}
                if all(stored.get(shard, 0) >= end for shard, end in ends.items()):
                    break
                _in_time(until, f"stored {stored} of {ends}")
                await asyncio.sleep(POLL_S)
            tick = min(row["tick"] for row in rows)
            while (at := await connection.fetchval("SELECT min(step) FROM slice_position")) < tick:
                _in_time(until, f"folded {at} of {tick}")
                await asyncio.sleep(POLL_S)
        finally:
            await connection.close()

    async def taken_over(self, holder: str) -> float:
        """Wait until others have the slices of a warden that is gone; return how long it took."""
        connection = await asyncpg.connect(self.dsn)
        began_s = time.monotonic()
        try:
            while await connection.fetchval(
                "SELECT count(*) FROM slice_position WHERE holder = $1 OR holder IS NULL", holder
            ):
                _in_time(began_s + PATIENCE_S, f"{holder} still holds slices")
                await asyncio.sleep(POLL_S)
        finally:
            await connection.close()
        return time.monotonic() - began_s

    async def _journal(self) -> Journal:
        limits = StreamLimits(STREAM_BYTES, len(SERVERS))
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await Journal.connect(self._servers, shards=SHARDS, limits=limits)
            except Exception as error:  # noqa: BLE001  servers that are just finding each other
                _in_time(until, str(error))
                await asyncio.sleep(POLL_S)

    async def _all_start(self, names: Iterable[str]) -> None:
        await asyncio.gather(*(self.nodes[name].start() for name in names))

    def _add(self, name: str, command: Sequence[str | Path], environment: dict[str, str]) -> None:
        self.nodes[name] = Node(self._hosts, name, command, environment, self._folder)

    def _written(self, name: str) -> Path:
        """Write the configuration that we ship, with the hosts and folders of this run."""
        text = NATS_FILE.read_text(encoding="utf-8")
        for number, server in enumerate(SERVERS, 1):
            text = text.replace(f"//nats-{number}:", f"//{self._hosts.address(server)}:")
        text = text.replace("0.0.0.0", self._hosts.address(name))  # noqa: S104  replaced here
        text = text.replace("$NATS_NAME", name).replace("$NATS_TOKEN", TOKEN)
        text = text.replace("/var/lib/nats", str(self._folder / name)).replace("20GB", "1GB")
        file = self._folder / f"{name}.conf"
        file.write_text(text, encoding="utf-8")
        return file

    def _settings(self, name: str, dsn: str) -> dict[str, str]:
        data = self._folder / name
        data.mkdir()
        (data / "clock.json").write_bytes(msgspec.json.encode(self._rate))
        settings = {
            "DATA": str(data),
            "DSN": dsn,
            "GATEWAY__LISTEN": f"{self._hosts.address(name)}:{METER_PORT}",
            "JOURNAL__SHARDS": str(SHARDS),
            "JOURNAL__REPLICAS": str(len(SERVERS)),
            "JOURNAL__MAX_BYTES": str(SHARDS * STREAM_BYTES),
            "METRICS__LISTEN": "off",
            "NATS": self._servers,
        }
        return LIFTED_LIMITS | {f"WATTWARDEN_{key}": value for key, value in settings.items()}


async def disturbed(world: World, options: argparse.Namespace, story: Story) -> Found:
    """Let the meters speak to the cluster while its nodes are killed and cut off."""
    begin_us = (world.midnight_ms // 1000 + BEGIN_S) * SECOND_US
    with folder_of_all() as folder, hosts_of(NODES) as hosts:
        story.kind = hosts.kind
        # So that the city's morning begins when everything runs.
        rate = rate_from(RATE, begin_us, LEAD_S + options.start_s)
        cluster = Cluster(hosts, folder, rate)
        try:
            await cluster.start(story.seed)
            connection = await asyncpg.connect(cluster.dsn)
            await people_of(connection, world, BEGIN_S, norms())
            await connection.close()
            clock = rate.clock()
            fleet = Fleet(world, cluster.target)
            due = sendings(world, BEGIN_S, _until_s(options), BEGIN_S)
            stop, over = asyncio.Event(), asyncio.Event()
            chaos = asyncio.create_task(_disturb(cluster, story, over))
            watch = asyncio.create_task(_watch(fleet, story))
            playing = fleet.play(due, lambda: clock.now_us() / 1000, RATE, lambda _sent: None, stop)
            try:
                await playing
            finally:
                over.set()
                watch.cancel()
                await chaos
            story.sent, story.acked = fleet.tally.sent, fleet.tally.acked
            story.resent = fleet.tally.resent
            must(not fleet.unacked, f"{fleet.unacked} frames were never acknowledged")
            await cluster.caught_up()
            for node in cluster.nodes.values():
                must(not node.ended(), f"{node.name} ended: {node.tail()}")
            # A killed process leaves half a frame behind, at times.
            return await found_in(cluster.dsn, (CUT,))
        except BaseException:
            if options.keep is not None:
                shutil.copytree(
                    folder, options.keep, ignore=shutil.ignore_patterns("*.sock", ".s*")
                )
            raise
        finally:
            await cluster.stop()


async def _disturb(cluster: Cluster, story: Story, over: asyncio.Event) -> None:
    """Kill and cut off every node in turn, in an order of the seed, as long as meters speak."""
    chance = random.Random(story.seed)
    begun_s = time.monotonic()
    while True:
        for name, how in chance.sample([(n, how) for n in NODES for how in ("kill", "cut")], 18):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(chance.uniform(*PAUSE_S)):
                    await over.wait()
            if over.is_set():
                return
            story.happened.append(f"{time.monotonic() - begun_s:.0f} s {how} {name}")
            await _happen(cluster, story, cluster.nodes[name], how, chance.uniform(*HOLD_S))


async def _happen(cluster: Cluster, story: Story, node: Node, how: str, hold_s: float) -> None:
    began_s = time.monotonic()
    if how == "kill":
        await node.kill()
    else:
        node.cut()
    if node.name in WARDENS:
        # It stays away until the other has everything: that is what is measured.
        story.takeovers_s.append(await cluster.taken_over(node.report["holder"]))
    await asyncio.sleep(max(0.0, hold_s - (time.monotonic() - began_s)))
    if how == "kill":
        await node.start()
    else:
        node.heal()


async def _watch(fleet: Fleet, story: Story) -> None:
    """Note for how long nobody at all was answered."""
    acked, since_s = 0, time.monotonic()
    while True:
        await asyncio.sleep(POLL_S)
        if fleet.tally.acked > acked or not fleet.unacked:
            acked, since_s = fleet.tally.acked, time.monotonic()
        story.longest_silence_s = max(story.longest_silence_s, time.monotonic() - since_s)


def _until_s(options: argparse.Namespace) -> int:
    """Return when the meters stop, in seconds of their day."""
    lasting_s: float = options.minutes * 60 * RATE
    return BEGIN_S + round(lasting_s)


def _in_time(until_s: float, complaint: str) -> None:
    must(time.monotonic() < until_s, f"too late: {complaint}")


async def soak(options: argparse.Namespace, story: Story) -> tuple[str, list[str]]:
    """Run both; return the record and what is wrong."""
    world = city(story.seed, METERS, CYCLE_S)
    cluster = await disturbed(world, options, story)
    world = city(story.seed, METERS, CYCLE_S)
    due = sendings(world, BEGIN_S, _until_s(options), BEGIN_S)
    alone = await undisturbed(world, due, BEGIN_S, SHARDS, norms(), RATE)
    last = max(row[3] for row in alone.rows)
    wrong = list(differences(cluster, alone, last, MARGIN_S))
    if story.sent != story.acked or story.acked != cluster.rows.total():
        wrong.append(f"{story.sent} sent, {story.acked} acked, {cluster.rows.total()} stored")
    wrong += [f"taken over after {s:.1f} s" for s in story.takeovers_s if s > TAKEOVER_S]
    hours = f"{options.minutes:g}, {options.minutes * RATE / 60:.1f} hours of the meters' time"
    return render(story, hours, cluster, alone, MARGIN_S), wrong


@contextlib.asynccontextmanager
async def told(story: Story) -> AsyncIterator[None]:
    """Say the seed before, and what happened when it went wrong."""
    print(f"seed {story.seed}", flush=True)
    try:
        yield
    except BaseException:
        print("\n".join(story.happened))
        raise


def main(arguments: Sequence[str]) -> int:
    """Run it, print the record, and put it into docs/ where that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--start-s", type=float, default=15.0, help="until all nodes run")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    parser.add_argument("--keep", type=Path, help="where folders go when it fails")
    parser.add_argument("--record", nargs="?", type=Path, const=RECORD)
    options = parser.parse_args(arguments)
    story = Story(options.seed, datetime.now(UTC).replace(microsecond=0))

    async def run() -> tuple[str, list[str]]:
        async with told(story):
            return await soak(options, story)

    text, wrong = asyncio.run(run())
    print(text)
    print("\n".join([*story.happened, *wrong]))
    if options.record is not None and not wrong:
        add_record(options.record, text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
