"""How the embedded nats-server is reached: its port and its token, kept from start to start."""

import contextlib
import logging
import secrets
from pathlib import Path
from typing import Final

import msgspec

from wattwarden.storage.engines.embedded import RUN_FOLDER, SECRETS_FOLDER, ourselves, write_private
from wattwarden.storage.errors import EngineError

# 256 bits, in letters that need no quoting in a URL.
TOKEN_BYTES: Final = 32
TOKEN_FILE: Final = "nats-token"  # noqa: S105  its name, not what it holds

_log = logging.getLogger(__name__)


class Remembered(msgspec.Struct, frozen=True):
    """What one start leaves to the next, ``D/run/nats.json``."""

    port: int
    store_limit_bytes: int


def nats_url(data: Path) -> str:
    """Address of the embedded server of a data folder, with its token: keep it in memory.

    Raises:
        EngineError: It never ran there, or the files are not ours to read.
    """
    data = data.resolve()
    try:
        token = _token_file(data).read_text("ascii")
        port = msgspec.json.decode(_memory_file(data).read_bytes(), type=Remembered).port
    except (OSError, msgspec.MsgspecError) as error:
        message = f"no embedded journal is known in {data}: {error}"
        raise EngineError(message, cure="start it: wattwarden up") from error
    return f"nats://{token}@127.0.0.1:{port}"


def recall(data: Path) -> Remembered | None:
    """What the last start left; None before the first, or when the file was spoilt by hand."""
    file = _memory_file(data)
    try:
        return msgspec.json.decode(file.read_bytes(), type=Remembered)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        # A port is worth no refusal to start.
        _log.warning("forgetting %s: %s", file, error)
        return None


def remember(data: Path, now: Remembered) -> None:
    """Leave it to the next start."""
    write_private(_memory_file(data), msgspec.json.encode(now).decode("ascii"), ourselves())


def token_of(data: Path) -> str:
    """The token of a data folder, made when there is none yet."""
    with contextlib.suppress(FileNotFoundError):
        return _token_file(data).read_text("ascii")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    write_private(_token_file(data), token, ourselves())
    return token


def _memory_file(data: Path) -> Path:
    return data / RUN_FOLDER / "nats.json"


def _token_file(data: Path) -> Path:
    return data / SECRETS_FOLDER / TOKEN_FILE
