"""Bytes that are no frame: what they are, and what to do next."""

import json

import pytest
from tests.tools.conftest import Execute
from tests.tools.test_meters import held

from wattwarden.tools.frame_rows import decoder_for, line_rows
from wattwarden.tools.main import main
from wattwarden.tools.strangers import advice_on_the_port

HTTP = b"POST /push HTTP/1.1\r\nHost: h\r\n\r\n{}"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param(HTTP.hex().encode(), "give its body alone", id="HTTP in hex"),
        pytest.param(b"GET / HTTP/1.1", "give its body alone", id="HTTP as text"),
        pytest.param(b"1603010200", "TLS ClientHello where a frame was expected", id="TLS"),
        pytest.param(b"hello there", "'hello th': give bytes as hex", id="text"),
        pytest.param(b'{"a": 1}', "no codec knows a push body", id="JSON"),
        pytest.param(b"00ff00", "bytes that begin with 00 ff 00: --codec", id="bytes"),
    ],
)
def test_what_is_no_frame_is_refused_with_what_to_give_instead(line: bytes, says: str) -> None:
    rows = list(line_rows(decoder_for(None, ()), 1, line, 0))
    assert rows[0]["error"]["kind"] == "unknown"
    assert says in rows[0]["error"]["message"]


@pytest.mark.parametrize(
    ("raw", "says"),
    [(HTTP, "plain TCP"), (b"\x16\x03\x01", "end TLS"), (b"SSH-2.0", "open ports"), (b"\0", "")],
    ids=["HTTP", "TLS", "SSH", "nobody knows"],
)
def test_what_was_no_frame_on_the_port_has_its_advice(raw: bytes, says: str) -> None:
    assert says in advice_on_the_port(raw)
    assert bool(advice_on_the_port(raw)) == bool(says)


def test_the_quarantine_lists_a_push_to_the_meter_port_with_what_to_do(
    where: list[str], execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    held(execute, "", HTTP, codec="unknown")
    assert main(["quarantine", "list", *where]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "set the sender to plain TCP" in shown
    assert main(["quarantine", "list", *where, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["message"] == "nobody registered this meter"
