"""Where commands that play meters send their frames."""

from wattwarden.server.addresses import dialled
from wattwarden.tools.errors import UsageError


def target_of(text: str) -> tuple[str, int]:
    """Read the HOST:PORT of ``--to``.

    Raises:
        UsageError: It is none.
    """
    try:
        return dialled(text)
    except ValueError as error:
        message = f"--to {text} is not HOST:PORT"
        raise UsageError(message, "such as --to 127.0.0.1:10212") from error
