"""Long runs of all targets: ``python fuzz/long.py --minutes 10 [--target NAME …] [--record]``.

Guided by coverage: inputs that reach new code stay in fuzz/corpus/<target>/ for the next run.  With
``--storm`` seeded and many inputs at once, several times as many in the same time.  What breaks an
invariant is kept as fuzz/corpus/<target>-crash-….  ``--record`` adds to docs/fuzz.md.
"""

import argparse
import hashlib
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from fuzz.harness import MAX_INPUT_BYTES, ROOT, VECTORS, Finding, Target
from fuzz.record import GUIDED, STORM, Run, add, executions_of, read_runs, storms_done
from fuzz.run import load_targets
from fuzz.storm import inputs_of, storms

CORPUS: Final = ROOT / "fuzz" / "corpus"
# An input takes milliseconds; one that takes seconds is a finding.
SLOWEST_INPUT_S: Final = 10
# The tables of a codec and the corpus take a tenth of that.
MOST_MEMORY_MB: Final = 2048
PROGRESS_EVERY_S: Final = 15.0
KEPT_LINES: Final = 60
# A run that is ended loses less than that of its record.
RECORD_EVERY_S: Final = 60.0
# Whatever comes then is the same defect again.
MOST_FINDINGS: Final = 5
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


def fuzz(target: Target, seconds: int, *, recorded: bool) -> bool:
    """Fuzz one target by coverage; say how far it came.  Return whether its invariant held."""
    began = time.monotonic()
    kept = CORPUS / target.name
    kept.mkdir(parents=True, exist_ok=True)
    before = set(CORPUS.glob(f"{target.name}-*"))
    with tempfile.TemporaryDirectory(prefix="seeds-") as folder:
        for number, seed in enumerate(target.seeds()):
            (Path(folder) / f"{number:04}").write_bytes(seed)
        progress, status = _watch(target, _command(target, seconds, [str(kept), folder]))
    print(f"{target.name}: {progress.executions} executions, {progress.edges} edges", flush=True)
    found = sorted(set(CORPUS.glob(f"{target.name}-*")) - before)
    if recorded:
        spent_s = round(time.monotonic() - began)
        add(Run(_day(), target.name, GUIDED, "", 0, progress.executions, spent_s, len(found)))
    if status == 0 and not found:
        return True
    print("\n".join(progress.lines))
    for path in found:
        _tell(target, path.relative_to(ROOT))
    return False


def storm(target: Target, seconds: float, seed: str, *, recorded: bool) -> bool:
    """Run storms of a seed, behind those recorded; say how far it came, return whether all held."""
    first = done = storms_done(read_runs(), target.name, seed)
    executions = found = 0
    part = _Part(target, seed, recorded)
    began = time.monotonic()
    running = storms(target, seed, done)
    while found < MOST_FINDINGS and time.monotonic() - began < seconds:
        try:
            count = next(running)
        except Finding as finding:
            count = inputs_of(target)
            found += 1
            part.found += 1
            _keep(target, finding)
            running = storms(target, seed, done + 1)
        done += 1
        executions += count
        part.take(count, done)
    part.close(done)
    spent_s = time.monotonic() - began
    print(
        f"{target.name}: {executions} executions in storms {first} to {done} of seed {seed},"
        f" {executions / max(spent_s, 1):.0f} a second, {found} found",
        flush=True,
    )
    return not found


class _Part:
    """What a run has come to since it was last recorded."""

    def __init__(self, target: Target, seed: str, recorded: bool) -> None:  # noqa: FBT001  # passed on
        self._target = target
        self._seed = seed
        self._recorded = recorded
        self._executions = 0
        self._since = time.monotonic()
        self.found = 0

    def take(self, executions: int, done: int) -> None:
        """Take executions; record them when it is time."""
        self._executions += executions
        if time.monotonic() - self._since >= RECORD_EVERY_S:
            self.close(done)

    def close(self, done: int) -> None:
        """Record what there is."""
        spent_s = round(time.monotonic() - self._since)
        if self._recorded and self._executions:
            run = Run(
                _day(),
                self._target.name,
                STORM,
                self._seed,
                done,
                self._executions,
                spent_s,
                self.found,
            )
            add(run)
        self._executions = self.found = 0
        self._since = time.monotonic()


def _keep(target: Target, finding: Finding) -> None:
    """Keep an input that broke an invariant, and say how to run it again."""
    name = f"{target.name}-crash-{hashlib.sha256(finding.data).hexdigest()[:16]}"
    CORPUS.mkdir(parents=True, exist_ok=True)
    (CORPUS / name).write_bytes(finding.data)
    print(f"{finding}\n{finding.__cause__!r}", flush=True)
    _tell(target, (CORPUS / name).relative_to(ROOT))


def _day() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


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
    given = _arguments()
    if not given.storm and find_spec("atheris") is None:
        print("atheris is not installed; make fuzz installs it")
        return 2
    known = load_targets()
    names = given.target or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no such target: {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    if given.until:
        runs = read_runs()
        names = [name for name in names if executions_of(runs, name) < given.until]
    if not names:
        print("every target has had so many executions")
        return 0
    seconds = max(1, round(60 * given.minutes / len(names)))
    print(f"{', '.join(names)}: {seconds} s each", flush=True)
    held = [
        storm(known[name], seconds, given.seed, recorded=given.record)
        if given.storm
        else fuzz(known[name], seconds, recorded=given.record)
        for name in names
    ]
    return 0 if all(held) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Long fuzzing of the targets.")
    parser.add_argument("--minutes", type=float, default=10.0, help="for all targets together")
    parser.add_argument("--target", action="append", metavar="NAME", help="all when none is named")
    parser.add_argument("--storm", action="store_true", help="many inputs at once, no coverage")
    parser.add_argument(
        "--seed", default=secrets.token_hex(4), help="of storms; goes on where it was"
    )
    parser.add_argument("--record", action="store_true", help="add to docs/fuzz.md")
    parser.add_argument("--until", type=int, default=0, help="leave out who has had so many")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
