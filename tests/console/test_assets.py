"""What pages fetch: our own files and foreign ones as they were taken over, and nothing else."""

import hashlib
from importlib.resources import files

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from wattwarden.console.assets import STYLE, Assets

STATIC = files("wattwarden.console").joinpath("static")
# Of a page's 300 KB, compressed, with what pages themselves hold.
STYLE_KB = 30


def test_foreign_files_are_as_they_were_taken_over_and_have_their_licences() -> None:
    vendor = STATIC.joinpath("vendor")
    lines = vendor.joinpath("SHA256SUMS").read_text().splitlines()
    told = {name: digest for digest, name in (line.split() for line in lines)}
    found = {one.name for one in vendor.iterdir()} - {"SHA256SUMS"}
    assert {name for name in found if not name.endswith(".LICENSE")} == set(told)
    for name, digest in told.items():
        assert hashlib.sha256(vendor.joinpath(name).read_bytes()).hexdigest() == digest, name
        assert f"{name.split('.')[0]}.LICENSE" in found


def test_the_one_style_sheet_begins_with_its_choices_and_is_small() -> None:
    assets = Assets("")
    request = make_mocked_request("GET", "/", headers={"Accept-Encoding": "gzip, br"})
    answer = assets.answer(request, STYLE)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert isinstance(answer.body, bytes)
    assert len(answer.body) < STYLE_KB * 1024
    plain = assets.answer(make_mocked_request("GET", "/"), STYLE).body
    assert isinstance(plain, bytes)
    text = plain.decode()
    assert text.index("--bg:") < text.index(".btn {")
    assert "@import" not in text
    assert "url(" not in text


def test_an_address_changes_with_what_it_leads_to() -> None:
    address = Assets("/ww").address("js/theme.js")
    body = STATIC.joinpath("js", "theme.js").read_bytes()
    assert address == f"/ww/static/js/theme.js?{hashlib.sha256(body).hexdigest()[:12]}"


@pytest.mark.parametrize(
    "name", ["../app.py", "js/../../app.py", "/etc/passwd", "..", "", "js", "vendor/none.js"]
)
def test_nothing_else_is_fetched(name: str) -> None:
    with pytest.raises(web.HTTPNotFound):
        Assets("").answer(make_mocked_request("GET", "/"), name)
