"""A decoder that dies of some frames, planted into every process of a system.

Python runs ``sitecustomize`` at the start of a process: it puts a codec in the place of HJ 212's
that is the same but for frames of meters whose names begin with ``POISON``, at which it raises,
and with ``DEADLY``, at which it ends the process.
"""

from pathlib import Path
from typing import Final

POISON: Final = "POISON"
# What the decoder raises, by the number behind the name.
POISONS: Final = ("ValueError", "MemoryError", "RecursionError", "ZeroDivisionError")
DEADLY: Final = "DEADLY"
# How it ends the process, by the number behind the name: two signals, or a status.
ENDS: Final = ("SIGSEGV", "SIGKILL", "0")
_SITE: Final = f"""
import dataclasses
import os
import signal
from wattwarden.codecs import hj212

RAISED = ({", ".join(POISONS)})
ENDS = {ENDS!r}


def dies_of_some(decode):
    def decode_or_die(batch):
        data = batch.data[batch.offsets[0] : batch.offsets[-1]]
        _, found, rest = data.partition(b"MN={POISON}")
        if found:
            raise RAISED[int(rest[:1])]("planted")
        _, found, rest = data.partition(b"MN={DEADLY}")
        if found:
            how = ENDS[int(rest[:1])]
            if how == "0":
                os._exit(0)
            os.kill(os.getpid(), signal.Signals[how])
        return decode(batch)

    return decode_or_die


hj212.CODEC = dataclasses.replace(hj212.CODEC, decode=dies_of_some(hj212.CODEC.decode))
"""


def plant(folder: Path) -> dict[str, str]:
    """Write it; return what processes have to find in their environment."""
    folder.mkdir(mode=0o755)
    (folder / "sitecustomize.py").write_text(_SITE, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}
