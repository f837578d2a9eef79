"""The registry on pages: shown, entered, put in another's place, removed."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import asyncpg
import pytest
from tests.console.browser import Browser
from tests.console.desk import Desk

from wattwarden.alarms.registry.nouns import KINDS, Outlet, Person, Point, Role
from wattwarden.console.drawing.said import Said
from wattwarden.console.registry.fields import inputs, record_of
from wattwarden.console.registry.names import CHOICES, FIELDS, KIND_NAMES
from wattwarden.storage.registry.records import load_record

FIRM = {
    "id": "E7", "name": "<b>新厂</b>", "agency": "A1", "region": "R2", "industry": "cement",
    "supervision": "ordinary", "zone": "Asia/Shanghai", "longitude": "120.5",
}  # fmt: skip
# What the form of a record with one version carries.
SEEN = {"seen_versions": "1"}


async def test_every_kind_is_listed_and_has_a_form(admin: Browser) -> None:
    for kind in KINDS:
        assert (await admin.get(f"/registry?kind={kind}")).status == 200
        page = await admin.get(f"/registry/{kind}/new")
        assert 'name="id"' in page.html
    assert (await admin.get("/registry/person/new")).html.count("<option") >= 8
    assert (await admin.get("/registry/nothing/new")).status == 404


def test_every_kind_and_field_has_a_name() -> None:
    assert set(KIND_NAMES) == set(KINDS)
    named = {field for noun in KINDS.values() for field in noun.__struct_fields__}
    assert named <= set(FIELDS)


def test_every_choice_of_a_form_has_a_name() -> None:
    for kind in KINDS:
        for one in inputs(kind, None, {}):
            assert (one.control == "choice") == bool(one.choices)
    for enum, named in CHOICES.items():
        assert set(named) == set(enum)


async def test_what_may_be_chosen_is_called_in_the_readers_language(admin: Browser) -> None:
    page = await admin.get("/registry/unit/new")
    assert '<option value="treatment">治污设施</option>' in page.html
    page = await admin.get("/registry/unit/new?lang=en")
    assert '<option value="vfd">behind a converter</option>' in page.html


async def test_a_firm_is_entered_changed_and_removed(admin: Browser) -> None:
    await admin.get("/registry/enterprise/new")
    answer = await admin.post("/registry/enterprise/new", FIRM)
    assert (answer.status, answer.headers["Location"]) == (303, "/registry/enterprise/of/E7")
    page = await admin.get("/registry/enterprise/of/E7")
    assert "<b>新厂</b>" in page.text
    assert "<b>新厂" not in page.html
    assert 'value="120.5"' in page.html
    path = "/registry/enterprise/of/E7"
    assert 'name="seen_versions" value="1"' in page.html
    assert (await admin.post(path, {**FIRM, "name": "老厂", **SEEN})).status == 303
    page = await admin.get(path)
    assert "第 2 版" in page.text
    assert (await admin.post(f"{path}/remove", {"seen_versions": "2"})).status == 303
    page = await admin.get(path)
    assert "已删除" in page.text
    assert "第 1 版" in page.text
    decisions = await admin.desk.fetch(
        "SELECT actor FROM decision WHERE kind = 'registry' ORDER BY id DESC LIMIT 3"
    )
    assert [row["actor"] for row in decisions] == ["admin"] * 3


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"id": "E1"}, "已被使用"),
        ({"agency": "nobody"}, "nobody"),
        ({"longitude": "far"}, "不能是“far”"),
        ({"name": ""}, "不符合要求"),
        ({"emissions-name-1": "SO2", "emissions-number-1": "far"}, "不能是“SO2 far”"),
        ({"emissions-name-1": "SO2"}, "不能是“SO2”"),
        ({"emissions-number-2": "7", "emissions-name-2": ""}, "不能是“7”"),
        (
            {f"emissions-{what}-{row}": "9" for row in (1, 2) for what in ("name", "number")},
            "不能是“9 9”",
        ),
        ({"registered_power": "1e999"}, "不能是“1e999”"),
        ({"supervision": "lax"}, "不符合要求"),
    ],
    ids=[
        "taken", "dangling", "number", "missing", "no number of a name", "a name without a number",
        "a number without a name", "a name twice", "infinite", "choice",
    ],
)  # fmt: skip
async def test_what_does_not_hold_together_is_not_entered(
    admin: Browser, form: dict[str, str], said: str
) -> None:
    await admin.get("/registry/enterprise/new")
    before = await admin.desk.decided()
    answer = await admin.post("/registry/enterprise/new", {**FIRM, **form})
    assert answer.status == 422
    assert said in answer.text
    assert await admin.desk.decided() == before


async def test_numbers_by_name_have_rows_and_none_is_lost(admin: Browser) -> None:
    await admin.get("/registry/enterprise/new")
    rows = {
        "emissions-name-1": "SO2", "emissions-number-1": "35.12345678901234",
        "emissions-name-2": "", "emissions-number-2": "",
        "emissions-name-7": "a b", "emissions-number-7": "0",
    }  # fmt: skip
    assert (await admin.post("/registry/enterprise/new", {**FIRM, **rows})).status == 303
    path = "/registry/enterprise/of/E7"
    page = await admin.get(path)
    assert 'name="emissions-name-1" value="SO2"' in page.html
    assert 'name="emissions-number-1" value="35.12345678901234"' in page.html
    assert 'name="emissions-name-2" value="a b"' in page.html
    assert 'name="emissions-name-5" value=""' in page.html
    refused = await admin.post(path, {**FIRM, **SEEN, "agency": "nobody", **rows})
    assert 'name="emissions-name-2" value="a b"' in refused.html
    assert (await admin.post(path, {**FIRM, **SEEN})).status == 303
    assert 'value="SO2"' not in (await admin.get(path)).html


async def test_a_form_that_is_refused_keeps_what_was_ticked_and_what_was_not(
    admin: Browser,
) -> None:
    await admin.get("/registry/unit/of/U1")
    form = {
        "name": "磨机", "enterprise": "nobody", "kind": "production", "rated_power": "9", **SEEN
    }  # fmt: skip
    for ticked in ({}, {"sync": "yes"}):
        page = await admin.post("/registry/unit/of/U1", {**form, **ticked})
        assert page.status == 422
        box = re.findall(r'name="sync" value="yes"( checked)?', page.html)
        assert box == ([" checked"] if ticked else [""])


async def test_what_two_people_decide_upon_is_shown_and_stays_as_it_is(
    admin: Browser, city_dsn: str
) -> None:
    page = await admin.get("/registry/outlet/of/O1")
    assert 'name="limits' not in page.html
    assert "/thresholds?kind=outlet&amp;id=O1" in page.html
    before = await _limits(city_dsn)
    assert before
    form = {"name": "新排口", "enterprise": "E1", **SEEN, "limits-name-1": "x"}
    assert (await admin.post("/registry/outlet/of/O1", form)).status == 303
    assert await _limits(city_dsn) == before
    assert "新排口" in (await admin.get("/registry/outlet/of/O1")).text


async def _limits(dsn: str) -> Mapping[str, float]:
    connection = await asyncpg.connect(dsn)
    outlet = await load_record(connection, Outlet, "O1")
    await connection.close()
    assert outlet is not None
    return outlet.limits


def test_a_moment_keeps_its_seconds_and_a_number_its_digits() -> None:
    since = datetime(2026, 3, 1, 2, 3, 4, 500_000, tzinfo=UTC)
    point = Point(id="P1", meter="acrel:1", unit="U1", valid_from=since, ct=1 / 3)
    form = {one.name: one.value for one in inputs("point", point, {})}
    assert form["valid_from"] == "2026-03-01T10:03:04.500000"
    assert record_of("point", form) == point
    assert isinstance(record_of("point", {**form, "valid_from": f"{since:%FT%T}+00:00"}), Said)


def test_words_are_chosen_and_none_is_lost() -> None:
    point = Point(id="P1", meter="acrel:1", unit="U1", valid_from=datetime(2026, 3, 1, tzinfo=UTC))
    (chosen,) = [one for one in inputs("point", point, {}) if one.name == "measures"]
    assert (chosen.control, chosen.value, next(iter(chosen.choices))) == ("choice", "", "")
    odd = Person(id="P1", name="王建国", role=Role.DUTY, language="ja")
    (chosen,) = [one for one in inputs("person", odd, {}) if one.name == "language"]
    assert list(chosen.choices) == ["zh", "en", "ja"]


async def test_versions_are_told_in_the_readers_language(admin: Browser) -> None:
    page = await admin.get("/registry/unit/of/U1")
    assert "<dd>产污设施</dd>" in page.html
    assert "<dd>production</dd>" in (await admin.get("/registry/unit/of/U1?lang=en")).html


def test_a_moment_before_all_calendars_is_none() -> None:
    said = {"id": "P1", "meter": "acrel:1", "unit": "U1", "valid_from": "0001-01-01T00:00"}
    wrong = record_of("point", said)
    assert isinstance(wrong, Said)
    assert "起用时间" in wrong.zh


async def test_what_others_refer_to_stays(admin: Browser) -> None:
    await admin.get("/registry/agency/of/A2")
    answer = await admin.post("/registry/agency/of/A2/remove", SEEN)
    assert answer.status == 422
    assert 'class="error"' in answer.html
    assert (await admin.get("/registry/agency/of/A2")).text.count("已删除") == 0


async def test_saving_the_same_again_is_no_decision(admin: Browser) -> None:
    await admin.get("/registry/region/of/R2")
    before = await admin.desk.decided()
    form = {"name": "即墨区", "parent": "R", **SEEN}
    assert (await admin.post("/registry/region/of/R2", form)).status == 303
    assert await admin.desk.decided() == before


async def test_officers_look_and_firms_do_not(house: Desk) -> None:
    officer = Browser(house)
    await officer.sign_in("city")
    page = await officer.get("/registry/enterprise/of/E2")
    assert "某涂装" in page.text
    assert 'name="industry"' not in page.html
    assert (await officer.get("/registry/enterprise/new")).status == 403
    duty = Browser(house)
    await duty.sign_in("duty1")
    assert (await duty.get("/registry")).status == 403


async def test_nobody_overwrites_what_they_did_not_see(admin: Browser) -> None:
    path = "/registry/region/of/R2"
    await admin.get(path)
    mine, theirs = {"parent": "R", "name": "我的区"}, {"parent": "R", "name": "别人的区"}
    assert (await admin.post(path, {**theirs, **SEEN})).status == 303
    before = await admin.desk.decided()
    for form in ({**mine, **SEEN}, mine, {**mine, "seen_versions": "<b>"}):
        answer = await admin.post(path, form)
        assert answer.status == 422
        assert "已被他人改动，没有保存" in answer.text
        assert 'value="我的区"' in answer.html, "what was typed is still there"
        assert "别人的区" in answer.text
    assert (await admin.post(f"{path}/remove", SEEN)).status == 422
    assert await admin.desk.decided() == before
    assert 'name="seen_versions" value="2"' in answer.html
    assert (await admin.post(path, {**mine, "seen_versions": "2"})).status == 303
    assert "我的区" in (await admin.get(path)).text
