"""``wattwarden ledger``, ``patrol`` and ``repair``: entered, shown, printed, verified."""

import asyncio
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from openpyxl import load_workbook
from tests.storage.ledgers.kept import NOW, full_ledger
from tests.tools.conftest import Execute

from wattwarden.alarms.ledgers.entries import Head, LedgerKind
from wattwarden.alarms.ledgers.sheets import SHEETS
from wattwarden.storage.ledgers.book import (
    FIRST_ROW,
    HEAD_ROW,
    NO_ENTRIES,
    SIGNATURES,
    Cover,
    Page,
    write_ledger,
)
from wattwarden.tools.main import main

Capture = pytest.CaptureFixture[str]
CHINA = timedelta(hours=8)


def rows(capsys: Capture, *words: str, status: int = 0) -> list[dict[str, Any]]:
    assert main([*words, "--json"]) == status
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def firm(store_dsn: str, where: list[str]) -> list[str]:
    """The options that lead to a store with a full ledger of E1."""

    async def work() -> None:
        connection = await asyncpg.connect(store_dsn)
        await full_ledger(connection)
        await connection.close()

    asyncio.run(work())
    return where


def local(moment: datetime) -> str:
    return f"{moment + CHINA:%Y-%m-%d %H:%M:%S}"


def test_a_ledger_is_shown_by_number(firm: list[str], capsys: Capture) -> None:
    shown = rows(capsys, "ledger", "show", "E1", *firm)
    assert [one["number"] for one in shown] == list(range(1, 13))
    stop = next(one for one in shown if one["source"] == "unit:U1" and one["number"] > 1)
    assert stop["content"] == {
        "type": "motion", "name": "磨机", "unit": "U1", "kind": "production", "running": False,
        "hidden": "", "hidden_since": None,
    }  # fmt: skip
    patrol = next(one for one in shown if one["content"]["type"] == "patrolled")
    assert (patrol["corrected_by"], shown[-1]["corrects"]) == (12, patrol["number"])
    late = {one["kind"] for one in shown if one["late"]}
    assert late == {"special"}


def test_people_read_it_in_chinese(firm: list[str], capsys: Capture) -> None:
    assert main(["ledger", "show", "E1", *firm]) == 0
    out = capsys.readouterr().out
    for words in ("磨机 启动", "磨机 停止", "补录", "更正第8条", "已由第12条更正", "李敏", "系统"):
        assert words in out
    assert main(["ledger", "show", "E1", "--kind", "repair", *firm]) == 0
    out = capsys.readouterr().out
    assert "更换皮带" in out
    assert "磨机" not in out


def test_what_stands_under_each_heading_is_that(firm: list[str], capsys: Capture) -> None:
    assert main(["ledger", "show", "E1", "--kind", "special", *firm]) == 0
    heads, entry, *_, foot = (
        re.split(r"  +", line.strip())
        for line in capsys.readouterr().out.splitlines()
        if line.strip(" ─━-")
    )
    at = local(NOW - timedelta(hours=28))
    assert dict(zip(heads, entry, strict=True)) | {"内容": ""} == {
        "序号": "11", "发生时间": at, "台账": "特殊时段", "内容": "", "录入人": "李敏",
        "录入时间": local(NOW), "备注": "补录",
    }  # fmt: skip
    assert foot == ["共1条,其中补录1条"]


def test_the_last_hours_are_those_of_the_system(firm: list[str], capsys: Capture) -> None:
    shown = rows(capsys, "ledger", "show", "E1", "--since", "-3h", *firm)
    assert {one["kind"] for one in shown} == {"patrol", "repair", "abnormal"}
    assert rows(capsys, "ledger", "show", "E1", "--until", "-4d", *firm) == []


def test_a_late_patrol_takes_a_reason_and_is_marked(
    firm: list[str], tmp_path: Path, capsys: Capture
) -> None:
    words = ["patrol", "add", "--line", "L1", "--as", "P2", "--at", "-30h", "--why", "值班表遗失"]
    rows(capsys, *words, *firm)
    assert main(["ledger", "show", "E1", *firm]) == 0
    out = capsys.readouterr().out
    assert "补录(原因:值班表遗失)" in out
    assert "共13条,其中补录2条" in out
    path = tmp_path / "E1.xlsx"
    rows(capsys, "ledger", "export", "E1", str(path), "--kind", "patrol", *firm)
    assert "共3条,其中补录1条" in load_workbook(path)["巡检"]["A3"].value


def test_what_a_warden_has_yet_to_enter_is_no_fault(
    firm: list[str], execute: Execute, capsys: Capture
) -> None:
    execute("INSERT INTO ledger_unentered SELECT id, slice FROM decision WHERE kind = 'repair'")
    assert main(["ledger", "verify", "E1", *firm]) == 0
    assert "E1: 尚有1项决定待录入 / 1 decisions not yet entered" in capsys.readouterr().out
    assert rows(capsys, "ledger", "verify", "E1", *firm) == [
        {"enterprise": "E1", "not_yet_entered": 1}
    ]


def test_what_people_enter_stands_in_the_ledger_at_once(firm: list[str], capsys: Capture) -> None:
    words = ["patrol", "add", "--line", "L1", "--as", "P2", "--at", "-1h", *firm]
    (told,) = rows(capsys, *words, "--findings", "无")
    assert told["kind"] == "patrol"
    words = ["repair", "add", "U2", "换轴承", "--as", "P2", "--began", "-5h", "--ended", "-4h"]
    rows(capsys, *words, "--cause", "磨损", "--parts", "轴承", *firm)
    words = ["ledger", "add-abnormal", "异响", "--unit", "U2", "--as", "P2", "--start", "-3h"]
    rows(capsys, *words, "--cause", "轴承", "--measure", "停机", "--reported", *firm)
    words = ["ledger", "add-special", "E1", "限产30%", "--as", "P2", "--occasion", "off_peak"]
    rows(capsys, *words, "--start", "-6h", *firm)
    shown = rows(capsys, "ledger", "show", "E1", *firm)[-4:]
    assert [one["content"]["type"] for one in shown] == [
        "patrolled", "repaired", "abnormal", "special",
    ]  # fmt: skip
    assert {one["actor"] for one in shown} == {"P2"}
    number = str(shown[1]["number"])
    words = ["ledger", "correct", "E1", number, "换皮带", "--reason", "笔误", "--as", "P2", *firm]
    rows(capsys, *words)
    assert rows(capsys, "ledger", "show", "E1", *firm)[-1]["corrects"] == int(number)
    assert main(words) == 1
    assert "已由第17条更正" in capsys.readouterr().err
    assert main(["ledger", "verify", *firm]) == 0
    assert capsys.readouterr().out == "2 ledgers are as they were entered\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["patrol", "add", "--line", "L1", "--as", "P1"], "无权"),
        (["patrol", "add", "--line", "L9", "--as", "P2"], "不在李敏的管辖范围内"),
        (["patrol", "add", "--line", "L1", "--as", "P2", "--at", "2027-01-01"], "晚于当前时间"),
        (["repair", "add", "U7", "x", "--as", "P2", "--began", "-1h"], "没有 unit U7"),
        (
            ["repair", "add", "U2", "x", "--as", "P2", "--began", "-1h", "--ended", "-2h"],
            "早于开始",
        ),
        (["patrol", "add", "--line", "L1", "--as", "P2", "--by", "P1"], "不是本企业人员"),
        (["patrol", "add", "--line", "L1", "--as", "P2", "--at", "-25h"], "须说明原因"),
        (
            ["patrol", "add", "--line", "L1", "--as", "P2", "--at", "-8d", "--why", "x"],
            "不得补录",
        ),
        (["ledger", "correct", "E1", "1", "x", "--reason", "y", "--as", "P2"], "只能由补传数据"),
        (["ledger", "correct", "E1", "8", "x", "--reason", "y", "--as", "P2"], "已由第12条更正"),
        (["ledger", "correct", "E1", "99", "x", "--reason", "y", "--as", "P2"], "没有第99条"),
        (["ledger", "correct", "E2", "1", "x", "--reason", "y", "--as", "P2"], "管辖范围"),
    ],
    ids=[
        "an officer", "another firm", "to come", "no such unit", "ends first",
        "an officer's patrol", "a late one", "of long ago", "of readings",
        "corrected", "no entry", "another's ledger",
    ],
)  # fmt: skip
def test_what_stands_against_an_entry_is_told(
    firm: list[str], capsys: Capture, words: list[str], told: str
) -> None:
    assert main([*words, *firm]) == 1
    assert told in capsys.readouterr().err
    assert len(rows(capsys, "ledger", "show", "E1", *firm)) == 12


@pytest.mark.parametrize(
    "words",
    [
        ["patrol", "add", "--as", "P2"],
        ["patrol", "add", "--as", "P2", "--line", "L1", "--enterprise", "E1"],
        ["ledger", "verify", "--printed", "12:ab"],
        ["ledger", "verify", "E1", "--printed", "eleven"],
        ["ledger", "export", "E1", "book.csv"],
    ],
)
def test_what_was_asked_wrongly_is_refused(nowhere: list[str], words: list[str]) -> None:
    assert main([*words, *nowhere]) == 2


def test_what_was_touched_is_found(
    firm: list[str], tmp_path: Path, execute: Execute, capsys: Capture
) -> None:
    book = str(tmp_path / "E1.xlsx")
    (told,) = rows(capsys, "ledger", "export", "E1", book, *firm)
    assert rows(capsys, "ledger", "verify", "E1", "--printed", told["seal"], *firm) == []
    execute("ALTER TABLE ledger DISABLE TRIGGER USER")
    execute("UPDATE ledger SET actor = 'P1' WHERE number = 9")
    execute("DELETE FROM ledger WHERE number = 12")
    execute("ALTER TABLE ledger ENABLE TRIGGER USER")
    words = ["ledger", "verify", "E1", "--printed", told["seal"], *firm]
    found = {(one["number"], one["zh"]) for one in rows(capsys, *words, status=1)}
    assert found >= {
        (9, "内容与录入时不一致"), (9, "与原始决定不一致"), (0, "缺决定6的记录"),
        (12, "打印件上的第12条已不存在"),
    }  # fmt: skip
    assert main(["ledger", "verify", *firm]) == 1
    assert "it is not what was sealed" in capsys.readouterr().out


def text(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value or "")


# Sheet by sheet what stands there, cell by cell, in the firm's own time.
PRINTED: dict[LedgerKind, list[tuple[object, ...]]] = {
    LedgerKind.PRODUCTION: [
        (1, local(NOW - timedelta(hours=9)), "磨机", "启动", "此前未联网", "系统",
         local(NOW - timedelta(hours=8, minutes=30)), ""),
        (7, local(NOW - timedelta(hours=4)), "磨机", "停止", "", "系统",
         local(NOW - timedelta(hours=3, minutes=30)), ""),
    ],
    LedgerKind.TREATMENT: [
        (2, local(NOW - timedelta(hours=8)), "风机", "启动", "此前未联网", "系统",
         local(NOW - timedelta(hours=7, minutes=30)), ""),
    ],
    LedgerKind.PATROL: [
        (8, local(NOW), "一线", "李敏", "皮带松", "李敏", local(NOW), "已由第12条更正"),
        (12, local(NOW), "一线", "", "更正为:皮带松动(原因:笔误)", "李敏", local(NOW),
         "更正第8条"),
    ],
    LedgerKind.REPAIR: [
        (9, local(NOW - timedelta(hours=1)), "风机", "李敏", local(NOW - timedelta(hours=2)),
         local(NOW - timedelta(hours=1)), "老化", "皮带", "更换皮带", "李敏", local(NOW), ""),
    ],
    LedgerKind.CONSUMABLE: [],
    LedgerKind.ALARM: [
        (4, local(NOW - timedelta(hours=7)), "风机", 1, "治污设施异常关闭(R2)", "报警", "风机停运",
         "系统", local(NOW - timedelta(hours=6, minutes=30)), ""),
        (6, local(NOW - timedelta(hours=6)), "风机", 1, "治污设施异常关闭(R2)", "解除报警",
         "风机停运", "系统", local(NOW - timedelta(hours=5, minutes=30)), ""),
    ],
    LedgerKind.ABNORMAL: [
        (3, local(NOW - timedelta(hours=7)), "风机", local(NOW - timedelta(hours=7, minutes=5)),
         "未结束", "", "", "否", "治污设施异常关闭:风机停运", "系统",
         local(NOW - timedelta(hours=6, minutes=30)), "已由第5条更正"),
        (5, local(NOW - timedelta(hours=6)), "风机", local(NOW - timedelta(hours=7, minutes=5)),
         local(NOW - timedelta(hours=6)), "", "", "否", "治污设施异常关闭:风机停运", "系统",
         local(NOW - timedelta(hours=5, minutes=30)), "更正第3条"),
        (10, local(NOW - timedelta(hours=2)), "风机", local(NOW - timedelta(hours=3)),
         local(NOW - timedelta(hours=2)), "轴承", "停机检修", "是", "风机振动", "李敏",
         local(NOW), ""),
    ],
    LedgerKind.SPECIAL: [
        (11, local(NOW - timedelta(hours=28)), "某水泥", "重污染天气",
         local(NOW - timedelta(hours=30)),
         local(NOW - timedelta(hours=28)), "磨机停产", "李敏", local(NOW), "补录"),
    ],
}  # fmt: skip


def test_the_book_says_what_the_ledger_says_cell_by_cell(
    firm: list[str], tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "E1.xlsx"
    (told,) = rows(capsys, "ledger", "export", "E1", str(path), *firm)
    assert told["entries"] == 12
    book = load_workbook(path)
    assert book.sheetnames == [sheet.title for sheet in SHEETS.values()]
    for kind, wanted in PRINTED.items():
        sheet = book[SHEETS[kind].title]
        heads = [cell.value for cell in sheet[HEAD_ROW]]
        assert heads == [column.head for column in SHEETS[kind].columns]
        cells = sheet.iter_rows(min_row=FIRST_ROW, max_row=FIRST_ROW + len(wanted) - 1)
        found = [tuple(text(cell.value) for cell in row) for row in cells] if wanted else []
        assert found == [tuple(text(value) for value in row) for row in wanted], kind
        after = FIRST_ROW + len(wanted) + 1
        assert sheet.cell(after, 1).value == SIGNATURES
        assert sheet.max_row == after
        assert sheet["A1"].value == f"某水泥 环境管理台账：{SHEETS[kind].title}"
        assert (NO_ENTRIES in sheet["A3"].value) == (not wanted)


def test_the_book_is_made_to_be_printed(firm: list[str], tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "E1.xlsx"
    words = ["--kind", "alarm", "--kind", "patrol", "--since", "2026-11-22", *firm]
    (told,) = rows(capsys, "ledger", "export", "E1", str(path), *words)
    book = load_workbook(path)
    assert book.sheetnames == ["报警及整改", "巡检"]
    for sheet in book.worksheets:
        assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
        assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (1, 0)
        properties = sheet.sheet_properties.pageSetUpPr
        assert properties is not None
        assert properties.fitToPage
        assert sheet.print_title_rows == f"$1:${HEAD_ROW}"
        assert sheet.freeze_panes == f"A{FIRST_ROW}"
        footer = sheet.oddFooter
        assert footer is not None
        assert footer.center.text == "第 &P 页 共 &N 页"
        assert footer.left.text == f"台账末条 {told['seal']}"
        assert "2026-11-22 00:00 至" in sheet["A3"].value
    assert main(["ledger", "export", "E1", str(path), *firm]) == 0
    assert told["seal"] in capsys.readouterr().out


def test_a_text_that_looks_like_a_formula_stays_a_text(
    firm: list[str], tmp_path: Path, capsys: Capture
) -> None:
    words = ["patrol", "add", "--line", "L1", "--as", "P2", "--findings", "=1+1", *firm]
    rows(capsys, *words)
    path = tmp_path / "E1.xlsx"
    rows(capsys, "ledger", "export", "E1", str(path), "--kind", "patrol", *firm)
    cell = load_workbook(path)["巡检"].cell(FIRST_ROW + 2, 5)
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_an_unknown_enterprise_is_told(firm: list[str], capsys: Capture) -> None:
    assert main(["ledger", "show", "E7", *firm]) == 1
    assert "there is no enterprise E7" in capsys.readouterr().err


def test_what_was_corrected_is_struck_out_and_still_to_be_read(
    firm: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "台账.xlsx"
    assert main(["ledger", "export", "E1", str(file), "--kind", "patrol", *firm]) == 0
    sheet = load_workbook(file)["巡检"]
    shown = [
        (sheet.cell(row, 3).font.strike, str(sheet.cell(row, sheet.max_column).value or ""))
        for row in range(FIRST_ROW, sheet.max_row - 1)
    ]
    assert [bool(struck) for struck, _ in shown] == ["已由" in remark for _, remark in shown]
    assert any(struck for struck, _ in shown)
    assert sheet.cell(FIRST_ROW, sheet.max_column).font.strike is not True
    assert sheet.cell(FIRST_ROW, sheet.max_column).font.bold
    assert sheet["A3"].value.endswith(",已更正1条")


def test_a_letter_that_no_book_can_hold_does_not_keep_a_ledger_from_being_printed(
    tmp_path: Path,
) -> None:
    file, head = tmp_path / "台账.xlsx", Head()
    cover = Cover("某厂\x07", "", "", "—", head)
    sheet = SHEETS[LedgerKind.PATROL]
    moment = NOW
    row = (1, moment, "磨机", "李敏", "皮带\x0b松", "李敏", moment, "")
    write_ledger(file, cover, [Page(sheet, [row], "共1条")])
    written = load_workbook(file)["巡检"]
    assert written["A1"].value.startswith("某厂\ufffd ")
    assert written.cell(FIRST_ROW, 5).value == "皮带\ufffd松"
