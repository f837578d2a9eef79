"""Rules and gradings: proposed by one, decided by another, for what is to come."""

from typing import Any

import msgspec
import pytest
from tests.storage.cases.city import after, with_alarm
from tests.storage.registry.council import SHIPPED, STRICT, with_council

from wattwarden.alarms.cases.case import Level
from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.decisions.body import NEW, Body
from wattwarden.alarms.decisions.norms import GradingSet, Norm, NormDraft, NormRefusal
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.rulebook import default_text
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.load import load_case
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered, told
from wattwarden.storage.registry.norms import fates_of


async def propose(store: Connection, person: str = "C1", **more: Any) -> str:
    values = {"norm": Norm.GRADING, "version": "2", "text": STRICT, "reason": "从严", **more}
    entered = await decide(store, NormDraft(id=NEW, **values), person, after(-30))
    return str(getattr(entered.body, "id", ""))


def grading(draft: str, **more: Any) -> GradingSet:
    return GradingSet(**({"version": "2", "text": STRICT, "draft": draft} | more))


async def put(store: Connection, body: Body, person: str) -> Entered:
    return await decide(store, body, person, after(-20))


async def test_nobody_puts_their_own_draft_in_force(store: Connection) -> None:
    await with_council(store)
    draft = await propose(store)
    with pytest.raises(RefusedError, match="somebody else decides"):
        await put(store, grading(draft), "C1")
    assert await told(store, ["grading"]) == []
    assert (await put(store, grading(draft), "C2")).actor == "C2"


async def test_a_draft_is_decided_upon_once(store: Connection) -> None:
    await with_council(store)
    draft = await propose(store, "S1")
    await put(store, grading(draft), "C1")
    with pytest.raises(RefusedError, match="was put in force by C1"):
        await put(store, grading(draft), "C2")


@pytest.mark.parametrize(
    ("proposer", "refuser", "why"),
    [
        ("C1", "C2", None),
        ("C1", "C1", None),
        ("S1", "S1", None),
        ("S1", "P5", None),
        ("C1", "S1", "an officer of the city or a leader refuses it"),
        ("C1", "P1", "takes administrator, city_officer, leader"),
        ("C1", "P3", "takes administrator, city_officer, leader"),
    ],
    ids=[
        "another-officer", "withdrawn", "withdrawn-by-the-administrator", "a-leader",
        "the-administrator-anothers", "who-is-not-of-the-city", "the-firm",
    ],
)  # fmt: skip
async def test_a_draft_comes_to_nothing_by_who_decides_or_proposed_it(
    store: Connection, proposer: str, refuser: str, why: str | None
) -> None:
    await with_council(store)
    draft = await propose(store, proposer)
    refusal = NormRefusal(draft=draft, reason="数值过严")
    if why is not None:
        with pytest.raises(RefusedError, match=why):
            await put(store, refusal, refuser)
        assert await fates_of(store, Norm.GRADING) == {}
        return
    await put(store, refusal, refuser)
    assert (await fates_of(store, Norm.GRADING))[draft].actor == refuser
    for body in (refusal, grading(draft)):
        with pytest.raises(RefusedError, match=f"was refused by {refuser}"):
            await put(store, body, "P5")


async def test_what_is_in_force_is_refused_no_more(store: Connection) -> None:
    await with_council(store)
    draft = await propose(store)
    await put(store, grading(draft), "C2")
    with pytest.raises(RefusedError, match="was put in force by C2"):
        await put(store, NormRefusal(draft=draft, reason="过严"), "C2")


@pytest.mark.parametrize("person", ["P1", "P2", "P3", "S1"])
async def test_only_officers_of_the_city_decide(store: Connection, person: str) -> None:
    await with_council(store)
    draft = await propose(store)
    for body in (grading(draft), RuleSet(version="2", text="x", draft=draft)):
        with pytest.raises(RefusedError, match=r"takes city_officer, leader|whole city"):
            await put(store, body, person)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (RuleSet(version="2", text=default_text()), "proposed first"),
        (RuleSet(version="2", text=STRICT, draft="ND2"), "proposed first"),
        (grading("ND2", text=SHIPPED), "not what draft ND2 says"),
        (grading("ND2", since=after(-21)), "alarms that are to come"),
        (grading("ND9"), "no norm_draft ND9"),
    ],
    ids=["rules-without-a-draft", "of-another-kind", "other-text", "of-the-past", "no-draft"],
)
async def test_what_was_not_proposed_so_is_refused(store: Connection, body: Body, why: str) -> None:
    await with_council(store)
    draft = await propose(store)
    changed = {"draft": draft} if getattr(body, "draft", None) == "ND2" else {}
    with pytest.raises(RefusedError, match=why.replace("ND2", draft)):
        await put(store, msgspec.structs.replace(body, **changed), "C2")


@pytest.mark.parametrize("norm", Norm)
async def test_a_file_that_cannot_be_used_is_no_draft(store: Connection, norm: Norm) -> None:
    await with_council(store)
    with pytest.raises(RefusedError, match=r"文件不可用|version"):
        await propose(store, norm=norm, text="version = 2")


async def test_alarms_are_graded_by_what_was_in_force_when_they_were_raised(
    store: Connection,
) -> None:
    await with_council(store)
    before = await with_alarm(store)
    await put(store, grading(await propose(store), since=after(60)), "C2")
    later = await with_alarm(store, at=60, subject="unit:U1")
    levels = []
    for number, minute in ((before, 1), (later, 61)):
        case = await load_case(store, number, now=after(minute))
        assert case is not None
        levels.append(case.level)
    assert levels == [Level.WARNING, Level.ALARM]
