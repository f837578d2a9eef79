"""``wattwarden registry``: in from Excel and CSV, out again, checked, shown."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.alarms.registry.firm import registry
from tests.tools.conftest import Execute

from wattwarden.storage.books.book import Table
from wattwarden.storage.books.tables import known_of, tables_of
from wattwarden.storage.books.writing import write_book
from wattwarden.tools.main import main

NOW = datetime.now(UTC)
Capture = pytest.CaptureFixture[str]


def rows(capsys: Capture, *words: str, status: int = 0) -> list[dict[str, Any]]:
    assert main(["registry", *words, "--json"]) == status
    out = capsys.readouterr()
    assert out.err == ""
    return [json.loads(line) for line in out.out.splitlines()]


@pytest.fixture
def firm(tmp_path: Path) -> Path:
    """The small firm, as a folder of CSV files."""
    folder = tmp_path / "firm"
    write_book(folder, [t for t in tables_of(known_of(registry(), {})) if t.rows])
    return folder


def add(folder: Path, title: str, heads: str, *lines: str) -> None:
    text = "\n".join([heads, *lines])
    (folder / f"{title}.csv").write_text(text, "utf-8")


def decisions(folder: Path) -> None:
    add(folder, "停限产计划", "编号,对象类型,对象编号,措施,开始时间,结束时间,压减比例%",
        "P-1,企业,E1,限产,2026-11-20 00:00,2026-11-25 00:00,30")  # fmt: skip
    add(folder, "declarations", "id,scope,subject,kind,start,end,state",
        "D-1,unit,U2,maintenance,2026-11-22 08:00,2026-11-22 12:00,approved")  # fmt: skip
    add(folder, "耗材", "编号,设施,类型,更换时间,小时上限", "C-1,U2,carbon,2026-10-01,500")
    add(folder, "耗材更换", "编号,耗材,更换时间", "R-1,C-1,2026-11-01")
    add(folder, "巡检", "编号,对象类型,对象编号,人员,时间,发现问题",
        "X-1,产线,L1,P2,2026-11-22 09:00,皮带松")  # fmt: skip


@pytest.mark.parametrize("name", ["out.xlsx", "out"])
def test_what_is_exported_imports_as_no_change(
    firm: Path, tmp_path: Path, where: list[str], capsys: Capture, name: str
) -> None:
    decisions(firm)
    (told,) = rows(capsys, "import", str(firm), *where, "--as", "P1")
    assert (told["changed"]["unit"], told["changed"]["patrol"]) == (3, 1)
    out = tmp_path / name
    (told,) = rows(capsys, "export", str(out), *where)
    assert (told["exported"]["设施"], told["exported"]["停限产计划"]) == (3, 1)
    assert rows(capsys, "import", str(out), *where) == [{"changed": {}, "dry_run": False}]


def test_an_import_is_one_decision_and_those_it_holds(
    firm: Path, where: list[str], execute: Execute, capsys: Capture
) -> None:
    decisions(firm)
    rows(capsys, "import", str(firm), *where)
    execute("DO $$ BEGIN ASSERT (SELECT array_agg(kind ORDER BY id) FROM decision) ="
            " '{registry,plan,declaration,consumable,replacement,patrol}'::text[];"
            " END $$")  # fmt: skip


def test_a_dry_run_changes_nothing(firm: Path, where: list[str], capsys: Capture) -> None:
    (told,) = rows(capsys, "import", str(firm), *where, "--dry-run")
    assert (told["dry_run"], told["changed"]["line"]) == (True, 3)
    assert rows(capsys, "show", "line", *where) == []


def test_a_change_keeps_what_the_sheet_does_not_name(
    firm: Path, where: list[str], capsys: Capture
) -> None:
    rows(capsys, "import", str(firm), *where)
    (firm / "设施.csv").unlink()
    add(firm, "unit", "编号,额定功率kW,备用组", "U2,37,")
    (firm / "备用组.csv").unlink()
    # The group would be left without members.
    (fault,) = rows(capsys, "import", str(firm), *where, status=1)
    assert (fault["sheet"], fault["column"]) == ("备用组 S1", "须运行台数")
    add(firm, "unit", "编号,额定功率kW", "U2,37")
    assert rows(capsys, "import", str(firm), *where)[0]["changed"] == {"unit": 1}
    (unit,) = rows(capsys, "show", "设施", "U2", *where)
    assert (unit["rated_power"], unit["name"], unit["standby"]) == (37_000, "风机", "S1")
    assert unit["decisions"] == [1, 2]


def test_what_a_sheet_does_not_name_is_removed_only_when_asked(
    firm: Path, where: list[str], capsys: Capture
) -> None:
    rows(capsys, "import", str(firm), *where)
    for sheet in firm.glob("*.csv"):
        sheet.unlink()
    add(firm, "link", "id", "K1", "K2")
    assert rows(capsys, "import", str(firm), *where)[0]["changed"] == {}
    (told,) = rows(capsys, "import", str(firm), "--remove-others", *where)
    assert told["changed"] == {"link": 1}
    assert [one["id"] for one in rows(capsys, "show", "link", *where)] == ["K1", "K2"]
    add(firm, "unit", "id", "U2")
    faults = rows(capsys, "import", str(firm), "--remove-others", *where, status=1)
    assert [(f["sheet"], f["row"]) for f in faults if f["sheet"] == "link"] == [("link", 2)]


Spoil = Callable[[Path], None]


def cell(title: str, row: int, column: str, value: str) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / f"{title}.csv"
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
        lines[row - 1][lines[0].index(column)] = value
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(lines)

    return spoil


def row(title: str, heads: str, line: str) -> Spoil:
    return lambda folder: add(folder, title, heads, line)


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (cell("设施", 3, "额定功率kW", "viel"), ("设施", 3, "额定功率kW")),
        (cell("设施", 3, "额定功率kW", "-5"), ("设施", 3, "额定功率kW")),
        (cell("设施", 2, "名称", ""), ("设施", 2, "名称")),
        (cell("设施", 2, "编号", ""), ("设施", 2, "编号")),
        (cell("设施", 3, "编号", "U1"), ("设施", 3, "编号")),
        (cell("设施", 2, "类型", "魔法"), ("设施", 2, "类型")),
        (cell("设施", 1, "名称", "大小"), ("设施", 1, "大小")),
        (cell("设施", 1, "编号", ""), ("设施", 1, "编号")),
        (cell("产线", 2, "企业", "E7"), ("产线", 2, "企业")),
        (cell("监测点", 3, "失效时间", "2020-01-01"), ("监测点", 3, "失效时间")),
        (cell("监测点", 3, "通道", "1-1"), ("监测点", 3, "生效时间")),
        (row("发票", "编号", "1"), ("发票", 0, "")),
        (row("停限产计划", "编号,对象类型,对象编号,措施,开始时间,结束时间",
             "P-1,企业,E1,停产,2026-11-20,2026-11-19"), ("停限产计划", 2, "结束时间")),
        (row("耗材更换", "编号,耗材,更换时间", "R-1,C-7,2026-11-01"), ("耗材更换", 2, "耗材")),
        (row("申报", "编号,对象类型,对象编号,类型,开始时间,结束时间",
             "D-1,设施,U7,停运,2026-11-20,2026-11-22"), ("申报", 2, "对象编号")),
        (row("unit", "id,name,colour", "U2,x,red"), ("unit", 1, "colour")),
        (row("line", "编号,名称", "L1,x,y"), ("line", 2, "#3")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_sheet_row_and_column_and_nothing_is_imported(
    firm: Path,
    where: list[str],
    capsys: Capture,
    spoil: Spoil,
    place: tuple[str, int, str],
) -> None:
    spoil(firm)
    faults = rows(capsys, "import", str(firm), *where, status=1)
    assert place in [(one["sheet"], one["row"], one["column"]) for one in faults]
    assert all(one["zh"] and one["en"] for one in faults)
    assert rows(capsys, "show", "unit", *where) == []


def test_a_formula_is_refused_where_it_stands(
    tmp_path: Path, where: list[str], capsys: Capture
) -> None:
    from tests.storage.books.test_book import excel  # noqa: PLC0415  # only here

    path = excel(tmp_path / "b.xlsx", [["编号", "名称"], ["R", "=A2"]], "区域")
    (fault,) = rows(capsys, "import", str(path), *where, status=1)
    assert (fault["row"], fault["column"], fault["zh"][:5]) == (2, "名称", "不接受公式")


def test_people_read_faults_as_sentences(firm: Path, where: list[str], capsys: Capture) -> None:
    cell("设施", 3, "额定功率kW", "viel")(firm)
    assert main(["registry", "import", str(firm), *where]) == 1
    out = capsys.readouterr().out
    assert "设施 row 3, 额定功率kW: 应为数字 (a number is wanted, got viel)" in out
    assert "1 fault; nothing was imported" in out


def test_many_faults_are_shown_in_part(tmp_path: Path, where: list[str], capsys: Capture) -> None:
    lines = tuple((number, (f"R{number}", "")) for number in range(2, 100))
    write_book(tmp_path / "f", [Table("区域", ("编号", "名称"), lines)])
    assert main(["registry", "import", str(tmp_path / "f"), *where]) == 1
    assert "and 48 more" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_told(tmp_path: Path, where: list[str]) -> None:
    assert main(["registry", "import", str(tmp_path / "none.xlsx"), *where]) == 2


def test_a_template_has_every_sheet_and_imports_as_nothing(
    tmp_path: Path, where: list[str], capsys: Capture
) -> None:
    path = tmp_path / "template.xlsx"
    assert main(["registry", "export", "--empty", str(path)]) == 0
    assert capsys.readouterr().out == "a template\n"
    assert rows(capsys, "import", str(path), *where)[0]["changed"] == {}


def test_check_finds_silent_meters_and_broken_chains(
    firm: Path, where: list[str], execute: Execute, capsys: Capture
) -> None:
    rows(capsys, "import", str(firm), *where)
    execute("INSERT INTO meter (codec, address, state, enrolled_at) VALUES"
            " ('acrel', 'M1', 'accepted', $1)", NOW)  # fmt: skip
    remarked = rows(capsys, "check", *where)
    assert [(one["level"], one["kind"], one["id"]) for one in remarked] == [
        ("remark", "point", "T3"),
        ("remark", "unit", "U3"),
    ]
    execute("ALTER TABLE decision DISABLE TRIGGER USER")
    execute("UPDATE decision SET actor = 'somebody'")
    execute("ALTER TABLE decision ENABLE TRIGGER USER")
    first = rows(capsys, "check", *where, status=1)[0]
    assert (first["level"], first["kind"], first["id"]) == ("error", "decision", "1")
    assert main(["registry", "check", *where]) == 1
    assert "与录入时不一致" in capsys.readouterr().out


def test_show_lists_a_kind_and_names_what_there_is(
    firm: Path, where: list[str], capsys: Capture
) -> None:
    rows(capsys, "import", str(firm), *where)
    assert [one["id"] for one in rows(capsys, "show", "line", *where)] == ["L1", "L2", "L9"]
    assert main(["registry", "show", "产线", *where]) == 0
    assert "喷漆线" in capsys.readouterr().out
    assert main(["registry", "show", "machine", *where]) == 2
    assert main(["registry", "show", "line", "L7", *where]) == 1
    assert "there is no line L7" in capsys.readouterr().err


def test_a_meter_is_replaced_from_a_moment_on(
    firm: Path, where: list[str], capsys: Capture
) -> None:
    rows(capsys, "import", str(firm), *where)
    words = ["replace-meter", "T1", "acrel:M7", "--at", "2026-11-01", "--ct", "40", *where]
    (told,) = rows(capsys, *words)
    assert told["ended"]["valid_to"] == told["begun"]["valid_from"] == "2026-10-31T16:00:00Z"
    (begun,) = rows(capsys, "show", "point", "T1/2", *where)
    assert (begun["meter"], begun["ct"], begun["channel"]) == ("acrel:M7", 40, "1-1")
    assert main(["registry", *words]) == 1
    assert "it is not in use then" in capsys.readouterr().err


def test_a_sample_city_goes_into_a_file_and_into_an_empty_store(
    tmp_path: Path, where: list[str], capsys: Capture
) -> None:
    small = ["--enterprises", "3", "--production", "12", "--treatment", "12", "--seed", "4"]
    (told,) = rows(capsys, "sample", *small, "-o", str(tmp_path / "city"))
    assert told["changed"]["enterprise"] == 3
    assert rows(capsys, "sample", *small, "--into-store", *where) == [told]
    same = rows(capsys, "import", str(tmp_path / "city"), *where)
    assert same == [{"changed": {}, "dry_run": False}]
    assert main(["registry", "sample", *small, "--into-store", *where]) == 1
    assert "the registry is not empty" in capsys.readouterr().err
    assert main(["registry", "sample", *where]) == 2
    assert main(["registry", "sample", "--treatment", "3", "-o", str(tmp_path / "x")]) == 2


@pytest.mark.parametrize(
    ("words", "message", "cure"),
    [
        (["--enterprises", "0"], "--enterprises 0 is not between 1 and 9,999", ""),
        (["--enterprises", "-3"], "--enterprises -3", ""),
        (["--production", "0"], "--production 0 is not between 344", "fewer firms: --enterprises"),
        (["--treatment", "-1"], "--treatment -1 is not between 344", "one at least"),
        (["--enterprises", "8", "--treatment", "7"], "between 8 and", "each of 8 firms"),
    ],
)
def test_a_city_that_cannot_be_is_refused_with_what_can(
    tmp_path: Path, capsys: Capture, words: list[str], message: str, cure: str
) -> None:
    assert main(["registry", "sample", *words, "-o", str(tmp_path / "x")]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert cure in told
    assert not (tmp_path / "x").exists()


def test_a_small_city_has_as_many_units_a_firm_as_the_whole(
    tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "new" / "folder" / "city.xlsx"
    (told,) = rows(capsys, "sample", "--enterprises", "4", "-o", str(out))
    assert out.exists()
    assert (told["units"]["production"], told["units"]["treatment"]) == (20, 11)
    assert sum(told["units"].values()) == told["changed"]["unit"]


def test_people_are_told_the_units_by_kind(tmp_path: Path, capsys: Capture) -> None:
    words = ["sample", "--enterprises", "9", "-o", str(tmp_path / "c")]
    assert main(["registry", *words]) == 0
    out = capsys.readouterr().out
    assert "enterprise 9" in out
    assert "(production 46, treatment 25" in out


@pytest.mark.parametrize("name", ["file/city.xlsx", "city.xlsx"], ids=["no folder", "a folder"])
def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, capsys: Capture, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "city.xlsx").mkdir()
    words = ["sample", "--enterprises", "4", "-o", str(tmp_path / name)]
    assert main(["registry", *words]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_references_to_nothing_are_told_beside_what_cannot_be_read(
    firm: Path, where: list[str], capsys: Capture
) -> None:
    cell("设施", 2, "额定功率kW", "viel")(firm)
    cell("产线", 2, "企业", "E7")(firm)
    add(firm, "巡检", "编号,对象类型,对象编号,人员,时间", "X-1,企业,E8,P2,2026-11-22 09:00")
    faults = rows(capsys, "import", str(firm), *where, status=1)
    places = [(one["sheet"], one["row"], one["column"]) for one in faults]
    assert sorted(places) == [
        ("产线", 2, "企业"),
        ("巡检", 2, "对象编号"),
        ("设施", 2, "额定功率kW"),
    ]


def test_what_a_row_with_a_fault_names_is_not_told_to_be_nowhere(
    firm: Path, where: list[str], capsys: Capture
) -> None:
    cell("产线", 2, "企业", "=A1")(firm)
    cell("企业", 2, "经度", "x")(firm)
    faults = rows(capsys, "import", str(firm), *where, status=1)
    assert {(one["sheet"], one["row"]) for one in faults} == {("企业", 2), ("产线", 2)}


def test_a_sheet_without_ids_hides_no_other_fault(
    firm: Path, where: list[str], capsys: Capture
) -> None:
    (firm / "区域.csv").write_text("名称\n青岛\n", "utf-8")
    cell("产线", 2, "企业", "E7")(firm)
    faults = rows(capsys, "import", str(firm), *where, status=1)
    assert {(one["sheet"], one["column"]) for one in faults} == {
        ("区域", "编号"), ("产线", "企业"),
    }  # fmt: skip


def reported(execute: Execute, since: datetime, sign: float) -> None:
    execute("INSERT INTO meter (codec, address, state, enrolled_at) VALUES"
            " ('acrel', 'M7', 'accepted', $1)", NOW)  # fmt: skip
    execute(
        "INSERT INTO reading (meter, step, at, received_at, quality, period, channel, voltage_a,"
        " voltage_b, voltage_c, current_a, current_b, current_c, power_a, power_b, power_c)"
        " SELECT id, 1, $1::timestamptz + n * interval '1 minute', $1, 0, 'i', '1-1', 220, 220,"
        " 220, 150, 150, 150, $2::real, 30000, 30000 FROM meter, generate_series(1, 30) AS n",
        since,
        sign * 30_000,
    )


@pytest.mark.parametrize(("sign", "status"), [(1.0, 0), (-1.0, 1)])
def test_a_new_point_is_judged_by_its_first_readings(
    firm: Path, where: list[str], execute: Execute, capsys: Capture, sign: float, status: int
) -> None:
    rows(capsys, "import", str(firm), *where)
    since = NOW - timedelta(days=2)
    rows(capsys, "replace-meter", "T1", "acrel:M7", "--at", since.isoformat(), *where)
    assert [one["fault"] for one in rows(capsys, "commission", "--new", *where)] == ["too_early"]
    reported(execute, since, sign)
    found = rows(capsys, "commission", "T1/2", *where, status=status)
    assert [one["fault"] for one in found] == ([] if sign > 0 else ["direction"])
    assert main(["registry", "commission", "T1/2", *where]) == status
    assert ("nothing is wrong" if sign > 0 else "互感器方向接反") in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["T1", "--new"], ["T1", "--hours", "0"]])
def test_commission_wants_to_know_which_points(where: list[str], words: list[str]) -> None:
    assert main(["registry", "commission", *words, *where]) == 2


@pytest.mark.parametrize(("point", "message"), [("T7", "there is no"), ("T3", "meters no unit")])
def test_only_points_of_electricity_are_judged(
    firm: Path, where: list[str], capsys: Capture, point: str, message: str
) -> None:
    rows(capsys, "import", str(firm), *where)
    assert main(["registry", "commission", point, *where]) == 1
    assert message in capsys.readouterr().err
