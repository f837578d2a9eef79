"""What engines and libraries log through the standard library is told like everything else."""

import json
import subprocess
import sys

SPEAKER = """
import logging
from wattwarden.server.logs import configure_logs

configure_logs("up")
logging.getLogger("wattwarden.storage.engines.postmaster").warning("ended backend %d", 7)
try:
    raise OSError("gone")
except OSError:
    logging.getLogger("library").exception("at nats://me:secret@host:4222")
"""


def test_a_library_s_warning_is_one_json_line_that_holds_no_secret() -> None:
    # In a process of its own: logging is set up once in each.
    done = subprocess.run(
        [sys.executable, "-c", SPEAKER], capture_output=True, text=True, check=True
    )
    warning, error = map(json.loads, done.stderr.splitlines())
    assert (warning["event"], warning["level"]) == ("ended backend 7", "warning")
    assert (warning["role"], "timestamp" in warning) == ("up", True)
    assert "OSError: gone" in error["exception"]
    assert "secret" not in done.stderr
