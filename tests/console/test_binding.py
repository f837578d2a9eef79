"""A code that is scanned binds an account to a person: once, within minutes, by a decision."""

import asyncio
from urllib.parse import quote

import orjson
import pytest
from tests.console.desk import Desk

from wattwarden.console.gateways import Bindable
from wattwarden.console.links import BOUND_WITHIN, Invitation, invitation_address

IN_THE_APP = "Mozilla/5.0 (iPhone) MicroMessenger/8.0"


def invite(desk: Desk, person: str = "duty1", number: int = 0, endpoint: str = "mp") -> str:
    desk.gateways.ways["mp"] = Bindable("openid", "https://open.example/authorize")
    desk.gateways.visitors |= {"C1": "oABC", "C2": "oXYZ"}
    until = desk.keys.now_s() + int(BOUND_WITHIN.total_seconds())
    return invitation_address("", desk.keys, Invitation(person, endpoint, number, until))


async def reaches(desk: Desk) -> list[tuple[str, dict[str, str]]]:
    rows = await desk.fetch("SELECT actor, body FROM decision WHERE kind = 'reach' ORDER BY id")
    return [(row["actor"], orjson.loads(row["body"])["addresses"]) for row in rows]


async def test_scanning_leads_to_the_app_and_back_and_binds(desk: Desk) -> None:
    link = invite(desk)
    scanned = await desk.get(link, User_Agent=IN_THE_APP)
    assert scanned.status == 302
    assert scanned.headers["Location"].startswith("https://open.example/authorize?back=")
    assert quote(link, safe="") in quote(scanned.headers["Location"], safe="")
    back = await desk.get(f"{link}?code=C1&state=bind", User_Agent=IN_THE_APP)
    assert "李敏" in back.text
    assert await reaches(desk) == []
    done = await desk.post(link, {"mark": back.mark, "code": "C1"})
    assert (done.status, "已绑定" in done.text) == (200, True)
    assert await reaches(desk) == [("duty1", {"openid": "oABC"})]
    assert desk.console.counts["bound"] == 1


async def test_a_code_binds_once(desk: Desk) -> None:
    link = invite(desk)
    mark = (await desk.get(f"{link}?code=C1")).mark
    both = await asyncio.gather(
        *(desk.post(link, {"mark": mark, "code": code}) for code in ("C1", "C2"))
    )
    assert sorted(page.status for page in both) in ([200, 409], [200, 410])
    assert len(await reaches(desk)) == 1
    again = await desk.get(link)
    assert again.status == 410
    assert "已使用" in again.text


async def test_other_addresses_stay_as_they_were(desk: Desk) -> None:
    first = invite(desk)
    form = {"mark": (await desk.get(f"{first}?code=C1")).mark, "code": "C1"}
    assert (await desk.post(first, form)).status == 200
    desk.gateways.ways["work"] = Bindable("wecom", "https://open.example/work")
    (number,) = await desk.fetch("SELECT max(id) FROM decision")
    second = invite(desk, number=number[0], endpoint="work")
    form = {"mark": (await desk.get(f"{second}?code=C2")).mark, "code": "C2"}
    assert (await desk.post(second, form)).status == 200
    assert (await reaches(desk))[-1] == ("duty1", {"openid": "oABC", "wecom": "oXYZ"})


async def test_outside_the_app_the_page_says_what_to_do(window: Desk) -> None:
    page = await window.get(invite(window))
    assert page.status == 200
    assert "微信" in page.text
    assert "<form" not in page.html


@pytest.mark.parametrize(
    ("person", "endpoint", "status"),
    [("nobody", "mp", 410), ("duty1", "gone", 404)],
    ids=["no such person", "no such endpoint"],
)
async def test_what_is_no_more_cannot_be_bound(
    window: Desk, person: str, endpoint: str, status: int
) -> None:
    page = await window.get(invite(window, person, endpoint=endpoint))
    assert page.status == status


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"code": "C1"}, 403),
        ({"code": "C1", "mark": "wrong"}, 403),
        ({"code": ""}, 403),
        ({"code": "x" * 513}, 403),
        ({"code": "C9", "mark": "right"}, 502),
    ],
    ids=["no mark", "wrong mark", "no code", "long code", "unknown code"],
)
async def test_without_proof_nothing_is_bound(
    window: Desk, form: dict[str, str], status: int
) -> None:
    link = invite(window)
    if form.get("mark") == "right":
        form = form | {"mark": (await window.get(f"{link}?code=C9")).mark}
    assert (await window.post(link, form)).status == status


async def test_an_expired_or_forged_code_says_so(window: Desk) -> None:
    link = invite(window)
    forged = await window.get(link[:-2] + "xx")
    window.time.pass_s(BOUND_WITHIN.total_seconds())
    expired = await window.get(link)
    assert (forged.status, expired.status) == (403, 410)
    assert "已过期" in expired.text


async def test_whoever_may_not_say_how_they_are_reached_is_not_bound(window: Desk) -> None:
    link = invite(window, "auditor")
    form = {"mark": (await window.get(f"{link}?code=C1")).mark, "code": "C1"}
    page = await window.post(link, form)
    assert page.status == 409
    assert "无权办理" in page.text
