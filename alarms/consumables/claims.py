"""What a firm may say about its parts by itself; the rest takes an officer."""

from collections.abc import Collection
from datetime import datetime

from wattwarden.alarms.cases.standing import File
from wattwarden.alarms.consumables.carbon import CARBON
from wattwarden.alarms.consumables.numbers import Numbers
from wattwarden.alarms.decisions.bodies import Consumable, Replacement
from wattwarden.alarms.registry.problems import Problem

_HOURS_PER_DAY = 24.0


def longest_hours(kind: str, numbers: Numbers) -> float:
    """Return for how many run hours a firm may enter a part of a kind."""
    stated = numbers.kind_of(kind).hours_to or numbers.claims.longest_hours
    return min(stated, numbers.carbon.capped_hours) if kind == CARBON else stated


def longest_days(kind: str, numbers: Numbers) -> float:
    """Return for how many days a firm may enter a part of a kind that has no limit in hours."""
    if kind == CARBON:
        return numbers.carbon.objected_days
    return longest_hours(kind, numbers) / _HOURS_PER_DAY


def too_long(part: Consumable, numbers: Numbers) -> Problem | None:
    """Return why a firm may not enter a part itself: it would last too long; None where it may.

    Hours bound a part whatever its days are; days alone bound it as if it ran round the clock.
    """
    hours, days = longest_hours(part.kind, numbers), longest_days(part.kind, numbers)
    if part.limit_hours is not None:
        if part.limit_hours <= hours:
            return None
        zh = f"企业填报{part.kind}最长{hours:g}运行小时,更长须由执法人员核定录入"
        en = f"a firm enters {part.kind} for {hours:g} run hours at most; more takes an officer"
        return part.problem("limit_hours", zh, en)
    if part.limit_days is None or part.limit_days <= days:
        return None
    zh = f"企业填报{part.kind}最长{days:g}天,更长须由执法人员核定录入"
    en = f"a firm enters {part.kind} for {days:g} days at most; more takes an officer"
    return part.problem("limit_days", zh, en)


def unproved(
    replacement: Replacement, since: datetime, kept: Collection[File], least: int
) -> Problem | None:
    """Return why files do not prove a replacement; None where they do.

    Args:
        replacement: As it is entered.
        since: When the part was replaced before: what is older shows that.
        kept: What is known of the files that it names; those of other firms are not among them.
        least: How many there have to be.
    """
    missing = set(replacement.evidence) - {file.sha256 for file in kept}
    if missing:
        named = sorted(missing)[0][:12]
        zh, en = f"附件{named}未作为证据上传", f"no evidence has SHA-256 {named}…"
        return replacement.problem("evidence", zh, en)
    for file in kept:
        if file.received_at <= since or (file.taken_at is not None and file.taken_at <= since):
            named = file.sha256[:12]
            zh = f"附件{named}早于上次更换,不能证明本次更换"
            en = f"file {named} is older than the last replacement: it shows nothing of this one"
            return replacement.problem("evidence", zh, en)
    if len(set(replacement.evidence)) < least:
        zh = f"更换须附照片等证据,至少{least}份"
        en = f"a replacement comes with evidence such as photographs: {least} at least"
        return replacement.problem("evidence", zh, en)
    return None
