"""Links in messages: for persons, where somebody has said how they are reached."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from wattwarden.console.links import Answer, read_answer
from wattwarden.server.answering import keys_of, link_of
from wattwarden.server.settings import Settings

AT = datetime.now(UTC).replace(microsecond=0)


def test_a_person_gets_a_link_that_the_console_reads(tmp_path: Path) -> None:
    keys = keys_of(Settings(data=tmp_path))
    link = link_of(keys, "https://ww.example/x")(7, "duty1", AT)
    assert link.startswith("https://ww.example/x/a/")
    again = keys_of(Settings(data=tmp_path))
    assert read_answer(again, link.rpartition("/")[2]) == Answer.of(7, "duty1", AT)
    (file,) = (tmp_path / "secrets").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("public_url", "recipient"),
    [(None, "duty1"), ("https://ww.example", "stream:hook"), ("https://ww.example", "")],
)
def test_nobody_else_gets_one(tmp_path: Path, public_url: str | None, recipient: str) -> None:
    link = link_of(keys_of(Settings(data=tmp_path)), public_url)
    assert link(7, recipient, AT) == ""
    assert list(tmp_path.iterdir()) == []


def test_where_no_key_can_be_kept_messages_go_out_without_a_link(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("no folder")
    link = link_of(keys_of(Settings(data=tmp_path)), "https://ww.example")
    assert link(7, "duty1", AT) == ""
