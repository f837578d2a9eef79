"""Notices are written in the transaction that makes them fall due, once, with their reasons."""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import orjson
import pytest
from tests.storage.cases.city import action, after, known, with_alarm, with_firm

from wattwarden.alarms.cases.bodies import Verb
from wattwarden.alarms.channels.facts import Facts
from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.routing.bodies import Reach, Routing, Silence, SilenceEnd
from wattwarden.alarms.routing.table import default_text
from wattwarden.alarms.rulebook import default_rules
from wattwarden.alarms.rulebook import default_text as default_rules_text
from wattwarden.server.following import follow
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases import follow as cases
from wattwarden.storage.database import Connection
from wattwarden.storage.outbox import follow as outbox
from wattwarden.storage.outbox.load import load_scene, load_silences
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter
from wattwarden.storage.warden.followed import Followed

TABLE: Final = (
    default_text()
    + """
[endpoint.wecom]
channel = "wecom_app"
settings = { corpid = "C", agentid = 1 }
secrets = { corpsecret = "corp" }
address = "wecom"

[endpoint.hook]
channel = "webhook"
settings = { url = "https://example.org/in" }
secrets = { secret = "k" }

[[stream]]
endpoint = "hook"
"""
)


async def with_routing(store: Connection) -> None:
    await with_firm(store)
    await enter(store, Decision(Routing(version="1", text=TABLE), "me", after(-100)))
    for person in ("P2", "P3"):
        body = Reach(id=person, addresses={"wecom": person.lower()})
        await enter(store, Decision(body, "me", after(-100)))


async def passed(store: Connection, minutes: float) -> None:
    """A pass of the warden up to so many minutes after the raise."""
    now: datetime = after(minutes)
    everything = Followed(
        known(), default_rules(), tuple(range(32)), now - timedelta(seconds=1), now
    )
    await cases.follow(store, everything)
    await outbox.follow(store, everything)


async def rows(store: Connection) -> list[tuple[Any, ...]]:
    found = await store.fetch(
        "SELECT why, level, recipient, endpoint, reason, state FROM outbox ORDER BY id"
    )
    return [tuple(row) for row in found]


async def test_an_alarm_is_told_to_those_whom_its_ladder_names(store: Connection) -> None:
    await with_routing(store)
    await with_alarm(store)
    await passed(store, 1)
    assert await rows(store) == [
        ("raised", 2, "P2", "wecom", "first", "waiting"),
        ("raised", 2, "stream:hook", "hook", "first", "waiting"),
    ]
    row = await store.fetchrow("SELECT * FROM outbox WHERE recipient = 'P2'")
    assert row is not None
    assert row["addressed"] == ["p2"]
    assert row["title"].startswith("【预警】某水泥 风机:")
    assert "风机未运行" in row["body"]
    assert orjson.loads(row["fields"])["firm"] == "某水泥"
    assert row["merges"] is True
    assert await store.fetchval("SELECT count(*) FROM notice_due") == 0


async def test_machines_are_told_the_alarm_as_it_stands_and_what_is_newer(
    store: Connection,
) -> None:
    await with_routing(store)
    number = await with_alarm(store, ended=10)
    await passed(store, 1)
    await passed(store, 60)
    rows = await store.fetch(
        "SELECT why, facts FROM outbox WHERE recipient = 'stream:hook' ORDER BY id"
    )
    told = {row["why"]: msgspec.json.decode(row["facts"], type=Facts) for row in rows}
    first, last = told["raised"], told["cleared"]
    assert (first.number, last.number) == (number, number)
    assert (first.sequence, first.sequence < last.sequence) == (1, True)
    assert (first.state, last.state) == ("raised", "cleared_unack")
    assert (first.rule.id, first.rule.grade) == ("R2", "A")
    assert first.enterprise.name == "某水泥"
    assert [one.name for one in first.units] == ["风机"]
    assert (first.raised, last.cleared) == (after(0), after(10))
    assert first.explanation.zh == "风机未运行"


async def test_an_alarm_is_told_as_of_the_class_that_its_rule_had_at_the_raise(
    store: Connection,
) -> None:
    await with_routing(store)
    await with_alarm(store)
    await with_alarm(store, at=60, line="L2")
    shut_down = 'en = "treatment shut down"\nclass = '
    harder = default_rules_text().replace(f'{shut_down}"A"', f'{shut_down}"C"')
    await enter(store, Decision(RuleSet(version="2", text=harder), "me", after(30)))
    await passed(store, 90)
    rows = await store.fetch(
        "SELECT alarm, facts FROM outbox WHERE recipient = 'stream:hook' AND why = 'raised'"
        " ORDER BY alarm"
    )
    told = [msgspec.json.decode(row["facts"], type=Facts).rule.grade for row in rows]
    assert told == ["A", "C"]


async def test_it_is_told_once_however_often_passes_come(store: Connection) -> None:
    await with_routing(store)
    await with_alarm(store)
    for minutes in (1, 2, 3):
        await passed(store, minutes)
    assert len(await rows(store)) == 2


async def test_the_end_goes_to_whoever_got_the_raise(store: Connection) -> None:
    await with_routing(store)
    await with_alarm(store, ended=10)
    await passed(store, 1)
    await passed(store, 60)
    assert [row for row in await rows(store) if row[0] == "cleared"] == [
        ("cleared", 2, "P2", "wecom", "resolved", "waiting"),
        ("cleared", 2, "stream:hook", "hook", "resolved", "waiting"),
    ]


async def test_whom_no_raise_reached_is_told_no_end(store: Connection) -> None:
    await with_routing(store)
    await with_alarm(store, ended=10)
    await passed(store, 1)
    await store.execute("UPDATE outbox SET state = 'dead' WHERE recipient = 'P2'")
    await passed(store, 60)
    assert [row[2] for row in await rows(store) if row[0] == "cleared"] == ["stream:hook"]


async def test_without_any_endpoint_nothing_is_written_and_nothing_waits(
    store: Connection,
) -> None:
    await with_firm(store)
    await with_alarm(store)
    await passed(store, 1)
    assert await rows(store) == []
    assert await store.fetchval("SELECT count(*) FROM notice_due") == 0


async def test_what_is_silenced_is_kept_with_its_reason(store: Connection) -> None:
    await with_routing(store)
    await with_alarm(store)
    body = Silence(
        id="new", enterprise="E1", start=after(-10), end=after(60), reason="检修", rules=("R2",)
    )
    entered = await decide(store, body, "P5", after(-5))
    await passed(store, 1)
    assert await rows(store) == [
        ("raised", 2, "", "", "silent because of a silence", "silent"),
    ]
    name = str(getattr(entered.body, "id", ""))
    assert name.startswith("SL")
    await decide(store, SilenceEnd(silence=name), "P5", after(2))
    ((_, standing),) = await load_silences(store, ["E1"])
    assert standing.end == after(2)
    with pytest.raises(RefusedError, match="is over"):
        await decide(store, SilenceEnd(silence=name), "P5", after(3))


@pytest.mark.parametrize(
    ("body", "actor", "said"),
    [
        (
            Silence(id="new", enterprise="E1", start=after(0), end=after(9), reason="x"),
            "P2",
            "takes",
        ),
        (
            Silence(id="new", enterprise="E1", start=after(0), end=after(60 * 24 * 40), reason="x"),
            "P5",
            "31 days",
        ),
        (
            Silence(id="new", enterprise="E1", start=after(-9), end=after(0), reason="x"),
            "P5",
            "past",
        ),
        (Reach(id="P4"), "P2", "not P2's"),
        (Reach(id="P3"), "P2", "own"),
        (Routing(version="1", text="x = 1"), "P5", "takes administrator"),
    ],
    ids=["a firm's duty", "too long", "over", "another firm's", "the head's", "an officer's"],
)
async def test_what_nobody_may_decide_is_refused(
    store: Connection, body: Any, actor: str, said: str
) -> None:
    await with_firm(store)
    with pytest.raises(RefusedError, match=said):
        await decide(store, body, actor, after(1))


async def test_a_head_says_how_their_people_are_reached(store: Connection) -> None:
    await with_firm(store)
    await decide(store, Reach(id="P2", addresses={"wecom": "limin"}), "P3", after(1))
    await decide(store, Reach(id="P2", addresses={"wecom": "li"}), "P2", after(2))
    scene = await load_scene(store, "E1", after(3))
    assert scene.reaches["P2"].addresses == {"wecom": "li"}


async def test_notices_come_after_cases_in_the_same_pass(store: Connection) -> None:
    await with_routing(store)
    number = await with_alarm(store)
    await decide(store, action(number, Verb.ACK), "P2", after(1))
    now = after(2)
    await follow(
        store,
        Followed(known(), default_rules(), tuple(range(32)), now - timedelta(seconds=1), now),
    )
    assert len(await rows(store)) == 2
