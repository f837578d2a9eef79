"""Meters are configured by programs as by commands: by their tag, keys by name alone."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from tests.console.api.caller import Answer, Caller

KEY: Final = "00112233445566778899aabbccddeeff"
WHOLE: Final = {
    "zone": "Asia/Urumqi",
    "cycle_s": 300,
    "listener": "acrel-tcp",
    "clock": "sync",
    "recall": "auto",
    "key": "acrel-key",
    "access": {"password": "pw", "networks": ["10.0.0.0/8"], "sim": "898604*"},
    "options": {"ack_cp": "QnRtn=1"},
}


@pytest_asyncio.fixture
async def path(caller: Caller) -> AsyncIterator[str]:
    """The address of what a meter is configured as; its key is in the secrets folder."""
    folder = caller.desk.console._parts.secrets
    folder.mkdir(exist_ok=True)
    for name, mode in (("acrel-key", 0o600), ("open-key", 0o644), ("pw", 0o600)):
        (folder / name).write_text(KEY)
        (folder / name).chmod(mode)
    (row,) = await caller.desk.fetch(
        "INSERT INTO meter (codec, address, state, enrolled_at)"
        " VALUES ('acrel', 'set-1', 'accepted', now()) RETURNING id"
    )
    yield f"meters/{row['id']}/configuration"
    await caller.desk.fetch(
        "DELETE FROM meter_profile WHERE meter IN (SELECT id FROM meter WHERE address LIKE 'set-%')"
    )
    await caller.desk.fetch("DELETE FROM meter WHERE address LIKE 'set-%'")


async def put(caller: Caller, path: str, body: Any, person: str = "admin", **more: str) -> Answer:
    data = json.dumps(body).encode()
    return await caller.ask("PUT", path, person, data, Content_Type="application/json", **more)


async def test_a_meter_is_configured_by_its_tag_and_its_key_stays_where_it_is(
    caller: Caller, path: str
) -> None:
    bare = await caller.get(path, "admin")
    assert (bare.status, bare.told["version"], bare.told["key"]) == (200, 0, None)
    tag = bare.headers["ETag"]
    made = await put(caller, path, WHOLE, If_Match=tag)
    assert made.status == 200, made.body
    assert {name: made.told[name] for name in WHOLE} == WHOLE
    assert (made.told["version"], made.told["problem"]) == (1, None)
    assert KEY.encode() not in made.body
    assert caller.desk.gateways.retried[-1].meter == "set-1"
    late = await put(caller, path, {"cycle_s": 60}, If_Match=tag)
    assert (late.status, late.told["code"]) == (412, "changed_meanwhile")
    read = await caller.get(path, "auditor")
    assert (read.headers["ETag"], read.told) == (made.headers["ETag"], made.told)
    assert (await caller.get(path, "admin", If_None_Match=read.headers["ETag"])).status == 304
    same = await put(caller, path, WHOLE)
    assert (same.status, same.told["version"]) == (200, 1)
    noted = await caller.desk.fetch("SELECT detail FROM access_event WHERE deed = 'meter'")
    assert [row["detail"] for row in noted] == ["configured acrel:set-1, version 1"]
    (caller.desk.console._parts.secrets / "acrel-key").unlink()
    lost = await caller.get(path, "admin")
    assert lost.told["problem"].startswith("key file acrel-key")


async def test_who_does_not_set_passwords_does_not_read_them(caller: Caller, path: str) -> None:
    options = {"password": "1234", "password_645": "02123456", "slave": 7}
    assert (await put(caller, path, {"options": options})).status == 200
    assert (await caller.get(path, "admin")).told["options"] == options
    read = await caller.get(path, "auditor")
    assert read.told["options"] == {"password": "…", "password_645": "…", "slave": 7}
    assert (b"1234" in read.body, b"02123456" in read.body) == (False, False)


@pytest.mark.parametrize(
    "body",
    [
        {"zone": "Mars/Olympus"},
        {"zone": ""},
        {"cycle_s": 0},
        {"cycle_s": 10**9},
        {"key": "../journal"},
        {"key": "nowhere"},
        {"key": "open-key"},
        {"access": {"password": "open-key"}},
        {"access": {"networks": ["10.0.0.1/8"]}},
        {"access": {"certificate": "M1"}},
        {"clock": "guess"},
        {"options": {"x": "y" * 20_000}},
        {"options": {"x": "\0"}},
        {"codec": "hj212"},
    ],
    ids=lambda body: str(body)[:30],
)
async def test_what_cannot_be_used_is_not_configured(
    caller: Caller, path: str, body: dict[str, Any]
) -> None:
    answer = await put(caller, path, body)
    assert answer.status == 422, answer.body
    assert str(caller.desk.console._parts.secrets).encode() not in answer.body
    assert KEY.encode() not in answer.body
    assert (await caller.get(path, "admin")).told["version"] == 0


@pytest.mark.parametrize("person", ["auditor", "city", "district1", "duty1"])
async def test_whoever_does_not_run_the_system_configures_nothing(
    caller: Caller, path: str, person: str
) -> None:
    assert (await put(caller, path, {"cycle_s": 60}, person)).status == 403
    wanted = {"codec": "acrel", "address": "set-2"}
    assert (await caller.post("meters", person, wanted)).status == 403
    sees = person == "auditor"
    assert (await caller.get(path, person)).status == (200 if sees else 403)


@pytest.mark.usefixtures("path")
async def test_a_meter_is_registered_before_it_calls(caller: Caller) -> None:
    wanted = {"codec": "acrel", "address": "set-2", "configuration": {"cycle_s": 60}}
    made = await caller.post("meters", "admin", wanted)
    assert made.status == 201, made.body
    told = made.told
    assert (told["state"], told["version"], told["cycle_s"]) == ("accepted", 1, 60)
    assert caller.desk.gateways.retried[-1].meter == "set-2"
    again = await caller.post("meters", "admin", wanted)
    assert (again.status, again.told["code"]) == (409, "known_meter")
    for wrong in ({"codec": "morse"}, {"address": ""}, {"address": "a\nb"}, {"address": "x" * 999}):
        assert (await caller.post("meters", "admin", {**wanted, **wrong})).status == 422
    plain = await caller.post("meters", "admin", {"codec": "acrel", "address": "set-3"})
    assert (plain.status, plain.told["version"]) == (201, 0)
