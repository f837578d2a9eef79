"""The description: whole, true, and enough to ask everything by; asked by a machine that tries."""

import asyncio
import os
import warnings
from collections import Counter
from collections.abc import Mapping
from itertools import cycle
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from tests.console.api.caller import Caller
from tests.storage.acting.two_firms import digest

from wattwarden.console.api.routes import API, described
from wattwarden.console.rooms import ROUTES
from wattwarden.console.routes import OPEN

with warnings.catch_warnings():
    # Of its own libraries.
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
# `make soak` tries more.
EXAMPLES = int(os.environ.get("WATTWARDEN_API_EXAMPLES", "2"))
ROLES = (
    ("nobody", "duty1", "district1", "admin")
    if EXAMPLES <= 2
    else ("nobody", "duty1", "head2", "fitter1", "district1", "city", "leader", "admin", "auditor")
)
# Who gets to see what is wrong with what is made up.
SEE_MOST = ("leader",)
# Things that are there; what is made up is there hardly ever.
KNOWN = {
    "enterprise": "E1",
    "unit": "U1",
    "line": "L1",
    "subject": "U1",
    "scope": "unit",
    "task": "TK-E1-gone",
    "declaration": "DC-E1",
    "finding": "FD-E1",
    "inspection": "IN-E1",
    "station": "ST-E1",
    "clue": "CL-E1",
    "focus": "FC-E1",
    "assistance": "AS-E1",
    "consumable": "CS-E1",
    "reminder": "RM-E1",
    "response": "RE1",
    "notice": "1",
    "file": digest("E1"),
}
UNDESCRIBED = {"/api/v1/openapi.json", "/api/docs"}


def served() -> set[tuple[str, str]]:
    return {(one.method, one.path) for one in API if one.path not in UNDESCRIBED}


def test_what_is_served_is_described_and_nothing_else() -> None:
    paths = described().document["paths"]
    told = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert told == served()


def test_programs_get_all_of_it_from_the_console() -> None:
    assert set(API) <= set(ROUTES)


def test_every_operation_has_a_name_of_its_own() -> None:
    operations = [
        one for methods in described().document["paths"].values() for one in methods.values()
    ]
    names = [one["operationId"] for one in operations]
    assert len(names) == len(set(names))
    for one in operations:
        assert one["summary"]
        assert {"401", "403", "422"} <= set(one["responses"])


def test_every_reference_leads_somewhere() -> None:
    document = described().document

    def check(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                name = value["$ref"].removeprefix("#/components/schemas/")
                assert name in document["components"]["schemas"]
            for one in value.values():
                check(one)
        elif isinstance(value, list):
            for one in value:
                check(one)

    check(document)


async def test_the_description_is_for_everybody(caller: Caller) -> None:
    answer = await caller.get("openapi.json", None)
    assert answer.status == 200
    assert answer.told["openapi"] == "3.1.0"


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_people_read_it_on_a_page(caller: Caller, language: str) -> None:
    answer = await caller.get(f"{caller.desk.url}/api/docs?lang={language}", "duty1")
    html = answer.body.decode()
    assert answer.status == 200
    for one in described().operations:
        assert one.path in html
    assert ("页面能看能办的" in html) == (language == "zh")


def known(value: Any, ids: Mapping[str, str]) -> Any:
    """Put things that are there in the place of made-up ones, wherever they are named."""
    if isinstance(value, dict):
        return {name: ids.get(name, known(one, ids)) for name, one in value.items()}
    return value


def try_everything(caller: Caller, ids: Mapping[str, str]) -> tuple[list[str], Counter[int]]:
    """Ask everything in every way that is described, as everybody.

    Returns what was not answered as it says, and how often each status was answered.
    """
    url = caller.desk.url
    document = {**described().document, "servers": [{"url": url}]}
    wrong: list[str] = []
    statuses: Counter[int] = Counter()
    turns = cycle((True, False))
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # what is broken raises here

        @seed(20_261_122)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            is_known = next(turns)
            if is_known:
                case.path_parameters = known(case.path_parameters, ids)
                case.body = known(case.body, ids)
            for person in ROLES if is_known or EXAMPLES > 2 else SEE_MOST:
                case.headers = {**(case.headers or {}), **as_person(caller, person)}
                response = case.call(base_url=url, timeout=120)
                statuses[response.status_code] += 1
                case.validate_response(response, checks=CHECKS)

        try:
            ask()
        except BaseException as error:  # noqa: BLE001  each is told, whatever it is
            wrong.append(f"{operation.label}: {str(error)[:600]}")
    return wrong, statuses


def as_person(caller: Caller, person: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {caller.tokens.get(person, '')}"}


@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")
async def test_every_answer_is_as_it_is_described_to_every_role(caller: Caller) -> None:
    ids = {"alarm": str(await caller.desk.alarm_of("E1")), **KNOWN}
    wrong, statuses = await asyncio.to_thread(try_everything, caller, ids)
    assert wrong == []
    assert {200, 201, 401, 403, 404, 409, 422} <= set(statuses)


def test_routes_ask_for_no_more_than_they_need() -> None:
    assert [one.path for one in API if one.needs is OPEN] == ["/api/v1/openapi.json"]
