"""A file of the secrets folder, as an operator puts it there."""

from pathlib import Path


def secret_file(secrets: Path, name: str, content: bytes, mode: int = 0o600) -> None:
    """Write a file and set who may read it."""
    path = secrets / name
    path.write_bytes(content)
    path.chmod(mode)
