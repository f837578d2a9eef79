"""Rules tried on stored history beside those in force; nothing is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wattwarden.alarms.rulebook import Rules
from wattwarden.server.backtest.compare import Classes, Comparison, compared, episodes_of
from wattwarden.server.backtest.fold import Window, folded, stored
from wattwarden.storage.archive.across import holding
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.rules import rules_now


class NothingFoldedError(Exception):
    """There is nothing to compare; says what is missing, in both languages."""

    def __init__(self, zh: str, en: str, cure: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Tried:
    """What a back-test came to, and beside which rules."""

    standing: Rules
    comparison: Comparison


async def backtest(
    connection: Connection,
    tried: Rules,
    window: Window,
    enterprises: Sequence[str],
    tell: Callable[[int, int], object],
) -> Tried:
    """Fold the days of a window by the rules in force and by others, and compare what they raise.

    Args:
        connection: To the store; what others write meanwhile is not seen.
        tried: The rules to try.
        window: Alarms raised within it are compared.
        enterprises: Whose; all if none is named.
        tell: Told how many enterprises are done, and of how many.

    Raises:
        NothingFoldedError: Nothing is known of an enterprise, or nothing was stored then.
        StorageError: The database is away.
    """
    async with holding(connection):
        standing = await rules_now(connection)
        there = await stored(connection, enterprises)
        if unknown := sorted(set(enterprises) - there.states.keys()):
            names = ", ".join(unknown)
            zh, en = f"{names} 还没有判定过", f"nothing was folded yet of {names}"
            raise NothingFoldedError(zh, en, "see wattwarden registry show enterprise")
        done, total = 0, len(there.states)
        tell(done, total)

        def advance(more: int) -> None:
            nonlocal done
            done += more
            tell(done, total)

        found = await folded(connection, there, (standing, tried), window, advance)
    if not found:
        raise NothingFoldedError(
            "该时段没有可用的历史",
            "nothing was folded between the two moments",
            "name another --since or --until; nothing was stored then",
        )
    before, after = (episodes_of(one, window.since, window.until) for one in found)
    classes = (_classes(standing), _classes(tried))
    return Tried(standing, compared(before, after, classes))


def _classes(rules: Rules) -> Classes:
    return {one.id: one.grade for one in rules.rules.values()}
