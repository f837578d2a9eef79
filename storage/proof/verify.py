"""A package of evidence held against itself: what it proves, what it does not, point by point.

    bytes ─ canonical zip ─► parts ─ manifest ─► seal ─ keys ─► roots ─► frames ─ codecs ─► readings
                                                                            └ fold ─► the episode

Nothing but the package is needed: no server, no database.  Whoever made it may be anybody: every
size is bounded, and whatever a part does to its reader is a failed point.
"""

from collections.abc import Callable
from typing import Final

from wattwarden.storage.proof import meaning, origin
from wattwarden.storage.proof.container import ContainerError, unpacked
from wattwarden.storage.proof.verdict import Point, Report, Standing
from wattwarden.storage.proof.work import Work

_UNPROVABLE: Final = (
    Point(
        "meters", Standing.OPEN,
        "电表所报是否属实、采集点是否被更动，本包不能证明",
        "that the meters told the truth, and measured what the registry says",
    ),
    Point(
        "clock", Standing.OPEN,
        "收到时间以服务器时钟为准；只有时间戳机构签发的时间是独立的",
        "the times of receipt, beyond the server's own clock and what a time-stamp bounds",
    ),
    Point(
        "acceptance", Standing.OPEN,
        "未被服务器接收的报文不在其中",
        "that nothing was sent which the server never accepted",
    ),
    Point(
        "other decisions", Standing.OPEN,
        "除所示决定外没有别的决定（如申报、停限产），本包不能证明",
        "that nothing else was decided about the enterprise than what is shown",
    ),
    Point(
        "registry", Standing.OPEN,
        "档案、表计参数、通知为导出时系统所存，仅由导出签名封存",
        "that registry, profiles and notices were so before the package was sealed",
    ),
)  # fmt: skip
_CHECKS: Final[tuple[tuple[str, Callable[[Work], bool]], ...]] = (
    ("parts", origin.check_parts),
    ("seal", origin.check_seal),
    ("roots", origin.check_roots),
    ("frames", origin.check_frames),
    ("time-stamps", origin.check_stamps),
    ("decisions", origin.check_decisions),
    ("readings", meaning.check_readings),
    ("silent meters", meaning.check_meters),
    ("state", meaning.check_state),
    ("episode", meaning.check_episode),
    ("curve", meaning.check_curve),
)
# What everything after rests on.
_NEEDED: Final = frozenset({"parts", "seal", "roots", "frames"})


def verify(data: bytes, pinned: str | None = None) -> Report:
    """Verify a package.

    Args:
        data: The file's bytes.
        pinned: The public key (hexadecimal) that is trusted; None: the first of the package's own.

    Returns:
        Every point; ``is_whole`` tells whether any failed.
    """
    try:
        parts = unpacked(data)
    except ContainerError as error:
        zh = "文件不是规范的证据包，或已被改动"
        return Report((Point("container", Standing.FAILED, zh, str(error)),))
    work = Work(parts, pinned)
    work.proven(
        "container",
        f"由{len(parts)}个部分重建的文件与原文件逐字节相同",
        f"the file rebuilt from its {len(parts)} parts is the same, byte for byte",
    )
    for name, check in _CHECKS:
        if not _held(work, name, check):
            break
    return Report((*work.points, *_UNPROVABLE))


def _held(work: Work, name: str, check: Callable[[Work], bool]) -> bool:
    """Do a check; return whether the next ones have anything to stand on."""
    try:
        return check(work)
    except Exception as error:  # noqa: BLE001  whatever a hostile part does is the part's fault
        en = f"it cannot be read: {type(error).__name__}: {str(error)[:300]}"
        work.failed(name, "无法读取，包已损坏或系伪造", en)
        return name not in _NEEDED
