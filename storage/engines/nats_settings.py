"""What the embedded nats-server is told: one setting a line, each with its reason."""

import shutil
from pathlib import Path
from typing import Final

# An envelope has at most 256 KiB of frames, its tables a fraction of that; a message beyond 1 MiB
# would hold up everybody behind it on the connection.
MAX_PAYLOAD_BYTES: Final = 1024 * 1024
# A day of 2,000 frames a second; at least half of what is free stays for PostgreSQL.
MAX_STORE_BYTES: Final = 20 * 1024**3
# Nothing of ours is kept in memory only; the server's default is three quarters of the machine.
MAX_MEMORY_STORE_BYTES: Final = 64 * 1024 * 1024
# The server then takes a port that the kernel chooses.
ANY_PORT: Final = -1


def store_limit_bytes(journal: Path) -> int:
    """The smaller of 20 GiB and half of what the journal has or can still get of its disk."""
    used = sum(file.stat().st_size for file in journal.rglob("*") if file.is_file())
    return min(MAX_STORE_BYTES, (shutil.disk_usage(journal).free + used) // 2)


def configuration(
    *,
    port: int,
    token: str,
    journal: Path,
    run: Path,
    store_limit_bytes: int,
    monitor_port: int | None,
) -> str:
    """The configuration file.

    It holds the token: write it where only the server's user reads it.

    Args:
        port: Port on loopback, or ``ANY_PORT``.
        token: What clients must present.
        journal: Folder of the stored messages.
        run: Folder where the server writes the ports it took.
        store_limit_bytes: What the journal may take of the disk.
        monitor_port: Port on loopback for its monitoring pages; None for none.
    """
    lines = [
        "# Written at every start of wattwarden.",
        "server_name: wattwarden",
        f'listen: "127.0.0.1:{port}"',
        f"ports_file_dir: {_quoted(run)}",
        "# frames are at most 256 KiB an envelope",
        f"max_payload: {MAX_PAYLOAD_BYTES}",
        "authorization {",
        f'  token: "{token}"',
        "}",
        "jetstream {",
        f"  store_dir: {_quoted(journal)}",
        "  # the smaller of 20 GiB and half of the free disk, unless wattwarden was told otherwise",
        f"  max_file_store: {store_limit_bytes}",
        "  # nothing of ours is kept in memory only",
        f"  max_memory_store: {MAX_MEMORY_STORE_BYTES}",
        "  # acknowledged is on the disk",
        "  sync_interval: always",
        "}",
    ]
    if monitor_port is not None:
        lines.append(f'http: "127.0.0.1:{monitor_port}"')
    return "\n".join(lines) + "\n"


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
