"""``--as`` of every command that shows something: one's own, and nothing that tells of others'."""

import asyncio
import json
import re
from pathlib import Path

import asyncpg
import pytest
from tests.storage.acting.two_firms import digest, picture, with_two_firms

from wattwarden.tools.main import main

Capture = pytest.CaptureFixture[str]
ALL, FIRM, AUTHORITY, SUSPECTS = "all", "firm", "authority", "suspects"
# Command, and for whom it is.
LISTS = {
    "alarms list": ALL,
    "states": ALL,
    "declarations list": ALL,
    "evidence list": ALL,
    "plans list": ALL,
    "plans presets": ALL,
    "responses list": ALL,
    "responses show RE1": ALL,
    "responses assess RE1": ALL,
    "calendars list": ALL,
    "consumables list": ALL,
    "assist documents": ALL,
    "ledger verify": ALL,
    "outbox list": ALL,
    "silences list": ALL,
    "notify faulty": ALL,
    "tasks list": FIRM,
    "stations list": FIRM,
    "focus list": FIRM,
    "assist list": FIRM,
    "stats --by enterprise": FIRM,
    "inspections list": AUTHORITY,
    "findings list": AUTHORITY,
    "flags": AUTHORITY,
    "clues list": SUSPECTS,
}
# What names one thing, with what else is in the line; {0} is the firm, {1} its alarm, {2} its file.
SHOWN = (
    "alarms show {1}",
    "states {0}",
    "alarms list --enterprise {0}",
    "evidence show {2}",
    "consumables show CS-{0}",
    "ledger show {0}",
    "ledger verify {0}",
    "tasks show TK-{0}-gone",
    "assist show AS-{0}",
    "assist reminders {0}",
    "assist weak-points {0}",
    "stats --enterprise {0}",
    "notify explain somebody-{0}",
)
ABLE = {
    "duty1": {ALL, FIRM},
    "district1": {ALL, FIRM, AUTHORITY, SUSPECTS},
    "auditor": {ALL, FIRM, AUTHORITY, SUSPECTS},
}
# These say nothing of any firm here.
SILENT = {"responses list", "assist documents"}


@pytest.fixture
def city(store_dsn: str, where: list[str]) -> list[str]:
    """The store with two firms; the options that lead to it."""

    async def work() -> None:
        connection = await asyncpg.connect(store_dsn)
        await with_two_firms(connection)
        await connection.close()

    asyncio.run(work())
    return where


def told(capsys: Capture, *words: str) -> tuple[int, str, str]:
    status = main([*words])
    out = capsys.readouterr()
    return status, out.out, out.err


def firms(text: str) -> set[str]:
    """Which firms are spoken of: by their ids, units, lines and files."""
    named = re.sub(r"\bU1\b|\bL1\b", " E1 ", re.sub(r"\bU9\b|\bL9\b", " E2 ", text))
    return set(re.findall(r"(?<![0-9a-zA-Z])(E[12])(?![0-9a-zA-Z])", named))


@pytest.mark.parametrize("person", ABLE)
def test_lists_are_of_what_somebody_may_see(city: list[str], capsys: Capture, person: str) -> None:
    seen = {"E1", "E2"} if person == "auditor" else {"E1"}
    for command, whose in LISTS.items():
        status, out, err = told(capsys, *command.split(), "--json", "--as", person, *city)
        if whose in ABLE[person]:
            assert (command, status, err) == (command, 0, "")
            assert (command, firms(out)) == (command, set() if command in SILENT else seen)
        else:
            assert (command, status, out) == (command, 1, "")
            assert f"{person} is " in err


def test_tables_tell_no_more_than_lines_for_machines(city: list[str], capsys: Capture) -> None:
    for command, whose in LISTS.items():
        if whose in ABLE["duty1"]:
            status, out, _ = told(capsys, *command.split(), "--as", "duty1", *city)
            assert (command, status, "E2" in firms(out)) == (command, 0, False)


def test_a_single_thing_of_another_firm_is_as_if_it_were_not_there(
    city: list[str], capsys: Capture
) -> None:
    for command in SHOWN:
        told_of = {}
        for firm, alarm, file in (
            ("E1", 1, digest("E1")),
            ("E2", 2, digest("E2")),
            ("E9", 9, "0" * 64),
        ):
            words = command.format(firm, alarm, file).split()
            status, out, err = told(capsys, *words, "--as", "duty1", *city)
            told_of[firm] = str(status)
            if firm != "E1":
                assert (command, out) == (command, "")
                # Word for word what is said of what was never there.
                shown = err.replace(file, "X").replace(firm, "X")
                told_of[firm] = re.sub(rf"alarm {alarm}\b", "alarm X", shown)
        assert (command, told_of["E1"]) == (command, "0")
        assert told_of["E2"] == told_of["E9"] != ""


def test_who_runs_the_system_sees_all(city: list[str], capsys: Capture) -> None:
    for command in LISTS.keys() - SILENT:
        assert firms(told(capsys, *command.split(), "--json", *city)[1]) == {"E1", "E2"}


def test_the_bytes_of_a_file_are_given_to_who_may_see_it_alone(
    city: list[str], capsys: Capture, tmp_path: Path
) -> None:
    out = tmp_path / "file"
    words = ("evidence", "show", digest("E2"), "--out", str(out), *city)
    assert told(capsys, *words, "--as", "duty1")[0] == 1
    assert not out.exists()
    assert told(capsys, *words, "--as", "head2")[0] == 0
    assert out.read_bytes() == picture("E2")


def test_a_firms_people_see_what_was_told_to_them_and_not_to_officers(
    city: list[str], capsys: Capture
) -> None:
    def recipients(person: str) -> set[str]:
        out = told(capsys, "outbox", "list", "--json", "--as", person, *city)[1]
        return {json.loads(line)["recipient"] for line in out.splitlines()}

    assert recipients("duty1") == {"somebody-E1"}
    assert recipients("district1") == {"somebody-E1", "district1"}
    assert len(recipients("auditor")) == 4


def test_a_notice_of_others_is_neither_shown_nor_counted(city: list[str], capsys: Capture) -> None:
    every = told(capsys, "outbox", "list", "--json", *city)[1].splitlines()
    numbers = {(row["enterprise"], row["recipient"]): row["id"] for row in map(json.loads, every)}
    for (_, recipient), number in numbers.items():
        status, _, err = told(capsys, "outbox", "show", str(number), "--as", "duty1", *city)
        assert (status, bool(err)) == ((0, False) if recipient == "somebody-E1" else (1, True))
    assert told(capsys, "outbox", "show", "99", *city)[2].startswith(
        "wattwarden: there is no notice"
    )
    for person, count in (("duty1", 1), ("district1", 2), ("auditor", 4)):
        out = told(capsys, "outbox", "count", "--json", "--as", person, *city)[1]
        assert (person, json.loads(out)) == (person, {"delivered": count})


def test_faults_of_an_endpoint_are_for_who_sees_the_city(city: list[str], capsys: Capture) -> None:
    for person, seen in (("duty1", 1), ("district1", 1), ("city", 3), ("auditor", 3)):
        out = told(capsys, "notify", "faulty", "--json", "--as", person, *city)[1]
        assert (person, len(out.splitlines())) == (person, seen)
    assert "somebody-E1" in told(capsys, "notify", "faulty", "--as", "duty1", *city)[1]


def test_a_ledger_is_exported_to_who_may_see_it_alone(
    city: list[str], capsys: Capture, tmp_path: Path
) -> None:
    book = tmp_path / "book.xlsx"
    words = ("ledger", "export", "E2", str(book), *city)
    assert told(capsys, *words, "--as", "district1")[0] == 1
    assert not book.exists()
    assert told(capsys, *words, "--as", "district2")[0] == 0
    assert book.exists()


def test_who_complained_is_not_told_to_the_firm_with_its_task(
    city: list[str], capsys: Capture
) -> None:
    words = ("tasks", "show", "TK-E1-gone", *city)
    assert "FD-E1" in told(capsys, *words, "--as", "district1")[1]
    assert "FD-E1" not in told(capsys, *words, "--as", "duty1")[1]


@pytest.mark.parametrize(
    ("person", "agency", "status", "what"),
    [
        ("duty1", "A1", 1, "duty1 is duty"),
        ("district1", "A1", 0, ""),
        ("district1", "A", 1, "A is not district1's to share"),
        ("district1", "A2", 1, "A2 is not district1's to share"),
        ("city", "A", 0, ""),
        ("auditor", "A2", 0, ""),
    ],
)
def test_an_agency_is_shared_by_who_oversees_it(
    city: list[str],
    capsys: Capture,
    tmp_path: Path,
    person: str,
    agency: str,
    status: int,
    what: str,
) -> None:
    file = tmp_path / "shared.jsonl"
    words = ("share", "export", str(file), "--agency", agency, "--as", person, "--json", *city)
    told_status, out, err = told(capsys, *words)
    assert (told_status, file.exists()) == (status, status == 0)
    assert what in err
    if status == 0:
        assert f'"agency":"{agency}"' in out.replace(" ", "")


def test_only_auditors_and_administrators_verify_all_files(
    city: list[str], capsys: Capture
) -> None:
    assert told(capsys, "evidence", "verify", "--as", "auditor", *city)[0] == 0
    assert told(capsys, "evidence", "verify", "--as", "city", *city)[0] == 1
