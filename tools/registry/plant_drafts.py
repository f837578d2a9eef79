"""Drafts of firms: which lines and machines, until the city has exactly as many as wanted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from wattwarden.tools.registry.trades import TRADES, Machine, Trade, Workline

# Of 100 firms: one line, two, three.
_LINES_OF_100: Final = ((45, 1), (35, 2), (20, 3))
# Half of what can have a spare has one.
_SPARE_SHARE: Final = 0.5


@dataclass(slots=True)
class DraftLine:
    """A line with its machines; ``spares`` are the places of treatment machines that have one."""

    workline: Workline
    production: list[Machine]
    treatment: list[Machine]
    spares: set[int] = field(default_factory=set)

    @property
    def treatment_units(self) -> int:
        """How many units the treatment is, spares included."""
        return len(self.treatment) + len(self.spares)


@dataclass(slots=True)
class Draft:
    """A firm before it has a name."""

    trade: Trade
    lines: list[DraftLine]


def draft_firms(chance: Random, firms: int, production: int, treatment: int) -> list[Draft]:
    """Draft a city's firms with exactly so many production and treatment units in all.

    Raises:
        ValueError: There are fewer units of a kind than firms.
    """
    if not firms <= min(production, treatment):
        message = f"{firms} firms need at least one unit of each kind"
        raise ValueError(message)
    drafts = [_draft(chance, trade) for trade in _trades(chance, firms)]
    _narrow(drafts, min(production, treatment))
    lines = [line for draft in drafts for line in draft.lines]
    _settle(chance, lines, production, lambda line: len(line.production), _more_work, _less_work)
    _settle(chance, lines, treatment, lambda line: line.treatment_units, _more_air, _less_air)
    return drafts


def _trades(chance: Random, firms: int) -> list[Trade]:
    """Every trade at least once, the rest as common as they are."""
    rest = chance.choices(TRADES, [trade.share for trade in TRADES], k=max(firms - len(TRADES), 0))
    trades = [*TRADES, *rest][:firms]
    chance.shuffle(trades)
    return trades


def _draft(chance: Random, trade: Trade) -> Draft:
    ((_, count),) = chance.choices(_LINES_OF_100, [share for share, _ in _LINES_OF_100])
    return Draft(trade, [_line(chance, chance.choice(trade.lines)) for _ in range(count)])


def _line(chance: Random, workline: Workline) -> DraftLine:
    line = DraftLine(workline, list(workline.production), list(workline.treatment))
    for place, machine in enumerate(workline.treatment):
        if machine.spare and chance.random() < _SPARE_SHARE:
            line.spares.add(place)
    return line


def _narrow(drafts: list[Draft], most: int) -> None:
    """Take lines from the largest firms, until there are units for each."""
    count = sum(len(draft.lines) for draft in drafts)
    while count > most:
        max(drafts, key=lambda draft: len(draft.lines)).lines.pop()
        count -= 1


def _settle(
    chance: Random,
    lines: list[DraftLine],
    wanted: int,
    count: Callable[[DraftLine], int],
    more: Callable[[Random, DraftLine], None],
    less: Callable[[DraftLine], None],
) -> None:
    """Add and take units, one here and one there, until there are as many as wanted."""
    total = sum(map(count, lines))
    while total < wanted:
        more(chance, chance.choice(lines))
        total += 1
    while total > wanted:
        line = chance.choice(lines)
        if count(line) > 1:
            less(line)
            total -= 1


def _more_work(chance: Random, line: DraftLine) -> None:
    line.production.append(chance.choice(line.workline.production))


def _less_work(line: DraftLine) -> None:
    line.production.pop()


def _more_air(chance: Random, line: DraftLine) -> None:
    line.treatment.append(chance.choice(line.workline.treatment))


def _less_air(line: DraftLine) -> None:
    if line.spares:
        line.spares.pop()
    else:
        line.treatment.pop()
