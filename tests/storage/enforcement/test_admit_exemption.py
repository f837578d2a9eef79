"""Whom a visit may leave unpunished."""

from typing import Any

import msgspec
from tests.storage.enforcement.deeds import (
    BEFORE_VISIT,
    call,
    did,
    inspection,
    refused,
    step,
    steps,
    task_of,
)
from tests.storage.enforcement.firm import DAY, HOUR, NOW, found, raised

from wattwarden.alarms.cases.bodies import Action, Cause, Evidence, Verb
from wattwarden.alarms.enforcement.bodies import InspectionStep
from wattwarden.alarms.enforcement.words import InspectionVerb, Mode, Outcome, TaskVerb
from wattwarden.storage.cases.evidence import Arrived
from wattwarden.storage.cases.together import keep_evidence
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter


async def test_a_firm_that_corrected_itself_in_time_is_exempted_and_another_is_not(
    store: Connection,
) -> None:
    await found(store)
    number = await raised(store, NOW - HOUR, ended=NOW - HOUR / 2)
    name = await did(store, call(alarms=[number]))
    await steps(store, name, *BEFORE_VISIT, TaskVerb.ARRIVE)
    result = step(name, TaskVerb.RESULT, outcome=Outcome.EXEMPTED, minor=True, harmless=True)
    assert "未在期限内" in (await refused(store, result))[0][1]
    verbs: list[tuple[Verb, dict[str, Any]]] = [
        (Verb.ACK, {}), (Verb.HANDLE, {"reason": "更换", "cause": Cause.AGEING}),
        (Verb.RECTIFY, {"reason": "已更换", "evidence": ("0" * 64,)}),
    ]  # fmt: skip
    for verb, more in verbs:
        action = Action(id=f"AC-{verb}", alarm=str(number), verb=verb, **more)
        # Which evidence it takes is not asked here.
        await enter(store, Decision(action, "P2", NOW))
    await did(store, result, at=NOW + HOUR)
    assert (await task_of(store, name)).state == "concluded"


async def test_an_exemption_without_any_alarm_takes_a_proof_that_it_was_corrected(
    store: Connection,
) -> None:
    await found(store)
    name = await did(store, call())
    await steps(store, name, *BEFORE_VISIT, TaskVerb.ARRIVE)
    result = step(name, TaskVerb.RESULT, outcome=Outcome.EXEMPTED, minor=True, harmless=True)
    ((field, why),) = await refused(store, result)
    assert (field, "证据" in why, "检查" in why) == ("files", True, True)
    unknown = msgspec.structs.replace(result, files=("0" * 64,))
    assert [one for one, _ in await refused(store, unknown)] == ["files"]
    arrived = Arrived(b"%PDF-1.7 mended", "mended.pdf", "enterprise", "E1")
    kept = await keep_evidence(store, arrived, "P2", NOW)
    assert isinstance(kept.body, Evidence)
    photo = msgspec.structs.replace(result, files=(kept.body.sha256,))
    await did(store, photo)
    assert (await task_of(store, name)).state == "concluded"


async def test_an_inspection_that_found_nothing_shows_a_correction_and_a_strangers_does_not(
    store: Connection,
) -> None:
    await found(store)
    name = await did(store, call())
    await steps(store, name, *BEFORE_VISIT, TaskVerb.ARRIVE)
    foreign = await did(store, inspection(Mode.OFF_SITE, "E2"), "P3")
    result = step(name, TaskVerb.RESULT, outcome=Outcome.EXEMPTED, minor=True, harmless=True)
    taken = msgspec.structs.replace(result, inspection=foreign)
    assert "不属于" in (await refused(store, taken))[0][1]
    own = await did(store, inspection(Mode.OFF_SITE))
    after = msgspec.structs.replace(result, inspection=own)
    assert [field for field, _ in await refused(store, after)] == ["files"]
    end = InspectionStep(inspection=own, verb=InspectionVerb.CONCLUDE, at=NOW, problems=0)
    await did(store, end)
    await did(store, after)
    assert (await task_of(store, name)).state == "concluded"


async def test_an_alarm_that_nobody_attached_stands_against_an_exemption(
    store: Connection,
) -> None:
    await found(store)
    other = await raised(store, NOW - 20 * DAY, ended=NOW - 19 * DAY, rule="R2")
    name = await did(store, call())
    await steps(store, name, *BEFORE_VISIT, TaskVerb.ARRIVE)
    result = step(name, TaskVerb.RESULT, outcome=Outcome.EXEMPTED, minor=True, harmless=True)
    told = [why for _, why in await refused(store, result)]
    assert any(f"报警{other}未在期限内" in why for why in told)
