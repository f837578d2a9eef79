import os
from pathlib import Path

import pytest

from wattwarden.storage.engines.embedded import choose_user
from wattwarden.storage.engines.engine_report import engine_report, folder_facts, program_facts
from wattwarden.storage.errors import EngineError


def test_a_sound_machine_needs_no_cure(open_folder: Path) -> None:
    facts = {fact.subject: fact for fact in engine_report(open_folder)}

    assert [fact for fact in facts.values() if fact.cure] == []
    assert facts["PostgreSQL program"].found.endswith("/postgres")
    assert facts["nats-server version"].found.endswith("at least 2.12 is needed")
    assert facts["engine user"].found == choose_user(open_folder).name
    assert facts["PostgreSQL socket"].found == str(open_folder / "run")
    assert list(open_folder.iterdir()) == []


def test_a_missing_program_is_reported_with_its_cure(open_folder: Path) -> None:
    facts = engine_report(open_folder, postgres=open_folder, nats_server=open_folder / "none")

    assert [(fact.subject, bool(fact.cure)) for fact in facts[:2]] == [
        ("PostgreSQL", True),
        ("nats-server", True),
    ]


def test_an_old_program_is_reported_with_its_cure(tmp_path: Path) -> None:
    program = tmp_path / "nats-server"
    program.write_text("#!/bin/sh\necho nats-server: v2.9.1\n")
    program.chmod(0o755)

    _, version = program_facts("nats-server", lambda: program, (2, 12))

    assert version.found == "2.9.1, at least 2.12 is needed"
    assert version.cure == "install nats-server 2.12 or newer"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's engines have another user")
def test_a_closed_data_folder_is_reported_with_its_cure(open_folder: Path) -> None:
    open_folder.chmod(0o700)

    facts = {fact.subject: fact for fact in folder_facts(open_folder / "data")}

    assert f"{open_folder} is closed to" in facts["data folder"].found
    assert "--data" in facts["data folder"].cure


def test_a_machine_without_a_suitable_user_is_reported(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_there(_data: Path) -> None:
        raise EngineError("none of the users exists", cure="create one")

    monkeypatch.setattr("wattwarden.storage.engines.engine_report.choose_user", nobody_there)

    (fact,) = folder_facts(open_folder)

    assert (fact.found, fact.cure) == ("none of the users exists", "create one")
