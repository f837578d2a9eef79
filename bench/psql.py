"""psql over the engine's unix socket, and what it says of the time that it took."""

import re
import subprocess
from pathlib import Path
from typing import Final

from bench.errors import BenchError

LIMIT_S: Final = 120.0  # a copy takes seconds


class PsqlError(BenchError):
    """psql did not do what it was told."""


class Psql:
    """psql for one database; ``dsn`` holds the folder of its socket."""

    def __init__(self, program: Path, dsn: str) -> None:
        self._command = [str(program), "--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]
        self._command += ["--set", "ON_ERROR_STOP=1", "--dbname", dsn]

    def copy_out(self, query: str, file: Path) -> None:
        """Write the rows of a query into a binary file."""
        self._run(f"\\copy ({query}) TO '{file}' WITH (FORMAT binary)\n")

    def copy_in(self, table: str, columns: str, file: Path) -> float:
        """Copy a binary file into a table; return the seconds of the copy, without psql's start.

        Raises:
            PsqlError: It failed.
        """
        copy = f"\\copy {table} ({columns}) FROM '{file}' WITH (FORMAT binary)\n"
        said = self._run(f"\\timing on\n{copy}")
        found = re.search(r"^Time: ([\d.]+) ms", said, re.MULTILINE)
        if found is None:
            message = f"psql told no time: {said!r}"
            raise PsqlError(message)
        return float(found[1]) / 1000

    def _run(self, script: str) -> str:
        done = subprocess.run(
            self._command,
            input=script,
            env={"LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        if done.returncode != 0:
            raise PsqlError(done.stderr.strip())
        return done.stdout
