"""``wattwarden courier``: apart from the other commands that serve, as the role is."""

from pathlib import Path

from wattwarden.server.courier_role import run_courier
from wattwarden.server.logs import configure_logs
from wattwarden.tools.serve import run_role, settings_of


def courier(
    *,
    data: Path | None = None,
    dsn: str | None = None,
) -> None:
    """Run the courier alone: notices that fell due reach people and machines.

    One sends at a time; others wait and take over within seconds of its end.

    Args:
        data: Folder for everything that is kept, secrets among it.
        dsn: Address of PostgreSQL.
    """
    settings = settings_of(data, None, dsn, None, None)
    configure_logs("courier", settings.log_level)
    run_role(run_courier(settings))
