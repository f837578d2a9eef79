"""Coverage-guided runs of all targets: ``python fuzz/long.py --minutes 10 [--target NAME …]``.

Inputs that reach new code stay in fuzz/corpus/<target>/ for the next run; what breaks an invariant
is kept as fuzz/corpus/<target>-crash-….
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from fuzz.harness import MAX_INPUT_BYTES, ROOT, VECTORS, Target
from fuzz.run import load_targets

CORPUS: Final = ROOT / "fuzz" / "corpus"
# An input takes milliseconds; one that takes seconds is a finding.
SLOWEST_INPUT_S: Final = 10
# The tables of a codec and the corpus take a tenth of that.
MOST_MEMORY_MB: Final = 2048
PROGRESS_EVERY_S: Final = 15.0
KEPT_LINES: Final = 60
_PULSE: Final = re.compile(r"^#(\d+)\s+\S+.*?cov: (\d+)")
_TOTAL: Final = re.compile(r"^stat::number_of_executed_units:\s+(\d+)")


@dataclass
class Progress:
    """What libFuzzer's lines have told so far."""

    executions: int = 0
    edges: int = 0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))

    def take(self, line: str) -> None:
        """Take one line."""
        self.lines.append(line)
        if found := _PULSE.match(line):
            self.executions, self.edges = int(found[1]), int(found[2])
        elif found := _TOTAL.match(line):
            self.executions = int(found[1])


def fuzz(target: Target, seconds: int) -> bool:
    """Fuzz one target; say how far it came.  Return whether its invariant held."""
    kept = CORPUS / target.name
    kept.mkdir(parents=True, exist_ok=True)
    before = set(CORPUS.glob(f"{target.name}-*"))
    with tempfile.TemporaryDirectory(prefix="seeds-") as folder:
        for number, seed in enumerate(target.seeds()):
            (Path(folder) / f"{number:04}").write_bytes(seed)
        progress, status = _watch(target, _command(target, seconds, [str(kept), folder]))
    print(f"{target.name}: {progress.executions} executions, {progress.edges} edges", flush=True)
    found = sorted(set(CORPUS.glob(f"{target.name}-*")) - before)
    if status == 0 and not found:
        return True
    print("\n".join(progress.lines))
    for path in found:
        _tell(target, path.relative_to(ROOT))
    return False


def _command(target: Target, seconds: int, folders: list[str]) -> list[str]:
    return [
        sys.executable, str(ROOT / "fuzz" / "guided.py"), target.name,
        f"-max_total_time={seconds}", f"-max_len={MAX_INPUT_BYTES}", f"-timeout={SLOWEST_INPUT_S}",
        f"-rss_limit_mb={MOST_MEMORY_MB}", f"-artifact_prefix={CORPUS}/{target.name}-",
        "-print_final_stats=1", *folders,
    ]  # fmt: skip


def _watch(target: Target, command: list[str]) -> tuple[Progress, int]:
    """Follow a run to its end, telling now and then how far it is."""
    progress = Progress()
    told_at = time.monotonic()
    with subprocess.Popen(  # noqa: S603  # our own script, arguments of our own making
        command, cwd=ROOT, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as child:  # fmt: skip
        for line in child.stdout or ():
            progress.take(line.rstrip())
            if time.monotonic() - told_at >= PROGRESS_EVERY_S:
                told_at = time.monotonic()
                done = f"{progress.executions} executions, {progress.edges} edges"
                print(f"  {target.name}: {done}", flush=True)
        return progress, child.wait()


def _tell(target: Target, path: Path) -> None:
    again = f".venv/bin/python fuzz/run.py {target.name} --file {path}"
    print(f"{target.name}: the invariant does not hold for {path}\n  again: {again}")
    if (VECTORS / f"{target.name}.jsonl").is_file():
        print(f"  as a vector: {again} --vector >> tests/vectors/{target.name}.jsonl")
        print("  and complete its line: what is due, by the protocol; then fix what is wrong")
    else:
        print("  as a test: a line of fuzz/findings.jsonl with its bytes; then fix what is wrong")


def main() -> int:
    """Share the time among the targets; return the exit status."""
    parser = argparse.ArgumentParser(description="Coverage-guided fuzzing of the targets.")
    parser.add_argument("--minutes", type=float, default=10.0, help="for all targets together")
    parser.add_argument("--target", action="append", metavar="NAME", help="all when none is named")
    given = parser.parse_args()
    if find_spec("atheris") is None:
        print("atheris is not installed; make fuzz installs it")
        return 2
    known = load_targets()
    names = given.target or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no such target: {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    seconds = max(1, round(60 * given.minutes / len(names)))
    print(f"{', '.join(names)}: {seconds} s each", flush=True)
    held = [fuzz(known[name], seconds) for name in names]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
