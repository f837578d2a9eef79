"""Orders and help for programs: what is issued orders something; manuals, reminders, training."""

from tests.console.api.caller import Caller

ISSUED = {
    "id": "RE7",
    "level": "orange",
    "start": "2026-11-22T03:00:00Z",
    "end": "2026-11-24T03:00:00Z",
}


async def test_a_response_that_a_program_issues_orders_what_was_prepared(caller: Caller) -> None:
    assert (await caller.post("decisions/response", "leader", ISSUED)).status == 201
    plans = (await caller.get("plans?limit=200", "leader")).items
    mine = [one["body"] for one in plans if one["body"]["origin"] == "RE7"]
    assert {one["subject"] for one in mine} == {"E1", "E2"}
    assert {one["exempt"] for one in mine} == {True}
    told = (await caller.get("responses/RE7", "district1")).told
    assert told["response"]["level"] == "orange"
    assert {one["enterprise"] for one in told["firms"]} <= {"E1"}
    lifted = {"id": "new", "response": "RE7", "verb": "close"}
    assert (await caller.post("decisions/response_step", "leader", lifted)).status == 201
    after = (await caller.get("plans?limit=200", "leader")).items
    standing = [one["body"] for one in after if one["body"]["origin"] == "RE7"]
    assert all(not one["enabled"] or one["end"] < ISSUED["end"] for one in standing)
    assert (await caller.get("responses/RE9", "leader")).status == 404


async def test_a_manual_is_told_to_the_firms_of_its_industry(caller: Caller) -> None:
    told = await caller.get("documents/DM-cement", "duty1")
    assert (told.status, told.told["body"]["industry"], told.told["papers"]) == (200, "cement", [])
    assert (await caller.get("documents/DM-paint", "duty1")).status == 404
    assert [one["id"] for one in (await caller.get("documents", "duty1")).items] == ["DM-cement"]
    foreign = "documents/DM-cement/files/" + "0" * 64
    assert (await caller.get(foreign, "duty1")).status == 404


async def test_reminders_and_training_are_told_to_whom_they_concern(caller: Caller) -> None:
    own = (await caller.get("reminders", "duty1")).items
    assert [one["id"] for one in own] == ["RM-E1"]
    assert (await caller.get("reminders", "fitter1")).status == 403
    body = {
        "id": "new",
        "guidance": "training",
        "title": "巡检",
        "at": "2026-11-22T03:00:00Z",
        "enterprises": ["E1", "E2"],
    }
    assert (await caller.post("decisions/training", "leader", body)).status == 201
    (told,) = (await caller.get("trainings", "head2")).items
    assert told["body"]["enterprises"] == ["E2"]
    assert (await caller.get("round-tables", "head2")).items == []
    assert (await caller.get("solutions", "head2")).items == []
