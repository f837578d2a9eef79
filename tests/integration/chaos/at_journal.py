"""What is done to a running system's journal behind its back, from the host that it listens on.

    python at_journal.py garble|limits|close|open DATA [BYTES]

garble   puts what is no envelope, tick, occurrence or sign of life into every shard
limits   prints how many bytes a shard may have
close    lets no shard have more than the fullest has now;  open gives each BYTES again
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wattwarden.storage.engines.nats_address import nats_url
from wattwarden.storage.journal.journal import Journal, Kind, StreamLimits
from wattwarden.storage.journal.survey import survey

ANSWER_S: Final = 60.0
SHARDS: Final = 2
# More than the next entry of a quiet second, less than that of a busy one.
ROOM_BYTES: Final = 512
# Empty, no MessagePack, MessagePack of something else.
GARBAGE: Final = (b"", b"\xff" * 64, b"\x93\x01\x02\x03")


async def ask(prefix: Sequence[str], what: str, data: Path, size: str = "") -> str:
    """Do one of these by a process on the system's host; return the last line that it prints."""
    words = [*prefix, sys.executable, __file__, what, str(data), *([size] if size else [])]
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(ANSWER_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode().strip().rpartition("\n")[2]


async def _garble(journal: Journal) -> None:
    for shard in range(SHARDS):
        for kind in Kind:
            for number, payload in enumerate(GARBAGE):
                await journal.append(shard, kind, payload, f"garbage:{shard}:{kind}:{number}")


async def _main(what: str, data: Path, size: int) -> None:
    url = nats_url(data)
    # Connecting gives streams their limits: ask for those they have, unless others are wanted.
    looking = await survey(url, shards=SHARDS)
    found = [one for one in looking.streams if one is not None]
    usual = min(one.max_bytes for one in found)
    limit = {"close": max(one.bytes for one in found) + ROOM_BYTES, "open": size}.get(what, usual)
    journal = await Journal.connect(url, shards=SHARDS, limits=StreamLimits(limit))
    try:
        if what == "garble":
            await _garble(journal)
        elif what == "limits":
            sys.stdout.write(f"{usual}\n")
    finally:
        await journal.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), int((*sys.argv, "0")[3])))
