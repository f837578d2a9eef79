"""What help is counted by: firms and problems, as the authority reports them."""

from collections.abc import Iterable
from dataclasses import dataclass

from wattwarden.alarms.service.requests import SOLVED_STATES, Request


@dataclass(frozen=True, slots=True)
class Helped:
    """How many firms asked, how many were given solutions, to how many problems."""

    requests: int
    firms_asking: int
    firms_solved: int
    problems_solved: int


def helped(requests: Iterable[Request]) -> Helped:
    """Count requests; each is one problem of one firm."""
    listed = list(requests)
    solved = [one for one in listed if one.state in SOLVED_STATES]
    return Helped(
        len(listed),
        len({one.body.enterprise for one in listed}),
        len({one.body.enterprise for one in solved}),
        len(solved),
    )
