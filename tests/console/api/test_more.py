"""What programs do beside deciding: records with tags, books, back-tests, accounts, frames."""

import json
import re
from typing import Any

import pytest
from tests.console.api.caller import Answer, Caller
from tests.console.browser import Browser

from wattwarden.alarms.rulebook import default_text
from wattwarden.storage.books.book import Table
from wattwarden.storage.books.reading import read_sent
from wattwarden.storage.books.writing import packed_book

REGION = {"id": "R7", "name": "新区", "parent": "R", "emissions": {}}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def put(caller: Caller, body: Any, person: str = "admin", **headers: str) -> Answer:
    path, data = f"registry/region/{body['id']}", json.dumps(body).encode()
    return await caller.ask("PUT", path, person, data, Content_Type="application/json", **headers)


async def test_a_record_is_entered_changed_and_removed_by_its_tag(caller: Caller) -> None:
    entered = await put(caller, REGION, If_None_Match="*")
    assert entered.status == 201, entered.body
    tag = entered.headers["ETag"]
    read = await caller.get("registry/region/R7", "city")
    assert (read.headers["ETag"], read.told["record"]["name"]) == (tag, "新区")
    same = await caller.get("registry/region/R7", "city", If_None_Match=tag)
    assert (same.status, same.body) == (304, b"")
    changed = await put(caller, {**REGION, "name": "老区"}, If_Match=tag)
    assert (changed.status, changed.told["version"]) == (200, 2)
    before = await caller.desk.decided()
    for again in (
        await put(caller, {**REGION, "name": "别区"}, If_Match=tag),
        await put(caller, REGION, If_None_Match="*"),
        await caller.ask("DELETE", "registry/region/R7", "admin", If_Match=tag),
        await put(caller, {**REGION, "id": "R8"}, If_Match="*"),
    ):
        assert again.status == 412, again.body
        assert again.told["code"] == "changed_meanwhile"
    unchanged = await put(caller, {**REGION, "name": "老区"})
    assert unchanged.headers["ETag"] == changed.headers["ETag"]
    assert await caller.desk.decided() == before
    now = changed.headers["ETag"]
    gone = await caller.ask("DELETE", "registry/region/R7", "admin", If_Match=now)
    assert (gone.status, gone.body) == (204, b"")
    assert (await caller.get("registry/region/R7", "admin")).status == 404


@pytest.mark.parametrize(
    ("body", "path", "status"),
    [
        ({**REGION, "parent": "nowhere"}, "region/R7", 409),
        ({**REGION, "id": "R9"}, "region/R7", 422),
        ({"id": "R7"}, "region/R7", 422),
        (REGION, "nothing/R7", 404),
    ],
    ids=["dangling", "another id", "incomplete", "no kind"],
)
async def test_a_record_that_does_not_fit_is_not_kept(
    caller: Caller, body: Any, path: str, status: int
) -> None:
    before = await caller.desk.decided()
    answer = await caller.ask(
        "PUT",
        f"registry/{path}",
        "admin",
        json.dumps(body).encode(),
        Content_Type="application/json",
    )
    assert answer.status == status, answer.body
    assert await caller.desk.decided() == before


async def test_who_decides_about_what_changed_meanwhile_is_told(caller: Caller) -> None:
    alarm = await caller.desk.alarm_of("E1")
    tag = (await caller.get(f"alarms/{alarm}", "duty1")).headers["ETag"]
    body = {"id": "new", "alarm": str(alarm), "verb": "comment", "reason": "看过"}
    first = await caller.post("decisions/action", "duty1", body, If_Match=tag)
    assert first.status == 201, first.body
    before = await caller.desk.decided()
    second = await caller.post("decisions/action", "duty1", body, If_Match=tag)
    assert second.status == 412
    untagged = {"id": "new", "enterprise": "E1", "text": "x"}
    assert (await caller.post("decisions/reminder", "leader", untagged)).status == 201
    assert await caller.desk.decided() == before + 1


async def send(caller: Caller, data: bytes, query: str, person: str = "admin") -> Answer:
    path = f"registry/import?{query}"
    return await caller.ask("POST", path, person, data, Content_Type=XLSX)


async def test_a_book_is_tried_and_imported_and_exported(caller: Caller) -> None:
    rows: Any = ((2, ("R7", "新区", "R")), (3, ("R2", "改名", "R")))
    book = packed_book([Table("区域", ("编号", "名称", "上级"), rows)])
    before = await caller.desk.decided()
    tried = await send(caller, book, "dry_run=true")
    assert (tried.status, tried.told["changed"]) == (200, {"region": 2})
    assert [one["how"] for one in tried.told["changes"]] == ["changed", "added"]
    assert await caller.desk.decided() == before
    assert (await send(caller, book, f"seen={'0' * 64}")).status == 412
    done = await send(caller, book, f"seen={tried.told['mark']}")
    assert (done.status, len(done.told["decisions"])) == (201, 1)
    assert (await send(caller, book, "")).told["changed"] == {}
    assert await caller.desk.decided() == before + 1
    exported = await caller.get("registry/export?format=zip", "city")
    names = {one.title: one for one in read_sent(exported.body, "any")}
    assert "新区" in str(names["区域"].rows)
    assert (await caller.get("registry/export", "duty1")).status == 403


async def test_faults_are_told_by_place_and_nothing_is_imported(caller: Caller) -> None:
    rows: Any = ((2, ("R7", "新区", "R77")),)
    book = packed_book([Table("区域", ("编号", "名称", "上级"), rows)])
    before = await caller.desk.decided()
    (fault,) = (await send(caller, book, "dry_run=true")).told["faults"]
    assert (fault["sheet"], fault["row"], fault["column"]) == ("区域", 2, "上级")
    refused = await send(caller, book, "lang=en")
    assert refused.status == 422
    assert "区域 2 上级" in refused.told["detail"]
    assert (await send(caller, b"PK\x03\x04", "")).status == 422
    assert (await send(caller, book, "", "city")).status == 403
    assert await caller.desk.decided() == before


async def drafted(caller: Caller) -> str:
    text = re.sub(r'(?m)^version = "[^"]*"', 'version = "try-9"', default_text())
    draft = {"id": "new", "norm": "rules", "version": "try-9", "text": text, "reason": "试"}
    answer = await caller.post("decisions/norm_draft", "city", draft)
    assert answer.status == 201, answer.body
    return str(answer.told["id"])


async def test_a_back_test_is_begun_read_and_cancelled(caller: Caller) -> None:
    await caller.desk.fetch("DELETE FROM backtest")
    span = {"since": "2026-11-18T00:00:00Z", "until": "2026-11-20T00:00:00Z"}
    body = {"draft": await drafted(caller), **span, "enterprises": ["E1"]}
    begun = await caller.post("backtests", "city", body)
    assert begun.status == 202, begun.body
    path = f"backtests/{begun.told['id']}"
    assert (await caller.post("backtests", "city", body)).status == 409
    told = (await caller.get(path, "city")).told
    assert (told["backtest"]["state"], told["outcome"]) == ("running", None)
    assert [one["id"] for one in (await caller.get("backtests", "district1")).items] == [
        begun.told["id"]
    ]
    assert (await caller.get("backtests", "district2")).items == []
    assert (await caller.get(path, "district2")).status == 404
    assert (await caller.ask("DELETE", path, "city")).status == 204
    assert (await caller.ask("DELETE", path, "duty1")).status == 403
    (row,) = await caller.desk.fetch("SELECT unwanted FROM backtest")
    assert row["unwanted"]
    long = {**body, "since": "2026-01-01T00:00:00Z"}
    assert (await caller.post("backtests", "city", long)).status == 422


async def test_people_are_invited_locked_and_let_in_again(caller: Caller) -> None:
    taken = await caller.post("accounts/head2/invitation", "admin", b"")
    assert taken.status == 403, "a token takes over nobody's account"
    await caller.desk.fetch("UPDATE account SET password = NULL WHERE person = 'head2'")
    link = await caller.post("accounts/head2/invitation", "admin", b"")
    assert link.status == 201
    assert "/welcome/" in link.told["url"]
    locked = await caller.post("accounts/duty1/lock", "admin", b"")
    assert locked.told["locked"] is not None
    assert (await caller.get("me", "duty1")).status == 401
    assert (await caller.post("accounts/duty1/unlock", "admin", b"")).told["locked"] is None
    assert (await caller.get("me", "duty1")).status == 200
    assert (await caller.post("accounts/admin/lock", "admin", b"")).status == 409
    assert (await caller.post("accounts/nobody/lock", "admin", b"")).status == 404
    assert (await caller.post("accounts/duty1/lock", "leader", b"")).status == 403
    told = (await caller.get("accounts?q=duty1", "auditor")).items
    assert [(one["id"], one["has_password"]) for one in told] == [("duty1", True)]


async def test_one_revokes_ones_own_tokens_and_makes_new_ones_signed_in(caller: Caller) -> None:
    wanted = {"name": "job", "days": 7}
    by_token = await caller.post("me/tokens", "duty1", wanted)
    assert by_token.status == 403
    browser = Browser(caller.desk)
    await browser.sign_in("duty1")
    await browser.get("/me")
    made = await caller.post(
        "me/tokens", None, wanted, X_CSRF_Token=browser.mark, **browser._with_cookies({})
    )
    assert made.status == 201, made.body
    secret = made.told["token"]
    (one,) = [it for it in (await caller.get("me/tokens", secret)).items if it["name"] == "job"]
    assert one["scopes"] == ["read"]
    assert (await caller.ask("DELETE", f"me/tokens/{one['id']}", "head2")).status == 404
    assert (await caller.ask("DELETE", f"me/tokens/{one['id']}", "duty1")).status == 204
    assert (await caller.get("me", secret)).status == 401
    (session,) = (await caller.get("me/sessions", "duty1")).items
    assert (await caller.ask("DELETE", f"me/sessions/{session['id']}", "duty1")).status == 204
    assert (await caller.get("me/sessions", "duty1")).items == []


async def test_frames_are_read_again_and_meters_accepted(caller: Caller) -> None:
    retried = await caller.post("quarantine/retry", "admin", {"codec": "acrel"})
    assert retried.told == {"tried": 1, "resolved": 0, "rows": 0}
    assert caller.desk.gateways.retried[-1].codec == "acrel"
    assert (await caller.post("quarantine/retry", "city", {})).status == 403
    (row,) = await caller.desk.fetch(
        "INSERT INTO meter (codec, address, state, enrolled_at)"
        " VALUES ('acrel', 'api-1', 'unconfirmed', now())"
        " ON CONFLICT (codec, address) DO UPDATE SET state = 'unconfirmed' RETURNING id"
    )
    path = f"meters/{row['id']}"
    tag = (await caller.get(path, "admin")).headers["ETag"]
    accepted = await caller.post(f"{path}/accept", "admin", b"", If_Match=tag)
    assert (accepted.status, accepted.told["state"]) == (200, "accepted")
    assert (await caller.post(f"{path}/accept", "admin", b"", If_Match=tag)).status == 412
    await caller.desk.fetch("DELETE FROM meter WHERE address = 'api-1'")


async def test_flags_and_shares_are_the_authoritys(caller: Caller) -> None:
    assert (await caller.get("flags", "duty1")).status == 403
    assert (await caller.get("flags", "leader")).status == 200
    shared = await caller.get("shares?agency=A2", "leader")
    lines = [json.loads(line) for line in shared.body.splitlines()]
    assert (shared.status, lines[0]["kind"], lines[0]["agency"]) == (200, "share", "A2")
    assert (await caller.get("shares?agency=nobody", "leader")).status == 404
    assert (await caller.get("shares?agency=A2", "district1")).status == 404


async def test_a_channel_is_tried(caller: Caller) -> None:
    told = await caller.post("channels/test", "admin", {"endpoint": "wecom", "to": "w-E1"})
    assert (told.status, told.told["delivered"]) == (200, True)
    bad = await caller.post("channels/test", "admin", {"endpoint": "wecom", "to": "bad"})
    assert (bad.told["delivered"], bad.told["reason"]) == (False, "<b>40003</b>")
    for body in ({"endpoint": "none"}, {"endpoint": "wecom"}):
        assert (await caller.post("channels/test", "admin", body)).status == 422


async def test_rules_are_told_and_files_checked(caller: Caller) -> None:
    told = (await caller.get("rules", "leader")).told
    assert told["text"] == default_text()
    assert {one["id"]: one["class"] for one in told["rules"]}["R1"] == "A"
    fine = await caller.post("rules/check", "leader", {"text": default_text()})
    assert fine.told == {"version": told["version"], "faults": []}
    wrong = default_text().replace("theta_off = 0.10", "theta_off = -1", 1)
    (fault,) = (await caller.post("rules/check", "leader", {"text": wrong})).told["faults"]
    assert "theta_off" in fault
    assert (await caller.get("rules", "duty1")).status == 403
