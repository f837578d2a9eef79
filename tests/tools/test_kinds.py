"""The page of kinds says what the codecs say."""

import json
from pathlib import Path

import pytest

from wattwarden.codecs import load_codecs
from wattwarden.tools.kinds import page

ROOT = Path(__file__).parents[2]


def test_the_page_in_the_documentation_is_current() -> None:
    assert (ROOT / "docs" / "kinds.md").read_text() == page()


@pytest.mark.parametrize("codec", load_codecs())
def test_every_kind_of_the_vectors_is_documented(codec: str) -> None:
    lines = (ROOT / "tests" / "vectors" / f"{codec}.jsonl").read_text().splitlines()
    accepted = [row for row in map(json.loads, lines) if row["accept"]]
    assert {row["kind"] for row in accepted} <= set(load_codecs()[codec].kinds)
