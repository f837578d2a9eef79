"""What programs do: as whoever they are, once for each key, and nothing that is not theirs."""

import asyncio
from typing import Any

import pytest
from tests.alarms.cases.photo import photo
from tests.console.api.caller import Caller

from wattwarden.alarms.registry.nouns import Role
from wattwarden.console.api.deeds import DECIDED, who_may
from wattwarden.console.api.sent import BODY_BYTES

JPEG = photo("2026:11:22 10:00:00", "+08:00")


async def acknowledged(caller: Caller, firm: str = "E1") -> dict[str, Any]:
    return {"id": "new", "alarm": str(await caller.desk.alarm_of(firm)), "verb": "ack"}


async def test_a_deed_is_kept_as_its_persons_own(caller: Caller) -> None:
    body = await acknowledged(caller)
    answer = await caller.post("decisions/action", "duty1", body)
    assert answer.status == 201, answer.body
    told = answer.told
    assert (told["kind"], told["actor"], told["enterprise"]) == ("action", "duty1", "E1")
    alarm = (await caller.get(f"alarms/{body['alarm']}", "duty1")).told["alarm"]
    assert (alarm["state"], alarm["acked_by"]) == ("acked", "duty1")


async def test_what_stands_against_a_deed_is_told_and_nothing_is_kept(caller: Caller) -> None:
    body = await acknowledged(caller)
    await caller.post("decisions/action", "duty1", body)
    before = await caller.desk.decided()
    answer = await caller.post("decisions/action", "duty1", body, Accept_Language="en")
    assert answer.status == 409
    assert answer.told["detail"]
    assert await caller.desk.decided() == before


async def test_the_same_key_does_a_deed_once(caller: Caller) -> None:
    body, key = await acknowledged(caller), {"Idempotency_Key": "k-1"}
    before = await caller.desk.decided()
    answers = await asyncio.gather(
        *(caller.post("decisions/action", "duty1", body, **key) for _ in range(3))
    )
    assert [one.status for one in answers] == [201] * 3
    assert len({one.told["decision"] for one in answers}) == 1
    replayed = [one.headers.get("Idempotency-Replayed") for one in answers]
    assert sorted(map(str, replayed)) == ["None", "true", "true"]
    assert await caller.desk.decided() == before + 1


async def test_a_key_is_for_one_request_of_one_person(caller: Caller) -> None:
    body, key = await acknowledged(caller), {"Idempotency_Key": "k-1"}
    await caller.post("decisions/action", "duty1", body, **key)
    other = await caller.post("decisions/action", "duty1", {**body, "verb": "handle"}, **key)
    assert other.status == 422
    somebody = await caller.post("decisions/action", "somebody-E1", body, **key)
    assert somebody.status == 409, "acknowledged already: it was asked anew"


async def test_a_refused_deed_frees_its_key(caller: Caller) -> None:
    key = {"Idempotency_Key": "k-1"}
    body = {**await acknowledged(caller), "verb": "verify"}
    assert (await caller.post("decisions/action", "duty1", body, **key)).status == 409
    body["verb"] = "ack"
    assert (await caller.post("decisions/action", "duty1", body, **key)).status == 201


async def test_a_foreign_thing_is_as_if_it_were_not_there(caller: Caller) -> None:
    before = await caller.desk.decided()
    foreign = await caller.post(
        "decisions/action", "duty1", await acknowledged(caller, "E2"), Accept_Language="en"
    )
    nothing = await caller.post(
        "decisions/action",
        "duty1",
        {**await acknowledged(caller), "alarm": "999999"},
        Accept_Language="en",
    )
    assert foreign.status == nothing.status == 404
    assert foreign.body == nothing.body
    assert await caller.desk.decided() == before


@pytest.mark.parametrize(
    ("person", "body", "kind", "status"),
    [
        pytest.param(None, {}, "application/json", 401, id="nobody"),
        pytest.param("reads only", {}, "application/json", 403, id="a token that reads"),
        pytest.param("auditor", {}, "application/json", 403, id="another role"),
        pytest.param("duty1", {"id": "new"}, "application/json", 422, id="no alarm"),
        pytest.param("duty1", b"{", "application/json", 400, id="no json"),
        pytest.param("duty1", b"\xff\xfe", "application/json", 400, id="no text"),
        pytest.param("duty1", b'{"id":' * 9_000, "application/json", 422, id="deep"),
        pytest.param("duty1", {}, "text/plain", 415, id="another type"),
        pytest.param("duty1", b" " * (BODY_BYTES + 1), "application/json", 413, id="too big"),
    ],
)
async def test_what_cannot_be_done_is_refused(
    caller: Caller, person: str | None, body: Any, kind: str, status: int
) -> None:
    before = await caller.desk.decided()
    answer = await caller.post("decisions/action", person, body, Content_Type=kind)
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert await caller.desk.decided() == before


async def test_a_file_is_kept_and_given_back(caller: Caller) -> None:
    path = "evidence?about=unit&subject=U1&name=filter.jpg"
    answer = await caller.post(path, "duty1", JPEG, Content_Type="image/jpeg")
    assert answer.status == 201, answer.body
    digest = answer.told["body"]["sha256"]
    kept = await caller.get(f"evidence/{digest}/bytes", "duty1")
    assert (kept.status, kept.body) == (200, JPEG)


@pytest.mark.parametrize(
    ("subject", "data", "status"),
    [
        pytest.param("U9", JPEG, 404, id="of another firm"),
        pytest.param("U1", b"MZ not a picture", 409, id="nothing that shows anything"),
        pytest.param("U1", b"", 409, id="nothing at all"),
    ],
)
async def test_a_file_is_judged_by_what_it_is(
    caller: Caller, subject: str, data: bytes, status: int
) -> None:
    path = f"evidence?about=unit&subject={subject}&name=a.jpg"
    answer = await caller.post(path, "duty1", data, Content_Type="image/jpeg")
    assert answer.status == status, answer.body


@pytest.mark.parametrize("kind", DECIDED)
def test_every_kind_of_decision_is_somebodys(kind: str) -> None:
    assert who_may(kind)
    assert Role.AUDITOR not in who_may(kind)
