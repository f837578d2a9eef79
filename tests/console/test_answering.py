"""The answer page in a browser's place: real sockets, a real store, a clock that one moves."""

import asyncio
import re
from datetime import timedelta

import pytest
from tests.console.desk import Desk
from tests.storage.acting.two_firms import NOW

DECLARED = {"kind": "maintenance", "hours": "4", "reason": "换滤袋"}


async def test_acknowledging_is_a_decision_of_that_person_and_is_shown(desk: Desk) -> None:
    alarm = await desk.alarm_of("E1")
    link = desk.link(alarm, "duty1")
    page = await desk.get(link)
    done = await desk.post(f"{link}/acknowledge?lang=en", {"mark": page.mark})
    assert (done.status, done.headers["Location"]) == (303, f"..{link.removeprefix('/a')}?lang=en")
    (row,) = await desk.fetch("SELECT actor, body FROM decision WHERE kind = 'action'")
    assert row["actor"] == "duty1"
    assert f'"alarm": "{alarm}"' in row["body"]
    after = await desk.get(link)
    assert "李敏 确认" in re.sub(r"\s+", " ", after.text)
    assert "已确认,无需重复确认" in after.text
    assert "/acknowledge" not in after.html
    assert desk.console.counts["acknowledged"] == 1


async def test_what_was_done_already_is_told_and_done_no_second_time(desk: Desk) -> None:
    link = desk.link(await desk.alarm_of("E1"), "duty1")
    form = {"mark": (await desk.get(link)).mark}
    both = await asyncio.gather(*(desk.post(f"{link}/acknowledge", form) for _ in range(2)))
    assert sorted(page.status for page in both) == [303, 409]
    (told,) = [page.text for page in both if page.status == 409]
    assert "已由李敏于" in told
    assert len(await desk.fetch("SELECT FROM decision WHERE kind = 'action'")) == 1
    assert desk.console.counts["refused"] == 1


async def test_declaring_excuses_the_alarm_until_an_officer_says(desk: Desk) -> None:
    alarm = await desk.alarm_of("E1")
    link = desk.link(alarm, "duty1")
    mark = (await desk.get(link)).mark
    assert (await desk.post(f"{link}/declare", DECLARED | {"mark": mark})).status == 303
    (row,) = await desk.fetch(
        "SELECT body ->> 'subject' AS subject, body ->> 'end' AS until, body ->> 'reason' AS why,"
        " actor FROM decision WHERE kind = 'declaration' ORDER BY id DESC LIMIT 1"
    )
    assert (row["subject"], row["why"], row["actor"]) == ("U1", "换滤袋", "duty1")
    assert row["until"].startswith((NOW + timedelta(hours=4)).strftime("%Y-%m-%dT%H"))
    page = await desk.get(link)
    assert "申报待审核" in page.text
    assert "没有需要办理的事项" in page.text
    assert desk.console.counts["used"] == 1


SCRIPTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "'; DROP TABLE decision; --",
    "javascript:alert(1)",
    "\u202etxt.exe",
]


@pytest.mark.parametrize("script", SCRIPTS)
async def test_scripts_come_out_as_text(desk: Desk, script: str) -> None:
    link = desk.link(await desk.alarm_of("E1"), "duty1")
    await desk.fetch(
        "UPDATE alarm SET explanation = jsonb_set(explanation, '{zh}', to_jsonb($1::text))", script
    )
    await desk.fetch(
        "INSERT INTO registry_entry (kind, id, version, body, removed, decision) SELECT kind, id,"
        " version + 1, jsonb_set(body, '{name}', to_jsonb($1::text)), FALSE, decision"
        " FROM registry_entry WHERE (kind, id) IN (('unit', 'U1'), ('enterprise', 'E1'),"
        " ('person', 'duty1'))",
        script,
    )
    page = await desk.get(link)
    form = DECLARED | {"reason": script, "mark": page.mark}
    assert (await desk.post(f"{link}/declare", form)).status == 303
    after = await desk.get(link)
    for seen in (page, after):
        assert "<script" not in seen.html
        assert "<img" not in seen.html
        assert script in seen.text
    assert "49" not in after.text.partition("经过")[2].partition("此链接")[0].replace(":49", "")
