"""What a role logs is whole lines; what engines and libraries log is told in the same way."""

import json
import os
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


TALKER = """
import structlog, sys
from wattwarden.server.logs import configure_logs

configure_logs(sys.argv[1])
log = structlog.get_logger()
for turn in range(2000):
    log.info("journal connected", turn=turn)
"""


def test_roles_that_share_one_standard_error_never_break_each_other_s_lines() -> None:
    """As under a supervisor: both hold the same open file and talk at once."""
    reader, writer = os.pipe()
    talkers = [
        subprocess.Popen([sys.executable, "-c", TALKER, role], stderr=writer)
        for role in ("writer", "archivist")
    ]
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as said:
        turns = [(told["role"], told["turn"]) for told in map(json.loads, said)]
    assert [talker.wait(timeout=120) for talker in talkers] == [0, 0]
    for role in ("writer", "archivist"):
        assert [turn for who, turn in turns if who == role] == list(range(2000))
