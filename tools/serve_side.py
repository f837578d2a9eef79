"""``wattwarden side`` and ``wattwarden console``: apart from the others, as ``serve_warden`` is."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from wattwarden.server.console_role import run_console
from wattwarden.server.logs import configure_logs
from wattwarden.server.side_role import run_side
from wattwarden.tools.serve import run_role, settings_of

Address = Annotated[str | None, Parameter(name="--console")]


def side(*, data: Path | None = None, dsn: str | None = None, address: Address = None) -> None:
    """Run warden, courier and console in one process.

    Several share the city: they fold what each gets, one of them sends, each shows pages.

    Args:
        data: Folder for everything that is kept, secrets among it.
        dsn: Address of PostgreSQL.
        address: Where pages are listened for, HOST:PORT.
    """
    settings = settings_of(data, None, dsn, None, None, console=address)
    configure_logs("side", settings.log_level)
    run_role(run_side(settings))


def console(*, data: Path | None = None, dsn: str | None = None, address: Address = None) -> None:
    """Run the console alone: pages for whoever got a link.

    Any number may run; links hold wherever the secrets folder is the same.

    Args:
        data: Folder for everything that is kept, secrets among it.
        dsn: Address of PostgreSQL.
        address: Where pages are listened for, HOST:PORT.
    """
    settings = settings_of(data, None, dsn, None, None, console=address)
    configure_logs("console", settings.log_level)
    run_role(run_console(settings))
