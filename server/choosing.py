"""Which of the notices that are due go now, within every limit; the others wait for their turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from wattwarden.alarms.routing.bundle import Bundle, Item, bundle
from wattwarden.alarms.routing.table import Table
from wattwarden.server.endpoint import Endpoint
from wattwarden.server.judging import Judge
from wattwarden.server.switchboard import Switchboard


@dataclass(frozen=True, slots=True)
class Choice:
    """What goes now, noted in the paces already; until when notices are put off, by number."""

    chosen: list[Bundle] = field(default_factory=list)
    later: dict[int, datetime] = field(default_factory=dict)


def choose(
    items: Sequence[Item],
    board: Switchboard,
    table: Table,
    judge: Judge,
    free: dict[str, int],
    room: int,
) -> Choice:
    """Return what may go now of notices that are due.

    ``free`` is what each endpoint still takes, and ``room`` what all of them do.
    """
    choice, wall = Choice(), judge.wall_us()
    for one in bundle(items, judge.now(), table):
        head = one.head
        if len(choice.chosen) >= room or free.get(head.endpoint, 0) <= 0:
            continue
        endpoint = board.endpoints[head.endpoint]
        at = endpoint.pacer.earliest(head.to, head.level, wall)
        if at <= wall:
            free[head.endpoint] -= 1
            endpoint.pacer.note(head.to, wall)
            choice.chosen.append(one)
        elif endpoint.open_to(head.level, wall):
            choice.later.update(_held(items, head, judge.system(at)))
    return choice


def free_of(endpoints: dict[str, Endpoint], sending: dict[int, str], most: int) -> dict[str, int]:
    """Return how many more each endpoint may have on its way, of those that may have any.

    What was refused as a whole gets one: the others would only be refused with it.
    """
    left = {name: 1 if one.is_doubted else most for name, one in endpoints.items()}
    for name in sending.values():
        if name in left:
            left[name] -= 1
    return {name: count for name, count in left.items() if count > 0}


def _held(items: Sequence[Item], head: Item, until: datetime) -> dict[int, datetime]:
    """Return what a reader's limit holds: also whatever else that reader waits for by that way."""
    return {
        item.id: until
        for item in items
        if (item.endpoint, item.recipient) == (head.endpoint, head.recipient)
        and item.level <= head.level
    }
