"""From the moved timers of outlets' factors to findings."""

from collections.abc import Iterator

from wattwarden.alarms.episodes.explain import explain_emission
from wattwarden.alarms.episodes.findings import Alarm, Ended, Finding, Key, Raised, Returned
from wattwarden.alarms.episodes.timers import Moved, Timed
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.rows import WATCH_KIND, WatchRow
from wattwarden.alarms.states.block import Block


def follow_watches(
    plant: Plant, block: Block, moved: list[Moved], timed: Timed
) -> Iterator[Finding]:
    """Yield what the timers of outlets' factors mean."""
    for each in moved:
        row, watch = divmod(each.index, len(plant.watches))
        outlet, factor = plant.watches[watch]
        kind = f"{WATCH_KIND[WatchRow(row)]}:{factor}"
        key = Key("R20", f"outlet:{outlet}", kind, each.began)
        firm = plant.firms[plant.watch.firm[watch]]
        at = int(timed.at[each.slot, each.index])
        if each.what == "ended":
            yield Ended(key, firm, each.at, at)
        elif each.what == "returned":
            yield Returned(key, firm, at)
        else:
            line = plant.watch.line[watch]
            value = float(block.grid.factor_value[each.slot, watch])
            yield Raised(
                Alarm(
                    rule="R20",
                    subject=key.subject,
                    enterprise=firm,
                    line=plant.lines[line] if line >= 0 else "",
                    kind=kind,
                    began=each.began,
                    raised=at,
                    version=plant.version,
                    explanation=explain_emission(plant, watch, kind, value, at - each.began),
                )
            )
