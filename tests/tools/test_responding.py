"""``wattwarden plans``, ``responses``, ``calendars`` and ``consumables``, played through."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.storage.responses.city import register_city
from tests.tools.conftest import Execute

from wattwarden.storage.database import connect
from wattwarden.tools.main import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def city(store_dsn: str, where: list[str]) -> list[str]:
    """The options that lead to a store with two districts' firms."""

    async def work() -> None:
        connection = await connect(store_dsn, name="test")
        await register_city(connection)
        await connection.close()

    asyncio.run(work())
    return where


def told(capsys: Capture, *words: str, status: int = 0) -> list[dict[str, Any]]:
    assert main([*words, "--json"]) == status
    out = capsys.readouterr()
    assert out.err == ""
    return [json.loads(line) for line in out.out.splitlines()]


def shown(capsys: Capture, *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


def refused(capsys: Capture, *words: str, status: int = 1) -> str:
    assert main(list(words)) == status
    return capsys.readouterr().err


def test_an_orange_response_from_the_presets_to_its_end(city: list[str], capsys: Capture) -> None:
    preset = ["plans", "preset"]
    told(capsys, *preset, "N1", "orange", "--stop", "unit:N1-u", "--as", "district", *city)
    limit = ["--limit", "line:S1-l=30@1200.5kWh"]
    told(capsys, *preset, "S1", "orange", *limit, "--as", "officer", *city)
    told(capsys, *preset, "E1", "orange", "--exempt", "protected", "--as", "district", *city)
    assert "is not other's to act on" in refused(
        capsys, *preset, "N1", "red", "--stop", "unit:N1-u", "--as", "other", *city
    )
    listed = told(capsys, "plans", "presets", "--level", "orange", *city)
    assert [one["enterprise"] for one in listed] == ["N1", "S1", "E1"]
    text = shown(capsys, "plans", "presets", *city)
    assert "保障类" in text
    assert "限产 30%(正常日1200.5 kWh)" in text
    assert "橙色" in text

    words = ["--start", "now", "--end", "2999-01-01", "--number", "青环应急〔2026〕3号"]
    (issued,) = told(capsys, "responses", "issue", "orange", *words, "--as", "officer", *city)
    assert (issued["plans"], issued["without_preset"]) == (3, ["E2", "N2"])
    identity = issued["id"]
    (one,) = told(capsys, "responses", "show", identity, *city)
    assert (one["firms"], one["stopped"], one["limited"], one["exempt"]) == (3, 1, 1, 1)
    assert "停产 1 家  限产 1 家  豁免 1 家" in shown(capsys, "responses", "show", identity, *city)
    plans = told(capsys, "plans", "list", "--origin", identity, "--active", *city)
    assert [one["base_energy_wh"] for one in plans if one["measure"] == "limit"] == [1_200_500.0]
    assert "限产 30%(正常日1200.5 kWh)" in shown(capsys, "plans", "list", *city)
    text = shown(capsys, "responses", "show", identity, *city)
    assert "2999-01-01 00:00" in text
    assert "Z" not in text
    assert {(plan["enterprise"], plan["measure"], plan["exempt"]) for plan in plans} == {
        ("N1", "stop", False), ("S1", "limit", False), ("E1", "stop", True),
    }  # fmt: skip

    words = ["--region", "R1", "--reason", "南部好转"]
    told(capsys, "responses", "change", identity, *words, "--as", "officer", *city)
    active = told(capsys, "plans", "list", "--origin", identity, "--active", *city)
    assert {plan["enterprise"] for plan in active} == {"N1", "E1"}
    summed, *firms = told(capsys, "responses", "assess", identity, *city)
    assert (summed["ordered"], summed["responded_share"]) == (2, None)
    assert {firm["answer"] for firm in firms} == {"unheard"}
    assert "失联 3 家" in shown(capsys, "responses", "assess", identity, *city)

    told(capsys, "responses", "close", identity, "--as", "officer", *city)
    err = refused(capsys, "responses", "close", identity, "--as", "officer", *city)
    assert "应急响应已解除" in err
    assert "by officer" in err
    (course,) = told(capsys, "responses", "list", *city)
    assert (course["state"], course["number"]) == ("closed", "青环应急〔2026〕3号")
    assert "已解除" in shown(capsys, "responses", "list", *city)


def test_a_preset_is_kept_in_the_place_of_the_one_before_and_withdrawn(
    city: list[str], capsys: Capture
) -> None:
    words = ["plans", "preset", "N1", "red", "--as", "district", *city]
    (first,) = told(capsys, *words, "--stop", "unit:N1-u")
    (second,) = told(capsys, *words, "--limit", "line:N1-l=50", "--daily", "22:00-06:00")
    assert first["id"] == second["id"]
    (standing,) = told(capsys, "plans", "presets", "--enterprise", "N1", *city)
    assert [(curb["reduction"], curb["from_hour"]) for curb in standing["curbs"]] == [
        (0.5, "22:00")
    ]
    told(capsys, "plans", "withdraw", first["id"], "--as", "district", *city)
    assert told(capsys, "plans", "presets", *city) == []
    assert "there is no preset" in refused(
        capsys, "plans", "withdraw", first["id"], "--as", "district", *city
    )


def test_a_plan_is_ordered_by_itself_and_ended(city: list[str], capsys: Capture) -> None:
    words = ["--start", "now", "--end", "2999-01-01", "--limit", "30", "--base-energy-kwh", "240"]
    (made,) = told(capsys, "plans", "add", "line:L1", *words, "--as", "district", *city)
    (plan,) = told(capsys, "plans", "list", *city)
    assert (plan["id"], plan["reduction"], plan["enterprise"]) == (made["id"], 0.3, "E1")
    assert "限产 30%" in shown(capsys, "plans", "list", "--enterprise", "E1", *city)
    later = ["--start", "2998-01-01", "--end", "2999-01-01", "--as", "district"]
    (other,) = told(capsys, "plans", "add", "unit:U1", *later, *city)
    for identity in (made["id"], other["id"]):
        told(capsys, "plans", "end", identity, "--as", "district", *city)
    assert told(capsys, "plans", "list", "--active", *city) == []
    assert [one["id"] for one in told(capsys, "plans", "list", *city)] == [made["id"]]
    assert "there is no plan" in refused(capsys, "plans", "end", "x", "--as", "district", *city)


def test_a_calendar_of_an_industry(city: list[str], capsys: Capture) -> None:
    words = [
        "水泥错峰",
        "--industry",
        "cement",
        "--span",
        "2998-11-15/2999-03-15",
        "--exempt",
        "N2",
    ]
    (kept,) = told(capsys, "calendars", "add", *words, "--as", "officer", *city)
    assert kept["plans"] == 4
    assert "takes city_officer" not in refused(
        capsys, "calendars", "add", *words, "--as", "district", *city
    )
    (one,) = told(capsys, "calendars", "list", *city)
    assert (one["industry"], one["exempt"]) == ("cement", ["N2"])
    assert "水泥错峰" in shown(capsys, "calendars", "list", *city)
    told(capsys, "calendars", "withdraw", kept["id"], "--as", "officer", *city)
    assert told(capsys, "plans", "list", *city) == []
    assert "there is no calendar" in refused(
        capsys, "calendars", "withdraw", kept["id"], "--as", "officer", *city
    )


def test_a_calendar_of_every_saturday(city: list[str], capsys: Capture) -> None:
    # 2999-01-05 is a Saturday.
    words = ["周六错峰", "--subject", "line:L1", "--span", "2999-01-01/2999-01-31"]
    kept = told(capsys, "calendars", "add", *words, "--weekday", "sat", "--as", "district", *city)
    assert kept[0]["plans"] == 4
    plans = told(capsys, "plans", "list", *city)
    assert (plans[0]["start"], plans[0]["end"]) == ("2999-01-04T16:00:00Z", "2999-01-05T16:00:00Z")
    text = shown(capsys, "calendars", "list", *city)
    assert "周六" in text.replace("周六错峰", "")
    assert "2999-01-31 00:00" in text


def test_the_chain_of_a_filling_of_carbon(
    city: list[str], execute: Execute, capsys: Capture, tmp_path: Path
) -> None:
    words = ["U2", "carbon", "--hours", "500", "--since", "-40d", "--as", "duty"]
    assert "未经计算" in shown(capsys, "consumables", "add", *words, *city)
    (part,) = told(capsys, "consumables", "list", "--enterprise", "E1", *city)
    assert (part["level"], part["remarks"]) == ("in_use", ["not_calculated"])
    # Of a unit that nobody ever heard of, all is unknown.
    assert (part["hours"], round(part["unknown_hours"])) == (0.0, 960)
    filling = ["--mass-kg", "1000", "--reduction-mg-m3", "50", "--flow-m3-h", "10000",
               "--hours-per-day", "8"]  # fmt: skip
    (found,) = told(capsys, "consumables", "carbon", *filling)
    assert (found["run_hours"], found["days"], found["objections"]) == (200.0, 25.0, [])
    kept = ["--share", "0.2", "--consumable", part["id"], "--as", "district"]
    assert "评审一般不认可" in shown(capsys, "consumables", "carbon", *filling, *kept, *city)
    (part,) = told(capsys, "consumables", "show", part["id"], *city)
    assert part["remarks"] == ["share_objected"]
    assert part["left_hours"] == 400.0

    replaced = ["consumables", "replace", part["id"], "--at", "-5d", "--amount", "1000 kg"]
    assert "更换须附照片等证据" in refused(capsys, *replaced, "--as", "duty", *city)
    photo = tmp_path / "new.pdf"
    photo.write_bytes(b"%PDF-1.7 the new filling")
    (made,) = told(capsys, *replaced, "--file", str(photo), "--as", "duty", *city)
    (amber,) = told(capsys, "consumables", "list", "--colour", "amber", *city)
    assert (amber["chain"], amber["id"]) == ("replaced", part["id"])
    check = ["consumables", "check", made["id"], "pass", "--as", "district"]
    assert "尚无危废入库记录" in refused(capsys, *check, *city)
    waste = ["consumables", "store-waste", made["id"], "--mass-kg", "1010", "--container", "吨袋"]
    told(capsys, *waste, "--at", "-4d", "--as", "duty", *city)
    told(capsys, *check, *city)
    (done,) = told(capsys, "consumables", "show", part["id"], *city)
    assert (done["chain"], done["colour"]) == ("checked", "green")
    assert [step["kind"] for step in done["changes"][0]["steps"]] == ["waste", "consumable_check"]
    assert done["changes"][0]["steps"][0]["body"]["code"] == "900-039-49"
    text = shown(capsys, "consumables", "show", part["id"], *city)
    assert "已核查" in text
    for word in ("评审一般不认可", "危废入库", "非现场核查通过", "赵六", "李四", "900-039-49",
                 "1000 kg", done["changes"][0]["evidence"][0][:12]):  # fmt: skip
        assert word in text
    for word in ("<", "Objection", "consumable_check", "waste ", "in_use", "checked", "T0", "Z "):
        assert word not in text
    execute("DO $$ BEGIN ASSERT (SELECT count(*) FROM decision WHERE kind = 'waste') = 1; END $$")


def test_a_service_is_due_by_days_and_needs_no_waste(
    city: list[str], capsys: Capture, tmp_path: Path
) -> None:
    words = ["U2", "service", "--days", "30", "--since", "-34d", "--name", "风机保养"]
    (made,) = told(capsys, "consumables", "add", *words, "--as", "duty", *city)
    (part,) = told(capsys, "consumables", "list", "--colour", "red", *city)
    assert (part["id"], part["level"], part["name"]) == (made["id"], "overdue", "风机保养")
    assert "已超期" in shown(capsys, "consumables", "list", *city)
    paper = tmp_path / "service.pdf"
    paper.write_bytes(b"%PDF-1.7 the service's report")
    (kept,) = told(capsys, "evidence", "add", made["id"], str(paper), "--about", "consumable",
                   "--as", "duty", *city)  # fmt: skip
    proof = ["--evidence", kept["sha256"]]
    (done,) = told(capsys, "consumables", "replace", made["id"], *proof, "--as", "duty", *city)
    told(capsys, "consumables", "check", done["id"], "pass", "--as", "district", *city)
    assert told(capsys, "consumables", "show", made["id"], *city)[0]["chain"] == "checked"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plans", "add", "unit", "--start", "now", "--end", "now"], "is no subject"),
        (["plans", "add", "unit:U1", "--start", "now", "--end", "now", "--limit", "0"], "0 perc"),
        (["plans", "preset", "N1", "red", "--limit", "line:L1"], "is no limit"),
        (["plans", "preset", "N1", "red", "--limit", "line:L1=3.0.1"], "is no limit"),
        (["plans", "preset", "N1", "red", "--limit", "line:L1=30@9kW"], "is no limit"),
        (["plans", "preset", "N1", "red", "--limit", "line:L1=30@0kWh"], "without energy"),
        (["plans", "preset", "N1", "red", "--stop", "line:L1", "--daily", "all"], "are no hours"),
        (["calendars", "add", "x", "--span", "2999-01-01", "--industry", "x"], "is no span"),
        (
            ["consumables", "carbon", "--mass-kg", "0", "--reduction-mg-m3", "1", "--flow-m3-h",
             "1"],
            "above 0",
        ),
    ],
    ids=["no subject", "no limit", "a limit of nothing", "no number", "no energy",
         "energy of 0", "no hours", "no span", "no carbon"],
)  # fmt: skip
def test_what_is_written_wrongly_is_told(
    city: list[str], capsys: Capture, words: list[str], said: str
) -> None:
    assert said in refused(capsys, *words, "--as", "officer", *city, status=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["responses", "show", "RE9"], "there is no response RE9"),
        (["responses", "assess", "RE9"], "there is no response RE9"),
        (["consumables", "show", "CS9"], "there is no consumable CS9"),
    ],
    ids=["response", "assessment", "consumable"],
)
def test_what_is_not_there_is_told(
    city: list[str], capsys: Capture, words: list[str], said: str
) -> None:
    assert said in refused(capsys, *words, *city)
