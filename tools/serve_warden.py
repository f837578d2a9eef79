"""``wattwarden warden``: apart from the other commands that serve, as the role is."""

from pathlib import Path

from wattwarden.server.logs import configure_logs
from wattwarden.server.warden_role import run_warden
from wattwarden.tools.serve import run_role, settings_of


def warden(
    *,
    data: Path | None = None,
    dsn: str | None = None,
) -> None:
    """Run the warden alone: rows and decisions become states and alarms.

    Several share the city; one that dies is replaced by the others within ten seconds.

    Args:
        data: Folder for everything that is kept.
        dsn: Address of PostgreSQL.
    """
    settings = settings_of(data, None, dsn, None, None)
    configure_logs("warden", settings.log_level)
    run_role(run_warden(settings))
