"""What happened to a cluster, and the record of it."""

import os
import platform
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from bench.found import Found, others, settled, unlike


@dataclass(slots=True)
class Story:
    """What happened."""

    seed: int
    began: datetime
    kind: str = ""
    happened: list[str] = field(default_factory=list)
    takeovers_s: list[float] = field(default_factory=list)
    sent: int = 0
    acked: int = 0
    resent: int = 0
    longest_silence_s: float = 0.0


def render(story: Story, lasted: str, cluster: Found, alone: Found, margin_s: int) -> str:
    """Return the record.

    What ends within ``margin_s`` of the last report may stand open in one of the two.
    """
    last = max(row[3] for row in alone.rows).timestamp() - margin_s
    same = settled(cluster.episodes, last) & settled(alone.episodes, last)
    rules = Counter(one[0] for one in same)
    hows = Counter(one.split(" ", 2)[2] for one in story.happened)
    lost, doubled = (rows.total() for rows in unlike(cluster, alone))
    lines = {
        "machine": f"{os.cpu_count()} cores, Linux {platform.release()}, meters included",
        "hosts": story.kind,
        "seed": story.seed,
        "minutes": lasted,
        "killed and cut off": _counted(hows),
        "frames sent, acknowledged, stored": (
            f"{story.sent:,}, {story.acked:,}, {cluster.rows.total():,}"
        ),
        "frames sent again": f"{story.resent:,}",
        "lost, doubled": f"{lost:,}, {doubled:,}",
        "longest time in which nobody was answered": f"{story.longest_silence_s:.1f} s",
        "slices of a warden that is gone, taken over after": (
            ", ".join(f"{s:.1f}" for s in sorted(story.takeovers_s)) + " s"
        ),
        "episodes that are the same as undisturbed": _counted(rules),
        "other rules, episodes that differ": _counted(others(cluster, alone)) or "none",
    }
    table = "\n".join(f"| {name} | {text} |" for name, text in lines.items())
    return f"## {story.began:%Y-%m-%d %H:%M} UTC, a cluster\n\n| | |\n|---|---|\n{table}\n"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
