"""``wattwarden forwarder``: apart from the other commands that serve, as the role is."""

from pathlib import Path

from wattwarden.server.forward_role import run_forwarder
from wattwarden.server.forward_table import ForwardTableError
from wattwarden.server.logs import configure_logs
from wattwarden.tools.errors import CommandError
from wattwarden.tools.serve import run_role, settings_of


def forwarder(
    *,
    data: Path | None = None,
    dsn: str | None = None,
) -> None:
    """Run the forwarder alone: readings go on to the platforms of the folder's forward.toml.

    `wattwarden up` runs it where there is such a file. One forwards to a platform at a time; others
    wait.

    Args:
        data: Folder for everything that is kept, secrets and forward.toml among it.
        dsn: Address of PostgreSQL.
    """
    settings = settings_of(data, None, dsn, None, None)
    configure_logs("forwarder", settings.log_level)
    try:
        run_role(run_forwarder(settings))
    except ForwardTableError as error:
        message = str(error)
        raise CommandError(message, "see docs/forwarding.md") from error
