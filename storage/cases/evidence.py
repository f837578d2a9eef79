"""Files as evidence: hashed as they arrive, with the time of the system, sealed in a decision.

bytes ─► size, media type by content, time of the camera ─► SHA-256 ─► evidence, decision
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.cases.bodies import Evidence
from wattwarden.alarms.cases.exif import taken_at
from wattwarden.alarms.cases.media import media_of
from wattwarden.alarms.cases.standing import File
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.decisions import Entered, told

# A photo has 2 to 8 MiB; a minute of a phone's film has more, and belongs on a video platform.
MAX_FILE_BYTES: Final = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file as somebody sent it, and what it is to prove something about."""

    data: bytes
    name: str
    about: str
    subject: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file and when it first arrived."""

    data: bytes
    received_at: datetime


def described(arrived: Arrived, now: datetime, zone: tzinfo = DEFAULT_ZONE) -> Evidence:
    """Return the body of a file that arrived.

    Raises:
        RefusedError: It is empty, too large, or nothing that shows or tells anything.
    """
    media = media_of(arrived.data)
    size = len(arrived.data)
    if not 0 < size <= MAX_FILE_BYTES:
        most = MAX_FILE_BYTES // 2**20
        zh, en = f"文件须为1字节至{most} MiB", f"a file has 1 byte to {most} MiB, got {size}"
        raise RefusedError([Problem(Evidence.kind_name, arrived.name, "size", zh, en)])
    if media is None:
        zh = "文件不是图片、视频、录音或文档"
        en = "the file is no picture, film, sound or document by its content"
        raise RefusedError([Problem(Evidence.kind_name, arrived.name, "media", zh, en)])
    return Evidence(
        id=NEW,
        about=arrived.about,
        subject=arrived.subject,
        sha256=hashlib.sha256(arrived.data).hexdigest(),
        size=size,
        media=media,
        name=arrived.name,
        received_at=now,
        taken_at=taken_at(arrived.data, zone),
        note=arrived.note,
    )


async def keep_bytes(connection: Connection, data: bytes, now: datetime) -> None:
    """Keep a file's bytes; one that was there before keeps the time at which it first came.

    Call it in the transaction in which the evidence is decided, after that.

    Raises:
        StorageError: The database is away.
    """
    with errors("keeping a file"):
        await connection.execute(
            "INSERT INTO evidence (sha256, received_at, bytes) VALUES ($1, $2, $3)"
            " ON CONFLICT (sha256) DO NOTHING",
            hashlib.sha256(data).hexdigest(),
            now,
            data,
        )


async def find_files(
    connection: Connection, digests: Collection[str], enterprise: str | None = None
) -> list[File]:
    """Return what is known of files: when each first arrived, and when it says it was taken.

    Args:
        connection: To the store.
        digests: The files' SHA-256.
        enterprise: Only files that were sent about this one.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for files"):
        rows = await connection.fetch(
            "SELECT e.sha256, e.received_at, min((d.body ->> 'taken_at')::timestamptz) AS taken_at"
            " FROM evidence AS e JOIN decision AS d"
            " ON d.kind = 'evidence' AND d.body ->> 'sha256' = e.sha256"
            " WHERE e.sha256 = ANY($1) AND ($2::text IS NULL OR d.enterprise = $2)"
            " GROUP BY e.sha256 ORDER BY e.sha256",
            list(digests),
            enterprise,
        )
    return [File(row["sha256"], row["received_at"], row["taken_at"]) for row in rows]


async def files_seen(
    connection: Connection,
    reader: Reader,
    *,
    digest: str | None = None,
    enterprise: str | None = None,
) -> list[Entered]:
    """Return each time that a file was sent, oldest first, as far as somebody may see the file.

    Args:
        connection: To the store.
        reader: Who looks; what they see nothing of here, they must not be given the bytes of.
        digest: Only this file, by its SHA-256.
        enterprise: Only what is about this one.

    Raises:
        StorageError: The database is away.
    """
    where = None if digest is None else {"sha256": digest}
    firms = reader.within(enterprise)
    sent = await told(connection, [Evidence.kind_name], enterprises=firms, where=where)
    return [
        one
        for one in sent
        if isinstance(one.body, Evidence) and reader.sees_file(one.body.about, one.enterprise)
    ]


async def load_file(connection: Connection, digest: str) -> KeptFile | None:
    """Return a file's bytes; None where there is none of that hash.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"reading file {digest[:12]}"):
        row = await connection.fetchrow(
            "SELECT bytes, received_at FROM evidence WHERE sha256 = $1", digest
        )
    return None if row is None else KeptFile(row["bytes"], row["received_at"])


async def altered_files(connection: Connection) -> list[str]:
    """Return the hashes of files whose bytes are gone, or are not those that were sealed.

    Raises:
        StorageError: The database is away.
    """
    with errors("verifying files"):
        rows = await connection.fetch(
            "SELECT DISTINCT d.body ->> 'sha256' AS sha256 FROM decision AS d LEFT JOIN evidence"
            " AS e ON e.sha256 = d.body ->> 'sha256' WHERE d.kind = 'evidence'"
            " AND (e.bytes IS NULL OR encode(sha256(e.bytes), 'hex') <> d.body ->> 'sha256')"
            " ORDER BY 1"
        )
    return [row["sha256"] for row in rows]
