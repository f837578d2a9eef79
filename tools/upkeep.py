"""What ``wattwarden doctor`` looks at so that a system is still well next month.

A disk that fills, backups that nobody makes, a clock that drifts, a
service that nobody restarts.
"""

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from wattwarden.server.last_backup import LastBackup
from wattwarden.storage.growth import Growth
from wattwarden.storage.proof.signed import SignedTo
from wattwarden.tools.checks import Check, State

# A disk is ordered, delivered and built in within a month.
DISK_WARN_DAYS: Final = 30
DISK_FAIL_DAYS: Final = 3
# A backup a night, and one that failed.
BACKUP_WARN: Final = timedelta(days=2)
UNIT: Final = "wattwarden.service"
# Where a service manager runs, this is there (sd_booted(3)).
BOOTED: Final = Path("/run/systemd/system")
SHOW_S: Final = 5.0


def disk_forecast(free_bytes: int, growth: Growth | None, segments_bytes: int) -> Check:
    """When the disk of the data folder is full; ``segments_bytes`` of the journal rest a day."""
    if growth is None or not growth.days:
        return Check("disk forecast", State.OK, "no whole day of rows yet to measure by")
    daily = growth.rows_bytes + growth.files_bytes + segments_bytes
    left = free_bytes // max(daily, 1)
    found = f"grows by {daily / 1024**2:.1f} MiB a day: room for {_days(left)}"
    if left >= DISK_WARN_DAYS:
        return Check("disk forecast", State.OK, found)
    cure = (
        "add room; or keep fewer days: hot_days, archive_days, or a days_store elsewhere, of"
        " [archivist] (docs/archive.md)"
    )
    return Check("disk forecast", State.FAIL if left < DISK_FAIL_DAYS else State.WARN, found, cure)


def _days(left: int) -> str:
    # Beyond years nobody plans.
    return f"{left} days" if left < 3650 else "years"


def segments_a_day(archive: Path, now: datetime) -> int:
    """Return how many bytes of closed segments a day of the last week left in a folder."""
    week = now - timedelta(days=7)
    sizes = []
    for file in archive.glob("*/*.zst"):
        try:
            facts = file.stat()
        except FileNotFoundError:
            # It went meanwhile: it is kept no longer.
            continue
        if datetime.fromtimestamp(facts.st_mtime, UTC) >= week:
            sizes.append((facts.st_mtime, facts.st_size))
    if not sizes:
        return 0
    spanned = (now.timestamp() - min(at for at, _ in sizes)) / timedelta(days=1).total_seconds()
    # The first hour of a day would be taken for a day's.
    return round(sum(size for _, size in sizes) / max(spanned, 1 / 24))


def backup(last: LastBackup | None, now: datetime, *, has_data: bool) -> Check:
    """How old the last backup is."""
    cure = (
        "systemctl enable --now wattwarden-backup.timer, or wattwarden backup next: docs/backup.md"
    )
    if last is None:
        found = "none is known of" if has_data else "nothing to be kept yet"
        return Check("backup", State.WARN if has_data else State.OK, found, cure * has_data)
    age = now - last.at
    found = f"{last.folder}, {age.days} days {age.seconds // 3600} h ago"
    if age >= BACKUP_WARN:
        return Check("backup", State.WARN, found, f"see why none was made since: {cure}")
    if last.lost:
        found += f"; {last.lost} entries of the journal had been lost before"
        cure = "bring their segments back: docs/backup.md, Lost segments"
        return Check("backup", State.WARN, found, cure)
    return Check("backup", State.OK, found)


def signed_days(signed: SignedTo | None) -> Check:
    """Whether days that are over are signed; None: no database can be asked."""
    if signed is None:
        return Check("signed days", State.OK, "no database answers yet")
    found = "no day is signed yet" if signed.day is None else f"signed to {signed.day} (UTC)"
    if not signed.late_days:
        return Check("signed days", State.OK, found)
    cure = (
        "see why in the lines `chore failed` of the archivist, chore roots; a system that stood"
        " still signs its next day once that is over: docs/evidence.md"
    )
    return Check("signed days", State.WARN, f"{found}, {signed.late_days} days are late", cure)


def service(shown: Mapping[str, str] | None) -> Check:
    """Whether the service is restarted when it dies or hangs; None: no service manager runs."""
    if shown is None:
        return Check("service", State.OK, "no service manager runs here")
    if shown.get("LoadState") != "loaded":
        cure = "install it as a service, which outlives a restart of the machine: docs/install.md"
        return Check("service", State.WARN, f"there is no {UNIT}", cure)
    watched = shown.get("WatchdogUSec", "0") not in {"0", "infinity", ""}
    lasting = shown.get("Restart") == "always"
    enabled = shown.get("UnitFileState") == "enabled"
    found = (
        f"{UNIT} {shown.get('ActiveState', 'unknown')}, watchdog "
        f"{shown.get('WatchdogUSec') if watched else 'off'}, restart {shown.get('Restart', 'no')}"
    )
    if not (watched and lasting):
        cure = "take WatchdogSec=60 and Restart=always from deploy/systemd/wattwarden.service"
        return Check("service", State.WARN, found, cure)
    if not enabled:
        return Check("service", State.WARN, f"{found}, not enabled", f"systemctl enable {UNIT}")
    return Check("service", State.OK, found)


def show_service(booted: Path = BOOTED) -> dict[str, str] | None:
    """Return what the service manager knows of our service; None where there is none to ask."""
    if not booted.is_dir():
        return None
    wanted = "LoadState,ActiveState,UnitFileState,Restart,WatchdogUSec"
    try:
        done = subprocess.run(  # noqa: S603  these words alone
            ["systemctl", "show", UNIT, f"--property={wanted}"],  # noqa: S607  wherever it is
            capture_output=True, text=True, timeout=SHOW_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (line.partition("=") for line in done.stdout.splitlines())
    return {name: value for name, _, value in lines}
