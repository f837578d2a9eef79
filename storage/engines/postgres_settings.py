"""What the embedded PostgreSQL is told: settings with their reasons, and who may connect."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattwarden.storage.engines.embedded import EngineUser

MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB
ADMIN_ROLE: Final = "postgres"
# The role of all our work owns its database and is no superuser: what an SQL injection gets
# stays inside the database.
ROLE: Final = "wattwarden"
DATABASE: Final = "wattwarden"
# Below 128 MiB a COPY's own pages push each other out; above 2 GiB an append-only load gains
# nothing, and the memory serves the page cache and the gateways better.
MIN_SHARED_BUFFERS: Final = 128 * MIB
MAX_SHARED_BUFFERS: Final = 2 * GIB
# Order of text by bytes: the same under every version and C library, so an index stays valid.
# Checksums: a page that the disk spoilt is noticed, not served.
INITDB_ARGUMENTS: Final = (
    "--encoding=UTF8",
    "--locale=C",
    "--data-checksums",
    "--auth=peer",
    f"--username={ADMIN_ROLE}",
    "--no-instructions",
)
CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of PostgreSQL's configuration and why it stands there."""

    name: str
    value: str
    why: str


def machine_memory_bytes(limits: tuple[Path, ...] = CGROUP_LIMITS) -> int:
    """Memory this process may hope for: the machine's, or a smaller limit of its control group."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in limits:
        if limit.is_file() and (text := limit.read_text("ascii").strip()).isdigit():
            memory = min(memory, int(text))
    return memory


def settings_for(memory_bytes: int) -> tuple[Setting, ...]:
    """Settings for a machine of that memory which takes in readings day and night."""
    shared_buffers = min(max(memory_bytes // 8, MIN_SHARED_BUFFERS), MAX_SHARED_BUFFERS)
    return (
        Setting("fsync", "on", "a row is stored when the disk has it"),
        Setting("synchronous_commit", "on", "a position never runs ahead of its rows"),
        Setting("full_page_writes", "on", "a torn page after a power cut is repaired"),
        Setting(
            "shared_buffers",
            f"{shared_buffers // MIB}MB",
            "an eighth of the memory, 128 MiB to 2 GiB: gateways and page cache need the rest",
        ),
        Setting(
            "effective_cache_size",
            f"{max(memory_bytes // 2 // MIB, 256)}MB",
            "what the page cache is likely to hold",
        ),
        Setting("maintenance_work_mem", "128MB", "indexes of a day's partition in one pass"),
        Setting(
            "max_connections",
            "64",
            "writers, wardens, courier and console pools of one machine; each costs memory",
        ),
        Setting(
            "max_locks_per_transaction",
            "256",
            "a query over years locks every daily partition and its indexes",
        ),
        Setting("wal_compression", "on", "page images after a checkpoint are most of the WAL"),
        Setting("max_wal_size", "2GB", "checkpoints by the clock, and a recovery of seconds"),
        Setting("min_wal_size", "256MB", "recycled files instead of new ones"),
        Setting("checkpoint_timeout", "15min", "fewer page images than at 5 minutes"),
        Setting("random_page_cost", "1.1", "solid disks"),
        Setting("jit", "off", "short queries over many partitions would compile, not run"),
        Setting("timezone", "'UTC'", "zones belong to meters and people"),
        Setting("log_timezone", "'UTC'", "as all our logs"),
        Setting("log_line_prefix", "'%m [%p] %q%u@%d '", "when, which process, who"),
        Setting("log_checkpoints", "off", "four an hour say nothing new"),
        Setting("log_min_duration_statement", "5s", "what an administrator asks about"),
        Setting("logging_collector", "off", "our standard error is a file of bounded size"),
        Setting("cluster_name", "'wattwarden'", "seen in the list of processes"),
    )


def written_files(
    cluster: Path, memory_bytes: int, system_users: tuple[EngineUser, ...]
) -> dict[str, str]:
    """Name → text of the files written into a cluster's folder at every start.

    The server maps the users at the other end of its socket to our roles; ALTER SYSTEM overrides
    the settings.
    """
    return {
        "wattwarden.conf": _configuration(cluster, settings_for(memory_bytes)),
        "wattwarden_hba.conf": "local all all peer map=wattwarden\n",
        "wattwarden_ident.conf": _user_map(system_users),
    }


def fixed_arguments(folder: Path, socket_folder: Path) -> tuple[str, ...]:
    """Arguments of ``postgres`` that ALTER SYSTEM must not override: no network, our socket."""
    return (
        *("-D", str(folder)),
        *("-c", f"config_file={folder / 'wattwarden.conf'}"),
        *("-c", "listen_addresses="),
        *("-c", "port=5432"),
        *("-c", f"unix_socket_directories={socket_folder}"),
        *("-c", "unix_socket_permissions=0700"),
    )


def _configuration(cluster: Path, settings: tuple[Setting, ...]) -> str:
    lines = ["# Written at every start of wattwarden; change settings with ALTER SYSTEM."]
    for setting in settings:
        lines += ["", f"# {setting.why}", f"{setting.name} = {setting.value}"]
    lines += ["", "# who may connect"]
    for kind in ("hba", "ident"):
        lines.append(f"{kind}_file = {_quoted(cluster / f'wattwarden_{kind}.conf')}")
    return "\n".join(lines) + "\n"


def _user_map(system_users: tuple[EngineUser, ...]) -> str:
    names = sorted({user.name for user in system_users})
    return "".join(f'wattwarden "{name}" {role}\n' for name in names for role in (ADMIN_ROLE, ROLE))


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("\\", "\\\\").replace("'", "''") + "'"
