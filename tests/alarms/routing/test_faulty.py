"""Whom a refused address concerns, as long as somebody is reached by it."""

import pytest
from tests.alarms.routing.test_route import PEOPLE, STREAM, table

from wattwarden.alarms.routing.bodies import Reach
from wattwarden.alarms.routing.faulty import Concerned, concerned

GROUP = STREAM + 'to = ["ops"]\n'


def found(endpoint: str, address: str, more: str = "", *reaches: Reach) -> Concerned:
    own = {reach.id: reach for reach in reaches}
    return concerned(endpoint, address, table(more), PEOPLE, own)


def ids(answer: Concerned) -> list[str]:
    return [one.id for one in answer.people]


def test_an_address_concerns_whoever_has_it() -> None:
    answer = found("wecom", "d1")
    assert (ids(answer), answer.stands) == (["D1"], True)
    assert ids(found("sms", "d1")) == []


def test_an_address_that_was_changed_concerns_nobody() -> None:
    moved = Reach(id="D1", addresses={"wechat": "d1-new"})
    assert found("wecom", "d1", "", moved) == Concerned(stands=False)
    assert ids(found("wecom", "d1-new", "", moved)) == ["D1"]


@pytest.mark.parametrize(
    ("endpoint", "address", "more", "stands"),
    [
        ("wecom", "", "", True),
        ("fax", "", "", False),
        ("hook", "ops", GROUP, True),
        ("hook", "ops", STREAM, False),
        ("hook", "dev", GROUP, False),
    ],
    ids=["an endpoint", "one that is gone", "a group", "a group that is gone", "another group"],
)
def test_an_endpoint_and_a_group_are_nobodys(
    endpoint: str,
    address: str,
    more: str,
    stands: bool,  # noqa: FBT001  # a case
) -> None:
    assert found(endpoint, address, more) == Concerned(stands=stands)
