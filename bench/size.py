"""Entry that writes docs/capacity.md anew from what was last measured."""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    # Behind everything else: the rooms in the repository root must shadow no library.
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    runpy.run_module("bench.capacity", run_name="__main__", alter_sys=True)
